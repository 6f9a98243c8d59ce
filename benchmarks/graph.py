"""Operations on model.onnx: counting its multiply-adds, and quantizing it to int8.

Neither changes the released model: the int8 copy is measured and deleted.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from scones.model.inference import dataset

CALIBRATION_IMAGES = 256


def multiply_adds(path: Path) -> int:
    """Return the multiply-adds of one image in the convolutions and matrix products; the input's side must be fixed."""
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.value_info, *graph.output)
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in values}
    weights = {tensor.name: prod(tensor.dims) for tensor in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):
            positions = prod(shapes[node.output[0]][2:])
            total += positions * weights[node.input[1]]
    return total


class _CalibrationImages(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, pixels: NDArray[np.float32]) -> None:
        self._batches: Iterator[NDArray[np.float32]] = iter(np.array_split(pixels, 8))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def round_to_int8(model: Path, train: Path, folder: Path) -> Path:
    """Write a copy of the folder `model` whose model.onnx computes in int8, and return it.

    Static quantisation, weights by channel; the ranges of the activations come from training images, drawn evenly
    over the classes.
    """
    copy = folder / "int8"
    shutil.copytree(model, copy)
    about = json.loads((model / "model.json").read_text())
    images = dataset.read(train, about["classes"], about["size"], about["mean"], about["std"])
    indices = np.linspace(0, len(images.labels) - 1, CALIBRATION_IMAGES).astype(int)
    # ONNX Runtime warns that shapes should be inferred first, which needs sympy; this graph already has its shapes.
    logging.getLogger().setLevel(logging.ERROR)
    quantize_static(
        model / "model.onnx",
        copy / "model.onnx",
        _CalibrationImages(images.pixels[indices]),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return copy
