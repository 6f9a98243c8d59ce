"""Packs what is uploaded to the account: code, state machines and templates.

The same content gives the same bytes on every machine, so that nothing is deployed again without a change.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from importlib.resources import files
from pathlib import Path

_ROOT = Path(str(files("scones")))
# The earliest time that a zip can hold.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def function_zip() -> bytes:
    """Return the zip of all Lambda functions: `workflow/` and the modules that it may import."""
    shared = [_ROOT / f"{name}.py" for name in ("__init__", "aws_errors", "dispatch_rule", "errors", "items")]
    paths = [*shared, *(_ROOT / "contract").glob("*.py"), *(_ROOT / "workflow").rglob("*.py")]
    return _zip({path.relative_to(_ROOT.parent).as_posix(): path for path in paths})


def image_zip() -> bytes:
    """Return the zip that the container image is built from: the Dockerfile and everything that it copies."""
    dockerfile = "infra/image/Dockerfile"
    members = {dockerfile: _locate(dockerfile)}
    for line in members[dockerfile].read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY "):
            # COPY [--option ...] source ... destination
            _, *sources, _ = line.split()
            for name in sources:
                if not name.startswith("--"):
                    members |= _files(name.rstrip("/"))
    return _zip(members)


def content_tag(image: bytes) -> str:
    """Return the ECR tag of the image that is built from this zip; it is set in addition to the settings' tag."""
    return Path(hashed_key("image-", image, ".zip")).stem


def state_machine(name: str) -> bytes:
    """Return the ASL of the state machine `delivery`, `release` or `deploy`."""
    return (_ROOT / "workflow" / f"{name}.asl.json").read_bytes()


def template(name: str) -> str:
    """Return the CloudFormation template `storage` or `workflow`, without its comments."""
    lines = _locate(f"infra/{name}.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    # CloudFormation takes 51,200 bytes in a request, and explanations should not compete with resources for them.
    return "".join(line for line in lines if not line.lstrip().startswith("#"))


def hashed_key(prefix: str, content: bytes, suffix: str) -> str:
    """Return an S3 key with a hash of the content."""
    # CloudFormation updates a function or a state machine only if its key changes.
    return f"{prefix}{hashlib.sha256(content).hexdigest()[:32]}{suffix}"


def _files(name: str) -> dict[str, Path]:
    """Return name in the repository -> local path, of a file or of all files in a folder."""
    location = _locate(name)
    if location.is_file():
        return {name: location}
    paths = (path for path in location.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{name}/{path.relative_to(location).as_posix()}": path for path in paths}


def _locate(name: str) -> Path:
    """Return the local path of a file or folder of the repository."""
    if name.startswith("src/scones/"):
        return _ROOT / name.removeprefix("src/scones/")
    # An installed wheel has `infra` inside the package; a checkout has it beside `src`.
    installed = _ROOT / name
    return installed if installed.exists() else _ROOT.parents[1] / name


def _zip(members: dict[str, Path]) -> bytes:
    """Return a zip of name -> path with fixed times, modes and order."""
    packed = io.BytesIO()
    # Stored, not compressed: zlib's output differs between its versions, and nothing here is large.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, path in sorted(members.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            # Unix; the default depends on the machine that packs.
            entry.create_system = 3
            archive.writestr(entry, path.read_bytes())
    return packed.getvalue()
