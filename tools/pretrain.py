"""Pre-trains the backbone that `train` starts from, on 98 classes of CIFAR-100: all but bicycles and motorcycles.

Claim:     0.692 accuracy over the 98 classes on 4,900 of their test images after 80 epochs; 0 images were dropped.
Hardware:  2 cores of an AMD EPYC with AVX-512 and bfloat16, no GPU, torch 2.13.0: 61 minutes, other work beside it.
n:         1 run, seed 0.

    python tools/pretrain.py ../shared/pretrain ../shared/data/cifar100_bikes/test backbone.npz

Training images that are nearly equal to a test image of the bicycles and motorcycles, or to its mirror image, are
dropped first; the test images have no other use. Each epoch ends with a checkpoint, from which the same command
resumes. Uses a GPU if there is one. The last epoch is the result; no epoch is selected.
"""

from __future__ import annotations

import argparse
import io
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from scones.model.inference.dataset import MEAN, STD
from scones.model.training.augment import augment
from scones.model.training.backbone import save
from scones.model.training.network import WIDTH, Network

CLASSES = 100
BATCH = 256
PEAK_RATE = 0.4
WARM_UP_SHARE = 0.2
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
LABEL_SMOOTHING = 0.1
AUGMENTATION_STRENGTH = 0.6
# The first third of the epochs trains on smaller images, which takes half the time.
SMALL_SIDE = 24
SMALL_SHARE = 1 / 3
# The root mean square difference of 8x8 thumbnails, in levels of 255, below which two images count as equal.
MAX_EQUAL_DIFFERENCE = 12.0


@dataclass(frozen=True)
class LabelledImages:
    """`pixels` uint8 [n, 3, 32, 32] and `labels` int64 [n], on the device."""

    pixels: Tensor
    labels: Tensor


def main() -> None:
    """Pre-train a network and write its weights."""
    arguments = parse_arguments()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # So that `augment` draws its random numbers on the device of the images.
    torch.set_default_device(device)
    pixels, labels = read_packs(sorted(arguments.packs.glob("*_train_*.npz")))
    is_dropped = nearly_equal(pixels, read_folder(arguments.test))
    print(f"dropped {int(is_dropped.sum())} of {len(is_dropped)} images that nearly equal a test image", flush=True)
    train = to_device(pixels[~is_dropped], labels[~is_dropped], device)
    held_out = to_device(*read_packs([arguments.packs / "cifar100_other98_test_half.npz"]), device)
    torch.manual_seed(arguments.seed)
    network = Network(CLASSES, arguments.width).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    fit(network, train, held_out, arguments)
    save(network, arguments.output)


def to_device(pixels: NDArray[np.uint8], labels: NDArray[np.int64], device: torch.device) -> LabelledImages:
    return LabelledImages(torch.from_numpy(pixels).to(device), torch.from_numpy(labels).to(device))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packs", type=Path, help="the folder with cifar100_other98_*.npz")
    parser.add_argument(
        "test", type=Path, help="the folder with the test images that must not be in the training data: <class>/<image>"
    )
    parser.add_argument("output", type=Path, help="the npz file to write; the checkpoint is written next to it")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--width",
        type=int,
        default=WIDTH,
        help="the hyperparameter `width` of the training jobs that will use the weights",
    )
    return parser.parse_args()


