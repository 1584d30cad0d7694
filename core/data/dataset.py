"""What a data set is: three sets of images with labels, kept as integer levels until a batch is made."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.seeding import generator_for


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """What a network must know of the images: channels, side in pixels, number of classes."""

    channels: int
    image_size: int
    classes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSet:
    """Images of one split.

    levels: (N, C, H, W) uint8, from 0 to max_level. labels: (N,) int64. Images in [0, 1] are levels / max_level.
    """

    levels: Tensor
    labels: Tensor
    max_level: int

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, index: Tensor | slice = slice(None)) -> Tensor:
        """The selected images: (B, C, H, W) float32 in [0, 1]."""
        return self.levels[index].to(torch.float32) / self.max_level

    def first(self, count: int | None) -> "ImageSet":
        """The first `count` images, all of them for None."""
        return self.at(torch.arange(len(self) if count is None else min(count, len(self)), device=self.labels.device))

    def at(self, index: Tensor) -> "ImageSet":
        """The images at these positions, in this order."""
        return ImageSet(levels=self.levels[index], labels=self.labels[index], max_level=self.max_level)

    def to(self, device: torch.device) -> "ImageSet":
        """The same images on a device."""
        return ImageSet(levels=self.levels.to(device), labels=self.labels.to(device), max_level=self.max_level)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """The three splits. Only evaluation and the followed GD/GC subset read `test`."""

    train: ImageSet
    validation: ImageSet
    test: ImageSet
    geometry: Geometry

    def to(self, device: torch.device) -> "Dataset":
        """The same splits on a device."""
        splits = {name: getattr(self, name).to(device) for name in ("train", "validation", "test")}
        return Dataset(**splits, geometry=self.geometry)


def split(images: ImageSet, fraction: float, seed: int, purpose: str) -> tuple[ImageSet, ImageSet]:
    """Put a random share of the images aside: (those left, those put aside), each in the original order.

    fraction: in [0, 1), rounded to whole images. The same seed and purpose give the same split.
    """
    aside = round(len(images) * fraction)
    order = torch.randperm(len(images), generator=generator_for(torch.device("cpu"), seed, "split", purpose))
    return images.at(order[aside:].sort().values), images.at(order[:aside].sort().values)
