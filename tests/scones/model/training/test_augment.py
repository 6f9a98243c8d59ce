import torch
from hypothesis import given
from hypothesis import strategies as st

from scones.model.training.augment import augment


@given(st.integers(1, 12), st.sampled_from([16, 17, 32]), st.floats(0, 1))
def test_augmented_images_keep_their_shape_and_are_finite(count: int, size: int, strength: float) -> None:
    augmented = augment(torch.randn(count, 3, size, size), strength)
    assert augmented.shape == (count, 3, size, size)
    assert torch.isfinite(augmented).all()


def test_a_grey_image_is_unchanged_at_strength_0() -> None:
    grey = torch.full((4, 3, 16, 16), 0.5)
    assert torch.allclose(augment(grey, 0.0), grey, atol=1e-5)
