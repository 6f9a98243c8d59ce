"""The packages that a Python function finds beside its own code: AWS's runtime and SDK, as on AWS, and no others.

Runs in the server. A function that imports a package which its zip does not hold fails here as it would on AWS.
"""

from __future__ import annotations

import re
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

# The Runtime Interface Client that every function runs on, and the SDK that AWS's Python runtime includes.
_PACKAGES = ("awslambdaric", "boto3")


@cache
def runtime_packages() -> Path:
    """Return a folder for PYTHONPATH, which is made at the first call."""
    # Links rather than the server's own site-packages, which hold every other package of this machine, too.
    folder = Path(tempfile.mkdtemp(prefix="lambda-runtime-"))
    for name in _with_requirements(_PACKAGES):
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
