import numpy as np
import pytest

from scones.model.evaluation.corruptions import CORRUPTIONS, STRENGTHS


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((4, 3, 20, 20)).astype(np.float32)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_corrupted_image_is_valid_and_the_same_at_each_call(name: str, strength: int, images: np.ndarray) -> None:
    before = images.copy()
    changed = CORRUPTIONS[name](images, strength)
    assert (changed.shape, changed.dtype) == (images.shape, np.float32)
    assert changed.min() >= 0
    assert changed.max() <= 1
    np.testing.assert_array_equal(changed, CORRUPTIONS[name](images, strength))
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_greater_strength_changes_more(name: str, images: np.ndarray) -> None:
    changes = [np.abs(CORRUPTIONS[name](images, strength) - images).mean() for strength in STRENGTHS]
    assert changes == sorted(changes)
