"""The command line as a program without credentials, and the processes that it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from ..processes import VANISHED

SCONES = [sys.executable, "-c", "from scones.cli import main; main()"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SCONES_"))}
NO_CREDENTIALS = ENVIRONMENT | {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}


def scones(folder: Path, *arguments: str, env: dict[str, str] = NO_CREDENTIALS) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SCONES, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def children_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that work in a folder or name it in their command line."""
    processes = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and (
                process.cwd().startswith(str(folder)) or str(folder) in process.cmdline()
            ):
                processes.append(process)
        except (*VANISHED, psutil.AccessDenied):
            continue
    return processes
