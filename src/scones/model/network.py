"""The network: a small residual one for pictures of 16 to 128 pixels; it loads torch, so `train` alone uses it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

# Channels of the three stages as multiples of the first, and their blocks: at width 32 and 32 pixels, 36 million
# multiply-adds. Few channels where the picture is large and many where it is small keeps matrix products square.
STAGES = ((1, 1), (3, 2), (8, 1))
WIDTH = 32


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016), the last one starting at zero (Goyal et al. 2017)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut: nn.Module = nn.Identity()
        if channels_in != channels_out:
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(channels_in, channels_out, 1, bias=False))
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(residual + self.shortcut(x))


class Network(nn.Module):
    """[n, 3, size, size] -> logits [n, classes]; `features` is what pre-training hands on, `head` is always new."""

    def __init__(self, classes: int, width: int = WIDTH) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        channels = width
        for stage, (multiple, blocks) in enumerate(STAGES):
            for block in range(blocks):
                layers.append(Block(channels, multiple * width, 2 if stage and not block else 1))
                channels = multiple * width
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).mean((2, 3)))
        return logits
