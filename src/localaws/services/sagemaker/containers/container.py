"""One container under SageMaker's contract: a folder that stands for /opt/ml, an environment, and a process.

Runs a program of an image as `COMMAND PROGRAM ARGS...`. The program learns where /opt/ml is from the variable
`<IMAGE>_ML_ROOT`. Sees no network or file-system isolation: the image's programs are the user's own.
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
_images = ImageRegistry({})


def use(images: ImageRegistry) -> None:
    """From now on image URIs are looked up in `images`."""
    global _images
    _images = images


@contextmanager
def workspace(purpose: str) -> Iterator[Path]:
    """A folder with `ml` (the ML root), `tmp` and `home`, removed at the end."""
    folder = make_workspace(purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_workspace(purpose: str) -> Path:
    """As `workspace`, for a container that outlives the caller, who removes it."""
    folder = Path(tempfile.mkdtemp(prefix=f"sagemaker-{purpose}-"))
    for name in ("ml", "tmp", "home"):
        (folder / name).mkdir()
    return folder


def local_path(folder: Path, path: str) -> Path:
    """Where a container's path below /opt/ml lies. Raises ContainerError for any other path."""
    inside = PurePosixPath(path)
    if not inside.is_relative_to(_CONTAINER_ROOT) or ".." in inside.parts:
        raise ContainerError(f"ClientError: LocalPath {path!r} is not below {_CONTAINER_ROOT}")
    return folder / "ml" / inside.relative_to(_CONTAINER_ROOT)


def read_text(path: Path) -> str:
    """The beginning of a text file that the container may have written; empty where it has not."""
    try:
        with path.open(errors="replace") as file:
            return file.read(4096)
    except OSError:
        return ""


def start(
    image_uri: str, program: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start `program` of the image with its output on a pipe. Raises ContainerError where it cannot start."""
    try:
        name, command = _images.resolve(image_uri)
        argv = [*command, *program]
        return processes.spawn(argv, env=_environment(name, folder, environment), cwd=folder, stdout=subprocess.PIPE)
    except ContainerImageError as error:
        raise ContainerError(f"ClientError: {error}") from error
    except OSError as error:
        raise ContainerError(f"ClientError: The image {image_uri} does not start: {error}") from error


def _environment(name: str, folder: Path, own: Mapping[str, str]) -> dict[str, str]:
    # HOME is in the folder so that no program finds the user's own AWS credentials, or leaves anything there.
    inherited = {key: os.environ[key] for key in ("PATH", "LANG", "PYTHONPATH") if key in os.environ}
    return {
        **inherited,
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": get_region(),
        "AWS_DEFAULT_REGION": get_region(),
        f"{re.sub('[^A-Za-z0-9]', '_', name).upper()}_ML_ROOT": str(folder / "ml"),
        **own,
    }
