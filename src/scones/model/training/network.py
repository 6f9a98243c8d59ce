"""The network: a small residual one for images of 16 to 128 pixels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

# 36.1 million multiply-adds at 32 pixels. The first layer keeps the resolution, because spokes are one pixel wide.
WIDTH = 24


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut, pre-activation (He et al. 2016, "Identity Mappings").

    If there are more channels out than in, the side is halved.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        widens = channels_out > channels_in
        self.norm1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride=1 + widens, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, bias=False) if widens else None

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, channels_out, side, side] for [n, channels_in, side, side], or half the side if it widens."""
        activated = functional.relu(self.norm1(x))
        shortcut = self.shortcut(functional.avg_pool2d(activated, 2, ceil_mode=True)) if self.shortcut else x
        residual: Tensor = self.conv2(functional.relu(self.norm2(self.conv1(activated))))
        return shortcut + residual


class Network(nn.Module):
    """Maps images [n, 3, size, size] to logits [n, classes].

    Pre-training provides the weights of `features`; `head` always starts from random ones.
    """

    def __init__(self, classes: int, width: int = WIDTH) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1, bias=False),
            Block(width, 2 * width),
            Block(2 * width, 4 * width),
            Block(4 * width, 8 * width),
            Block(8 * width, 8 * width),
            nn.BatchNorm2d(8 * width),
            nn.ReLU(),
        )
        self.head = nn.Linear(8 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits [n, classes] of images [n, 3, size, size]."""
        logits: Tensor = self.head(self.features(images).mean((2, 3)))
        return logits
