"""WideResNet with SiLU, "SAME" padding and its own normalisation: the architecture of the BDM-AT and IKL-AT teachers.

Depth 28 and widening 10 has 36,479,194 parameters for 10 classes. A convolution of stride 2 pads on the right and at
the bottom only; symmetric padding would load just as well and silently cost accuracy.
Source: Gowal et al. 2020 in the PyTorch form of Wang et al. 2023 (RobustBench, dm_wide_resnet).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from core.models.initialisation import initialise_wide
from core.models.normalisation import Normalise, PixelStatistics

STEM_WIDTH = 16
PADDING_OF_STRIDE_2 = (0, 1, 0, 1)  # left, right, top, bottom


class SiluBlock(nn.Module):
    """Pre-activated block; where the width changes, the shortcut convolves the activated input."""

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.batchnorm_0 = nn.BatchNorm2d(in_width)
        self.conv_0 = nn.Conv2d(in_width, width, 3, stride=stride, padding=1 if stride == 1 else 0, bias=False)
        self.batchnorm_1 = nn.BatchNorm2d(width)
        self.conv_1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(in_width, width, 1, stride=stride, bias=False) if in_width != width else None

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_width, H, W) to (B, width, H/stride, W/stride); H and W divisible by the stride."""
        activated = F.silu(self.batchnorm_0(features))
        shortcut = features if self.shortcut is None else self.shortcut(activated)
        hidden = self.conv_0(activated if self.stride == 1 else F.pad(activated, PADDING_OF_STRIDE_2))
        total: Tensor = self.conv_1(F.silu(self.batchnorm_1(hidden))) + shortcut
        return total


class SiluStage(nn.Module):
    """Blocks in a row under the name `block`; the first one changes width and size."""

    def __init__(self, in_width: int, width: int, count: int, stride: int) -> None:
        super().__init__()
        first = SiluBlock(in_width, width, stride)
        self.block = nn.Sequential(first, *(SiluBlock(width, width, 1) for _ in range(count - 1)))

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_width, H, W) to (B, width, H/stride, W/stride)."""
        hidden: Tensor = self.block(features)
        return hidden


class SiluWideResNet(nn.Module):
    """Three stages of (depth - 4) / 6 blocks, `widen` times 16, 32 and 64 channels wide, on images it normalises."""

    def __init__(self, *, depth: int, widen: int, channels: int, classes: int, statistics: PixelStatistics) -> None:
        super().__init__()
        count = (depth - 4) // 6
        widths = [STEM_WIDTH * widen * 2**stage for stage in range(3)]
        self.normalise = Normalise(statistics)
        self.init_conv = nn.Conv2d(channels, STEM_WIDTH, 3, padding=1, bias=False)
        self.layer = nn.Sequential(
            SiluStage(STEM_WIDTH, widths[0], count, 1),
            SiluStage(widths[0], widths[1], count, 2),
            SiluStage(widths[1], widths[2], count, 2),
        )
        self.batchnorm = nn.BatchNorm2d(widths[2])
        self.logits = nn.Linear(widths[2], classes)
        initialise_wide(self)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to logits (B, K)."""
        features = self.layer(self.init_conv(self.normalise(images)))
        logits: Tensor = self.logits(F.silu(self.batchnorm(features)).mean(dim=(2, 3)))
        return logits
