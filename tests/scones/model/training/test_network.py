import pytest
import torch

from scones.model.training.network import WIDTH, Block, Network


@pytest.mark.parametrize("size", [16, 17, 32, 128])
@pytest.mark.parametrize("classes", [2, 5])
def test_images_of_any_size_give_a_logit_for_each_class(size: int, classes: int) -> None:
    network = Network(classes, width=2).eval()
    assert network(torch.randn(3, 3, size, size)).shape == (3, classes)


def test_a_block_that_widens_halves_the_side() -> None:
    assert Block(2, 4)(torch.randn(1, 2, 9, 9)).shape == (1, 4, 5, 5)
    assert Block(4, 4)(torch.randn(1, 4, 9, 9)).shape == (1, 4, 9, 9)


def test_the_default_network_has_the_size_of_the_model_card() -> None:
    parameters = sum(weights.numel() for weights in Network(2, WIDTH).features.parameters())
    assert round(parameters / 1e6, 2) == 1.34
