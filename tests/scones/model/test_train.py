import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from scones.errors import DataError
from scones.model.container import Container
from scones.model.train import main
from scones.model.training import backbone
from scones.model.training.crossfit import format_epoch
from scones.model.training.network import Network

from ..processes import children, is_gone

Job = Callable[..., Path]
Shapes = Callable[..., None]
Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]

METRIC = re.compile(
    r"(?:fold=\d|mean) epoch=\d+ train_loss=([0-9.]+) train_accuracy=([0-9.]+) "
    r"validation_loss=([0-9.]+) validation_accuracy=([0-9.]+)"
)


def read(root: Path, name: str) -> dict[str, object]:
    value: dict[str, object] = json.loads((root / "model" / name).read_text())
    return value


def test_every_epoch_prints_a_line_for_the_metric_definitions(trained: Path) -> None:
    lines = (trained / "train.log").read_text().splitlines()
    totals, *epochs = lines
    assert totals == "folds=2 epochs=2"
    assert len(epochs) == 2 * 2 + 1 + 2
    assert all(METRIC.fullmatch(text) for text in epochs[:5])
    assert all(text.startswith("final epoch=") for text in epochs[5:])


def test_the_final_metrics_are_the_means_over_the_folds(trained: Path) -> None:
    (text,) = [text for text in (trained / "train.log").read_text().splitlines() if text.startswith("mean ")]
    assert text == f"mean {format_epoch(read(trained, 'metrics.json')['epochs'][-1])}"


def test_a_successful_job_writes_neither_errors_nor_a_failure(trained: Path) -> None:
    assert (trained / "train.err").read_text() == ""
    assert not (trained / "output").exists()


def test_model_json_describes_the_model(trained: Path) -> None:
    description = read(trained, "model.json")
    assert description["classes"] == ["circle", "square"]
    assert description["size"] == 16
    assert description["digest"] == "ab" * 32
    assert description["thresholds"] == [certificate["threshold"] for certificate in description["certificates"]]
    assert [certificate["delta"] for certificate in description["certificates"]] == [0.025, 0.025]


def test_metrics_json_holds_the_curve_averaged_over_the_folds(trained: Path) -> None:
    metrics = read(trained, "metrics.json")
    assert [epoch["epoch"] for epoch in metrics["epochs"]] == [1, 2]
    assert metrics["seed"] == 0
    assert metrics["parameters"] == sum(weights.numel() for weights in Network(2, 4).parameters())


def test_the_audit_lists_images_whose_label_is_contradicted(trained: Path) -> None:
    for issue in read(trained, "audit.json")["label_issues"]:
        assert issue["label"] == issue["key"].partition("/")[0] != issue["predicted"]
        assert issue["probability"] <= 0.5


def test_the_network_in_the_archive_takes_any_number_of_images(trained: Path) -> None:
    session = onnxruntime.InferenceSession(trained / "model" / "model.onnx")
    (image,) = session.get_inputs()
    outputs = session.get_outputs()
    assert (image.name, image.shape, image.type) == ("image", ["n", 3, 16, 16], "tensor(float)")
    shapes = [output.shape for output in session.run(None, {"image": np.zeros((5, 3, 16, 16), np.float32)})]
    assert [output.name for output in outputs] == ["logits", "novelty", "activation_map"]
    assert shapes == [(5, 2), (5,), (5, 2, 2, 2)]


def test_a_job_that_is_killed_leaves_no_process_behind(
    job: Job, start_program: Start, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    with start_program("train", smaller(job, tmp_path, epochs="1000")) as process:
        assert process.stdout
        assert process.stdout.readline() == "folds=2 epochs=1000\n"
        assert process.stdout.readline().startswith("fold=")
        fits = children(process.pid)
        process.kill()
        assert fits
        eventually(lambda: all(map(is_gone, fits)))


def smaller(job: Job, root: Path, **hyperparameters: str) -> Path:
    tiny = {"epochs": "1", "batch_size": "8", "size": "16", "width": "2", "folds": "2", "backbone": "none"}
    return job(root, tiny | hyperparameters)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(job: Job, tmp_path: Path) -> None:
    def results(name: str, seed: str) -> tuple[object, object]:
        root = smaller(job, tmp_path / name, seed=seed)
        main(Container(root))
        return read(root, "metrics.json")["epochs"], read(root, "model.json")

    first = results("first", "1")
    assert results("again", "1") == first
    assert results("other", "2") != first


def test_negatives_are_trained_on_but_are_not_a_class(job: Job, shapes: Shapes, tmp_path: Path) -> None:
    root = smaller(job, tmp_path / "root")
    shapes(root / "input" / "data" / "negatives", 5, first_seed=500)
    main(Container(root))
    assert read(root, "model.json")["classes"] == ["circle", "square"]
    session = onnxruntime.InferenceSession(root / "model" / "model.onnx")
    assert session.run(["logits"], {"image": np.zeros((1, 3, 16, 16), np.float32)})[0].shape == (1, 2)
    assert read(root, "metrics.json")["parameters"] == sum(w.numel() for w in Network(3, 2).parameters())


def test_activation_maps_average_to_the_logits_up_to_a_constant(job: Job, tmp_path: Path) -> None:
    root = smaller(job, tmp_path / "root", size="32")
    main(Container(root))
    session = onnxruntime.InferenceSession(root / "model" / "model.onnx")
    images = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)
    logits, maps = session.run(["logits", "activation_map"], {"image": images})
    assert maps.shape == (3, 2, 4, 4)
    constant = logits - maps.mean((2, 3))
    np.testing.assert_allclose(constant, constant[:1].repeat(3, 0), atol=1e-4)


def test_the_channel_backbone_replaces_the_bundled_weights(job: Job, tmp_path: Path) -> None:
    root = smaller(job, tmp_path / "root", backbone="default")
    channel = root / "input" / "data" / "backbone"
    channel.mkdir()
    backbone.save(Network(7, 2), channel / "weights.npz")
    main(Container(root))
    (channel / "more.npz").touch()
    with pytest.raises(DataError, match="has 2 npz files"):
        main(Container(root))


def test_the_channel_validation_is_optional(job: Job, tmp_path: Path) -> None:
    root = smaller(job, tmp_path / "root")
    shutil.rmtree(root / "input" / "data" / "validation")
    main(Container(root))
    assert (root / "model" / "model.json").exists()


@pytest.mark.parametrize(
    ("hyperparameters", "damage", "reason"),
    [
        ({"epochs": "0"}, None, "HyperparameterError: epochs is '0'; it must be a whole number from 1 to 1000"),
        ({}, "train/square/*", "TooFewImagesError: class 'square' has no image"),
        ({"learning_rate": "1", "epochs": "1"}, "validation/circle/*", "TooFewImagesError: class 'circle'"),
    ],
)
def test_a_failure_is_one_line_in_both_files_that_sagemaker_reads(
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
