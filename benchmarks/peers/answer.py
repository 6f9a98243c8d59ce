"""The model that each peer's server calls: the same model.onnx in ONNX Runtime, with Pillow's usual decoding.

Runs in the peer's own environment, without Scones. Every peer has two worker processes on the benchmark's two cores,
so one thread per process is fastest.
"""

from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image


class Model:
    """The model of the folder `PEER_MODEL`; a call returns the class probabilities of an encoded image."""

    def __init__(self) -> None:
        folder = Path(os.environ["PEER_MODEL"])
        self.about = json.loads((folder / "model.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])

    def __call__(self, body: bytes) -> list[float]:
        return self.answer(Image.open(io.BytesIO(body)))

    def from_base64(self, text: str) -> list[float]:
        """Classify an encoded image in base64."""
        return self(base64.b64decode(text))

    def answer(self, image: Image.Image) -> list[float]:
        """Return the calibrated probability of each class."""
        side = self.about["size"]
        image = image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
        pixels = (np.asarray(image, np.float32) / 255 - self.about["mean"]) / self.about["std"]
        inputs = {"image": pixels.transpose(2, 0, 1)[None].astype(np.float32)}
        logits = self.session.run(["logits"], inputs)[0][0] / self.about["temperature"]
        powers = np.exp(logits - logits.max())
        return [float(value) for value in powers / powers.sum()]
