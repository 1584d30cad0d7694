"""The order of images in an epoch and their augmentation, both reproducible from seed, epoch and step alone."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from core.data.dataset import ImageSet
from core.seeding import generator_for
from core.spec.config import DataSection


def steps_per_epoch(images: ImageSet, batch_size: int) -> int:
    """Batches of an epoch; the last, smaller one counts. Mixing in extra images changes nothing here."""
    return -(-len(images) // batch_size)


def epoch_batches(
    images: ImageSet, data: DataSection, *, batch_size: int, seed: int, epoch: int, first_step: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled, augmented batches of one epoch: images (B, C, H, W) in [0, 1] and labels (B,).

    epoch: from 1. first_step: batches to leave out, which a resumed epoch has already seen.

    The epoch's order is a permutation of the images from (seed, epoch). Without extra images each batch takes the next
    B of it. With them a batch of B has floor(B * extra_fraction) extra images, drawn with replacement from
    (seed, epoch, step), after the next B - floor(B * extra_fraction) of the order, whose rest this epoch leaves out.
    """
    device = images.labels.device
    order = torch.randperm(len(images), generator=generator_for(torch.device("cpu"), seed, "order", epoch)).to(device)
    real_per_batch = batch_size - extra_count(images, data, batch_size)
    for step in range(first_step, steps_per_epoch(images, batch_size)):
        size = min(batch_size, len(images) - step * batch_size)
        num_extra = extra_count(images, data, size)
        index = order[step * real_per_batch :][: size - num_extra]
        batch, labels = images.images(index), images.labels[index]
        if images.extra is not None and num_extra:
            drawn = torch.randint(
                len(images.extra),
                (num_extra,),
                generator=generator_for(torch.device("cpu"), seed, "extra", epoch, step),
            ).to(device)
            batch = torch.cat([batch, images.extra.images(drawn)])
            labels = torch.cat([labels, images.extra.labels[drawn]])
        yield augment(batch, data, generator_for(device, seed, "augment", epoch, step)), labels


def extra_count(images: ImageSet, data: DataSection, size: int) -> int:
    """Extra images in a batch of `size`: their share, rounded down as in the DM-Improves-AT sampler."""
    return 0 if images.extra is None else int(size * data.extra_fraction + 1e-9)


def augment(images: Tensor, data: DataSection, generator: torch.Generator) -> Tensor:
    """Random crop after zero padding and random horizontal flip, each image on its own. (B, C, H, W) to the same."""
    if data.random_crop_padding:
        images = random_crop(images, data.random_crop_padding, generator)
    if data.horizontal_flip:
        flip = torch.rand(len(images), generator=generator, device=images.device) < 0.5
        images = torch.where(flip[:, None, None, None], images.flip(-1), images)
    return images


def random_crop(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Zero-pad by `padding` pixels and cut each image out at its own random place."""
    batch, channels, height, width = images.shape
    device = images.device
    padded = F.pad(images, (padding, padding, padding, padding))
    top, left = torch.randint(0, 2 * padding + 1, (2, batch), generator=generator, device=device)
    rows = (top[:, None] + torch.arange(height, device=device))[:, None, :, None]
    columns = (left[:, None] + torch.arange(width, device=device))[:, None, None, :]
    batch_index = torch.arange(batch, device=device)[:, None, None, None]
    channel_index = torch.arange(channels, device=device)[None, :, None, None]
    return padded[batch_index, channel_index, rows, columns]
