"""CIFAR-style residual networks: 3x3 stem without pooling, stages that double width and halve size.

Width 64 with basic blocks (2, 2, 2, 2) is the CIFAR ResNet-18 of the papers, 11,173,962 parameters for 10 classes; with
bottleneck blocks (3, 4, 6, 3) it is the CIFAR ResNet-50, 23,520,842.
Source: He et al. 2016, Sections 3.3 and 4.1, with the CIFAR stem; key names as in the public adversarial-training code.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where size or width changes."""

    expansion = 1

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_width, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = _shortcut(in_width, width, stride)

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_width, H, W) to (B, width, H/stride, W/stride)."""
        hidden = F.relu(self.bn1(self.conv1(features)))
        return F.relu(self.bn2(self.conv2(hidden)) + self.shortcut(features))


class BottleneckBlock(nn.Module):
    """A 3x3 convolution between two 1x1, the last four times as wide; the shortcut as in `BasicBlock`."""

    expansion = 4

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        out_width = self.expansion * width
        self.conv1 = nn.Conv2d(in_width, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_width)
        self.shortcut = _shortcut(in_width, out_width, stride)

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_width, H, W) to (B, 4 width, H/stride, W/stride)."""
        hidden = F.relu(self.bn1(self.conv1(features)))
        hidden = F.relu(self.bn2(self.conv2(hidden)))
        return F.relu(self.bn3(self.conv3(hidden)) + self.shortcut(features))


def _shortcut(in_width: int, out_width: int, stride: int) -> nn.Sequential:
    if stride == 1 and in_width == out_width:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(in_width, out_width, 1, stride=stride, bias=False), nn.BatchNorm2d(out_width))


class ResNet(nn.Module):
    """The family: `width` channels in the first stage, `blocks` per stage, one to four stages, of one kind of block."""

    def __init__(
        self,
        *,
        width: int,
        blocks: Sequence[int],
        channels: int,
        classes: int,
        block: type[BasicBlock] | type[BottleneckBlock] = BasicBlock,
    ) -> None:
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
                stage_blocks.append(block(in_width, out_width, stride))
                in_width = block.expansion * out_width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*stage_blocks))
        self.linear = nn.Linear(in_width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to logits (B, K)."""
        features = F.relu(self.bn1(self.conv1(images)))
        for stage in range(self.num_stages):
            features = self.get_submodule(f"layer{stage + 1}")(features)
        logits: Tensor = self.linear(features.mean(dim=(2, 3)))
        return logits
