from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from scones.steps.dataset.duplicates import duplicate_groups, fingerprint
from scones.steps.dataset.sketches import VEHICLES, draw, sketches


@pytest.mark.parametrize("label", VEHICLES)
def test_the_same_seed_draws_the_same_image(label: str) -> None:
    assert draw(label, 3).tobytes() == draw(label, 3).tobytes()


@pytest.mark.parametrize("label", VEHICLES)
def test_another_seed_draws_another_image(label: str) -> None:
    assert duplicate_groups([fingerprint(draw(label, seed)) for seed in range(40)]) == []


@pytest.mark.parametrize("size", [32, 100, 256])
def test_a_sketch_has_the_requested_size(size: int) -> None:
    assert draw("bicycle", 1, size).size == (size, size)


def test_a_larger_sketch_shows_the_same_scene() -> None:
    small, large = draw("motorcycle", 0, 32), draw("motorcycle", 0, 128).resize((32, 32), Image.Resampling.BOX)
    assert np.corrcoef(np.asarray(small).ravel(), np.asarray(large).ravel())[0, 1] > 0.8


def test_sketches_have_published_splits_and_unique_names() -> None:
    drawn = list(sketches(train=4, test=2))
    assert Counter((split, label) for split, label, _, _ in drawn) == {
        ("train", "bicycle"): 4,
        ("train", "motorcycle"): 4,
        ("test", "bicycle"): 2,
        ("test", "motorcycle"): 2,
    }
    assert len({(label, name) for _, label, name, _ in drawn}) == len(drawn)
    assert all(Image.open(io.BytesIO(body)).format == "PNG" for *_, body in drawn)
