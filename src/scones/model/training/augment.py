"""Random changes to training pictures that leave the vehicle what it is; used by `train` and by pre-training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# How far it goes at strength 1: a share of the side, radians, half sides, and normalised units of colour.
SCALE, TURN, SHIFT, COLOUR = 0.25, 0.2, 0.2, 0.3
# The share of pictures that lose detail, and the least that is left of their side.
BLURRED, LEAST_SIDE = 0.2, 0.4


def augment(pixels: Tensor, strength: float = 1.0) -> Tensor:
    """Mirror, scale, turn, shift and recolour each image of [n, 3, size, size], and blur some."""
    n = len(pixels)

    def uniform(reach: float, *shape: int) -> Tensor:
        return (torch.rand(n, *shape) * 2 - 1) * reach * strength

    scale, turn, mirror = 1 + uniform(SCALE), uniform(TURN), torch.rand(n).round() * 2 - 1
    across = torch.stack([mirror * scale * turn.cos(), -scale * turn.sin(), uniform(SHIFT)], 1)
    down = torch.stack([mirror * scale * turn.sin(), scale * turn.cos(), uniform(SHIFT)], 1)
    grid = functional.affine_grid(torch.stack([across, down], 1), list(pixels.shape), align_corners=False)
    moved = functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    contrast, brightness, tint = uniform(COLOUR, 1, 1, 1), uniform(COLOUR, 1, 1, 1), uniform(COLOUR / 2, 3, 1, 1)
    return _lose_detail(moved) * (1 + contrast) + brightness + tint


def _lose_detail(pixels: Tensor) -> Tensor:
    """Shrink the first few pictures and enlarge them again: a photograph's detail is not a 32-pixel picture's."""
    count, side = round(BLURRED * len(pixels)), pixels.shape[-1]
    if not count:
        return pixels
    small = int(side * (LEAST_SIDE + (1 - LEAST_SIDE) * torch.rand(()).item()))
    shrunk = functional.interpolate(pixels[:count], (small, small), mode="area")
    enlarged = functional.interpolate(shrunk, (side, side), mode="bicubic", align_corners=False)
    return torch.cat([enlarged, pixels[count:]])
