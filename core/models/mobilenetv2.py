"""MobileNetV2 for CIFAR as the distillation papers use it: ReLU (not ReLU6), a stem that keeps the size, no dropout.

Unlike the original, a block that keeps the size but changes the width has a 1x1 convolution as its shortcut.
2,296,922 parameters for 10 classes. Source: Sandler et al. 2018, in the form of the public ARD, RSLAD and AdaAD code.
"""

import torch.nn.functional as F
from torch import Tensor, nn

# Expansion, output channels, blocks, stride of the first block.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
STEM_WIDTH, LAST_WIDTH = 32, 1280


class InvertedResidual(nn.Module):
    """Expand by 1x1, filter each channel by 3x3, project by 1x1; the input is added where the size stays."""

    def __init__(self, in_width: int, width: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = expansion * in_width
        self.stride = stride
        self.conv1 = nn.Conv2d(in_width, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, stride=stride, padding=1, groups=hidden, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv3 = nn.Conv2d(hidden, width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride == 1 and in_width != width:
            self.shortcut = nn.Sequential(nn.Conv2d(in_width, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_width, H, W) to (B, width, H/stride, W/stride)."""
        hidden = F.relu(self.bn1(self.conv1(features)))
        hidden = F.relu(self.bn2(self.conv2(hidden)))
        projected: Tensor = self.bn3(self.conv3(hidden))
        return projected + self.shortcut(features) if self.stride == 1 else projected


class MobileNetV2(nn.Module):
    """Seventeen blocks in a row; the image is halved three times."""

    def __init__(self, *, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, STEM_WIDTH, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_WIDTH)
        blocks, in_width = [], STEM_WIDTH
        for expansion, width, count, first_stride in STAGES:
            for block in range(count):
                blocks.append(InvertedResidual(in_width, width, expansion, first_stride if block == 0 else 1))
                in_width = width
        self.layers = nn.Sequential(*blocks)
        self.conv2 = nn.Conv2d(in_width, LAST_WIDTH, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(LAST_WIDTH)
        self.linear = nn.Linear(LAST_WIDTH, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to logits (B, K)."""
        features = self.layers(F.relu(self.bn1(self.conv1(images))))
        features = F.relu(self.bn2(self.conv2(features)))
        logits: Tensor = self.linear(features.mean(dim=(2, 3)))
        return logits
