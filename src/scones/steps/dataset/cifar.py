"""Reads bicycles and motorcycles from the official CIFAR-100 archive, `cifar-100-python.tar.gz`.

Nothing is extracted to disk, and the archive's pickles can build nothing but arrays, lists and bytes.
Format: https://www.cs.toronto.edu/~kriz/cifar.html; data: Krizhevsky, "Learning Multiple Layers of Features from
Tiny Images", 2009.
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
CLASSES: Final = {8: "bicycle", 48: "motorcycle"}  # the numbers of the fine labels
SIDE: Final = 32
# The official archive has 4 members of at most 155 MB; a tar bomb has more, or larger ones.
MAX_MEMBERS: Final = 16
MAX_MEMBER_BYTES: Final = 200_000_000
FILE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}\.png")
# The globals that NumPy writes into an array's pickle, before and after its module was renamed in version 2.
_ARRAY_GLOBALS: Final = {
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


class _Dtype:
    """Replaces numpy.dtype: keeps its code, such as "u1"."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        self.code = code if isinstance(code, str) else str(code, "ascii")

    def __setstate__(self, state: object) -> None:
        """Ignore byte order and alignment, which single bytes do not have."""


class _Array:
    """Replaces numpy.ndarray, whose own `__setstate__` trusts the pickle that it reads."""

    def __init__(self, *_: object) -> None:
        self.values: Pixels = np.empty(0, np.uint8)

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Dtype, bool, bytes]) -> None:
        _, shape, dtype, is_fortran_order, raw = state
        if dtype.code != "u1" or is_fortran_order:
            raise pickle.UnpicklingError("an array is not of bytes in row-major order")
        self.values = np.frombuffer(raw, np.uint8).reshape(shape)


class _ArrayUnpickler(pickle.Unpickler):
    """Resolves the globals of byte arrays and no others, so that a downloaded pickle cannot call anything."""

    def find_class(self, module: str, name: str) -> type[_Dtype | _Array]:
        if (module, name) == ("numpy", "dtype"):
            return _Dtype
        if (module, name) in _ARRAY_GLOBALS:
            return _Array
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def read_archive(path: Path) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield (split, label, file name, PNG bytes) for every bicycle and motorcycle in the archive at `path`.

    Raises DataError if the file is not the Python version of CIFAR-100, or is damaged.
    """
    splits = set()
    try:
        with tarfile.open(path, "r:gz") as archive:
            for number, member in enumerate(archive):
                if number >= MAX_MEMBERS or member.size > MAX_MEMBER_BYTES:
                    raise DataError(f"{path} is not cifar-100-python.tar.gz: it holds too much")
                split = member.name.removeprefix("cifar-100-python/")
                content = archive.extractfile(member) if split in {"train", "test"} else None
                if content:
                    splits.add(split)
                    yield from _images(split, content)
    except (tarfile.TarError, zlib.error, EOFError, OSError, pickle.UnpicklingError, ValueError) as error:
        raise DataError(f"{path} cannot be read as cifar-100-python.tar.gz: {error}; download it again") from error
    if splits != {"train", "test"}:
        raise DataError(f"{path} is not cifar-100-python.tar.gz: no cifar-100-python/train and test in it")


def _images(split: str, content: IO[bytes]) -> Iterator[tuple[str, str, str, bytes]]:
    pixels, labels, names = _columns(content)
    for row, (label, name) in enumerate(zip(labels, names, strict=True)):
        if label in CLASSES:
            # A row holds the red plane, then the green, then the blue one.
            planes = pixels[row].reshape(3, SIDE, SIDE)
            buffer = io.BytesIO()
            Image.fromarray(planes.transpose(1, 2, 0).copy()).save(buffer, "PNG")
            yield split, CLASSES[label], name, buffer.getvalue()


def _columns(content: IO[bytes]) -> tuple[Pixels, list[int], list[str]]:
    """Return pixels (n, 3072) uint8, fine labels and file names. Raises ValueError if the batch has another form."""
    try:
        batch = _ArrayUnpickler(content, encoding="bytes").load()
        pixels = batch[b"data"].values
        labels = batch[b"fine_labels"]
        names = [str(name, "ascii") for name in batch[b"filenames"]]
    except Exception as error:  # a damaged pickle can make the unpickler raise nearly anything
        raise ValueError(f"its pickle is broken ({error})") from error
    if pixels.shape != (len(names), 3 * SIDE * SIDE):
        raise ValueError("its data is not rows of 3,072 bytes")
    if not isinstance(labels, list) or len(labels) != len(names) or not all(isinstance(n, int) for n in labels):
        raise ValueError("its fine labels are not one number for each image")
    if not all(FILE_NAME.fullmatch(name) for name in names):
        raise ValueError("it holds an invalid file name")
    return pixels, labels, names
