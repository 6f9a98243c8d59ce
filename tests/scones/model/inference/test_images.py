import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from scones.contract.layout import MAX_IMAGE_BYTES
from scones.errors import ImageRejectedError
from scones.model.inference.images import FORMATS, decode, normalise, prepare

SIZE = 16
AS_IS = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def encode(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def pixels(data: bytes) -> NDArray[np.float32]:
    return prepare(data, SIZE, **AS_IS)


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


def assert_decoded_or_rejected(data: bytes) -> None:
    try:
        array = pixels(data)
    except ImageRejectedError:
        return
    assert (array.shape, array.dtype) == ((3, SIZE, SIZE), np.float32)
    assert 0 <= array.min() <= array.max() <= 1


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_becomes_normalised_channels(file_format: str) -> None:
    data = encode(Image.new("RGB", (40, 20), (255, 0, 102)), file_format)
    array = prepare(data, SIZE, (0.5, 0.5, 0.4), (0.5, 0.25, 1.0))
    assert (array.shape, array.dtype) == ((3, SIZE, SIZE), np.float32)
    np.testing.assert_allclose(array.mean(axis=(1, 2)), [1, -2, 0], atol=0.03)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("L", (8, 8), 51), [0.2, 0.2, 0.2]),
        (Image.new("1", (8, 8), 1), [1, 1, 1]),
        (Image.new("RGB", (8, 8), (255, 0, 51)).quantize(4), [1, 0, 0.2]),
        (Image.new("RGBA", (8, 8), (255, 0, 0, 0)), [1, 1, 1]),
        (Image.new("LA", (8, 8), (0, 255)), [0, 0, 0]),
        (Image.fromarray(np.full((8, 8), 32768, np.uint16)), [0.5, 0.5, 0.5]),
    ],
    ids=["grey", "bits", "palette", "transparent", "grey with alpha", "16 bits"],
)
def test_every_kind_of_png_becomes_rgb(image: Image.Image, expected: list[float]) -> None:
    np.testing.assert_allclose(pixels(encode(image)).mean(axis=(1, 2)), expected, atol=0.01)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_decoded(file_format: str) -> None:
    red, *other_frames = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime"))
    data = encode(red, file_format, save_all=True, append_images=other_frames)
    np.testing.assert_allclose(pixels(data).mean(axis=(1, 2)), [1, 0, 0], atol=0.02)


def test_cmyk_becomes_rgb() -> None:
    array = pixels(encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    np.testing.assert_allclose(array.mean(axis=(1, 2)), [1, 0, 0], atol=0.05)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_exif_orientation_rotates_the_image_upright(file_format: str) -> None:
    image = Image.new("RGB", (64, 64), "black")
    image.paste("white", (0, 0, 64, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    array = pixels(encode(image, file_format, exif=exif.tobytes()))
    assert array[:, :, 10:].min() > 0.9
    assert array[:, :, :6].max() < 0.1


def test_a_large_jpeg_looks_the_same_as_a_small_one() -> None:
    gradient = Image.radial_gradient("L")
    large = encode(gradient.resize((2000, 1000)), "JPEG", quality=95)
    assert np.abs(pixels(large) - pixels(encode(gradient))).mean() < 0.01


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x89PNG" + bytes(MAX_IMAGE_BYTES), "over"),
        (b"hello", "not an image in a known format"),
        (encode(Image.new("RGB", (8, 8)), "TIFF"), "not an image in a known format"),
        (encode(Image.new("RGB", (200, 200), "red"), "PNG")[:-60], "cannot be decoded"),
        (png_header(8000, 8000), "8000 x 8000 pixels"),
        (png_header(60000, 60000), "pixels"),
    ],
    ids=["empty", "too many bytes", "text", "TIFF", "truncated", "too many pixels", "bomb"],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_unusable_bytes_are_rejected_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ImageRejectedError, match=reason) as caught:
        pixels(data)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_rejected(data: bytes) -> None:
    assert_decoded_or_rejected(data)


@given(data=st.data(), file_format=st.sampled_from(FORMATS))
def test_damaged_images_are_decoded_or_rejected(
    shape: Callable[..., bytes], data: st.DataObject, file_format: str
) -> None:
    damaged = bytearray(shape("circle", 0, file_format))
    for position in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=8)):
        damaged[position] ^= data.draw(st.integers(1, 255))
    assert_decoded_or_rejected(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_training_and_serving_prepare_the_same_input(shape: Callable[..., bytes], seeds: list[int]) -> None:
    files = [shape("circle", seed, "JPEG") for seed in seeds]
    mean, std = (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)
    one_by_one = np.stack([prepare(data, SIZE, mean, std) for data in files])
    together = normalise(np.stack([decode(data, SIZE) for data in files]), mean, std)
    np.testing.assert_array_equal(one_by_one, together)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "P", "1", "CMYK"])
def test_a_large_image_in_bands_looks_the_same_as_in_one_piece(mode: str) -> None:
    gradient = Image.radial_gradient("L").resize((1999, 1013)).convert("RGBA")
    gradient.putalpha(Image.linear_gradient("L").resize((1999, 1013)))
    image = gradient.convert("RGB").quantize(64) if mode == "P" else gradient.convert(mode)
    data = encode(image, "JPEG" if mode == "CMYK" else "PNG")
    whole = Image.open(io.BytesIO(data))
    rgba = whole.convert("RGBA") if whole.has_transparency_data else whole.convert("RGB")
    small = rgba.resize((SIZE, SIZE), Image.Resampling.BICUBIC, reducing_gap=3).convert("RGBA")
    expected = np.asarray(Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB"))
    assert np.abs(decode(data, SIZE).astype(int) - expected).max() <= 3


def test_a_large_image_of_16_bits_becomes_rgb() -> None:
    data = encode(Image.fromarray(np.full((800, 800), 32768, np.uint16)))
    np.testing.assert_allclose(pixels(data).mean(axis=(1, 2)), [0.5, 0.5, 0.5], atol=0.01)


def test_exif_orientation_rotates_a_large_image_upright() -> None:
    image = Image.new("RGB", (800, 800), "black")
    image.paste("white", (0, 0, 800, 400))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert pixels(encode(image, "PNG", exif=exif.tobytes()))[:, :, 10:].min() > 0.9
