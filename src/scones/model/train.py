"""The training job: pictures in; `model.onnx`, `model.json`, `metrics.json` and `audit.json` out.

Claim:     0.947 (0.940 to 0.955) on CIFAR-100's 200 test images of bicycles and motorcycles, 0.959 on photographs,
           calibration error 0.034, 97 % of 899 pictures of other things refused; the gate at alpha 0.02 accepts 59 %
           of the test images (38 to 79 %), 0.3 % of them wrong.
Hardware:  2 cores of an AMD EPYC with AVX-512, no GPU, torch 2.13.0, on a host that ran slow: 180 s, of which the last
           fit 51 s; 1.4 GB in three processes.
n:         5 seeds, with the default hyperparameters and 1,090 negatives; `benchmarks/results/train.json`.

It cross-fits on the channels `train` and `validation` together, settles temperature, gate and novelty cut on the
out-of-fold answers, and fits once more on everything. A channel `negatives`, folders of other things, teaches it what
is neither; the answer stays over the classes. Runs in the container, or as a plain process; reads `input/` and writes
`model/` below the container's root. It never sees the test set: `evaluate` does, once. The same seed and number of
threads give the same network.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from scones import __version__
from scones.contract.layout import BACKBONE, NEGATIVES
from scones.contract.release import Metrics, ModelDescription
from scones.errors import DataError
from scones.model.container import Container, cpus, write_json
from scones.model.inference import dataset
from scones.model.inference.classifier import softmax
from scones.model.inference.dataset import Dataset
from scones.model.training import backbone, hyperparameters
from scones.model.training.audit import audit
from scones.model.training.crossfit import OutOfFold, crossfit
from scones.model.training.export import export_onnx
from scones.model.training.fit import Images, fit
from scones.model.training.hyperparameters import Hyperparameters
from scones.model.training.network import Network
from scones.model.uncertainty import novelty
from scones.model.uncertainty.acceptance import certify_classes
from scones.model.uncertainty.temperature import fit_temperature


def main(container: Container) -> None:
    """Raises DataError or JobError; model.json is written last."""
    started = time.monotonic()
    parameters = hyperparameters.parse(container.hyperparameters())
    torch.set_num_threads(cpus())
    torch.manual_seed(parameters.seed)
    classes = dataset.class_names(container.channel("train"))
    alphas = parameters.alphas(classes)
    pictures = read(container, classes, parameters.size)
    images = Images(torch.from_numpy(pictures.pixels), torch.from_numpy(pictures.labels))
    start = partial(new_network, len(np.unique(pictures.labels)), parameters, backbone_file(container, parameters))
    out_of_fold = crossfit(images, parameters, start)
    network, fit_started = start(), time.monotonic()
    fit_to_end(network, images, parameters)
    fit_seconds = round(time.monotonic() - fit_started, 3)
    container.model.mkdir(parents=True, exist_ok=True)
    export_onnx(network, len(classes), images.pixels, container.model / "model.onnx")
    description = describe(classes, pictures.labels, out_of_fold, alphas, parameters)
    seen = audit(pictures, classes, out_of_fold.logits.numpy(), description["novelty_cut"])
    metrics = Metrics(
        epochs=out_of_fold.epochs,
        seconds=round(time.monotonic() - started, 3),
        fit_seconds=fit_seconds,
        parameters=sum(weights.numel() for weights in network.parameters()),
        seed=parameters.seed,
    )
    write_json(container.model / "metrics.json", metrics)
    write_json(container.model / "audit.json", seen)
    write_json(container.model / "model.json", description)


def read(container: Container, classes: list[str], size: int) -> Dataset:
    """The channels' pictures as one; those of `negatives` carry the label after the last class."""
    parts = [dataset.read(container.channel("train"), classes, size)]
    if (container.input / "validation").is_dir():
        parts.append(dataset.read(container.channel("validation"), classes, size))
    if (container.input / NEGATIVES).is_dir():
        parts.append(dataset.read_as_one(container.channel(NEGATIVES), len(classes), size))
    pictures = dataset.join(parts)
    dataset.check_learnable(pictures, classes)
    return pictures


def backbone_file(container: Container, parameters: Hyperparameters) -> Path | None:
    """The channel `backbone` goes before our own weights; None trains from scratch."""
    if (container.input / BACKBONE).is_dir():
        files = sorted(container.channel(BACKBONE).glob("*.npz"))
        if len(files) != 1:
            raise DataError(f"the channel 'backbone' holds {len(files)} npz files; put exactly one there")
        return files[0]
    return backbone.DEFAULT if parameters.backbone == "default" else None


def new_network(outputs: int, parameters: Hyperparameters, weights: Path | None) -> Network:
    network = Network(outputs, parameters.width)
    if weights:
        backbone.load(network, weights)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def fit_to_end(network: Network, images: Images, parameters: Hyperparameters) -> None:
    for number, (loss, accuracy) in enumerate(fit(network, images, parameters), 1):
        print(f"final epoch={number} train_loss={loss:.4f} train_accuracy={accuracy:.4f}", flush=True)


def describe(
    classes: list[str],
    labels: np.typing.NDArray[np.int64],
    out_of_fold: OutOfFold,
    alphas: list[float],
    parameters: Hyperparameters,
) -> ModelDescription:
    """Everything that is settled on out-of-fold answers; pictures of other things take no part in it."""
    vehicles = labels < len(classes)
    answers, truth = out_of_fold.logits.numpy().astype(np.float64)[vehicles], labels[vehicles]
    strangeness, logits = novelty.score(answers, len(classes)), answers[:, : len(classes)]
    temperature, novelty_cut = fit_temperature(logits, truth), novelty.cut(strangeness)
    probabilities = softmax(logits / temperature)
    certificates = certify_classes(probabilities, truth, strangeness <= novelty_cut, alphas, parameters.delta)
    return ModelDescription(
        classes=classes,
        size=parameters.size,
        mean=list(dataset.MEAN),
        std=list(dataset.STD),
        temperature=temperature,
        thresholds=[certificate["threshold"] for certificate in certificates],
        certificates=certificates,
        novelty_cut=novelty_cut,
        digest=parameters.digest,
        version=__version__,
    )
