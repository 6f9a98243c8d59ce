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

from scones.errors import TrainingDivergedError, TrainingKilledError
from scones.model.training.crossfit import Task, assign, crossfit, fit_fold, line
from scones.model.training.fit import Images, fit
from scones.model.training.hyperparameters import Hyperparameters
from scones.model.training.network import Network


def images(count: int = 12) -> Images:
    return Images(torch.randn(count, 3, 16, 16), torch.arange(count) % 3)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(2, 5))
def test_every_fold_has_its_share_of_every_class(labels: list[int], folds: int) -> None:
    drawn = torch.tensor(labels)
    assigned = assign(drawn, folds)
    for label in set(labels):
        counts = torch.bincount(assigned[drawn == label], minlength=folds)
        assert counts.max() - counts.min() <= 1


def test_every_picture_is_judged_by_a_network_that_has_not_seen_it() -> None:
    parameters = Hyperparameters(epochs=1, folds=3, learning_rate=1e-6)
    alike = Images(torch.zeros(13, 3, 16, 16), torch.arange(13) % 3)
    judged = Counter(crossfit(alike, parameters, partial(Network, 3, 1)).logits[:, 0].round(decimals=4).tolist())
    assert sorted(judged.values()) == [3, 4, 6]


@pytest.mark.parametrize(("epochs", "batch_size", "count"), [(1, 2, 9), (2, 1024, 9), (3, 5, 12)])
def test_any_number_of_classes_images_and_epochs_trains(epochs: int, batch_size: int, count: int) -> None:
    parameters = Hyperparameters(epochs=epochs, batch_size=batch_size, folds=2)
    out_of_fold = crossfit(images(count), parameters, partial(Network, 3, 1))
    assert [epoch["epoch"] for epoch in out_of_fold.epochs] == list(range(1, epochs + 1))
    assert out_of_fold.logits.shape == (count, 3)


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    broken = Images(torch.full((4, 3, 16, 16), torch.nan), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(TrainingDivergedError, match="lower learning_rate"):
        list(fit(Network(2, 1), broken, Hyperparameters(epochs=1)))


def test_a_process_that_is_killed_ends_the_training_with_what_to_do() -> None:
    with pytest.raises(TrainingKilledError, match="use an instance with more"):
        crossfit(images(), Hyperparameters(folds=2), os.abort)


class Unbuffered(io.StringIO):
    """Keeps what comes in each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = list[str]()

    def write(self, text: str) -> int:
        self.writes += [text] if text else []
        return len(text)


def test_a_fold_s_line_is_one_write_that_no_other_fold_s_can_break_up() -> None:
    log, learned = Unbuffered(), images()
    arrays = learned.pixels.numpy(), learned.labels.numpy(), np.arange(12) < 4
    with redirect_stdout(log):
        fit_fold(Task(*arrays, Hyperparameters(epochs=2), partial(Network, 3, 1), "fold=1", 0))
    assert [(text.partition(" train")[0], text[-1]) for text in log.writes] == [
        ("fold=1 epoch=1", "\n"),
        ("fold=1 epoch=2", "\n"),
    ]


def test_the_line_of_an_epoch_reads_as_promised() -> None:
    epoch = {"epoch": 3, "train_loss": 0.41234, "train_accuracy": 0.81, "validation_loss": 0.501}
    expected = "epoch=3 train_loss=0.4123 train_accuracy=0.8100 validation_loss=0.5010 validation_accuracy=0.8000"
    assert line({**epoch, "validation_accuracy": 0.8}) == expected
