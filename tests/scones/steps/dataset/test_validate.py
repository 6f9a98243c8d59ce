from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scones.errors import DataError, TooManyBadImagesError
from scones.progress import Progress
from scones.steps.dataset.source import SourceImage
from scones.steps.dataset.validate import check, read_content

Noise = Callable[..., bytes]


def reason(content: Path | bytes, name: str = "a.png") -> str | None:
    """Return the reason why `check` leaves out one image."""
    _, bad = check([SourceImage(None, "bicycle", name, content)], 1, Progress())
    return bad.get(f"bicycle/{name}")


def png(size: tuple[int, int], mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "content_type"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp")])
def test_a_valid_image_is_kept_with_its_content_type(noise: Noise, kind: str, content_type: str) -> None:
    image = SourceImage(None, "bicycle", "a.JPG", noise(1, kind=kind))
    [checked], bad = check([image], None, Progress())
    assert checked.content_type == f"image/{content_type}"
    assert bad == {}


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
def test_images_of_every_mode_are_kept(mode: str) -> None:
    assert reason(png((8, 8), mode)) is None


def test_each_bad_file_has_its_reason(noise: Noise) -> None:
    assert reason(b"") == "it is empty"
    assert reason(b"hello, I am text") == "it cannot be decoded as PNG, JPEG or WebP"
    assert reason(noise(1)[:-200]) == "it cannot be decoded as PNG, JPEG or WebP"
    assert reason(noise(1, kind="GIF")) == "it cannot be decoded as PNG, JPEG or WebP"
    assert reason(png((7, 300))) == "it is 7x300, smaller than 8 pixels"
    assert "does not end in" in str(reason(noise(1), "notes.txt"))
    assert "cannot be printed" in str(reason(noise(1), "a\tb.png"))
    assert "cannot be printed" in str(reason(noise(1), "a\udcff.png"))


def test_an_image_with_too_many_pixels_is_rejected_by_its_header() -> None:
    header = bytearray(png((8, 8)))
    header[16:24] = (8000).to_bytes(4) + (8000).to_bytes(4)
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4)
    assert reason(bytes(header)) == "it has more than 50,000,000 pixels"


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (7000, 7000, "decoding it takes 196,000,000 bytes of memory, over 160,000,000"),
        (70_000, 8, "it is 70000x8, over 65,535 pixels on a side"),
    ],
)
def test_an_image_that_the_endpoint_would_refuse_is_rejected_by_its_header(
    width: int, height: int, expected: str
) -> None:
    header = bytearray(png((8, 8)))
    header[16:24] = width.to_bytes(4) + height.to_bytes(4)
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4)
    assert reason(bytes(header)) == expected


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(26 * 1024 * 1024)
    assert reason(path) == "it is larger than 25 MiB"


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "dangling.png").symlink_to("nowhere")
    for name in ("pipe.png", "folder.png", "dangling.png"):
        assert reason(tmp_path / name) == "it is not a regular file"


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=300) | st.binary(max_size=60).map(lambda end: png((16, 16))[:40] + end))
def test_any_bytes_are_an_image_or_have_a_reason(body: bytes) -> None:
    checked, bad = check([SourceImage(None, "bicycle", "a.png", body)], 1, Progress())
    assert len(checked) + len(bad) == 1


@settings(max_examples=30, deadline=None)
@given(good=st.integers(0, 60), bad=st.integers(0, 6), allowed=st.none() | st.integers(0, 6))
def test_more_bad_files_than_allowed_are_an_error(good: int, bad: int, allowed: int | None) -> None:
    bodies = [png((8, 8))] * good + [b"broken"] * bad
    images = [SourceImage(None, "bicycle", f"{i}.png", body) for i, body in enumerate(bodies)]
    if bad > (0.05 * (good + bad) if allowed is None else allowed):
        with pytest.raises(TooManyBadImagesError, match=rf"{bad} of {good + bad}.*bicycle/{good}\.png"):
            check(images, allowed, Progress())
    else:
        checked, left_out = check(images, allowed, Progress())
        assert (len(checked), len(left_out)) == (good, bad)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: No such file"):
        read_content(tmp_path / "gone.png")
