"""From the bytes of an image file to the network's input; `train`, `evaluate` and `serve` all read images here.

The bytes are not trusted: whatever they are, an unreadable file ends in an ImageRejectedError.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from scones.contract.layout import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS
from scones.errors import ImageRejectedError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_FORMAT_NAMES = "a PNG, JPEG, WebP, GIF or BMP file"


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


def decode(data: bytes, size: int) -> NDArray[np.uint8]:
    """Decode an image, or the first frame of an animation, into RGB [size, size, 3]. Raises ImageRejectedError."""
    return shrink(open_image(data), size)


def open_image(data: bytes) -> ImageFile.ImageFile:
    """Open an image without decoding its pixels.

    Raises ImageRejectedError if the file is empty, has over `MAX_IMAGE_BYTES` or `MAX_IMAGE_PIXELS`, or another format
    than `FORMATS`.
    """
    if not data:
        raise ImageRejectedError(f"the image is empty; send the bytes of {_FORMAT_NAMES}")
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageRejectedError(f"the image has {len(data)} bytes, over {MAX_IMAGE_BYTES}; send a smaller one")
    with _pillow_errors_as_rejections():
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        # Checked before a pixel is decoded: a small file can claim a size that would fill the memory.
        if width * height > MAX_IMAGE_PIXELS:
            raise ImageRejectedError(
                f"the image has {width} x {height} pixels, over {MAX_IMAGE_PIXELS}; send a smaller one"
            )
        return image


def shrink(image: ImageFile.ImageFile, size: int) -> NDArray[np.uint8]:
    """Decode an opened image into RGB [size, size, 3] and close it.

    The image is rotated upright by its EXIF orientation, transparent pixels become white, and the aspect ratio is not
    kept, so that no part of a vehicle is cropped. Raises ImageRejectedError.
    """
    with _pillow_errors_as_rejections(), image:
        # A JPEG can be decoded at an eighth of its side: a camera's image in a tenth of the time and memory.
        image.draft(None, (4 * size, 4 * size))
        # Pillow's default of 64 KB at a time makes the decoding of a large JPEG some percent slower.
        image.decodermaxblock = MAX_IMAGE_BYTES
        small = _to_resizable_mode(image).resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3)
        ImageOps.exif_transpose(small, in_place=True)
        return np.asarray(_to_rgb(small))


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
