"""The wheel alone, in an empty environment outside the repository."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SCONES_", "PYTHON"))}


@pytest.fixture(scope="module")
def scones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command. Its environment is empty but for the wheel and what the wheel asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", str(folder / "venv"))
    run(str(folder / "venv/bin/pip"), "install", "--quiet", f"{wheel}[demo]")
    return folder / "venv/bin/scones"


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=PLAIN, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.timeout(3600)
def test_the_wheel_lists_every_command_and_runs_the_demo(scones: Path, tmp_path: Path) -> None:
    shown = run(str(scones), "--help", cwd=tmp_path)
    for command in ("demo", "local", "deploy", "stage", "release", "deliver", "report", "cleanup"):
        assert f" {command} " in shown
    run(str(scones), "demo", "--data", "sketches", "--epochs", "8", "--arrivals", "4", cwd=tmp_path)
    (folder,) = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert (tmp_path / "runs/index.html").exists()
    assert {path.name for path in folder.iterdir()} == {"report.html", "summary.json"}
    assert {path.name for path in tmp_path.iterdir()} == {".scones", "runs"}
    assert json.loads((folder / "summary.json").read_text())["cleanup"] == {"left": []}
