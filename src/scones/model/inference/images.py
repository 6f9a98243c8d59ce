"""From the bytes of an image file to the network's input; `train`, `evaluate` and `serve` all read images here.

The bytes are not trusted: whatever they are, an unreadable file ends in an ImageRejectedError.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from scones.contract.layout import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, pixel_bytes
from scones.errors import ImageRejectedError
from scones.model.inference.limits import ImageBytes, check_decode_bytes, check_size, coefficient_bytes
from scones.model.inference.webp import read_webp

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_FORMAT_NAMES = "a PNG, JPEG, WebP, GIF or BMP file"
_UNCOUNTED_BYTES = 64 * 1024
_READ_BYTES = 1024 * 1024
_BAND_PIXELS = 250_000
_REDUCING_GAP = 3


def prepare(data: bytes, size: int, mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float32]:
    """Decode an image into the network's input [3, size, size]. Raises ImageRejectedError."""
    image: NDArray[np.float32] = normalise(decode(data, size)[None], mean, std)[0]
    return image


def normalise(pixels: NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float32]:
    """Return RGB pixels [n, size, size, 3] as [n, 3, size, size]: `(value / 255 - mean) / std` for each channel."""
    planes: NDArray[np.float32] = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32)
    planes /= 255
    planes -= np.asarray(mean, np.float32)[:, None, None]
    planes /= np.asarray(std, np.float32)[:, None, None]
    return planes


@dataclass(frozen=True)
class OpenedImage:
    """An image whose pixels are not decoded yet: its file, the `pixels` that it has, and the memory that it takes.

    `decode_bytes` is what decoding takes at its peak, and also a rough measure of its time.
    """

    file: ImageFile.ImageFile
    pixels: int
    decode_bytes: int


def decode(data: bytes, size: int) -> NDArray[np.uint8]:
    """Decode an image, or the first frame of an animation, into RGB [size, size, 3]. Raises ImageRejectedError."""
    return shrink(open_image(data, size), size)


def open_image(data: bytes, size: int) -> OpenedImage:
    """Open an image that will be shrunk to `size`, without decoding its pixels.

    Raises ImageRejectedError if the file is empty, is over a limit of `contract.layout` or `inference.limits`, or has
    another format than `FORMATS`.
    """
    if not data:
        raise ImageRejectedError(f"the image is empty; send the bytes of {_FORMAT_NAMES}")
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageRejectedError(f"the image has {len(data)} bytes, over {MAX_IMAGE_BYTES}; send a smaller one")
    with _pillow_errors_as_rejections():
        # Counting reads takes time, and a small file cannot have many.
        file = ImageBytes(data) if len(data) > _UNCOUNTED_BYTES else io.BytesIO(data)
        image = Image.open(file, formats=FORMATS)
        # Checked before a pixel is decoded: a small file can claim a size that would fill the memory.
        check_size(*image.size)
        pixels = image.width * image.height
        coefficients = coefficient_bytes(image, data)
        # A JPEG can be decoded at an eighth of its side: a camera's image in a tenth of the time and memory.
        image.draft(None, (4 * size, 4 * size))
        # libwebp's decoder copies the file.
        copied = len(data) if image.format == "WEBP" else 0
        needed = coefficients + copied + pixel_bytes(image.format, image.mode, image.width * image.height)
        check_decode_bytes(needed)
        return OpenedImage(image, pixels, needed)


def shrink(opened: OpenedImage, size: int) -> NDArray[np.uint8]:
    """Decode an opened image into RGB [size, size, 3] and close it.

    The image is rotated upright by its EXIF orientation, transparent pixels become white, and the aspect ratio is not
    kept, so that no part of a vehicle is cropped. Raises ImageRejectedError.
    """
    # Not only its file is closed: the pixels would be kept as long as the object.
    with _pillow_errors_as_rejections(), closing(opened.file) as image:
        # Pillow's default of 64 KB at a time makes the decoding of a large JPEG some percent slower.
        image.decodermaxblock = _READ_BYTES
        frame = read_webp(image) if image.format == "WEBP" else image
        small = _resize(frame, size)
        ImageOps.exif_transpose(small, in_place=True)
        return np.asarray(_to_rgb(small))


def _resize(image: Image.Image, size: int) -> Image.Image:
    """Return the image in size x size pixels."""
    if image.width * image.height <= _BAND_PIXELS:
        return _to_resizable_mode(image).resize((size, size), Image.Resampling.BICUBIC, reducing_gap=_REDUCING_GAP)
    # What `resize` does with its `reducing_gap`, but in bands: another mode of the whole image would take two or three
    # times the memory.
    across = max(1, image.width // (size * _REDUCING_GAP))
    down = max(1, image.height // (size * _REDUCING_GAP))
    reduced = _reduce(image, across, down)
    box = (0, 0, image.width / across, image.height / down)
    return reduced.resize((size, size), Image.Resampling.BICUBIC, box)


def _reduce(image: Image.Image, across: int, down: int) -> Image.Image:
    """Return the means of `across` x `down` pixels each, in a mode that can be averaged."""
    rows = down * max(1, _BAND_PIXELS // (image.width * down))
    bands = []
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        bands.append(_to_resizable_mode(band).reduce((across, down)))
    reduced = Image.new(bands[0].mode, (bands[0].width, sum(band.height for band in bands)))
    top = 0
    for band in bands:
        reduced.paste(band, (0, top))
        top += band.height
    # Where the EXIF orientation is.
    reduced.info = image.info
    return reduced


@contextmanager
def _pillow_errors_as_rejections() -> Iterator[None]:
    try:
        yield
    except ImageRejectedError:
        raise
    except UnidentifiedImageError as error:
        raise ImageRejectedError(f"the bytes are not an image in a known format; send {_FORMAT_NAMES}") from error
    except Image.DecompressionBombError as error:
        raise ImageRejectedError(f"the image has over {MAX_IMAGE_PIXELS} pixels; send a smaller one") from error
    # Pillow's decoders fail on corrupt files with any exception: OSError, SyntaxError, struct.error, ...
    except Exception as error:
        raise ImageRejectedError(f"the image cannot be decoded ({_one_line(error)}); send an undamaged file") from error


def _to_resizable_mode(image: Image.Image) -> Image.Image:
    """Convert palettes, single bits and 16-bit grey to a mode whose pixels can be averaged."""
    if image.mode.startswith("I"):
        # Pillow's own conversion clips 16-bit grey at 255 instead of scaling it.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image if image.mode == "RGB" else image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
