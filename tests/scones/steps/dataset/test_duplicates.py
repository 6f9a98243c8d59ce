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


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return Image.open(buffer)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "nothing": lambda image: image.copy(),
    "mirror": ImageOps.mirror,
    "brightness": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "size": lambda image: image.resize((48, 48), Image.Resampling.BICUBIC),
    "jpeg": jpeg,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("label", ["bicycle", "motorcycle"])
def test_a_changed_copy_is_grouped_with_its_original(change: str, label: str) -> None:
    images = [draw(label, seed, 64) for seed in range(12)]
    copies = [CHANGES[change](image) for image in images[:4]]
    groups = duplicate_groups([fingerprint(image) for image in images + copies])
    assert groups == [[index, 12 + index] for index in range(4)]


def test_flat_images_are_duplicates_only_with_equal_pixels() -> None:
    plain = [Image.new("RGB", (8, 8), colour) for colour in ("white", "black", "white")]
    assert duplicate_groups([fingerprint(image) for image in plain]) == [[0, 2]]


def test_equal_bytes_in_another_shape_are_not_duplicates() -> None:
    plain = [Image.new("RGB", size, "white") for size in ((8, 16), (16, 8))]
    assert duplicate_groups([fingerprint(image) for image in plain]) == []


def test_smooth_images_with_similar_gradients_are_not_duplicates() -> None:
    rng = np.random.default_rng(0)
    sky = np.linspace(200, 80, 32)[:, None, None].repeat(32, 1).repeat(3, 2)
    skies = [Image.fromarray((sky + rng.normal(0, 4, sky.shape)).astype(np.uint8)) for _ in range(5)]
    assert duplicate_groups([fingerprint(image) for image in skies]) == []


def test_an_empty_list_has_no_duplicates() -> None:
    assert duplicate_groups([]) == []


def test_duplicates_in_different_blocks_are_found(noise: Callable[..., bytes]) -> None:
    fingerprints = [fingerprint(Image.open(io.BytesIO(noise(seed)))) for seed in range(1100)]
    mirrored = fingerprint(Image.open(io.BytesIO(noise(3, mirror=True))))
    assert duplicate_groups([*fingerprints, mirrored]) == [[3, 1100]]


@settings(max_examples=40, deadline=None)
@given(seeds=st.lists(st.integers(0, 5), max_size=12), mirrors=st.lists(st.booleans(), min_size=12, max_size=12))
def test_groups_are_exactly_the_copies_of_one_image(seeds: list[int], mirrors: list[bool]) -> None:
    images = [draw("bicycle", seed) for seed in seeds]
    shown = [ImageOps.mirror(p) if mirror else p for p, mirror in zip(images, mirrors, strict=False)]
    wanted = [[i for i, s in enumerate(seeds) if s == seed] for seed in dict.fromkeys(seeds)]
    assert duplicate_groups([fingerprint(p) for p in shown]) == [group for group in wanted if len(group) > 1]
