"""Point-wise distance D of a student to its teacher: how far their outputs are apart at x + delta.

Probabilities are what the papers' values fit; logits are given too. Source: ICLR Eq. 10, Table 5.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.attacks import attack_mode
from core.data.dataset import ImageSet
from core.seeding import generator_for

Perturb = Callable[[Tensor, Tensor, int], Tensor]  # images, labels, number of the batch -> perturbed images


@dataclass(frozen=True, kw_only=True, slots=True)
class PointwiseDistance:
    """L2 distances per image, in the order of the images: probabilities (N,) and logits (N,)."""

    probabilities: Tensor
    logits: Tensor


def pointwise_distance(
    student: nn.Module, teacher: nn.Module, images: ImageSet, *, perturb: Perturb, batch_size: int
) -> PointwiseDistance:
    """Distances at perturb(x), both networks in eval mode."""
    probabilities, logits = [], []
    batches = torch.split(torch.arange(len(images), device=images.labels.device), batch_size)  # type: ignore[no-untyped-call]
    with attack_mode(student), attack_mode(teacher), torch.no_grad():
        for number, index in enumerate(batches):
            perturbed = perturb(images.images(index), images.labels[index], number)
            ours, theirs = student(perturbed), teacher(perturbed)
            logits.append((ours - theirs).norm(dim=1))
            probabilities.append((ours.softmax(dim=1) - theirs.softmax(dim=1)).norm(dim=1))
    return PointwiseDistance(probabilities=torch.cat(probabilities), logits=torch.cat(logits))


def no_perturbation(images: Tensor, _labels: Tensor, _batch: int) -> Tensor:
    """delta = 0."""
    return images


def uniform_perturbation(epsilon: float, seed: int) -> Perturb:
    """delta uniform in [-epsilon, epsilon] per pixel, not cut to [0, 1]."""

    def perturb(images: Tensor, _labels: Tensor, batch: int) -> Tensor:
        return images + uniform_noise(images, epsilon, generator_for(images.device, seed, "pointwise", batch))

    return perturb


def uniform_noise(images: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    """Noise of the images' shape, uniform in [-epsilon, epsilon]."""
    share = torch.rand(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    return epsilon * (2 * share - 1)
