"""What is missing is said with the command that installs it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scones.extras import EXTRAS, require_extra

ROOT = Path(__file__).parents[2]
WITHOUT = "import sys; sys.modules.update(dict.fromkeys({missing}.split())); from scones.cli import main; main()"


def test_an_installed_extra_is_fine() -> None:
    for extra in EXTRAS:
        require_extra(extra, "a test")


@pytest.mark.parametrize("missing", ["ministack", "torch onnx"])
def test_a_demo_without_its_packages_says_what_to_install(tmp_path: Path, missing: str) -> None:
    # A module that is None in sys.modules cannot be imported, as one that is not installed.
    command = [sys.executable, "-c", WITHOUT.format(missing=repr(missing)), "demo", "--data", "sketches"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert 'run `pip install "scones[demo]"`' in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_modules_are_those_of_the_extras() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    listed = " ".join([*extras["serve"], *extras["train"], *extras["local"]])
    assert all(name in listed for names in EXTRAS.values() for name in names)
