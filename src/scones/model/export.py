"""Writes the trained network as model.onnx and makes sure that ONNX Runtime answers as torch does."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from scones.errors import ModelArtifactError

TOLERANCE = 1e-4


def export_onnx(network: nn.Module, images: Tensor, path: Path) -> None:
    """Write `network` with input "image" [n, 3, size, size] and output "logits" [n, classes].

    Raises ModelArtifactError where the two runtimes differ by more than `TOLERANCE` on any logit of `images`.
    """
    network.eval()
    with warnings.catch_warnings():
        # The newer exporter needs onnxscript besides; the older one writes this network's dozen operators as well.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        torch.onnx.export(
            network,
            (images[:1],),
            str(path),
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "n"}, "logits": {0: "n"}},
            dynamo=False,
        )
    with torch.inference_mode():
        expected = network(images).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    difference = float(np.abs(session.run(["logits"], {"image": images.numpy()})[0] - expected).max())
    if not difference <= TOLERANCE:
        raise ModelArtifactError(f"model.onnx differs from the network by {difference:.2g}; report this as a bug")
