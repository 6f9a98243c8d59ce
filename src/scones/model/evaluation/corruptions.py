"""What cameras and weather do to a picture, in five strengths; used to evaluate, never to train.

The kinds follow Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions"; the
strengths are ours, for pictures as small as 32 pixels. Pictures are float32 [n, 3, side, side] in [0, 1].
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pictures = NDArray[np.float32]
STRENGTHS = (1, 2, 3, 4, 5)


def blur(pictures: Pictures, strength: int) -> Pictures:
    """Gaussian, its standard deviation 1 % of the side for each strength."""
    radius = 0.01 * strength * pictures.shape[-1]
    return _each(pictures, lambda image: image.filter(ImageFilter.GaussianBlur(radius)))


def noise(pictures: Pictures, strength: int) -> Pictures:
    """Gaussian, its standard deviation 0.03 for each strength; the same draw every time."""
    drawn = np.random.default_rng(0).normal(0, 0.03 * strength, pictures.shape)
    return np.clip(pictures + drawn, 0, 1).astype(np.float32)


def jpeg(pictures: Pictures, strength: int) -> Pictures:
    """Quality 50, 40, 30, 20 and 10."""

    def compress(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=60 - 10 * strength)
        return Image.open(file)

    return _each(pictures, compress)


def darkness(pictures: Pictures, strength: int) -> Pictures:
    """Down to a tenth of the light."""
    return (pictures * (1 - 0.18 * strength)).astype(np.float32)


def occlusion(pictures: Pictures, strength: int) -> Pictures:
    """A grey square over 4 % of the area for each strength, at a place drawn for each picture, the same every time."""
    side = pictures.shape[-1]
    square, covered = round(side * (0.04 * strength) ** 0.5), pictures.copy()
    places = np.random.default_rng(0).integers(0, side - square + 1, (len(pictures), 2))
    for picture, (top, left) in zip(covered, places, strict=True):
        picture[:, top : top + square, left : left + square] = 0.5
    return covered


def downscaling(pictures: Pictures, strength: int) -> Pictures:
    """Shrunk to 85, 70, 55, 40 and 25 % of the side, and enlarged again."""
    side = pictures.shape[-1]
    small = max(1, round(side * (1 - 0.15 * strength)))
    return _each(pictures, lambda image: image.resize((small, small)).resize((side, side)))


CORRUPTIONS: Mapping[str, Callable[[Pictures, int], Pictures]] = {
    "blur": blur,
    "noise": noise,
    "JPEG": jpeg,
    "darkness": darkness,
    "occlusion": occlusion,
    "downscaling": downscaling,
}


def _each(pictures: Pictures, change: Callable[[Image.Image], Image.Image]) -> Pictures:
    levels = np.rint(pictures * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    changed = [np.asarray(change(Image.fromarray(image)), np.float32) for image in levels]
    return np.ascontiguousarray(np.stack(changed).transpose(0, 3, 1, 2) / 255)
