import numpy as np
import pytest

from scones.model.evaluation.corruptions import CORRUPTIONS, STRENGTHS


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).random((4, 3, 20, 20)).astype(np.float32)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_corrupted_picture_is_still_one_and_the_same_each_time(
    name: str, strength: int, pictures: np.ndarray
) -> None:
    before = pictures.copy()
    changed = CORRUPTIONS[name](pictures, strength)
    assert (changed.shape, changed.dtype) == (pictures.shape, np.float32)
    assert changed.min() >= 0
    assert changed.max() <= 1
    np.testing.assert_array_equal(changed, CORRUPTIONS[name](pictures, strength))
    np.testing.assert_array_equal(pictures, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_greater_strength_changes_more(name: str, pictures: np.ndarray) -> None:
    changes = [np.abs(CORRUPTIONS[name](pictures, strength) - pictures).mean() for strength in STRENGTHS]
    assert changes == sorted(changes)
