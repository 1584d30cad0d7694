"""Subtracting the mean and dividing by the deviation of pixels, inside the networks that were published with it.

Images stay in [0, 1] everywhere outside; a radius is in pixel units whatever the network does inside.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.spec.config import NormalisationName


class PixelStatistics(NamedTuple):
    """Mean and standard deviation per channel, in pixel units."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


STATISTICS = {
    "cifar-10": PixelStatistics((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)),
    "cifar-100": PixelStatistics((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}


def pixel_statistics(name: NormalisationName, dataset: str, channels: int) -> PixelStatistics:
    """What a network subtracts and divides by. "auto" is that of the data set, or 0.5 and 0.5 where none is known.

    Source of the CIFAR values: the checkpoints' own code (RobustBench, dm_wide_resnet).
    """
    chosen = (dataset if dataset in STATISTICS else "half") if name == "auto" else name
    if chosen == "half":
        return PixelStatistics((0.5,) * channels, (0.5,) * channels)
    if chosen == "none":
        return PixelStatistics((0.0,) * channels, (1.0,) * channels)
    return STATISTICS[chosen]


class Normalise(nn.Module):
    """(x - mean) / std per channel. Its buffers are not in the state dict, as in the published checkpoints."""

    mean: Tensor
    std: Tensor

    def __init__(self, statistics: PixelStatistics) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(statistics.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(statistics.std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to the same shape, centred."""
        return (images - self.mean) / self.std
