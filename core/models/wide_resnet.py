"""WideResNet in the naming of the TRADES code: the architecture of the LTD teachers.

Depth 34 and widening 10 has 46,160,474 parameters for 10 classes. The published code also registers `sub_block1`, a
copy of block1 that is never executed; it is left out here, and `core.teachers.checkpoint` drops its keys.
Source: Zagoruyko and Komodakis 2016; Zhang et al. 2019 (TRADES).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from core.models.initialisation import initialise_wide

STEM_WIDTH = 16


class WideBlock(nn.Module):
    """Pre-activated block; where the width changes, the shortcut convolves the activated input."""

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_width)
        self.conv1 = nn.Conv2d(in_width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.convShortcut = nn.Conv2d(in_width, width, 1, stride=stride, bias=False) if in_width != width else None

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_width, H, W) to (B, width, H/stride, W/stride)."""
        activated = F.relu(self.bn1(features))
        shortcut = features if self.convShortcut is None else self.convShortcut(activated)
        hidden = self.conv2(F.relu(self.bn2(self.conv1(activated))))
        total: Tensor = hidden + shortcut
        return total


class WideStage(nn.Module):
    """Blocks in a row under the name `layer`; the first one changes width and size."""

    def __init__(self, in_width: int, width: int, count: int, stride: int) -> None:
        super().__init__()
        first = WideBlock(in_width, width, stride)
        self.layer = nn.Sequential(first, *(WideBlock(width, width, 1) for _ in range(count - 1)))

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_width, H, W) to (B, width, H/stride, W/stride)."""
        hidden: Tensor = self.layer(features)
        return hidden


class WideResNet(nn.Module):
    """Three stages of (depth - 4) / 6 blocks, `widen` times 16, 32 and 64 channels wide; no input normalisation."""

    def __init__(self, *, depth: int, widen: int, channels: int, classes: int) -> None:
        super().__init__()
        count = (depth - 4) // 6
        widths = [STEM_WIDTH * widen * 2**stage for stage in range(3)]
        self.conv1 = nn.Conv2d(channels, STEM_WIDTH, 3, padding=1, bias=False)
        self.block1 = WideStage(STEM_WIDTH, widths[0], count, 1)
        self.block2 = WideStage(widths[0], widths[1], count, 2)
        self.block3 = WideStage(widths[1], widths[2], count, 2)
        self.bn1 = nn.BatchNorm2d(widths[2])
        self.fc = nn.Linear(widths[2], classes)
        initialise_wide(self)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to logits (B, K)."""
        features = self.block3(self.block2(self.block1(self.conv1(images))))
        logits: Tensor = self.fc(F.relu(self.bn1(features)).mean(dim=(2, 3)))
        return logits
