from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scones import __version__

from .cli.program import NO_CREDENTIALS


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scones", "--version"]
    done = subprocess.run(command, cwd=tmp_path, env=NO_CREDENTIALS, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")
