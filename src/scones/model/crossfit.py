"""Cross-fitting: every picture is judged by a network that did not learn from it, and nothing is held back for it.

What the job decides (temperature, gate, novelty cut) it decides on these out-of-fold answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal, cast

import torch
from torch import Tensor

from scones.model.fit import Images, fit, logits, measure
from scones.model.hyperparameters import Hyperparameters
from scones.model.network import Network
from scones.results import Epoch

FIGURES: Final[tuple[Literal["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"], ...]] = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
)


@dataclass(frozen=True)
class OutOfFold:
    """`logits` [n, outputs] in the order of the pictures; `epochs` is the training curve, a mean over the folds."""

    logits: Tensor
    epochs: list[Epoch]


def crossfit(images: Images, parameters: Hyperparameters, new_network: Callable[[], Network]) -> OutOfFold:
    """Fit `parameters.folds` networks, each without one fold of `images`; raises TrainingDivergedError."""
    answers: dict[int, Tensor] = {}
    curves: list[list[Epoch]] = []
    folds = assign(images.labels, parameters.folds)
    for fold in range(parameters.folds):
        network, held_out = new_network(), images[folds == fold]
        curves.append([])
        for number, (loss, accuracy) in enumerate(fit(network, images[folds != fold], parameters), 1):
            answer = logits(network, held_out.pixels)
            validation_loss, validation_accuracy = measure(answer, held_out.labels)
            curves[-1].append(
                Epoch(
                    epoch=number,
                    train_loss=loss,
                    train_accuracy=accuracy,
                    validation_loss=validation_loss,
                    validation_accuracy=validation_accuracy,
                )
            )
            print(f"fold={fold + 1} {line(curves[-1][-1])}", flush=True)
        answers[fold] = answer
    order = torch.cat([(folds == fold).nonzero().flatten() for fold in answers])
    together = torch.cat(list(answers.values()))[order.argsort()]
    return OutOfFold(together, [mean(epochs) for epochs in zip(*curves, strict=True)])


def assign(labels: Tensor, folds: int) -> Tensor:
    """The fold of each picture [n], drawn so that every fold has its share of every class."""
    assigned = torch.empty_like(labels)
    for label in torch.unique(labels):
        mine = (labels == label).nonzero().flatten()
        assigned[mine[torch.randperm(len(mine))]] = torch.arange(len(mine)) % folds
    return assigned


def mean(epochs: tuple[Epoch, ...]) -> Epoch:
    figures = {name: fmean(epoch[name] for epoch in epochs) for name in FIGURES}
    return cast(Epoch, {"epoch": epochs[0]["epoch"], **figures})


def line(epoch: Epoch) -> str:
    """What the MetricDefinitions of the training job read from the log."""
    return " ".join(f"{name}={value:.4f}" if name != "epoch" else f"epoch={value}" for name, value in epoch.items())
