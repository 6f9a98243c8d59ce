"""Image corruptions by cameras and weather in five strengths, for evaluation only.

The kinds follow Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions". The
strengths are our own, for images as small as 32 pixels. Images are [n, 3, side, side] in [0, 1], before and after.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

STRENGTHS = (1, 2, 3, 4, 5)


def blur(images: NDArray[np.float32], strength: int) -> NDArray[np.float32]:
    """Blur with a Gaussian whose standard deviation is `strength` % of the side."""
    radius = 0.01 * strength * images.shape[-1]
    return _change_each(images, lambda image: image.filter(ImageFilter.GaussianBlur(radius)))


def noise(images: NDArray[np.float32], strength: int) -> NDArray[np.float32]:
    """Add Gaussian noise with a standard deviation of 0.03 times `strength`, the same at each call."""
    added = np.random.default_rng(0).normal(0, 0.03 * strength, images.shape)
    return np.clip(images + added, 0, 1).astype(np.float32)


def jpeg(images: NDArray[np.float32], strength: int) -> NDArray[np.float32]:
    """Compress as JPEG of quality 50, 40, 30, 20 or 10."""

    def compress(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=60 - 10 * strength)
        return Image.open(file)

    return _change_each(images, compress)


def darkness(images: NDArray[np.float32], strength: int) -> NDArray[np.float32]:
    """Darken by 18 % for each strength, down to a tenth of the light."""
    return (images * (1 - 0.18 * strength)).astype(np.float32)


def occlusion(images: NDArray[np.float32], strength: int) -> NDArray[np.float32]:
    """Cover 4 % of the area for each strength with a grey square, at random positions, the same at each call."""
    side = images.shape[-1]
    square = round(side * (0.04 * strength) ** 0.5)
    positions = np.random.default_rng(0).integers(0, side - square + 1, (len(images), 2))
    covered = images.copy()
    for image, (top, left) in zip(covered, positions, strict=True):
        image[:, top : top + square, left : left + square] = 0.5
    return covered


def downscaling(images: NDArray[np.float32], strength: int) -> NDArray[np.float32]:
    """Shrink to 85, 70, 55, 40 or 25 % of the side, and enlarge again."""
    side = images.shape[-1]
    small = max(1, round(side * (1 - 0.15 * strength)))
    return _change_each(images, lambda image: image.resize((small, small)).resize((side, side)))


CORRUPTIONS: Mapping[str, Callable[[NDArray[np.float32], int], NDArray[np.float32]]] = {
    "blur": blur,
    "noise": noise,
    "JPEG": jpeg,
    "darkness": darkness,
    "occlusion": occlusion,
    "downscaling": downscaling,
}


def _change_each(images: NDArray[np.float32], change: Callable[[Image.Image], Image.Image]) -> NDArray[np.float32]:
    """Apply a change of Pillow images, which have 256 levels and the channels last."""
    levels = np.rint(images * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    changed = [np.asarray(change(Image.fromarray(image)), np.float32) for image in levels]
    return np.ascontiguousarray(np.stack(changed).transpose(0, 3, 1, 2) / 255)