def fit(network: Network, train: LabelledImages, held_out: LabelledImages, arguments: argparse.Namespace) -> None:
    """Train by SGD with Nesterov momentum on a one-cycle schedule (Smith & Topin 2018)."""
    epochs = arguments.epochs
    checkpoint = arguments.output.with_suffix(".checkpoint")
    total_steps = epochs * (len(train.labels) // BATCH)
    optimizer = torch.optim.SGD(weight_groups(network), PEAK_RATE, momentum=MOMENTUM, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=total_steps, pct_start=WARM_UP_SHARE, cycle_momentum=False
    )
    parts = {"network": network, "optimizer": optimizer, "schedule": schedule}
    for epoch in range(load_checkpoint(checkpoint, parts), epochs):
        started = time.monotonic()
        # The random numbers of an epoch depend on its number alone, so that a resumed run gives the same weights.
        torch.manual_seed(arguments.seed + epoch)
        side = SMALL_SIDE if epoch < SMALL_SHARE * epochs else None
        loss = train_epoch(network, train, side, optimizer, schedule)
        save_checkpoint(checkpoint, parts, epoch + 1)
        accuracy = measure_accuracy(network, held_out)
        seconds = time.monotonic() - started
        print(f"epoch={epoch + 1} loss={loss:.4f} held_out={accuracy:.4f} s={seconds:.0f}", flush=True)


def weight_groups(network: Network) -> list[dict[str, object]]:
    """Return the optimizer's parameter groups: weight decay for matrices only."""
    # On the scale of a norm, or on a bias, weight decay lowers the accuracy (He et al. 2019, "Bag of Tricks").
    matrices = [weights for weights in network.parameters() if weights.ndim > 1]
    vectors = [weights for weights in network.parameters() if weights.ndim == 1]
    return [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]


def train_epoch(
    network: Network,
    train: LabelledImages,
    side: int | None,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    """Train on all images once, resized to `side` pixels if given, and return the mean loss of the batches."""
    network.train()
    steps = len(train.labels) // BATCH
    total = 0.0
    for batch in torch.randperm(len(train.labels))[: steps * BATCH].view(steps, BATCH):
        images = augment(normalise(train.pixels[batch]), AUGMENTATION_STRENGTH)
        if side:
            images = functional.interpolate(images, (side, side), mode="area")
        with torch.autocast(images.device.type, torch.bfloat16):
            output = network(images.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(output.float(), train.labels[batch], label_smoothing=LABEL_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        total += loss.item()
    return total / steps


def measure_accuracy(network: nn.Module, images: LabelledImages) -> float:
    network.eval()
    with torch.inference_mode():
        logits = torch.cat([network(normalise(pixels)) for pixels in torch.split(images.pixels, 2 * BATCH)])
    return (logits.argmax(1) == images.labels).float().mean().item()


def normalise(pixels: Tensor) -> Tensor:
    """Return pixels [n, 3, side, side] as float32, normalised as in `scones.model.inference.images`."""
    mean = torch.tensor(MEAN, device=pixels.device)[:, None, None]
    std = torch.tensor(STD, device=pixels.device)[:, None, None]
    return (pixels.float() / 255 - mean) / std


def load_checkpoint(checkpoint: Path, parts: dict[str, object]) -> int:
    """Load the states of the parts, and return the number of epochs that are done: 0 without a checkpoint."""
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])  # type: ignore[attr-defined]
    return int(state["epochs"])


def save_checkpoint(checkpoint: Path, parts: dict[str, object], epochs: int) -> None:
    """Write the states of the parts after a number of epochs."""
    states = {name: part.state_dict() for name, part in parts.items()}  # type: ignore[attr-defined]
    # Replaced at once: a run that is killed while it writes still has the previous checkpoint.
    temporary = checkpoint.with_suffix(".new")
    torch.save(states | {"epochs": epochs}, temporary)
    temporary.replace(checkpoint)


def read_packs(paths: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read packs of WebP images: pixels [n, 3, 32, 32] and CIFAR-100's fine labels [n]."""
    pixels = []
    labels = []
    for path in paths:
        with np.load(path) as pack:
            webp = pack["webp"]
            offsets = pack["offset"]
            labels.append(pack["label"].astype(np.int64))
        files = [webp[start:end].tobytes() for start, end in pairwise(offsets)]
        pixels.append(np.stack([decode(io.BytesIO(file)) for file in files]))
    return np.concatenate(pixels), np.concatenate(labels)


def read_folder(folder: Path) -> NDArray[np.uint8]:
    """Read the images `<class>/<image>` of a folder as pixels [n, 3, side, side]."""
    return np.stack([decode(path) for path in sorted(folder.glob("*/*.png"))])


def decode(source: Path | io.BytesIO) -> NDArray[np.uint8]:
    with Image.open(source) as image:
        return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))


def nearly_equal(pixels: NDArray[np.uint8], test: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return a mask [n] of the images [n, 3, 32, 32] that nearly equal one of `test` [m, 3, 32, 32], or its mirror."""
    left = thumbnails(pixels)
    right = thumbnails(np.concatenate([test, test[..., ::-1]]))
    # |a - b|^2 = |a|^2 + |b|^2 - 2ab, for all pairs with one matrix product.
    squares = (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T
    return np.asarray((squares / left.shape[1] < MAX_EQUAL_DIFFERENCE**2).any(1))


def thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return images [n, 3, 32, 32] averaged over 4x4 pixels, as vectors [n, 192]."""
    blocks = pixels.reshape(len(pixels), 3, 8, 4, 8, 4)
    return np.asarray(blocks.mean((3, 5), dtype=np.float64).reshape(len(pixels), -1))


if __name__ == "__main__":
    main()
