"""What a data set is: three sets of images with labels, kept as integer levels until a batch is made."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.seeding import generator_for
from core.spec.config import DataSection
from core.spec.data_files import class_count, image_channels, image_size
from core.spec.home import Home

FREE_MEMORY_SHARE = 0.5  # of a device's free memory that one set of images may take


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """What a network must know of the images: channels, side in pixels, number of classes."""

    channels: int
    image_size: int
    classes: int

    @classmethod
    def of(cls, data: DataSection, home: Home) -> "Geometry":
        """That of a data section, known before an image is read; a folder's classes are counted."""
        return cls(channels=image_channels(data), image_size=image_size(data), classes=class_count(data, home))


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSet:
    """Images of one split.

    levels: (N, C, H, W) uint8, from 0 to max_level. labels: (N,) int64. Images in [0, 1] are levels / max_level.
    extra: generated images that training mixes in; they are no part of the split and of its length.
    Labels are where the work is done; levels that do not fit there stay behind and follow batch by batch.
    """

    levels: Tensor
    labels: Tensor
    max_level: int
    extra: "ImageSet | None" = None

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, index: Tensor | slice = slice(None)) -> Tensor:
        """The selected images: (B, C, H, W) float32 in [0, 1], on the device of the labels."""
        selected = self.levels[self._place(index)].to(self.labels.device)
        return selected.to(torch.float32) / self.max_level

    def first(self, count: int | None) -> "ImageSet":
        """The first `count` images, all of them for None."""
        return self.at(torch.arange(len(self) if count is None else min(count, len(self)), device=self.labels.device))

    def at(self, index: Tensor) -> "ImageSet":
        """The images at these positions, in this order, without `extra`."""
        return ImageSet(levels=self.levels[self._place(index)], labels=self.labels[index], max_level=self.max_level)

    def to(self, device: torch.device) -> "ImageSet":
        """The same images on a device; levels that would take too much of it stay where they are."""
        levels = self.levels.to(device) if _fits(self.levels, device) else self.levels
        extra = self.extra and self.extra.to(device)
        return replace(self, levels=levels, labels=self.labels.to(device), extra=extra)

    def _place(self, index: Tensor | slice) -> Tensor | slice:
        return index.to(self.levels.device) if isinstance(index, Tensor) else index


def _fits(levels: Tensor, device: torch.device) -> bool:
    if device.type == "cpu" or levels.device == device:
        return True
    return levels.numel() <= FREE_MEMORY_SHARE * torch.cuda.mem_get_info(device)[0]


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
    if aside == 0:
        return images, images.first(0)
    order = torch.randperm(len(images), generator=generator_for(torch.device("cpu"), seed, "split", purpose))
    return images.at(order[aside:].sort().values), images.at(order[:aside].sort().values)
