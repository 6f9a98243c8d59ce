"""Cross-fitting: each image is predicted by a network that was not fitted on it, and no image is held out for that.

The temperature, the thresholds and the novelty cut are derived from these out-of-fold predictions.
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

from scones.contract.hyperparameters import Hyperparameters
from scones.contract.release import Epoch
from scones.errors import TrainingKilledError
from scones.model.container import cpus
from scones.model.training.fit import TrainingImages, bfloat16_autocast, compute_logits, fit, loss_and_accuracy
from scones.model.training.network import Network

EPOCH_METRICS: Final[tuple[Literal["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"], ...]] = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
)


@dataclass(frozen=True)
class OutOfFold:
    """`logits` [n, outputs] in the order of the images; `epochs` is the training curve, averaged over the folds."""

    logits: Tensor
    epochs: list[Epoch]


@dataclass(frozen=True)
class FoldTask:
    """One network to fit in a process of its own, on the images that are not `held_out` [n]."""

    # Numpy arrays, because torch sends tensors through /dev/shm, which is small in a container.
    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    parameters: Hyperparameters
    create_network: Callable[[], Network]
    name: str
    seed: int

    def images(self, mask: NDArray[np.bool_]) -> TrainingImages:
        """Return the images that a mask [n] selects."""
        return TrainingImages(torch.from_numpy(self.pixels[mask]), torch.from_numpy(self.labels[mask]))


def crossfit(images: TrainingImages, parameters: Hyperparameters, create_network: Callable[[], Network]) -> OutOfFold:
    """Fit `parameters.folds` networks, each on all folds of `images` but one, and predict that one.

    `create_network` must be picklable. Raises TrainingDivergedError if a loss is not finite, TrainingKilledError if a
    process was killed.
    """
    folds = assign_folds(images.labels, parameters.folds).numpy()
    # Drawn here rather than in the processes, so that the result does not depend on their number.
    seeds = torch.randint(2**31, (parameters.folds,)).tolist()
    tasks = [
        FoldTask(
            pixels=images.pixels.numpy(),
            labels=images.labels.numpy(),
            held_out=folds == fold,
            parameters=parameters,
            create_network=create_network,
            name=f"fold={fold + 1}",
            seed=seed,
        )
        for fold, seed in enumerate(seeds)
    ]
    # `scones release` shows each epoch of how many.
    print(f"folds={parameters.folds} epochs={parameters.epochs}", flush=True)
    fold_logits, curves = zip(*fit_folds_in_parallel(tasks), strict=True)
    # The folds' logits come one fold after another; this puts them back in the order of the images.
    order = np.concatenate([task.held_out.nonzero()[0] for task in tasks])
    logits = torch.from_numpy(np.concatenate(fold_logits)[order.argsort()])
    epochs = [mean_epoch(epochs) for epochs in zip(*curves, strict=True)]
    # SageMaker takes the last matching line for the job's final metrics; without this one, that would be a random fold.
    print(f"mean {format_epoch(epochs[-1])}", flush=True)
    return OutOfFold(logits, epochs)


def fit_folds_in_parallel(tasks: list[FoldTask]) -> list[tuple[NDArray[np.float32], list[Epoch]]]:
    """Run `fit_fold` for each task, in processes. Raises TrainingKilledError if one is killed."""
    # Two networks with a CPU each are faster than one after the other on two CPUs, whose threads wait for each other.
    workers = min(cpus(), len(tasks))
    # A forked child deadlocks in OpenMP once the parent has used it, and a fork server's socket path can be too long.
    context = get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, context, prepare_worker, (cpus() // workers,)) as pool:
            return list(pool.map(fit_fold, tasks))
    except BrokenProcessPool as error:
        raise TrainingKilledError(
            "a process that fits a fold was killed, most likely out of memory; use an instance with more memory"
        ) from error


def prepare_worker(threads: int) -> None:
    """Set the number of torch's threads in a new process, and make the process end with its parent."""
    torch.set_num_threads(threads)
    Thread(target=exit_with_parent, daemon=True).start()


def exit_with_parent() -> None:
    """Wait until the parent process has ended, then end this one."""
    # A job that is killed cannot stop its processes, and outside of a container they would go on fitting.
    if parent := parent_process():
        parent.join()
        os._exit(1)


def fit_fold(task: FoldTask) -> tuple[NDArray[np.float32], list[Epoch]]:
    """Return the logits of the held-out images, in their order, and the training curve."""
    torch.manual_seed(task.seed)
    network = task.create_network()
    held_out = task.images(task.held_out)
    train = task.images(~task.held_out)
    curve: list[Epoch] = []
    for number, (loss, accuracy) in enumerate(fit(network, train, task.parameters), 1):
        # Half precision is enough for a curve; the logits that are returned are computed in float32.
        with bfloat16_autocast():
            logits = compute_logits(network, held_out.pixels).float()
        validation_loss, validation_accuracy = loss_and_accuracy(logits, held_out.labels)
        epoch = Epoch(
            epoch=number,
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
        )
        curve.append(epoch)
        # One write, newline included: `print` would write that separately, and another fold's line could come between.
        print(f"{task.name} {format_epoch(epoch)}\n", end="", flush=True)
    return compute_logits(network, held_out.pixels).numpy(), curve


def assign_folds(labels: Tensor, folds: int) -> Tensor:
    """Return a random fold for each image [n], stratified by `labels` [n]."""
    assigned = torch.empty_like(labels)
    for label in torch.unique(labels):
        indices = (labels == label).nonzero().flatten()
        shuffled = indices[torch.randperm(len(indices))]
        assigned[shuffled] = torch.arange(len(indices)) % folds
    return assigned


def mean_epoch(epochs: tuple[Epoch, ...]) -> Epoch:
    """Return the mean of one epoch's metrics over the folds."""
    means = {name: fmean(epoch[name] for epoch in epochs) for name in EPOCH_METRICS}
    return cast(Epoch, {"epoch": epochs[0]["epoch"], **means})


def format_epoch(epoch: Epoch) -> str:
    """Return the metrics as `name=value` pairs, as the training job's MetricDefinitions expect them in the log."""
    return " ".join(f"{name}={value:.4f}" if name != "epoch" else f"epoch={value}" for name, value in epoch.items())
