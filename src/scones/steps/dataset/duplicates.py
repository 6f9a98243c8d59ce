"""Finds near-equal images: equal pixels, one photograph in other sizes or brightness, and mirror images.

Pure. It only groups them; `splits.py` decides which images of a group are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

SIDE: Final = 16
BLUR_RADIUS: Final = 3
# On CIFAR-100's bicycles and motorcycles, pairs above this correlation show one photograph or one scene; pairs below
# it are only similar.
MIN_CORRELATION: Final = 0.9
# Rows compared at once: bounds the similarity matrix to 1,024 x n floats.
BLOCK_ROWS: Final = 1024


@dataclass(frozen=True)
class Fingerprint:
    """`pixels` is the SHA-256 of size and RGB values; `detail` is (16, 16, 3) of norm 1, or 0 for a flat image."""

    pixels: str
    detail: Array


def fingerprint(image: Image.Image) -> Fingerprint:
    """Return the fingerprint of an RGB image."""
    pixels = hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    blurred = small.filter(ImageFilter.BoxBlur(BLUR_RADIUS))
    # Only what the blur removes is compared; otherwise any two clear skies would be near-equal.
    detail = np.asarray(small, np.float32) - np.asarray(blurred, np.float32)
    detail -= detail.mean()
    norm = float(np.linalg.norm(detail))
    return Fingerprint(pixels, detail / norm if norm else detail)


def duplicate_groups(fingerprints: Sequence[Fingerprint]) -> list[list[int]]:
    """Return the groups of two or more near-equal images, as sorted positions. Near-equality is transitive.

    Two images are near-equal if their pixels are equal, or if the detail of one correlates by 0.9 or more with the
    detail of the other or of its mirror image. All pairs are compared: 10,000 images take 1.2 s on two cores, 20,000
    take four times as long.
    """
    # A union-find forest over positions: equal pixels share a root from the start, near pairs are merged below.
    first: dict[str, int] = {}
    roots = [first.setdefault(mark.pixels, index) for index, mark in enumerate(fingerprints)]
    distinct = list(first.values())
    for left, right in _near_pairs([fingerprints[index].detail for index in distinct]):
        # The smaller position becomes the root, so that groups come out in the order of their first images.
        low, high = sorted((_root(roots, distinct[left]), _root(roots, distinct[right])))
        roots[high] = low
    groups: dict[int, list[int]] = {}
    for index in range(len(roots)):
        groups.setdefault(_root(roots, index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _root(roots: list[int], index: int) -> int:
    while roots[index] != index:
        # Path halving keeps the walks short.
        roots[index] = roots[roots[index]]
        index = roots[index]
    return index


def _near_pairs(details: Sequence[Array]) -> list[tuple[int, int]]:
    stacked = np.array(details, np.float32).reshape(-1, SIDE, SIDE, 3)
    plain = stacked.reshape(-1, SIDE * SIDE * 3)
    mirrored = stacked[:, :, ::-1].reshape(plain.shape)
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(plain), BLOCK_ROWS):
        block = plain[start : start + BLOCK_ROWS]
        correlation = np.maximum(block @ plain[start:].T, block @ mirrored[start:].T)
        # The upper triangle: each pair once, and no image with itself.
        near = np.argwhere(np.triu(correlation >= MIN_CORRELATION, 1))
        pairs += [(start + int(row), start + int(column)) for row, column in near]
    return pairs
