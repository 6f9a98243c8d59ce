"""Cross-fitting: every picture is judged by a network that did not learn from it, and nothing is held back for it.

What the job decides (temperature, gate, novelty cut) it decides on these out-of-fold answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from statistics import fmean
from threading import Thread
from typing import Final, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scones.contract.release import Epoch
from scones.errors import TrainingKilledError
from scones.model.container import cpus
from scones.model.training.fit import Images, fast_arithmetic, fit, logits, measure
from scones.model.training.hyperparameters import Hyperparameters
from scones.model.training.network import Network

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


@dataclass(frozen=True)
class Task:
    """One network to fit, in a process of its own: on `pixels` and `labels` but those that are `held_out` [n].

    Numpy, since torch hands its tensors over in /dev/shm, of which a container has little.
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    parameters: Hyperparameters
    new_network: Callable[[], Network]
    name: str
    seed: int

    def images(self, chosen: NDArray[np.bool_]) -> Images:
        return Images(torch.from_numpy(self.pixels[chosen]), torch.from_numpy(self.labels[chosen]))


def crossfit(images: Images, parameters: Hyperparameters, new_network: Callable[[], Network]) -> OutOfFold:
    """Fit `parameters.folds` networks, each without one fold of `images`.

    As many at once as there are CPUs: two networks on a CPU each are done sooner than one after the other on both,
    whose threads wait for each other. `new_network` must be picklable. Raises TrainingDivergedError,
    TrainingKilledError.
    """
    folds = assign(images.labels, parameters.folds).numpy()
    arrays, seeds = (images.pixels.numpy(), images.labels.numpy()), torch.randint(2**31, (parameters.folds,)).tolist()
    tasks = [
        Task(*arrays, folds == fold, parameters, new_network, f"fold={fold + 1}", seed)
        for fold, seed in enumerate(seeds)
    ]
    answers, curves = zip(*side_by_side(tasks), strict=True)
    order = np.concatenate([task.held_out.nonzero()[0] for task in tasks])
    together = torch.from_numpy(np.concatenate(answers)[order.argsort()])
    epochs = [mean(epochs) for epochs in zip(*curves, strict=True)]
    # The last line is what SageMaker takes for the job's final metrics; which fold ends last is chance.
    print(f"mean {line(epochs[-1])}", flush=True)
    return OutOfFold(together, epochs)


def side_by_side(tasks: list[Task]) -> list[tuple[NDArray[np.float32], list[Epoch]]]:
    workers = min(cpus(), len(tasks))
    # Not fork, which deadlocks once OpenMP has threads, nor a fork server, whose socket's path may be too long.
    context = get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, context, prepare_worker, (cpus() // workers,)) as pool:
            return list(pool.map(fit_fold, tasks))
    except BrokenProcessPool as error:
        raise TrainingKilledError(
            "a process that fits a fold was killed, most likely for want of memory; use an instance with more"
        ) from error


def prepare_worker(threads: int) -> None:
    torch.set_num_threads(threads)
    Thread(target=leave_with_parent, daemon=True).start()


def leave_with_parent() -> None:
    """End this process when the job does, which may be killed without a chance to say so."""
    if parent := parent_process():
        parent.join()
        os._exit(1)


def fit_fold(task: Task) -> tuple[NDArray[np.float32], list[Epoch]]:
    """The logits of the pictures held out, in their order, and the training curve."""
    torch.manual_seed(task.seed)
    network, held_out, curve = task.new_network(), task.images(task.held_out), list[Epoch]()
    for number, (loss, accuracy) in enumerate(fit(network, task.images(~task.held_out), task.parameters), 1):
        # A curve is looked at, not reckoned with.
        with fast_arithmetic():
            answer = logits(network, held_out.pixels).float()
        validation_loss, validation_accuracy = measure(answer, held_out.labels)
        curve.append(
            Epoch(
                epoch=number,
                train_loss=loss,
                train_accuracy=accuracy,
                validation_loss=validation_loss,
                validation_accuracy=validation_accuracy,
            )
        )
        # Unbuffered, `print` would write its end apart, and another fold's line could come in between.
        print(f"{task.name} {line(curve[-1])}\n", end="", flush=True)
    return logits(network, held_out.pixels).numpy(), curve


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
