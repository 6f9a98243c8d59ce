"""Whole and broken images of every format, most of them small and some up to the endpoint's limits."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.malformed import bomb
from scones.contract.layout import JSON_LINES, MAX_IMAGE_BYTES

Body = tuple[bytes, str]
SMALL, MEDIUM = (48, 36), (1600, 1200)
# The shares of bodies at the limits and in between; the rest is small.
LARGE_SHARE, MEDIUM_SHARE = 0.004, 0.02


def bodies(count: int, seed: int) -> Iterator[Body]:
    """Yield `count` pairs of body and content type."""
    rng = random.Random(seed)  # noqa: S311
    small = [image for draw in range(20) for image in every_format(SMALL, draw)]
    medium = every_format(MEDIUM, 0)
    large = largest()
    for _ in range(count):
        number = rng.random()
        pool = large if number < LARGE_SHARE else medium if number < LARGE_SHARE + MEDIUM_SHARE else small
        body = rng.choice(pool)
        if rng.random() < 0.5:
            body = broken(body, rng)
        if rng.random() < 0.02:
            yield _lines([body, rng.choice(small)]), JSON_LINES
        else:
            yield body, "application/x-image"


def every_format(size: tuple[int, int], seed: int) -> list[bytes]:
    """Return an image of this size in every format and mode."""
    image = Image.fromarray(_noise((size[1], size[0], 3), seed))
    palette = image.quantize(16, Image.Quantize.FASTOCTREE)
    sixteen_bits = Image.fromarray(_noise((size[1], size[0]), seed).astype(np.uint16) * 256)
    return [
        *[encode(image.convert(mode), "PNG", compress_level=1) for mode in ("RGB", "RGBA", "L", "LA", "1")],
        encode(sixteen_bits, "PNG", compress_level=1),
        encode(palette, "PNG", transparency=0),
        encode(image, "JPEG"),
        encode(image, "JPEG", progressive=True),
        encode(image, "WEBP"),
        encode(image.convert("RGBA"), "WEBP", lossless=True, method=0),
        encode(palette, "GIF"),
        encode(image, "BMP"),
    ]


def largest() -> list[bytes]:
    """Return images at the limit of each format and mode, some of them above, and some with the longest files."""
    pixels = {
        "PNG": [("RGB", (7900, 5000)), ("RGBA", (7900, 5000)), ("L", (7000, 7000)), ("P", (7000, 7000))],
        "JPEG": [("RGB", (7000, 7000)), ("L", (65_000, 760))],
        "GIF": [("P", (7000, 7000))],
        "WEBP": [("RGB", (4032, 3024)), ("RGBA", (4032, 3024))],
    }
    images = [
        encode(Image.new(mode, size, 1 if mode in "LP" else "teal"), file_format)
        for file_format, kinds in pixels.items()
        for mode, size in kinds
    ]
    photograph = Image.fromarray(_noise((2900, 2900, 3), 0))
    return [
        *images,
        encode(Image.new("RGB", (7000, 7000)), "JPEG", progressive=True),
        encode(Image.new("RGB", (5100, 5100)), "JPEG", progressive=True, subsampling=0),
        encode(photograph, "BMP"),
        encode(photograph, "PNG", compress_level=1)[:MAX_IMAGE_BYTES],
        encode(photograph, "WEBP", lossless=True, method=0, quality=0),
        encode(Image.new("RGB", (6000, 6000)), "PNG"),
        encode(Image.new("RGB", (7000, 7000)), "PNG"),
        bomb(20_000, 20_000),
    ]


def broken(body: bytes, rng: random.Random) -> bytes:
    """Return the image cut off, or with some bytes changed."""
    if rng.random() < 0.5:
        return body[: rng.randrange(len(body) // 4, len(body))]
    damaged = bytearray(body)
    for _ in range(3):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def encode(image: Image.Image, file_format: str, **options: object) -> bytes:
    """Return the image's file."""
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def _lines(images: list[bytes]) -> bytes:
    lines = [json.dumps({"image": base64.b64encode(image).decode()}).encode() for image in images]
    kept = [line for line in lines if len(line) < MAX_IMAGE_BYTES // 2]
    return b"\n".join(kept)


def _noise(shape: tuple[int, ...], seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
