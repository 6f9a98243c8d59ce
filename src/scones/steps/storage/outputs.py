"""Checks of where a command writes its result, before the work is done."""

from __future__ import annotations

import os
from pathlib import Path

from scones.errors import UsageError


def require_file(path: Path) -> None:
    """Raise UsageError if this file cannot be written. A folder that it is in may not exist yet."""
    if path.is_dir():
        raise _unwritable(path, f"it is a folder; name a file in it, such as {path / 'result'}")
    if path.exists() and not os.access(path, os.W_OK):
        raise _unwritable(path, "permission denied; name another file, or make this one writable")
    _require_place(path.parent, path)


def require_folder(path: Path) -> None:
    """Raise UsageError if files cannot be written to this folder. It may not exist yet."""
    _require_place(path, path)


def _require_place(folder: Path, output: Path) -> None:
    existing = next(place for place in (folder, *folder.resolve().parents) if place.exists())
    if not existing.is_dir():
        raise _unwritable(output, f"{existing} is not a folder; name another place")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise _unwritable(output, f"permission denied for {existing}; name another place, or make it writable")


def _unwritable(path: Path, why: str) -> UsageError:
    return UsageError(f"{path} cannot be written: {why}")
