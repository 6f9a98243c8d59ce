"""Pre-trains the backbone that `train` starts from: 98 classes of CIFAR-100, without bicycles and motorcycles.

Claim:     0.692 accuracy over the 98 classes on 4,900 of their test images after 80 epochs; 0 images were dropped.
Hardware:  2 cores of an AMD EPYC with AVX-512 and bfloat16, no GPU, torch 2.13.0: 61 minutes, other work beside it.
n:         1 run, seed 0.

    python tools/pretrain.py ../shared/pretrain ../shared/data/cifar100_bikes/test backbone.npz

Training images that nearly equal a test image of the bicycles and motorcycles, or its mirror image, are dropped
first; the test images serve for nothing else. Every epoch ends in a checkpoint, and the same command goes on from
it. Runs on a GPU where there is one. It fine-tunes nothing and chooses nothing: the last epoch is the result.
"""

from __future__ import annotations

import argparse
import io
import time
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
PEAK_RATE, WARM_UP, MOMENTUM, DECAY = 0.4, 0.2, 0.9, 5e-4
LABEL_SMOOTHING = 0.1
STRENGTH = 0.6
# The first third of the epochs sees smaller pictures, at half the price.
SMALL_SIDE, SMALL_SHARE = 24, 1 / 3
# Root mean square difference of 8x8 thumbnails, in levels of 255, below which two pictures count as the same.
NEARLY_EQUAL = 12.0


def main() -> None:
    arguments = parse_arguments()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # What `augment` draws lies beside the pictures.
    torch.set_default_device(device)
    pixels, labels = read_packs(sorted(arguments.packs.glob("*_train_*.npz")))
    kept = ~nearly_equal(pixels, read_folder(arguments.test))
    print(f"dropped {int((~kept).sum())} of {len(kept)} images that nearly equal a test image", flush=True)
    train = torch.from_numpy(pixels[kept]).to(device), torch.from_numpy(labels[kept]).to(device)
    held_pixels, held_labels = read_packs([arguments.packs / "cifar100_other98_test_half.npz"])
    held_out = torch.from_numpy(held_pixels).to(device), torch.from_numpy(held_labels).to(device)
    torch.manual_seed(arguments.seed)
    network = Network(CLASSES, arguments.width).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    fit(network, train, held_out, arguments.epochs, arguments.output.with_suffix(".checkpoint"), arguments.seed)
    save(network, arguments.output)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packs", type=Path, help="the folder with cifar100_other98_*.npz")
    parser.add_argument("test", type=Path, help="the test images that must not be learned: <class>/<image>")
    parser.add_argument("output", type=Path, help="where the weights go; the checkpoint goes beside them")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=WIDTH, help="as the hyperparameter of `train` that it is for")
    return parser.parse_args()


def fit(
    network: Network,
    train: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    epochs: int,
    checkpoint: Path,
    seed: int,
) -> None:
    """SGD with Nesterov momentum on a one-cycle schedule, as in Smith & Topin 2018."""
    steps = len(train[1]) // BATCH
    optimizer = torch.optim.SGD(weight_groups(network), PEAK_RATE, momentum=MOMENTUM, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=epochs * steps, pct_start=WARM_UP, cycle_momentum=False
    )
    parts = {"network": network, "optimizer": optimizer, "schedule": schedule}
    for epoch in range(resume(checkpoint, parts), epochs):
        started = time.monotonic()
        # An epoch's draws depend on its number alone, so that a run that was interrupted gives the same weights.
        torch.manual_seed(seed + epoch)
        loss = train_epoch(network, train, SMALL_SIDE if epoch < SMALL_SHARE * epochs else None, optimizer, schedule)
        keep(checkpoint, parts, epoch + 1)
        accuracy = measure(network, *held_out)
        print(
            f"epoch={epoch + 1} loss={loss:.4f} held_out={accuracy:.4f} s={time.monotonic() - started:.0f}", flush=True
        )


def weight_groups(network: Network) -> list[dict[str, object]]:
    """Weight decay on matrices alone: on a norm's scale or a bias it does harm (He et al. 2019, "Bag of Tricks")."""
    matrices = [weights for weights in network.parameters() if weights.ndim > 1]
    vectors = [weights for weights in network.parameters() if weights.ndim == 1]
    return [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]


def train_epoch(
    network: Network,
    train: tuple[Tensor, Tensor],
    side: int | None,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    network.train()
    total, steps = 0.0, len(train[1]) // BATCH
    for batch in torch.randperm(len(train[1]))[: steps * BATCH].view(steps, BATCH):
        images = augment(normalised(train[0][batch]), STRENGTH)
        if side:
            images = functional.interpolate(images, (side, side), mode="area")
        with torch.autocast(images.device.type, torch.bfloat16):
            output = network(images.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(output.float(), train[1][batch], label_smoothing=LABEL_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        total += loss.item()
    return total / steps


def measure(network: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    network.eval()
    with torch.inference_mode():
        output = torch.cat([network(normalised(part)) for part in torch.split(pixels, 2 * BATCH)])
    return (output.argmax(1) == labels).float().mean().item()


def normalised(pixels: Tensor) -> Tensor:
    """uint8 [n, 3, side, side] -> float32, as `scones.model.inference.images` hands pictures to the network."""
    mean, std = (torch.tensor(values, device=pixels.device)[:, None, None] for values in (MEAN, STD))
    return (pixels.float() / 255 - mean) / std


def resume(checkpoint: Path, parts: dict[str, object]) -> int:
    """Load the parts' states, and return how many epochs are done: 0 without a checkpoint."""
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])  # type: ignore[attr-defined]
    return int(state["epochs"])


def keep(checkpoint: Path, parts: dict[str, object], epochs: int) -> None:
    """Write the parts' states; a run killed meanwhile finds the previous ones."""
    fresh = checkpoint.with_suffix(".new")
    states = {name: part.state_dict() for name, part in parts.items()}  # type: ignore[attr-defined]
    torch.save(states | {"epochs": epochs}, fresh)
    fresh.replace(checkpoint)


def read_packs(paths: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Packs of WebP images as pixels [n, 3, 32, 32] and CIFAR-100's fine labels [n]."""
    pixels, labels = [], []
    for path in paths:
        with np.load(path) as pack:
            webp, offset, label = pack["webp"], pack["offset"], pack["label"]
        images = [webp[start:end].tobytes() for start, end in pairwise(offset)]
        pixels.append(np.stack([decode(io.BytesIO(image)) for image in images]))
        labels.append(label.astype(np.int64))
    return np.concatenate(pixels), np.concatenate(labels)


def read_folder(folder: Path) -> NDArray[np.uint8]:
    return np.stack([decode(path) for path in sorted(folder.glob("*/*.png"))])


def decode(source: Path | io.BytesIO) -> NDArray[np.uint8]:
    with Image.open(source) as image:
        return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))


def nearly_equal(pixels: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of `pixels` [n, 3, 32, 32] look like one of `others` or its mirror image: a mask [n]."""
    here, there = thumbnails(pixels), thumbnails(np.concatenate([others, others[..., ::-1]]))
    squares = (here**2).sum(1)[:, None] + (there**2).sum(1) - 2 * here @ there.T
    return np.asarray((squares / here.shape[1] < NEARLY_EQUAL**2).any(1))


def thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    blocks = pixels.reshape(len(pixels), 3, 8, 4, 8, 4)
    return np.asarray(blocks.mean((3, 5), dtype=np.float64).reshape(len(pixels), -1))


if __name__ == "__main__":
    main()
