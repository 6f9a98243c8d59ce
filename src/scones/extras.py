"""The packages that only some commands need, and how they are installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from scones.errors import UsageError

# The packages of pyproject.toml's extras, by the names of their modules. awslambdaric is for Linux only.
EXTRAS: Final[dict[str, tuple[str, ...]]] = {
    "serve": ("httptools", "onnxruntime", "uvloop"),
    "demo": ("httptools", "ministack", "onnx", "onnxruntime", "psutil", "simplejson", "torch", "uvloop"),
}


def require_extra(extra: str, command: str) -> None:
    """Raise UsageError if a package of the extra is not installed; `command` is what needs it."""
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        raise UsageError(f'{command} needs packages that are missing ({names}); run `pip install "scones[{extra}]"`')
