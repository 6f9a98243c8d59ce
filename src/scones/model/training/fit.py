"""One fit: trains a network on pictures in memory; knows nothing of files, folds or what its answers are used for."""

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

from scones.errors import TrainingDivergedError
from scones.model.training.augment import augment
from scones.model.training.hyperparameters import Hyperparameters
from scones.model.training.network import Network

LABEL_SMOOTHING = 0.1
# Of augmentation; chosen, as the default hyperparameters and the shares below, by out-of-fold accuracy and likelihood.
STRENGTH = 0.8
# Shares of the epochs: the learning rate rises during the first, and the weights are averaged after the second.
WARM_UP, SETTLED = 0.07, 0.36
_BATCH = 256


@dataclass(frozen=True)
class Images:
    """`pixels` float32 [n, 3, size, size] normalised, `labels` int64 [n]."""

    pixels: Tensor
    labels: Tensor

    def __getitem__(self, chosen: Tensor) -> Images:
        return Images(self.pixels[chosen], self.labels[chosen])


def fit(network: Network, train: Images, parameters: Hyperparameters) -> Iterator[tuple[float, float]]:
    """Train in place; yields, after each epoch, the loss and the accuracy over that epoch's augmented pictures.

    AdamW (Loshchilov & Hutter 2019) at a constant rate; what remains is the average of the weights over the later
    epochs (Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima"), so that none of them needs choosing.
    Raises TrainingDivergedError.
    """
    steps = math.ceil(len(train.labels) / parameters.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), parameters.learning_rate, weight_decay=parameters.weight_decay)
    warm_up = WARM_UP * parameters.epochs * steps
    schedule = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / (warm_up + 1)))
    average = AveragedModel(network)
    for epoch in range(1, parameters.epochs + 1):
        figures = train_epoch(network, train, steps, optimizer, schedule)
        if epoch > SETTLED * parameters.epochs:
            average.update_parameters(network)
        if epoch == parameters.epochs:
            settle(network, average, train)
        yield figures


def settle(network: Network, average: AveragedModel, train: Images) -> None:
    """Give the network the average weights, and its norms the statistics that go with these."""
    network.load_state_dict(average.module.state_dict())
    batches = torch.split(torch.randperm(len(train.labels)), _BATCH)
    update_bn((augmented(train, batch) for batch in batches), network)


def augmented(train: Images, batch: Tensor) -> Tensor:
    return augment(train.pixels[batch], STRENGTH).contiguous(memory_format=torch.channels_last)


def train_epoch(
    network: Network, train: Images, steps: int, optimizer: torch.optim.Optimizer, schedule: LambdaLR
) -> tuple[float, float]:
    """One pass in `steps` batches of equal size; returns the loss and accuracy over the augmented images."""
    network.train()
    outputs, order = [], torch.randperm(len(train.labels))
    for batch in order.tensor_split(steps):
        with fast_arithmetic():
            output = network(augmented(train, batch))
        loss = functional.cross_entropy(output.float(), train.labels[batch], label_smoothing=LABEL_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        outputs.append(output.detach().float())
    return measure(torch.cat(outputs), train.labels[order])


def fast_arithmetic() -> AbstractContextManager[object]:
    """bfloat16 for the convolutions where the processor has it, at 1.6 times the speed; nothing changes elsewhere."""
    available = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast("cpu", torch.bfloat16, enabled=available)


def logits(network: Network, pixels: Tensor) -> Tensor:
    network.eval()
    with torch.inference_mode():
        return torch.cat(
            [network(part.contiguous(memory_format=torch.channels_last)) for part in torch.split(pixels, _BATCH)]
        )


def measure(output: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy in nats, and accuracy, of logits [n, classes]; raises TrainingDivergedError."""
    loss = functional.cross_entropy(output, labels).item()
    if not math.isfinite(loss):
        raise TrainingDivergedError(f"the loss is {loss}, no longer a number; lower learning_rate")
    return loss, (output.argmax(1) == labels).float().mean().item()
