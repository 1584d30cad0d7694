"""PreActResNet-18: normalisation and activation before each convolution; the Tiny-ImageNet student of the papers.

11,218,340 parameters for 100 classes. Source: He et al. 2016, Identity Mappings, with the CIFAR stem; key names as in
the public adversarial-training code.
"""

import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512)
BLOCKS_PER_STAGE = 2


class PreActBlock(nn.Module):
    """Two pre-activated 3x3 convolutions; where size or width changes, the shortcut convolves the activated input."""

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_width)
        self.conv1 = nn.Conv2d(in_width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.changes_shape = stride != 1 or in_width != width
        if self.changes_shape:
            self.shortcut = nn.Sequential(nn.Conv2d(in_width, width, 1, stride=stride, bias=False))

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_width, H, W) to (B, width, H/stride, W/stride)."""
        activated = F.relu(self.bn1(features))
        shortcut = self.shortcut(activated) if self.changes_shape else features
        hidden = self.conv2(F.relu(self.bn2(self.conv1(activated))))
        total: Tensor = hidden + shortcut
        return total


class PreActResNet18(nn.Module):
    """Four stages of two blocks; every stage after the first halves the image, which may have any size."""

    def __init__(self, *, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, WIDTHS[0], 3, padding=1, bias=False)
        in_width = WIDTHS[0]
        for stage, width in enumerate(WIDTHS):
            blocks = []
            for block in range(BLOCKS_PER_STAGE):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(PreActBlock(in_width, width, stride))
                in_width = width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.bn = nn.BatchNorm2d(in_width)
        self.linear = nn.Linear(in_width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to logits (B, K)."""
        features = self.conv1(images)
        for stage in range(len(WIDTHS)):
            features = self.get_submodule(f"layer{stage + 1}")(features)
        logits: Tensor = self.linear(F.relu(self.bn(features)).mean(dim=(2, 3)))
        return logits
