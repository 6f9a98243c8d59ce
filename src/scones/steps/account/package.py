"""Package: what goes up into the account, byte for byte the same wherever it is packed: code, machines, templates."""

from __future__ import annotations

import hashlib
import io
import zipfile
from importlib.resources import files
from pathlib import Path

_ROOT = Path(str(files("scones")))
# Stored, not compressed, because zlib's output differs between its versions; nothing here is large.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def function_zip() -> bytes:
    """Return the zip of all Lambda functions: `workflow/` with the modules that it may load."""
    shared = [_ROOT / f"{name}.py" for name in ("__init__", "dispatch_rule", "errors", "items")]
    files = [*shared, *(_ROOT / "contract").glob("*.py"), *(_ROOT / "workflow").glob("*.py")]
    return _packed({path.relative_to(_ROOT.parent).as_posix(): path for path in files})


def image_zip() -> bytes:
    """Return the zip of what the image is built of, at the repository's places: the Dockerfile and what it copies."""
    dockerfile = "infra/image/Dockerfile"
    found = {dockerfile: _place(dockerfile)}
    for line in found[dockerfile].read_text(encoding="utf-8").splitlines():
        for name in line.split()[1:-1] if line.startswith("COPY ") else ():
            if not name.startswith("--"):
                found |= _files(name.rstrip("/"))
    return _packed(found)


def content_tag(image: bytes) -> str:
    """Return the tag that the image of these sources bears in ECR beside the settings' own."""
    return Path(hashed_key("image-", image, ".zip")).stem


def _files(name: str) -> dict[str, Path]:
    """Return name in the repository -> path here, of a file or of all files in a folder."""
    place = _place(name)
    if place.is_file():
        return {name: place}
    inside = (path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{name}/{path.relative_to(place).as_posix()}": path for path in inside}


def _place(name: str) -> Path:
    """Return where something of the repository lies: the wheel has `src/scones` with `infra` in it."""
    if name.startswith("src/scones/"):
        return _ROOT / name.removeprefix("src/scones/")
    installed = _ROOT / name
    return installed if installed.exists() else _ROOT.parents[1] / name


def _packed(found: dict[str, Path]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, path in sorted(found.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, path.read_bytes())
    return packed.getvalue()


def state_machine(name: str) -> bytes:
    """Return the ASL of the state machine `delivery`, `release` or `deploy`."""
    return (_ROOT / "workflow" / f"{name}.asl.json").read_bytes()


def template(name: str) -> str:
    """Return a CloudFormation template."""
    return _place(f"infra/{name}.yaml").read_text(encoding="utf-8")


def hashed_key(prefix: str, content: bytes, suffix: str) -> str:
    """Return an S3 key that changes with the content, because CloudFormation looks at nothing else."""
    return f"{prefix}{hashlib.sha256(content).hexdigest()[:32]}{suffix}"
