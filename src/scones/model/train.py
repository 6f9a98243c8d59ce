"""The training job: reads images, writes `model.onnx`, `model.json`, `metrics.json` and `audit.json`.

Claim:     accuracy 0.947 (0.940 to 0.955) on CIFAR-100's 200 test images of bicycles and motorcycles, 0.959 on
           photographs, calibration error 0.034, 97 % of 899 out-of-distribution images rejected; at alpha 0.02 the
           model accepts 59 % of its predictions on the test images (38 to 79 %), of which 0.3 % are wrong.
Hardware:  2 cores of an AMD EPYC with AVX-512, no GPU, torch 2.13.0, on a host that ran slow: 180 s, of which the last
           fit 51 s; 1.4 GB in three processes.
n:         5 seeds, with the default hyperparameters and 1,090 negatives; `benchmarks/results/train.json`.

It cross-fits on the channels `train` and `validation` together, derives the temperature, the thresholds and the novelty
cut from the out-of-fold predictions, and then fits once more on all images. The optional channel `negatives` holds
out-of-distribution images: the network learns to recognise them, but predicts only the classes. The job never reads
the test set; `evaluate` does, once. The same seed and number of threads give the same network.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from scones import __version__
from scones.contract import hyperparameters
from scones.contract.hyperparameters import Hyperparameters
from scones.contract.layout import BACKBONE, NEGATIVES
from scones.contract.release import Metrics, ModelDescription
from scones.errors import DataError, HyperparameterError
from scones.model.container import Container, cpus, write_json
from scones.model.inference import dataset
from scones.model.inference.classifier import softmax
from scones.model.inference.dataset import Dataset
from scones.model.training import backbone
from scones.model.training.audit import audit
from scones.model.training.crossfit import OutOfFold, crossfit
from scones.model.training.export import export_onnx
from scones.model.training.fit import TrainingImages, fit
from scones.model.training.network import Network
from scones.model.uncertainty import novelty
from scones.model.uncertainty.acceptance import certify_classes
from scones.model.uncertainty.temperature import fit_temperature


def main(container: Container) -> None:
    """Train a model and write its files.

    Raises DataError if nothing can be learned from the images, JobError if a hyperparameter is wrong or training fails.
    """
    started = time.monotonic()
    classes = dataset.class_names(container.channel("train"))
    parameters, alphas = read_hyperparameters(container, classes)
    torch.set_num_threads(cpus())
    torch.manual_seed(parameters.seed)

    data = read_channels(container, classes, parameters.size)
    images = TrainingImages(torch.from_numpy(data.pixels), torch.from_numpy(data.labels))
    outputs = len(np.unique(data.labels))
    create_network = partial(new_network, outputs, parameters, backbone_file(container, parameters))

    out_of_fold = crossfit(images, parameters, create_network)
    network = create_network()
    fit_seconds = fit_on_all(network, images, parameters)

    container.model.mkdir(parents=True, exist_ok=True)
    export_onnx(network, len(classes), images.pixels, container.model / "model.onnx")
    description = describe(classes, data.labels, out_of_fold, alphas, parameters)
    suspects = audit(data, classes, out_of_fold.logits.numpy(), description["novelty_cut"])
    metrics = Metrics(
        epochs=out_of_fold.epochs,
        seconds=round(time.monotonic() - started, 3),
        fit_seconds=fit_seconds,
        parameters=sum(weights.numel() for weights in network.parameters()),
        seed=parameters.seed,
    )
    write_json(container.model / "metrics.json", metrics)
    write_json(container.model / "audit.json", suspects)
    # Written last: without model.json a model cannot be loaded, so that an interrupted job leaves nothing usable.
    write_json(container.model / "model.json", description)


def read_hyperparameters(container: Container, classes: list[str]) -> tuple[Hyperparameters, list[float]]:
    """Return the hyperparameters and `alpha` for each class. Raises HyperparameterError."""
    try:
        parameters = hyperparameters.parse(container.hyperparameters())
        return parameters, parameters.alphas(classes)
    except ValueError as error:
        raise HyperparameterError(str(error)) from error


def read_channels(container: Container, classes: list[str], size: int) -> Dataset:
    """Read all channels as one data set; the label of the negatives is `len(classes)`. Raises DataError."""
    parts = [dataset.read(container.channel("train"), classes, size)]
    if (container.input / "validation").is_dir():
        parts.append(dataset.read(container.channel("validation"), classes, size))
    if (container.input / NEGATIVES).is_dir():
        parts.append(dataset.read_negatives(container.channel(NEGATIVES), len(classes), size))
    data = dataset.join(parts)
    dataset.check_learnable(data, classes)
    return data


def backbone_file(container: Container, parameters: Hyperparameters) -> Path | None:
    """Return the file with the weights to start from: the channel `backbone`'s, else our own; None for no weights.

    Raises DataError if the channel does not hold exactly one npz file.
    """
    if (container.input / BACKBONE).is_dir():
        files = sorted(container.channel(BACKBONE).glob("*.npz"))
        if len(files) != 1:
            raise DataError(f"the channel 'backbone' has {len(files)} npz files; it must have exactly one")
        return files[0]
    return backbone.DEFAULT if parameters.backbone == "default" else None


def new_network(outputs: int, parameters: Hyperparameters, weights: Path | None) -> Network:
    """Return a network with random weights, or with the backbone's from the file `weights`."""
    network = Network(outputs, parameters.width)
    if weights:
        backbone.load(network, weights)
    # PyTorch's CPU convolutions are faster in this memory format.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def fit_on_all(network: Network, images: TrainingImages, parameters: Hyperparameters) -> float:
    """Fit the network on all images, print a line after each epoch, and return the wall time in seconds."""
    started = time.monotonic()
    for epoch, (loss, accuracy) in enumerate(fit(network, images, parameters), 1):
        print(f"final epoch={epoch} train_loss={loss:.4f} train_accuracy={accuracy:.4f}", flush=True)
    return round(time.monotonic() - started, 3)


def describe(
    classes: list[str],
    labels: NDArray[np.int64],
    out_of_fold: OutOfFold,
    alphas: list[float],
    parameters: Hyperparameters,
) -> ModelDescription:
    """Return the content of model.json.

    `labels` [n] are in the order of `out_of_fold.logits` [n, outputs]; `alphas` has an accepted error rate per class.
    """
    # Negatives have no class, and the model is never asked to accept them: they do not count here.
    is_vehicle = labels < len(classes)
    labels = labels[is_vehicle]
    outputs = out_of_fold.logits.numpy().astype(np.float64)[is_vehicle]
    logits = outputs[:, : len(classes)]

    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits / temperature)
    novelty_scores = novelty.score(outputs, len(classes))
    novelty_cut = novelty.cut(novelty_scores)
    certificates = certify_classes(probabilities, labels, novelty_scores <= novelty_cut, alphas, parameters.delta)
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
