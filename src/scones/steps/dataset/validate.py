"""Decodes every image once and says what is wrong with those that no model should see.

Runs where the operator sits. It changes no file: what is uploaded later are the original bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from scones.contract.layout import IMAGE_BYTES, IMAGE_PIXELS, IMAGE_SUFFIXES
from scones.errors import DataError, TooManyBadImagesError
from scones.progress import Progress
from scones.steps.dataset.duplicates import Fingerprint, fingerprint
from scones.steps.dataset.source import SourceImage
from scones.steps.storage.threads import in_threads

FORMATS: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
SMALLEST: Final = 8
BAD_SHARE: Final = 0.05


@dataclass(frozen=True)
class CheckedImage:
    """An image that decodes; `sha256` is of the file's bytes."""

    image: SourceImage
    sha256: str
    content_type: str
    fingerprint: Fingerprint


class _BadImageError(Exception):
    """What is wrong with one image; never leaves this module."""


def check(
    images: Sequence[SourceImage], allow_bad: int | None, progress: Progress
) -> tuple[list[CheckedImage], dict[str, str]]:
    """Return the images that decode, and key -> reason for the others.

    Raises TooManyBadImagesError for more than `allow_bad` others (None: 5 %), DataError for a file that the disk will
    not give.
    """
    results = in_threads(_check, images, progress, "decoding every image")
    checked = [result for result in results if isinstance(result, CheckedImage)]
    bad = {image.key: result for image, result in zip(images, results, strict=True) if isinstance(result, str)}
    allowed = int(BAD_SHARE * len(images)) if allow_bad is None else allow_bad
    if len(bad) > allowed:
        first = "; ".join(f"{key}: {reason}" for key, reason in list(bad.items())[:3])
        raise TooManyBadImagesError(
            f"{len(bad)} of {len(images)} images are bad, {allowed} allowed ({first}); remove them or --allow-bad N"
        )
    return checked, bad


def read(content: Path | bytes) -> bytes:
    """Return an image's bytes; raises DataError where the disk will not give them."""
    if isinstance(content, bytes):
        return content
    try:
        return content.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {content}: {error.strerror}; check the file and its permissions") from error


def _check(image: SourceImage) -> CheckedImage | str:
    try:
        _check_name(image)
        body = read(image.content)
        picture, content_type = _decode(body)
        return CheckedImage(image, hashlib.sha256(body).hexdigest(), content_type, fingerprint(picture))
    except _BadImageError as error:
        return str(error)
    except OSError as error:
        raise DataError(f"cannot look at {image.content!r}: {error.strerror}; check its permissions") from error


def _check_name(image: SourceImage) -> None:
    """Refuse what could not be a line in a .lst file, and what must not even be opened."""
    if not image.key.isprintable():
        raise _BadImageError("its name holds a character that cannot be printed")
    if not image.name.lower().endswith(IMAGE_SUFFIXES):
        raise _BadImageError(f"its name does not end in {', '.join(IMAGE_SUFFIXES)}")
    if isinstance(image.content, Path):
        if not image.content.is_file():
            raise _BadImageError("it is not a regular file")
        if image.content.stat().st_size > IMAGE_BYTES:
            raise _BadImageError(f"it is larger than {IMAGE_BYTES >> 20} MiB")


def _decode(body: bytes) -> tuple[Image.Image, str]:
    if not body:
        raise _BadImageError("it is empty")
    try:
        with Image.open(io.BytesIO(body), formats=list(FORMATS)) as picture:
            _check_size(*picture.size)
            return picture.convert("RGB"), FORMATS[str(picture.format)]
    except _BadImageError:
        raise
    except Exception as error:  # broken bytes lead Pillow's decoders into nearly any exception
        raise _BadImageError("it cannot be decoded as PNG, JPEG or WebP") from error


def _check_size(width: int, height: int) -> None:
    if width * height > IMAGE_PIXELS:
        raise _BadImageError(f"it has more than {IMAGE_PIXELS:,} pixels")
    if min(width, height) < SMALLEST:
        raise _BadImageError(f"it is {width}x{height}, smaller than {SMALLEST} pixels")
