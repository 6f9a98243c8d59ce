"""A container under SageMaker's contract, as a process with an environment and a folder that replaces /opt/ml.

A program of an image runs as `COMMAND PROGRAM ARGS...`, and reads the location of /opt/ml from the variable
`<IMAGE>_ML_ROOT`. The process is not isolated from the network or the file system: the image's programs are the user's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ministack.core.responses import get_region

from localaws.errors import ContainerImageError
from localaws.images import ImageRegistry
from localaws.server import processes
from localaws.services.sagemaker.errors import ContainerError

_CONTAINER_ROOT = PurePosixPath("/opt/ml")
# A container may write any size, of which a FailureReason shows 1024 characters.
_MAX_TEXT_CHARS = 4096
_images = ImageRegistry({})


def use_images(images: ImageRegistry) -> None:
    """Look up image URIs in `images` from now on."""
    global _images
    _images = images


@contextmanager
def workspace(purpose: str) -> Iterator[Path]:
    """Create a folder with `ml` (the ML root), `tmp` and `home`, and delete it at the end."""
    folder = make_workspace(purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_workspace(purpose: str) -> Path:
    """Create a folder as `workspace` does, for a container that outlives its caller, who deletes it."""
    folder = Path(tempfile.mkdtemp(prefix=f"sagemaker-{purpose}-"))
    for name in ("ml", "tmp", "home"):
        (folder / name).mkdir()
    return folder


def local_path(folder: Path, path: str) -> Path:
    """Return the local path of a container's path below /opt/ml. Raises ContainerError for any other path."""
    # Paths come from requests: one with `..` could reach the user's own files.
    inside = PurePosixPath(path)
    if not inside.is_relative_to(_CONTAINER_ROOT) or ".." in inside.parts:
        raise ContainerError(f"ClientError: LocalPath {path!r} is not below {_CONTAINER_ROOT}")
    return folder / "ml" / inside.relative_to(_CONTAINER_ROOT)


def read_text(path: Path) -> str:
    """Return the first 4096 characters of a file that the container may have written, or an empty string."""
    try:
        with path.open(errors="replace") as file:
            return file.read(_MAX_TEXT_CHARS)
    except OSError:
        return ""


def start(
    image_uri: str, program: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start `program` of the image with its output on a pipe. Raises ContainerError if it cannot start."""
    # stderr joins stdout, as in the logs of SageMaker's containers.
    try:
        name, command = _images.resolve(image_uri)
        argv = [*command, *program]
        return processes.spawn(argv, env=_environment(name, folder, environment), cwd=folder, stdout=subprocess.PIPE)
    except ContainerImageError as error:
        raise ContainerError(f"ClientError: {error}") from error
    except OSError as error:
        raise ContainerError(f"ClientError: The image {image_uri} does not start: {error}") from error


def _environment(name: str, folder: Path, requested: Mapping[str, str]) -> dict[str, str]:
    # HOME is in the folder so that no program reads the user's AWS credentials or writes to the user's home.
    inherited = {key: os.environ[key] for key in ("PATH", "LANG", "PYTHONPATH") if key in os.environ}
    return {
        **inherited,
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": get_region(),
        "AWS_DEFAULT_REGION": get_region(),
        f"{re.sub('[^A-Za-z0-9]', '_', name).upper()}_ML_ROOT": str(folder / "ml"),
        **requested,
    }
