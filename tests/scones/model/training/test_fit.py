import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from scones.contract.hyperparameters import Hyperparameters
from scones.errors import TrainingDivergedError
from scones.model.training.fit import (
    TrainingImages,
    augment_batch,
    compute_logits,
    fit,
    loss_and_accuracy,
    swap_in_averaged_weights,
)
from scones.model.training.network import Network


def bright_and_dark(count: int = 32) -> TrainingImages:
    """Two classes that differ in their brightness."""
    labels = torch.arange(count) % 2
    pixels = torch.randn(count, 3, 16, 16) * 0.1 + (2.0 * labels - 1)[:, None, None, None]
    return TrainingImages(pixels, labels)


def test_a_network_learns_two_classes() -> None:
    torch.manual_seed(0)
    images = bright_and_dark()
    network = Network(2, 4)
    epochs = list(fit(network, images, Hyperparameters(epochs=8, batch_size=8)))
    assert len(epochs) == 8
    assert epochs[-1][0] < epochs[0][0]
    assert loss_and_accuracy(compute_logits(network, images.pixels), images.labels)[1] == 1


def test_the_same_seed_gives_the_same_weights() -> None:
    def weights() -> torch.Tensor:
        torch.manual_seed(3)
        network = Network(2, 2)
        list(fit(network, bright_and_dark(), Hyperparameters(epochs=2, batch_size=8)))
        return torch.cat([value.flatten() for value in network.state_dict().values()])

    assert torch.equal(weights(), weights())


def test_averaged_weights_come_with_their_own_batch_statistics() -> None:
    torch.manual_seed(0)
    network = Network(2, 2)
    average = AveragedModel(network)
    average.update_parameters(network)
    first = network.head.weight.detach().clone()
    with torch.no_grad():
        network.head.weight.add_(2.0)
    average.update_parameters(network)
    statistics = network.features[1].norm1.running_mean.clone()
    swap_in_averaged_weights(network, average, bright_and_dark())
    torch.testing.assert_close(network.head.weight, first + 1)
    assert not torch.equal(network.features[1].norm1.running_mean, statistics)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_loss_that_is_not_finite_ends_the_training(value: float) -> None:
    broken = TrainingImages(torch.full((4, 3, 16, 16), value), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(TrainingDivergedError, match="lower learning_rate"):
        list(fit(Network(2, 1), broken, Hyperparameters(epochs=1)))


def test_a_batch_has_the_images_of_its_indices() -> None:
    images = TrainingImages(torch.zeros(5, 3, 16, 16), torch.zeros(5, dtype=torch.int64))
    assert augment_batch(images, torch.tensor([4, 0])).shape == (2, 3, 16, 16)


def test_logits_do_not_depend_on_the_batches() -> None:
    network = Network(2, 1)
    pixels = torch.randn(300, 3, 16, 16)
    torch.testing.assert_close(compute_logits(network, pixels)[290:], compute_logits(network, pixels[290:]))


def test_loss_is_the_mean_cross_entropy_in_nats() -> None:
    loss, accuracy = loss_and_accuracy(torch.zeros(4, 2), torch.tensor([0, 0, 0, 1]))
    assert loss == pytest.approx(0.6931, abs=1e-4)
    assert accuracy == 0.75
