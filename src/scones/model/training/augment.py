"""Random changes of training images that do not change their class; for `train` and for pre-training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# The largest change at strength 1, in each direction.
SCALE = 0.25  # of the side
ROTATION = 0.2  # radians
SHIFT = 0.2  # of half the side, as in `affine_grid`
COLOUR = 0.3  # of a normalised channel
# The share of images that lose detail, and the smallest share of their side that they are reduced to.
BLURRED_SHARE = 0.2
MIN_SIDE = 0.4


def augment(pixels: Tensor, strength: float = 1.0) -> Tensor:
    """Mirror, scale, rotate, shift and recolour each image of [n, 3, size, size], and blur some of them.

    `strength` scales all changes but the mirroring and the blur. Returns images of the same shape.
    """
    n = len(pixels)

    def uniform(limit: float, *shape: int) -> Tensor:
        return (torch.rand(n, *shape) * 2 - 1) * limit * strength

    # The order of the draws is part of the recipe: another order gives other networks for the same seed.
    scale = 1 + uniform(SCALE)
    angle = uniform(ROTATION)
    mirror = torch.rand(n).round() * 2 - 1
    x_row = torch.stack([mirror * scale * angle.cos(), -scale * angle.sin(), uniform(SHIFT)], 1)
    y_row = torch.stack([mirror * scale * angle.sin(), scale * angle.cos(), uniform(SHIFT)], 1)
    grid = functional.affine_grid(torch.stack([x_row, y_row], 1), list(pixels.shape), align_corners=False)
    moved = functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)

    contrast = uniform(COLOUR, 1, 1, 1)
    brightness = uniform(COLOUR, 1, 1, 1)
    tint = uniform(COLOUR / 2, 3, 1, 1)
    return _lose_detail(moved) * (1 + contrast) + brightness + tint


def _lose_detail(pixels: Tensor) -> Tensor:
    """Shrink the first few images and enlarge them again: photographs and 32-pixel images differ in their detail."""
    # The batch is in random order already, so that the first images are a random choice.
    count = round(BLURRED_SHARE * len(pixels))
    if not count:
        return pixels
    side = pixels.shape[-1]
    small = int(side * (MIN_SIDE + (1 - MIN_SIDE) * torch.rand(()).item()))
    shrunk = functional.interpolate(pixels[:count], (small, small), mode="area")
    enlarged = functional.interpolate(shrunk, (side, side), mode="bicubic", align_corners=False)
    return torch.cat([enlarged, pixels[count:]])
