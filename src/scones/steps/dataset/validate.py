"""Decodes every image once and gives the reason why an image cannot be used.

No file is changed: the original bytes are uploaded later.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from scones.contract.layout import (
    IMAGE_SUFFIXES,
    MAX_DECODE_BYTES,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    MAX_IMAGE_SIDE,
    pixel_bytes,
)
from scones.errors import DataError, TooManyBadImagesError
from scones.progress import Progress
from scones.steps.dataset.duplicates import Fingerprint, fingerprint
from scones.steps.dataset.source import SourceImage
from scones.steps.storage.threads import in_threads

CONTENT_TYPES: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
MIN_SIDE: Final = 8
MAX_BAD_SHARE: Final = 0.05


@dataclass(frozen=True)
class CheckedImage:
    """An image that can be decoded; `sha256` is of the file's bytes."""

    source: SourceImage
    sha256: str
    content_type: str
    fingerprint: Fingerprint


class _BadImageError(Exception):
    """An image cannot be used; never leaves this module."""


def check(
    images: Sequence[SourceImage], allow_bad: int | None, progress: Progress
) -> tuple[list[CheckedImage], dict[str, str]]:
    """Return the images that can be used, and key -> reason for the others.

    Raises TooManyBadImagesError if more than `allow_bad` cannot be used (None: 5 %), DataError if a file cannot be
    read from disk.
    """
    results = in_threads(_check, images, progress, "decoding every image")
    checked = [result for result in results if isinstance(result, CheckedImage)]
    bad = {image.key: result for image, result in zip(images, results, strict=True) if isinstance(result, str)}
    allowed = int(MAX_BAD_SHARE * len(images)) if allow_bad is None else allow_bad
    if len(bad) > allowed:
        examples = "; ".join(f"{key}: {reason}" for key, reason in list(bad.items())[:3])
        raise TooManyBadImagesError(
            f"{len(bad)} of {len(images)} images are bad, {allowed} allowed ({examples}); remove them or --allow-bad N"
        )
    return checked, bad


def read_content(content: Path | bytes) -> bytes:
    """Return an image's bytes. Raises DataError if the file cannot be read."""
    if isinstance(content, bytes):
        return content
    try:
        return content.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {content}: {error.strerror}; check the file and its permissions") from error


def _check(source: SourceImage) -> CheckedImage | str:
    try:
        _check_file(source)
        body = read_content(source.content)
        image, content_type = _decode(body)
        return CheckedImage(source, hashlib.sha256(body).hexdigest(), content_type, fingerprint(image))
    except _BadImageError as error:
        return str(error)
    except OSError as error:
        raise DataError(f"cannot look at {source.content!r}: {error.strerror}; check its permissions") from error


def _check_file(source: SourceImage) -> None:
    # A tab or a newline in a name would break the .lst files, which have no quoting.
    if not source.key.isprintable():
        raise _BadImageError("its name holds a character that cannot be printed")
    if not source.name.lower().endswith(IMAGE_SUFFIXES):
        raise _BadImageError(f"its name does not end in {', '.join(IMAGE_SUFFIXES)}")
    if isinstance(source.content, Path):
        # Opening a pipe would block for ever.
        if not source.content.is_file():
            raise _BadImageError("it is not a regular file")
        if source.content.stat().st_size > MAX_IMAGE_BYTES:
            raise _BadImageError(f"it is larger than {MAX_IMAGE_BYTES >> 20} MiB")


def _decode(body: bytes) -> tuple[Image.Image, str]:
    """Return the RGB image and its content type."""
    if not body:
        raise _BadImageError("it is empty")
    try:
        with Image.open(io.BytesIO(body), formats=list(CONTENT_TYPES)) as image:
            # Only the header is read so far: an image bomb ends here, before it is decoded.
            _check_size(*image.size)
            _check_memory(image)
            return image.convert("RGB"), CONTENT_TYPES[str(image.format)]
    except _BadImageError:
        raise
    except Exception as error:  # broken bytes make Pillow's decoders raise nearly anything
        raise _BadImageError("it cannot be decoded as PNG, JPEG or WebP") from error


def _check_memory(image: Image.Image) -> None:
    # Training and the endpoint refuse such an image. They decode a JPEG at a fraction of its size.
    needed = pixel_bytes(image.format, image.mode, image.width * image.height)
    if image.format != "JPEG" and needed > MAX_DECODE_BYTES:
        raise _BadImageError(f"decoding it takes {needed:,} bytes of memory, over {MAX_DECODE_BYTES:,}")


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_IMAGE_PIXELS:
        raise _BadImageError(f"it has more than {MAX_IMAGE_PIXELS:,} pixels")
    if max(width, height) > MAX_IMAGE_SIDE:
        raise _BadImageError(f"it is {width}x{height}, over {MAX_IMAGE_SIDE:,} pixels on a side")
    if min(width, height) < MIN_SIDE:
        raise _BadImageError(f"it is {width}x{height}, smaller than {MIN_SIDE} pixels")
