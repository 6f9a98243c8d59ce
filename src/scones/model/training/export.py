"""Exports the trained network as model.onnx, and checks that ONNX Runtime computes the same as torch."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from scones.errors import ModelArtifactError
from scones.model.training.network import Network

TOLERANCE = 1e-3
_OUTPUTS = ("logits", "novelty", "activation_map")
_COMPARED_IMAGES = 64


class ExportedNetwork(nn.Module):
    """The computation of model.onnx: the logits of the classes, the novelty score, and class activation maps.

    A map [classes, side, side] shows where in the image the features for a class are (Zhou et al. 2016). The class's
    logit, without the bias, is the mean of its map, so that a map needs no gradient.
    """

    def __init__(self, network: Network, classes: int) -> None:
        super().__init__()
        self.network = network
        self.classes = classes

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits [n, classes], novelty [n] and maps [n, classes, side, side] of [n, 3, size, size]."""
        features = self.network.features(images)
        outputs = self.network.head(features.mean((2, 3)))
        logits = outputs[:, : self.classes]
        # Without negatives, the head has no output for them; see `uncertainty.novelty`.
        negative_logit = outputs[:, self.classes] if self.network.head.out_features > self.classes else 0.0
        novelty = negative_logit - logits.logsumexp(1)
        weight = self.network.head.weight[: self.classes, :, None, None]
        return logits, novelty, nn.functional.conv2d(features, weight)


def export_onnx(network: Network, classes: int, images: Tensor, path: Path) -> None:
    """Write model.onnx, with the input "image" [n, 3, size, size] and the outputs of `ExportedNetwork`.

    Raises ModelArtifactError if torch and ONNX Runtime differ by more than `TOLERANCE` on the first of `images`.
    """
    exported = ExportedNetwork(network, classes).eval()
    sample = images[:_COMPARED_IMAGES].contiguous()
    with warnings.catch_warnings():
        # The newer exporter needs the package onnxscript; the older one writes this network's few operators as well.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        torch.onnx.export(
            exported,
            (sample[:1],),
            str(path),
            input_names=["image"],
            output_names=list(_OUTPUTS),
            dynamic_axes={name: {0: "n"} for name in ("image", *_OUTPUTS)},
            dynamo=False,
        )
    with torch.inference_mode():
        expected = [output.numpy() for output in exported(sample)]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    actual = session.run(list(_OUTPUTS), {"image": sample.numpy()})
    difference = max(float(np.abs(a - b).max()) for a, b in zip(actual, expected, strict=True))
    # Written so that NaN, which compares as false, is an error too.
    if not difference <= TOLERANCE:
        raise ModelArtifactError(f"model.onnx differs from the network by {difference:.2g}; report this as a bug")
