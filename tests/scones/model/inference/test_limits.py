import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scones.contract.layout import MAX_DECODE_BYTES, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE
from scones.errors import ImageRejectedError
from scones.model.inference.images import decode, open_image
from scones.model.inference.limits import MAX_READS, MAX_SCANS, ImageBytes, check_size

SIZE = 16


def encode(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def with_scans(count: int) -> bytes:
    """A progressive JPEG with its last scan several times."""
    data = encode(Image.radial_gradient("L").convert("RGB"), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + b"\xff\xd9"


def test_a_jpeg_with_many_scans_is_refused_before_it_is_decoded() -> None:
    assert open_image(with_scans(MAX_SCANS), SIZE).pixels == 256 * 256
    with pytest.raises(ImageRejectedError, match=f"{MAX_SCANS + 1} scans"):
        open_image(with_scans(MAX_SCANS + 1), SIZE)


def test_bytes_outside_the_scans_are_not_counted_as_scans() -> None:
    image = Image.radial_gradient("L").convert("RGB")
    looks_like_scans = b"\xff\xda\x00\x02" * (MAX_SCANS + 1)
    data = encode(image, "JPEG", progressive=True, comment=looks_like_scans) + looks_like_scans
    assert decode(data, SIZE).shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize(
    ("mode", "file_format", "options", "bytes_per_pixel"),
    [
        ("RGB", "PNG", {}, 4),
        ("RGBA", "PNG", {}, 4),
        ("L", "PNG", {}, 1),
        ("1", "PNG", {}, 1),
        ("P", "GIF", {}, 1),
        ("RGB", "BMP", {}, 4),
        ("RGB", "WEBP", {}, 12),
        ("RGB", "JPEG", {}, 0),
        ("RGB", "JPEG", {"progressive": True}, 3),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 0}, 6),
        ("CMYK", "JPEG", {"progressive": True}, 8),
    ],
)
def test_the_memory_of_decoding_is_known_from_the_header(
    mode: str, file_format: str, options: dict[str, object], bytes_per_pixel: int
) -> None:
    data = encode(Image.new(mode, (1024, 1024)), file_format, **options)
    found = open_image(data, SIZE).decode_bytes / 1024**2
    assert bytes_per_pixel <= found < bytes_per_pixel + 0.1


@pytest.mark.parametrize(
    ("mode", "file_format", "options", "pixels"),
    [
        ("RGB", "PNG", {}, MAX_DECODE_BYTES // 4),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 0}, MAX_DECODE_BYTES // 6),
    ],
)
def test_an_image_that_takes_too_much_memory_is_refused(
    mode: str, file_format: str, options: dict[str, object], pixels: int
) -> None:
    height = pixels // 5000
    with pytest.raises(ImageRejectedError, match="memory"):
        open_image(encode(Image.new(mode, (5000, height + 200)), file_format, **options), SIZE)
    assert open_image(encode(Image.new(mode, (5000, height - 200)), file_format, **options), SIZE).pixels > 0


@pytest.mark.parametrize("size", [(MAX_IMAGE_PIXELS // 1000 + 1, 1000), (MAX_IMAGE_SIDE + 1, 1)])
def test_too_many_pixels_and_too_long_sides_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageRejectedError, match=f"{size[0]} x {size[1]} pixels"):
        check_size(*size)


def test_a_file_in_too_many_parts_is_refused() -> None:
    chunk = bytes(4) + b"teST" + zlib.crc32(b"teST").to_bytes(4, "big")
    png = encode(Image.new("RGB", (8, 8)))
    with pytest.raises(ImageRejectedError, match="too many parts"):
        decode(png[:33] + chunk * (MAX_READS // 2) + png[33:], SIZE)


@given(st.binary(max_size=200), st.lists(st.integers(-1, 20), max_size=10))
def test_an_image_is_read_as_from_any_file(data: bytes, sizes: list[int]) -> None:
    ours, other = ImageBytes(data), io.BytesIO(data)
    assert [ours.read(size) for size in sizes] == [other.read(size) for size in sizes]
