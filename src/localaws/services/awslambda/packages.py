"""What a Python function finds beside its own code: AWS's runtime and SDK, and nothing else of this machine.

Runs in the server. The packages are links into the server's own environment, so that a function which imports what
its zip does not hold fails here as it would on AWS.
"""

from __future__ import annotations

import re
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

_PACKAGES = ("awslambdaric", "boto3")


@cache
def runtime_packages() -> Path:
    """A folder for PYTHONPATH, made at its first use."""
    folder = Path(tempfile.mkdtemp(prefix="lambda-runtime-"))
    for name in _with_requirements(_PACKAGES):
        installed = distribution(name)
        for part in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
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
            continue
        found.add(name)
        waiting += [re.split(r"[^A-Za-z0-9._-]", each)[0] for each in requirements if "extra ==" not in each]
    return found
