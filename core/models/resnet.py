"""CIFAR-style residual networks: 3x3 stem without pooling, basic blocks, stages that double width and halve size.

Width 64 with blocks (2, 2, 2, 2) is the CIFAR ResNet-18 of the papers: 11,173,962 parameters for 10 classes.
Source: He et al. 2016, Section 3.3, with the CIFAR stem; key names as in the public adversarial-training code.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where size or width changes."""

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_width, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_width != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_width, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_width, H, W) to (B, width, H/stride, W/stride)."""
        hidden = F.relu(self.bn1(self.conv1(features)))
        return F.relu(self.bn2(self.conv2(hidden)) + self.shortcut(features))


class ResNet(nn.Module):
    """The family: `width` channels in the first stage, `blocks` per stage, one to four stages."""

    def __init__(self, *, width: int, blocks: Sequence[int], channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.num_stages = len(blocks)
        in_width = width
        for stage, count in enumerate(blocks):
            out_width = width * 2**stage
            strides = [1 if stage == 0 else 2] + [1] * (count - 1)
            stage_blocks = []
            for stride in strides:
                stage_blocks.append(BasicBlock(in_width, out_width, stride))
                in_width = out_width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*stage_blocks))
        self.linear = nn.Linear(in_width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to logits (B, K)."""
        features = F.relu(self.bn1(self.conv1(images)))
        for stage in range(self.num_stages):
            features = self.get_submodule(f"layer{stage + 1}")(features)
        logits: Tensor = self.linear(features.mean(dim=(2, 3)))
        return logits
