import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
IMAGE = REPOSITORY / "infra" / "image"


def pins(name: str) -> dict[str, str]:
    lines = (IMAGE / f"requirements-{name}.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("--"))


def test_everything_that_the_image_copies_is_there() -> None:
    copies = [shlex.split(line)[1:] for line in (IMAGE / "Dockerfile").read_text().splitlines() if line[:5] == "COPY "]
    sources = [word for words in copies for word in words[:-1] if not word.startswith("--")]
    assert len(sources) > 5
    assert [source for source in sources if not (REPOSITORY / source).exists()] == []


def test_the_serving_image_has_no_torch_and_the_training_image_the_pinned_one() -> None:
    wanted = re.search(r'"torch==([^"]+)"', (REPOSITORY / "pyproject.toml").read_text())
    assert wanted
    assert "torch" not in pins("serve")
    assert pins("train")["torch"].partition("+")[0] == wanted[1]


@pytest.mark.parametrize("name", ["train", "evaluate", "serve"])
def test_each_program_on_path_runs_what_its_name_says(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.write_bytes((IMAGE / "program").read_bytes())
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SCONES_ML_ROOT": str(tmp_path),
    }
    finished = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60)
    assert finished.returncode == 1
    assert (tmp_path / "output" / "failure").read_text() == finished.stderr.splitlines()[-1] + "\n"
