"""Pre-training of a tiny network on noise."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from scones.model.training import backbone
from scones.model.training.network import Network

ROOT = Path(__file__).parents[2]
IMAGES = 300


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with packs as in ../shared/pretrain, of noise in two brightnesses, and with a test image."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for name, count in (("train_0", IMAGES), ("test_half", 20)):
        labels = random.integers(2, size=count)
        coarse = random.integers(60, size=(count, 8, 8, 3)) + 120 * labels[:, None, None, None]
        pixels = coarse.repeat(4, axis=1).repeat(4, axis=2)
        files = [webp(image) for image in pixels.astype(np.uint8)]
        offset = np.cumsum([0, *(len(file) for file in files)])
        packed = np.frombuffer(b"".join(files), np.uint8)
        np.savez(folder / f"cifar100_other98_{name}.npz", webp=packed, offset=offset, label=labels)
    (folder / "test" / "bicycle").mkdir(parents=True)
    Image.new("RGB", (32, 32), "white").save(folder / "test" / "bicycle" / "0.png")
    return folder


def webp(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "webp", lossless=True)
    return buffer.getvalue()


def command(data: Path, output: Path, *options: str) -> list[str]:
    script = str(ROOT / "tools" / "pretrain.py")
    return [sys.executable, script, str(data), str(data / "test"), str(output), "--width", "2", *options]


def pretrain(data: Path, output: Path, *options: str) -> str:
    return subprocess.run(command(data, output, *options), check=True, capture_output=True, text=True).stdout


def weights(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def test_a_killed_run_resumes_to_the_same_weights(data: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    killed = tmp_path / "killed.npz"
    pretrain(data, whole, "--epochs", "4")
    # Opening a FIFO that nobody reads blocks, so that the run cannot end before it is killed.
    os.mkfifo(killed)
    with subprocess.Popen(command(data, killed, "--epochs", "4"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        next(line for line in process.stdout if line.startswith("epoch=1 "))
        process.kill()
    killed.unlink()
    assert "epoch=1 " not in pretrain(data, killed, "--epochs", "4")
    expected = weights(whole)
    resumed = weights(killed)
    assert all(np.array_equal(expected[name], resumed[name]) for name in expected)


def test_the_weights_can_be_loaded_into_a_network_of_their_width(data: Path, tmp_path: Path) -> None:
    pretrain(data, tmp_path / "weights.npz", "--epochs", "1")
    network = Network(3, width=2)
    backbone.load(network, tmp_path / "weights.npz")
    assert np.array_equal(network.features[0].weight.detach().numpy(), weights(tmp_path / "weights.npz")["0.weight"])


def test_images_that_nearly_equal_a_test_image_are_dropped_and_counted(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    with np.load(data / "cifar100_other98_train_0.npz") as pack:
        first = pack["webp"][: pack["offset"][1]].tobytes()
    with Image.open(io.BytesIO(first)) as image:
        ImageOps.mirror(image).save(tmp_path / "data" / "test" / "bicycle" / "1.png")
    log = pretrain(tmp_path / "data", tmp_path / "weights.npz", "--epochs", "1")
    assert log.startswith(f"dropped 1 of {IMAGES} images")
