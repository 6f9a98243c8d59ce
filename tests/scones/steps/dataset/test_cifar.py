from __future__ import annotations

import io
import pickle
import pickletools
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scones.errors import DataError
from scones.steps.dataset.cifar import read_archive

Write = Callable[[dict[str, bytes]], Path]
LABELS = [8, 3, 48, 8]
PIXELS = np.random.default_rng(0).integers(0, 256, (len(LABELS), 3072), np.uint8)


def batch(**changes: object) -> bytes:
    names = [f"cycle_s_{row:06}.png".encode() for row in range(len(LABELS))]
    columns: dict[str, object] = {"data": PIXELS, "fine_labels": LABELS, "filenames": names}
    return as_python_2(pickle.dumps(columns | changes, protocol=3))


def as_python_2(pickled: bytes) -> bytes:
    """Return the pickle with Python 2 strings, which the official archive contains."""
    changed = bytearray(pickled)
    for opcode, _, place in pickletools.genops(pickled):
        if opcode.name in {"BINUNICODE", "BINBYTES"}:
            changed[place] = ord("T")
        elif opcode.name == "SHORT_BINBYTES":
            changed[place] = ord("U")
    return bytes(changed)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def archive(members: dict[str, bytes]) -> Path:
        with tarfile.open(tmp_path / "cifar-100-python.tar.gz", "w:gz") as tar:
            for name, content in members.items():
                member = tarfile.TarInfo(f"cifar-100-python/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return tmp_path / "cifar-100-python.tar.gz"

    return archive


def test_bicycles_and_motorcycles_are_read_with_pixels_and_names(write: Write) -> None:
    path = write({"meta": b"not read", "train": batch(), "test": batch()})
    images = list(read_archive(path))
    assert [(split, label, name) for split, label, name, _ in images[:3]] == [
        ("train", "bicycle", "cycle_s_000000.png"),
        ("train", "motorcycle", "cycle_s_000002.png"),
        ("train", "bicycle", "cycle_s_000003.png"),
    ]
    assert len(images) == 6
    pixels = np.asarray(Image.open(io.BytesIO(images[0][3])))
    assert np.array_equal(pixels.transpose(2, 0, 1).ravel(), PIXELS[0])


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return print, ("called",)


def test_a_pickle_that_calls_a_function_is_rejected(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write({"train": batch(filenames=Evil()), "test": batch()})
    with pytest.raises(DataError, match="print is not allowed"):
        list(read_archive(path))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data": PIXELS[:2]}, "rows of 3,072"),
        ({"data": PIXELS.astype(np.float32)}, "not of bytes"),
        ({"data": [1, 2, 3]}, "pickle is broken"),
        ({"fine_labels": LABELS[:2]}, "fine labels"),
        ({"fine_labels": None}, "fine labels"),
        ({"filenames": [b"../../etc/passwd"] * 4}, "invalid file name"),
        ({"filenames": [b"\xff.png"] * 4}, "pickle is broken"),
    ],
)
def test_inconsistent_columns_are_rejected(write: Write, changes: dict[str, object], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        list(read_archive(write({"train": batch(**changes), "test": batch()})))


def test_another_archive_is_rejected(write: Write) -> None:
    with pytest.raises(DataError, match="no cifar-100-python/train"):
        list(read_archive(write({"README": b"hello"})))


def test_an_archive_with_too_many_members_is_rejected(write: Write) -> None:
    with pytest.raises(DataError, match="too much"):
        list(read_archive(write({str(number): b"" for number in range(17)})))


def test_a_truncated_archive_is_rejected(write: Write) -> None:
    path = write({"train": batch(), "test": batch()})
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(DataError, match="download it again"):
        list(read_archive(path))


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, len(batch()) - 1), value=st.integers(0, 255))
def test_a_changed_byte_never_raises_anything_but_data_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    damaged = bytearray(batch())
    damaged[place] = value
    path = tmp_path_factory.mktemp("damaged") / "archive.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for split, content in (("train", bytes(damaged)), ("test", batch())):
            member = tarfile.TarInfo(f"cifar-100-python/{split}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with suppress(DataError):
        assert all(len(row) == 4 for row in read_archive(path))
