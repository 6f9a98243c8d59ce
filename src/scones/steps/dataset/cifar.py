"""Reads bicycles and motorcycles out of the official CIFAR-100 archive, `cifar-100-python.tar.gz`.

Runs where the operator sits. Nothing is extracted to disk, and of the archive's pickles nothing but arrays, lists and
bytes is ever built. Format: https://www.cs.toronto.edu/~kriz/cifar.html; data: Krizhevsky, "Learning Multiple Layers
of Features from Tiny Images", 2009.
"""

from __future__ import annotations

import io
import pickle
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from PIL import Image

from scones.errors import DataError
from scones.steps.dataset.download import Archive

CIFAR_100: Final = Archive(
    "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz", 169_001_437, "eb9058c3a382ffc7106e4002c42a8d85"
)
CLASSES: Final = {8: "bicycle", 48: "motorcycle"}  # the fine labels' numbers
SIDE: Final = 32
MEMBERS: Final = 16
MEMBER_BYTES: Final = 200_000_000
ARRAYS: Final = {
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}
NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}\.png")


class _Kind:
    """Takes numpy.dtype's place: remembers its code, such as "u1"."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        self.code = code if isinstance(code, str) else str(code, "ascii")

    def __setstate__(self, state: object) -> None:
        """Byte order and alignment say nothing about single bytes."""


class _Array:
    """Takes numpy.ndarray's place, because numpy itself trusts the pickles that it reads."""

    def __init__(self, *_: object) -> None:
        self.values = np.empty(0, np.uint8)

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Kind, bool, bytes]) -> None:
        _, shape, kind, columns_first, raw = state
        if kind.code != "u1" or columns_first:
            raise pickle.UnpicklingError("an array is not of bytes, row by row")
        self.values = np.frombuffer(raw, np.uint8).reshape(shape)


class _ArrayUnpickler(pickle.Unpickler):
    """Knows arrays of bytes and nothing else, so that a pickle from the network cannot call anything."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "dtype" and module == "numpy":
            return _Kind
        if (module, name) in ARRAYS:
            return _Array
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def read_archive(path: Path) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield (split, label, file name, PNG bytes) for every bicycle and motorcycle in the archive at `path`.

    Raises DataError when it is not CIFAR-100's archive for Python, or damaged.
    """
    found = set()
    try:
        with tarfile.open(path, "r:gz") as archive:
            for number, member in enumerate(archive):
                if number >= MEMBERS or member.size > MEMBER_BYTES:
                    raise DataError(f"{path} is not cifar-100-python.tar.gz: it holds too much")
                split = member.name.removeprefix("cifar-100-python/")
                content = archive.extractfile(member) if split in {"train", "test"} else None
                if content:
                    found.add(split)
                    yield from _pictures(split, content)
    except (tarfile.TarError, zlib.error, EOFError, OSError, pickle.UnpicklingError, ValueError) as error:
        raise DataError(f"{path} cannot be read as cifar-100-python.tar.gz: {error}; download it again") from error
    if found != {"train", "test"}:
        raise DataError(f"{path} is not cifar-100-python.tar.gz: no cifar-100-python/train and test in it")


def _pictures(split: str, content: IO[bytes]) -> Iterator[tuple[str, str, str, bytes]]:
    pixels, labels, names = _columns(content)
    for row, (number, name) in enumerate(zip(labels, names, strict=True)):
        if number in CLASSES:
            # A row is the red, then the green, then the blue plane.
            picture = Image.fromarray(pixels[row].reshape(3, SIDE, SIDE).transpose(1, 2, 0).copy())
            buffer = io.BytesIO()
            picture.save(buffer, "PNG")
            yield split, CLASSES[number], name, buffer.getvalue()


def _columns(content: IO[bytes]) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], list[int], list[str]]:
    """Return pixels (n, 3072) uint8, fine labels and file names; raises ValueError where they are not that."""
    try:
        batch = _ArrayUnpickler(content, encoding="bytes").load()
        pixels, labels = batch[b"data"].values, batch[b"fine_labels"]
        names = [str(name, "ascii") for name in batch[b"filenames"]]
    except Exception as error:  # a broken pickle can make the unpickler raise nearly anything
        raise ValueError(f"its pickle is broken ({error})") from error
    if pixels.shape != (len(names), 3 * SIDE * SIDE):
        raise ValueError("its data is not rows of 3,072 bytes")
    if not isinstance(labels, list) or len(labels) != len(names) or not all(isinstance(n, int) for n in labels):
        raise ValueError("its fine labels are not one number for each image")
    if not all(NAME.fullmatch(name) for name in names):
        raise ValueError("it names an image strangely")
    return pixels, labels, names
