"""Writes the trained network as model.onnx and makes sure that ONNX Runtime answers as torch does."""

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
_COMPARED = 64


class Answer(nn.Module):
    """The outputs of model.onnx: the classes' logits, the novelty of `novelty.score`, and activation maps.

    A map [classes, side, side] shows where the features are that speak for a class (Zhou et al. 2016): without its
    bias, a logit is the mean of the class's map, so that nothing needs a gradient. It is given to who asks for it.
    """

    def __init__(self, network: Network, classes: int) -> None:
        super().__init__()
        self.network, self.classes = network, classes

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        features = self.network.features(images)
        logits = self.network.head(features.mean((2, 3)))
        vehicles = logits[:, : self.classes]
        neither = logits[:, self.classes] if self.network.head.out_features > self.classes else 0.0
        weight = self.network.head.weight[: self.classes, :, None, None]
        return vehicles, neither - vehicles.logsumexp(1), nn.functional.conv2d(features, weight)


def export_onnx(network: Network, classes: int, images: Tensor, path: Path) -> None:
    """Write input "image" [n, 3, size, size] and the outputs "logits", "novelty" and "activation_map" of `Answer`.

    Raises ModelArtifactError where the two runtimes differ by more than `TOLERANCE` on any of the first `images`.
    """
    answer = Answer(network, classes).eval()
    names = ["logits", "novelty", "activation_map"]
    some = images[:_COMPARED].contiguous()
    with warnings.catch_warnings():
        # The newer exporter needs onnxscript besides; the older one writes this network's dozen operators as well.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        torch.onnx.export(
            answer,
            (some[:1],),
            str(path),
            input_names=["image"],
            output_names=names,
            dynamic_axes={name: {0: "n"} for name in ("image", *names)},
            dynamo=False,
        )
    with torch.inference_mode():
        expected = [output.numpy() for output in answer(some)]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = session.run(names, {"image": some.numpy()})
    difference = max(float(np.abs(a - b).max()) for a, b in zip(given, expected, strict=True))
    if not difference <= TOLERANCE:
        raise ModelArtifactError(f"model.onnx differs from the network by {difference:.2g}; report this as a bug")
