from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from scones.steps.dataset.duplicates import duplicate_groups, fingerprint
from scones.steps.dataset.sketches import draw


def jpeg(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return Image.open(buffer)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "nothing": lambda picture: picture.copy(),
    "mirror": ImageOps.mirror,
    "brightness": lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
    "contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.6),
    "size": lambda picture: picture.resize((48, 48), Image.Resampling.BICUBIC),
    "jpeg": jpeg,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("label", ["bicycle", "motorcycle"])
def test_a_changed_copy_is_found_among_others(change: str, label: str) -> None:
    pictures = [draw(label, seed, 64) for seed in range(12)]
    copies = [CHANGES[change](picture) for picture in pictures[:4]]
    found = duplicate_groups([fingerprint(picture) for picture in pictures + copies])
    assert found == [[index, 12 + index] for index in range(4)]


def test_plain_pictures_are_alike_only_with_equal_pixels() -> None:
    plain = [Image.new("RGB", (8, 8), colour) for colour in ("white", "black", "white")]
    assert duplicate_groups([fingerprint(picture) for picture in plain]) == [[0, 2]]


def test_equal_bytes_in_another_shape_are_another_picture() -> None:
    plain = [Image.new("RGB", size, "white") for size in ((8, 16), (16, 8))]
    assert duplicate_groups([fingerprint(picture) for picture in plain]) == []


def test_smooth_pictures_with_alike_gradients_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    sky = np.linspace(200, 80, 32)[:, None, None].repeat(32, 1).repeat(3, 2)
    skies = [Image.fromarray((sky + rng.normal(0, 4, sky.shape)).astype(np.uint8)) for _ in range(5)]
    assert duplicate_groups([fingerprint(picture) for picture in skies]) == []


def test_no_pictures_have_no_duplicates() -> None:
    assert duplicate_groups([]) == []


def test_pairs_are_found_across_the_blocks_of_a_large_set(noise: Callable[..., bytes]) -> None:
    marks = [fingerprint(Image.open(io.BytesIO(noise(seed)))) for seed in range(1100)]
    mirrored = fingerprint(Image.open(io.BytesIO(noise(3, mirror=True))))
    assert duplicate_groups([*marks, mirrored]) == [[3, 1100]]


@settings(max_examples=40, deadline=None)
@given(seeds=st.lists(st.integers(0, 5), max_size=12), mirrors=st.lists(st.booleans(), min_size=12, max_size=12))
def test_groups_are_exactly_the_pictures_of_one_origin(seeds: list[int], mirrors: list[bool]) -> None:
    pictures = [draw("bicycle", seed) for seed in seeds]
    shown = [ImageOps.mirror(p) if mirror else p for p, mirror in zip(pictures, mirrors, strict=False)]
    wanted = [[i for i, s in enumerate(seeds) if s == seed] for seed in dict.fromkeys(seeds)]
    assert duplicate_groups([fingerprint(p) for p in shown]) == [group for group in wanted if len(group) > 1]
