from pathlib import Path

import pytest
import torch
from torch import nn

from scones.errors import ModelArtifactError
from scones.model.training.export import export_onnx
from scones.model.training.network import Network


class Noise(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :1].repeat(1, 8, 1, 1) + torch.rand(images.shape[0], 8, 1, 1)


def test_an_export_that_differs_from_the_network_is_rejected(tmp_path: Path) -> None:
    network = Network(2, 1)
    network.features = nn.Sequential(Noise())
    with pytest.raises(ModelArtifactError, match="differs from the network"):
        export_onnx(network, 2, torch.zeros(4, 3, 16, 16), tmp_path / "model.onnx")
