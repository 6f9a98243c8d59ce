"""The packages that a Python function finds beside its own code: AWS's runtime and SDK, as on AWS, and no others.

Runs in the server. A function that imports a package which its zip does not hold fails here as it would on AWS.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

# The SDK that AWS's Python runtime includes.
_SDK = "boto3"


def runs_own_runtime() -> bool:
    """Whether functions run on localaws' own runtime: without awslambdaric, or if LOCALAWS_RUNTIME is "own"."""
    return os.environ.get("LOCALAWS_RUNTIME") == "own" or find_spec("awslambdaric") is None


def runtime_command(handler: str) -> list[str]:
    """Return the command that runs a handler, MODULE.FUNCTION, in a sandbox."""
    # -S leaves out the server's own packages; those of the runtime are on PYTHONPATH.
    if not runs_own_runtime():
        return [sys.executable, "-S", "-m", "awslambdaric", handler]
    # -u, since each line belongs to the invocation that printed it. -P, or modules beside the script would come first.
    return [sys.executable, "-S", "-P", "-u", str(Path(__file__).with_name("runtime.py")), handler]


@cache
def runtime_packages() -> Path:
    """Return a folder for PYTHONPATH, which is made at the first call."""
    # Links rather than the server's own site-packages, which hold every other package of this machine, too.
    folder = Path(tempfile.mkdtemp(prefix="lambda-runtime-"))
    for name in _with_requirements(("simplejson" if runs_own_runtime() else "awslambdaric", _SDK)):
        installed = distribution(name)
        # ".." leads to the scripts in bin/.
        parts = {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}
        for part in parts:
            (folder / part).symlink_to(Path(str(installed.locate_file(part))).resolve())
    return folder


def _with_requirements(names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            requirements = distribution(name).requires or ()
        except PackageNotFoundError:
            # Needed on another platform or Python only.
            continue
        found.add(name)
        needed = [requirement for requirement in requirements if "extra ==" not in requirement]
        waiting += [re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in needed]
    return found
