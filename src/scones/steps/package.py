"""Package: the functions' zip, byte for byte the same wherever it is built, and the files that go with it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from importlib.resources import files
from pathlib import Path

_ROOT = Path(str(files("scones")))
# Stored, not compressed, because zlib's output differs between its versions; the whole is a few tens of kilobytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def function_zip() -> bytes:
    """Return the zip of all Lambda functions: `workflow/` with the two modules that it may load."""
    shared = [_ROOT / "__init__.py", _ROOT / "contract.py", _ROOT / "errors.py", _ROOT / "results.py"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted([*shared, *(_ROOT / "workflow").glob("*.py")]):
            entry = zipfile.ZipInfo(path.relative_to(_ROOT.parent).as_posix(), _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, path.read_bytes())
    return packed.getvalue()


def state_machine(name: str) -> bytes:
    """Return the ASL of the state machine `delivery` or `release`."""
    return (_ROOT / "workflow" / f"{name}.asl.json").read_bytes()


def template(name: str) -> str:
    """Return a CloudFormation template: from the wheel, or from the repository's `infra/`."""
    installed = _ROOT / "infra" / f"{name}.yaml"
    repository = _ROOT.parents[1] / "infra" / f"{name}.yaml"
    return (installed if installed.is_file() else repository).read_text(encoding="utf-8")


def hashed_key(prefix: str, content: bytes, suffix: str) -> str:
    """Return an S3 key that changes with the content, because CloudFormation looks at nothing else."""
    return f"{prefix}{hashlib.sha256(content).hexdigest()[:32]}{suffix}"
