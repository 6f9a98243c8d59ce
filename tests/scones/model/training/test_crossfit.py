import io
import os
from collections import Counter
from contextlib import redirect_stdout
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.hyperparameters import Hyperparameters
from scones.errors import TrainingKilledError
from scones.model.training.crossfit import FoldTask, assign_folds, crossfit, fit_fold, format_epoch
from scones.model.training.fit import TrainingImages
from scones.model.training.network import Network


def images(count: int = 12) -> TrainingImages:
    return TrainingImages(torch.randn(count, 3, 16, 16), torch.arange(count) % 3)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(2, 5))
def test_the_folds_are_stratified_by_class(labels: list[int], folds: int) -> None:
    label_tensor = torch.tensor(labels)
    assigned = assign_folds(label_tensor, folds)
    for label in set(labels):
        counts = torch.bincount(assigned[label_tensor == label], minlength=folds)
        assert counts.max() - counts.min() <= 1


def test_each_image_is_predicted_by_a_network_that_was_not_fitted_on_it() -> None:
    parameters = Hyperparameters(epochs=1, folds=3, learning_rate=1e-6)
    alike = TrainingImages(torch.zeros(13, 3, 16, 16), torch.arange(13) % 3)
    out_of_fold = crossfit(alike, parameters, partial(Network, 3, 1))
    # Equal images get equal logits from one network, so that each distinct value is one fold.
    fold_sizes = Counter(out_of_fold.logits[:, 0].round(decimals=4).tolist())
    assert sorted(fold_sizes.values()) == [3, 4, 6]


@pytest.mark.parametrize(("epochs", "batch_size", "count"), [(1, 2, 9), (2, 1024, 9), (3, 5, 12)])
def test_it_trains_with_any_number_of_epochs_and_images(epochs: int, batch_size: int, count: int) -> None:
    parameters = Hyperparameters(epochs=epochs, batch_size=batch_size, folds=2)
    out_of_fold = crossfit(images(count), parameters, partial(Network, 3, 1))
    assert [epoch["epoch"] for epoch in out_of_fold.epochs] == list(range(1, epochs + 1))
    assert out_of_fold.logits.shape == (count, 3)


def test_a_killed_process_ends_the_training_with_advice() -> None:
    with pytest.raises(TrainingKilledError, match="use an instance with more"):
        crossfit(images(), Hyperparameters(folds=2), os.abort)


class Unbuffered(io.StringIO):
    """Records each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = list[str]()

    def write(self, text: str) -> int:
        self.writes += [text] if text else []
        return len(text)


def test_a_log_line_is_one_write_that_no_other_fold_can_interrupt() -> None:
    log = Unbuffered()
    train = images()
    task = FoldTask(
        pixels=train.pixels.numpy(),
        labels=train.labels.numpy(),
        held_out=np.arange(12) < 4,
        parameters=Hyperparameters(epochs=2),
        create_network=partial(Network, 3, 1),
        name="fold=1",
        seed=0,
    )
    with redirect_stdout(log):
        fit_fold(task)
    assert [(text.partition(" train")[0], text[-1]) for text in log.writes] == [
        ("fold=1 epoch=1", "\n"),
        ("fold=1 epoch=2", "\n"),
    ]


def test_an_epoch_is_formatted_as_the_metric_definitions_expect() -> None:
    epoch = {"epoch": 3, "train_loss": 0.41234, "train_accuracy": 0.81, "validation_loss": 0.501}
    expected = "epoch=3 train_loss=0.4123 train_accuracy=0.8100 validation_loss=0.5010 validation_accuracy=0.8000"
    assert format_epoch({**epoch, "validation_accuracy": 0.8}) == expected
