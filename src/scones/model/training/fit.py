"""The training loop: fits one network to images in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, update_bn

from scones.contract.hyperparameters import Hyperparameters
from scones.errors import TrainingDivergedError
from scones.model.training.augment import augment
from scones.model.training.network import Network

# Four numbers of the recipe that are not hyperparameters: they were chosen with the hyperparameters' defaults, by
# out-of-fold accuracy and likelihood, and none needs to change with the data.
LABEL_SMOOTHING = 0.1
AUGMENTATION_STRENGTH = 0.8
# The share of the epochs during which the learning rate rises, and the share after which the weights are averaged.
WARM_UP_SHARE = 0.07
AVERAGING_START_SHARE = 0.36
_BATCH_SIZE = 256


@dataclass(frozen=True)
class TrainingImages:
    """`pixels` float32 [n, 3, size, size], normalised, and `labels` int64 [n]."""

    pixels: Tensor
    labels: Tensor


def fit(network: Network, train: TrainingImages, parameters: Hyperparameters) -> Iterator[tuple[float, float]]:
    """Train the network in place and yield the loss and accuracy of each epoch, on its augmented images.

    AdamW (Loshchilov & Hutter 2019) at a constant rate after the warm-up. The network gets the average of its weights
    over the later epochs (Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima"), so that no epoch needs to
    be selected. Raises TrainingDivergedError if the loss is not finite.
    """
    steps = math.ceil(len(train.labels) / parameters.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), parameters.learning_rate, weight_decay=parameters.weight_decay)
    warm_up = WARM_UP_SHARE * parameters.epochs * steps
    schedule = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / (warm_up + 1)))
    average = AveragedModel(network)
    for epoch in range(1, parameters.epochs + 1):
        metrics = train_epoch(network, train, steps, optimizer, schedule)
        if epoch > AVERAGING_START_SHARE * parameters.epochs:
            average.update_parameters(network)
        # Before the last yield, so that the caller's last look at the network is at the final one.
        if epoch == parameters.epochs:
            swap_in_averaged_weights(network, average, train)
        yield metrics


def swap_in_averaged_weights(network: Network, average: AveragedModel, train: TrainingImages) -> None:
    """Give the network the averaged weights, and recompute the statistics of its batch norms for them."""
    network.load_state_dict(average.module.state_dict())
    batches = torch.split(torch.randperm(len(train.labels)), _BATCH_SIZE)
    update_bn((augment_batch(train, batch) for batch in batches), network)


def augment_batch(train: TrainingImages, batch: Tensor) -> Tensor:
    """Return the images with the indices `batch` [n], augmented."""
    return augment(train.pixels[batch], AUGMENTATION_STRENGTH).contiguous(memory_format=torch.channels_last)


def train_epoch(
    network: Network, train: TrainingImages, steps: int, optimizer: torch.optim.Optimizer, schedule: LambdaLR
) -> tuple[float, float]:
    """Train on all images once, in `steps` batches of nearly equal size, and return the loss and accuracy."""
    network.train()
    outputs = []
    order = torch.randperm(len(train.labels))
    # Not `split`, whose last batch can be of one image, with batch statistics that are mostly noise.
    for batch in order.tensor_split(steps):
        with bfloat16_autocast():
            output = network(augment_batch(train, batch))
        loss = functional.cross_entropy(output.float(), train.labels[batch], label_smoothing=LABEL_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        outputs.append(output.detach().float())
    return loss_and_accuracy(torch.cat(outputs), train.labels[order])


def bfloat16_autocast() -> AbstractContextManager[object]:
    """Return a context in which convolutions are in bfloat16 if the processor supports it; it does nothing if not."""
    # Measured at 1.6 times the speed of float32. Processors without AVX-512 BF16 only emulate it.
    has_bfloat16 = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16)


def compute_logits(network: Network, pixels: Tensor) -> Tensor:
    """Return the logits [n, outputs] of images [n, 3, size, size], without augmentation."""
    network.eval()
    with torch.inference_mode():
        batches = torch.split(pixels, _BATCH_SIZE)
        return torch.cat([network(batch.contiguous(memory_format=torch.channels_last)) for batch in batches])


def loss_and_accuracy(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return the mean cross-entropy in nats and the accuracy of logits [n, outputs].

    Raises TrainingDivergedError if the loss is not finite.
    """
    loss = functional.cross_entropy(logits, labels).item()
    if not math.isfinite(loss):
        raise TrainingDivergedError(f"the loss is {loss}, not a finite number; lower learning_rate")
    return loss, (logits.argmax(1) == labels).float().mean().item()
