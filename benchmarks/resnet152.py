"""ResNet-152 from scratch, as the course's systems train it, on the images that our network is trained on.

    python -m benchmarks.resnet152 STAGED PHOTOS       (prints one line of JSON; about half an hour on 2 cores)

It represents SageMaker's built-in image classification at the course's settings: image_shape 3,32,32, 152 layers,
nothing pre-trained, and the algorithm's defaults for the rest: 30 epochs of SGD with momentum, batches of 32, rate
0.1, weight decay 0.0001, no augmentation. As MXNet's ResNet it is pre-activation and, at 32 pixels, opens with a 3x3
convolution without pooling. It differs in that the last epoch counts: the course keeps the best one on its test set.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from scones.model.evaluation.metrics import wilson
from scones.model.inference import dataset
from scones.model.training.fit import TrainingImages, bfloat16_autocast, compute_logits, loss_and_accuracy

SIZE, UNITS, WIDTHS = 32, (3, 8, 36, 3), (256, 512, 1024, 2048)
EPOCHS, BATCH, RATE, MOMENTUM, DECAY = 30, 32, 0.1, 0.9, 1e-4


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 beside a shortcut, pre-activation (He et al. 2016, "Identity Mappings")."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        inner = channels_out // 4
        self.norm = nn.BatchNorm2d(channels_in)
        self.residual = nn.Sequential(
            nn.Conv2d(channels_in, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, stride, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, channels_out, 1, bias=False),
        )
        same = channels_in == channels_out and stride == 1
        self.shortcut = None if same else nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, channels_in, h, w)` to `(n, channels_out, h / stride, w / stride)`."""
        activated = functional.relu(self.norm(x))
        shortcut = x if self.shortcut is None else self.shortcut(activated)
        result: Tensor = shortcut + self.residual(activated)
        return result


def resnet152(classes: int) -> nn.Sequential:
    """Return the untrained network for RGB images of 32 x 32 pixels."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1, bias=False)]
    channels = 64
    for stage, (units, width) in enumerate(zip(UNITS, WIDTHS, strict=True)):
        for unit in range(units):
            layers.append(Bottleneck(channels, width, 2 if stage and not unit else 1))
            channels = width
    head = [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    return nn.Sequential(*layers, *head).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def fit(network: nn.Module, train: TrainingImages, epochs: int) -> None:
    """Train the network in place, and print each epoch's loss and accuracy to stderr."""
    optimizer = torch.optim.SGD(network.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
    for epoch in range(1, epochs + 1):
        network.train()
        outputs: list[Tensor] = []
        order = torch.randperm(len(train.labels))
        for batch in torch.split(order, BATCH):
            with bfloat16_autocast():
                output = network(train.pixels[batch].contiguous(memory_format=torch.channels_last))
            optimizer.zero_grad()
            functional.cross_entropy(output.float(), train.labels[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            outputs.append(output.detach().float())
        loss, accuracy = loss_and_accuracy(torch.cat(outputs), train.labels[order])
        print(f"ResNet-152 {epoch=} {loss=:.4f} {accuracy=:.4f}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("staged", type=Path, help="a staged data set with train, validation and test")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    classes = dataset.class_names(arguments.staged / "train")
    parts = [dataset.read(arguments.staged / split, classes, SIZE) for split in ("train", "validation")]
    train = dataset.join(parts)
    network = resnet152(len(classes))
    started = time.monotonic()
    fit(network, TrainingImages(torch.from_numpy(train.pixels), torch.from_numpy(train.labels)), arguments.epochs)
    seconds = round(time.monotonic() - started, 2)
    folders = {"accuracy": arguments.staged / "test", "photos": arguments.photos}
    figures: dict[str, Any] = {name: evaluate(network, folder, classes) for name, folder in folders.items()}
    print(json.dumps({"name": "ResNet-152 from scratch", "seeds": 1, **figures, "seconds": seconds}))


def evaluate(network: nn.Module, folder: Path, classes: list[str]) -> object:
    """Return the accuracy on a folder's images with its 95 % Wilson interval."""
    test = dataset.read(folder, classes, SIZE)
    logits = compute_logits(network, torch.from_numpy(test.pixels))  # type: ignore[arg-type]
    is_correct = logits.argmax(1).numpy() == test.labels
    return wilson(int(np.count_nonzero(is_correct)), len(is_correct))


if __name__ == "__main__":
    main()
