"""Turns an image file's bytes into the network's input; the one way in for `train`, `evaluate` and `serve`.

Runs in the container. It trusts nothing: what it cannot read is an ImageRejectedError, whatever the bytes. It does
not augment, and knows nothing of classes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from scones.contract.layout import IMAGE_BYTES, IMAGE_PIXELS
from scones.errors import ImageRejectedError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_NAMES = "a PNG, JPEG, WebP, GIF or BMP file"


def prepare(data: bytes, size: int, mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float32]:
    """Decode an image into the network's input, float32 [3, size, size]; raises ImageRejectedError."""
    image: NDArray[np.float32] = normalise(decode(data, size)[None], mean, std)[0]
    return image


def normalise(pixels: NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float32]:
    """[n, size, size, 3] -> [n, 3, size, size], `(value / 255 - mean) / std` with a mean and std for each channel."""
    planes: NDArray[np.float32] = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32)
    planes /= 255
    planes -= np.asarray(mean, np.float32)[:, None, None]
    planes /= np.asarray(std, np.float32)[:, None, None]
    return planes


def decode(data: bytes, size: int) -> NDArray[np.uint8]:
    """Decode an image, of several the first, into RGB [size, size, 3]; raises ImageRejectedError."""
    return shrink(open_image(data), size)


def open_image(data: bytes) -> ImageFile.ImageFile:
    """Read an image's header, and refuse by it what is too large or no image, with an ImageRejectedError."""
    if not data:
        raise ImageRejectedError(f"the image is empty; send the bytes of {_NAMES}")
    if len(data) > IMAGE_BYTES:
        raise ImageRejectedError(f"the image has {len(data)} bytes, over {IMAGE_BYTES}; send a smaller one")
    with _rejecting():
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        _check_dimensions(image)
        return image


def shrink(image: ImageFile.ImageFile, size: int) -> NDArray[np.uint8]:
    """Decode an opened image into RGB [size, size, 3]; for once only.

    The image is turned upright by its EXIF orientation, put on white where it is transparent, and squeezed to a
    square, so that nothing of the vehicle is cut off. Raises ImageRejectedError.
    """
    with _rejecting(), image:
        # A JPEG can be decoded at an eighth of its side: a camera's picture in a tenth of the time and memory.
        image.draft(None, (4 * size, 4 * size))
        # By itself Pillow feeds its decoders 64 KB at a time, which costs a large JPEG some percent.
        image.decodermaxblock = IMAGE_BYTES
        small = _resizable(image).resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3)
        ImageOps.exif_transpose(small, in_place=True)
        return np.asarray(_on_white(small))


@contextmanager
def _rejecting() -> Iterator[None]:
    try:
        yield
    except ImageRejectedError:
        raise
    except UnidentifiedImageError as error:
        raise ImageRejectedError(f"the bytes are no image that is known here; send {_NAMES}") from error
    except Image.DecompressionBombError as error:
        raise ImageRejectedError(f"the image has over {IMAGE_PIXELS} pixels; send a smaller one") from error
    # Pillow's decoders raise whatever a corrupt file makes them stumble over: OSError, SyntaxError, struct.error, ...
    except Exception as error:
        raise ImageRejectedError(f"the image cannot be decoded ({_plain(error)}); send an undamaged file") from error


def _check_dimensions(image: Image.Image) -> None:
    """Refuse by the header alone: Pillow has read no pixel yet."""
    width, height = image.size
    if width * height > IMAGE_PIXELS:
        raise ImageRejectedError(f"the image has {width} x {height} pixels, over {IMAGE_PIXELS}; send a smaller one")


def _resizable(image: Image.Image) -> Image.Image:
    """Bring palettes, bits and 16-bit grey to a mode whose pixels can be averaged."""
    if image.mode.startswith("I"):
        # Pillow clips 16-bit grey to 255 where it should scale.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image if image.mode == "RGB" else image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
