import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[3]
IMAGE = REPOSITORY / "infra" / "image"


def pins(name: str) -> dict[str, str]:
    """Package -> version of a requirements file, every line of which has a hash."""
    lines = (IMAGE / f"requirements-{name}.txt").read_text().splitlines()
    matches = [re.fullmatch(r"(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}", line) for line in lines if line[0] not in "#-"]
    return {pin[1]: pin[2] for pin in matches if pin or pytest.fail(f"{name}: a line without name, version and hash")}


@pytest.mark.parametrize("extra", ["serve", "train"])
def test_the_container_image_installs_the_packages_of_the_extra(extra: str) -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    requirements = [Requirement(line) for line in extras[extra] if not line.startswith("scones[")]
    pinned = pins(extra)
    assert len(requirements) > 1
    for requirement in requirements:
        version = pinned.get(canonicalize_name(requirement.name), "nothing")
        assert requirement.specifier.contains(version), f"{requirement}, not {version}: run `make image-requirements`"


def test_only_the_training_image_has_torch_and_for_cpus() -> None:
    serve = pins("serve")
    train = pins("train")
    assert "torch" not in serve
    assert train["torch"].endswith("+cpu")
    assert not serve.keys() & train.keys()


def test_the_base_image_and_all_packages_are_pinned_by_hash() -> None:
    dockerfile = (IMAGE / "Dockerfile").read_text()
    assert re.search(r"^ARG BASE=\S+@sha256:[0-9a-f]{64}$", dockerfile, re.MULTILINE)
    installs = [line for line in dockerfile.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)


@pytest.mark.parametrize("name", ["train", "evaluate", "serve"])
def test_each_program_runs_by_its_name(tmp_path: Path, name: str) -> None:
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
