import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from scones.errors import ModelArtifactError, TrainingDivergedError
from scones.model.container import Container
from scones.model.export import export_onnx
from scones.model.hyperparameters import Hyperparameters
from scones.model.network import Network
from scones.model.train import Images, augment, fit, line, main, measure

Job = Callable[..., Path]
Run = Callable[..., subprocess.CompletedProcess[str]]

METRIC = re.compile(
    r"epoch=\d+ train_loss=([0-9.]+) train_accuracy=([0-9.]+) validation_loss=([0-9.]+) validation_accuracy=([0-9.]+)"
)


def read(root: Path, name: str) -> dict[str, object]:
    value: dict[str, object] = json.loads((root / "model" / name).read_text())
    return value


def images(seed: int, count: int = 12) -> Images:
    generator = torch.Generator().manual_seed(seed)
    return Images(torch.randn(count, 3, 16, 16, generator=generator), torch.arange(count) % 3)


def test_every_epoch_prints_the_line_that_metric_definitions_read(trained: Path) -> None:
    lines = (trained / "train.log").read_text().splitlines()
    assert len(lines) == 2
    assert all(METRIC.fullmatch(text) for text in lines)


def test_nothing_but_the_log_is_said(trained: Path) -> None:
    assert (trained / "train.err").read_text() == ""
    assert not (trained / "output").exists()


def test_model_json_describes_the_model(trained: Path) -> None:
    description = read(trained, "model.json")
    assert description["classes"] == ["circle", "square"]
    assert description["size"] == 16
    assert description["manifest"] == "ab" * 32
    assert description["thresholds"] == [0.8, 0.8]


def test_metrics_json_holds_the_curve_and_the_best_epoch(trained: Path) -> None:
    metrics = read(trained, "metrics.json")
    losses = [epoch["validation_loss"] for epoch in metrics["epochs"]]
    assert metrics["best_epoch"] == 1 + losses.index(min(losses))
    assert metrics["seed"] == 0
    assert metrics["parameters"] == sum(weights.numel() for weights in Network(2, 4).parameters())


def test_the_network_in_the_archive_takes_any_number_of_images(trained: Path) -> None:
    session = onnxruntime.InferenceSession(trained / "model" / "model.onnx")
    (image,), (logits,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.shape, image.type) == ("image", ["n", 3, 16, 16], "tensor(float)")
    assert (logits.name, session.run(None, {"image": np.zeros((5, 3, 16, 16), np.float32)})[0].shape) == (
        "logits",
        (5, 2),
    )


def test_the_same_seed_gives_the_same_figures_and_another_seed_others(job: Job, tmp_path: Path) -> None:
    def curve(name: str, seed: str) -> object:
        root = job(tmp_path / name, {"epochs": "2", "batch_size": "8", "size": "16", "width": "2", "seed": seed})
        main(Container(root))
        return read(root, "metrics.json")["epochs"]

    first = curve("first", "1")
    assert curve("again", "1") == first
    assert curve("other", "2") != first


@pytest.mark.parametrize(("epochs", "batch_size", "count"), [(1, 2, 3), (2, 1024, 3), (3, 5, 12)])
def test_any_number_of_classes_images_and_epochs_trains(epochs: int, batch_size: int, count: int) -> None:
    parameters = Hyperparameters(epochs=epochs, batch_size=batch_size)
    metrics = fit(Network(3, 1), images(0, count), images(1), parameters)
    assert [epoch["epoch"] for epoch in metrics["epochs"]] == list(range(1, epochs + 1))


def test_the_network_ends_as_it_was_after_its_best_epoch() -> None:
    network, validation = Network(3, 2), images(1)
    metrics = fit(network, images(0), validation, Hyperparameters(epochs=6, learning_rate=0.1))
    with torch.inference_mode():
        loss, _ = measure(network.eval()(validation.pixels), validation.labels)
    assert loss == pytest.approx(min(epoch["validation_loss"] for epoch in metrics["epochs"]))
    assert loss == metrics["epochs"][metrics["best_epoch"] - 1]["validation_loss"]


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    broken = Images(torch.full((4, 3, 16, 16), torch.nan), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(TrainingDivergedError, match="lower learning_rate"):
        fit(Network(2, 1), broken, broken, Hyperparameters(epochs=1))


@given(st.integers(1, 5), st.sampled_from([16, 17, 32]))
def test_augmentation_keeps_shape_and_stays_finite(count: int, size: int) -> None:
    augmented = augment(torch.randn(count, 3, size, size))
    assert augmented.shape == (count, 3, size, size)
    assert torch.isfinite(augmented).all()


def test_an_export_that_answers_otherwise_is_refused(tmp_path: Path) -> None:
    class Noise(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3)) + torch.rand(images.shape[0], 3)

    with pytest.raises(ModelArtifactError, match="differs from the network"):
        export_onnx(Noise(), torch.zeros(4, 3, 16, 16), tmp_path / "model.onnx")


def test_the_line_of_an_epoch_reads_as_promised() -> None:
    epoch = {"epoch": 3, "train_loss": 0.41234, "train_accuracy": 0.81, "validation_loss": 0.501}
    expected = "epoch=3 train_loss=0.4123 train_accuracy=0.8100 validation_loss=0.5010 validation_accuracy=0.8000"
    assert line({**epoch, "validation_accuracy": 0.8}) == expected


@pytest.mark.parametrize(
    ("hyperparameters", "damage", "reason"),
    [
        ({"epochs": "0"}, None, "HyperparameterError: epochs is '0'; it must be a whole number from 1 to 1000"),
        ({}, "train/square/*", "TooFewImagesError: class 'square' has no image"),
        ({"learning_rate": "1", "epochs": "1"}, "validation/circle/*", "TooFewImagesError: class 'circle'"),
    ],
)
def test_a_failure_is_one_line_in_the_files_that_sagemaker_reads(
    job: Job, run_program: Run, tmp_path: Path, hyperparameters: dict[str, str], damage: str | None, reason: str
) -> None:
    root = job(tmp_path, hyperparameters)
    for path in (root / "input" / "data").glob(damage or "nothing"):
        path.unlink()
    finished = run_program("train", root)
    assert finished.returncode == 1
    failure = (root / "output" / "failure").read_text()
    assert failure == (root / "output" / "message").read_text()
    assert failure.startswith(reason)
    assert failure.count("\n") == 1
    assert "Traceback" in finished.stderr
    assert not (root / "model" / "model.json").exists()
