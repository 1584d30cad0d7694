"""Norm balls around clean images, cut with [0, 1]. All three answer to the same questions (`Ball`)."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

TINY = 1e-12  # keeps a gradient or perturbation of length zero where it is
SMALLEST_GRADIENT = 1e-30
SPARSE_SHARE = 0.01  # of the coordinates that one step in the l1 norm moves


class Ball(Protocol):
    """A set of allowed perturbations of radius `epsilon`; images are (B, C, H, W) in [0, 1]."""

    @property
    def epsilon(self) -> float: ...  # noqa: D102
    def uniform_start(self, clean_images: Tensor, generator: torch.Generator) -> Tensor: ...  # noqa: D102
    def ascend(self, images: Tensor, gradient: Tensor, step_size: float) -> Tensor: ...  # noqa: D102
    def project(self, images: Tensor, clean_images: Tensor) -> Tensor: ...  # noqa: D102
    def size(self, perturbation: Tensor) -> Tensor: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, slots=True)
class LinfBall:
    """Perturbations of at most `epsilon` per pixel, in pixel units of images in [0, 1]."""

    epsilon: float

    def uniform_start(self, clean_images: Tensor, generator: torch.Generator) -> Tensor:
        """Uniform noise in the ball, cut to [0, 1]. (B, C, H, W) to the same."""
        noise = torch.rand(
            clean_images.shape, generator=generator, device=clean_images.device, dtype=clean_images.dtype
        )
        return (clean_images + self.epsilon * (2 * noise - 1)).clamp(0.0, 1.0)

    def ascend(self, images: Tensor, gradient: Tensor, step_size: float) -> Tensor:
        """One step of steepest ascent in the l-infinity norm; the sign of zero is zero."""
        return images + step_size * gradient.sign()

    def project(self, images: Tensor, clean_images: Tensor) -> Tensor:
        """The nearest point in the ball and in [0, 1]."""
        near = torch.clamp(images, clean_images - self.epsilon, clean_images + self.epsilon)
        return near.clamp(0.0, 1.0)

    def size(self, perturbation: Tensor) -> Tensor:
        """Largest change of a pixel, per image: (B,)."""
        return perturbation.abs().flatten(1).amax(dim=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class L2Ball:
    """Perturbations of Euclidean length at most `epsilon` per image; infinity leaves only the cut to [0, 1]."""

    epsilon: float

    def uniform_start(self, clean_images: Tensor, generator: torch.Generator) -> Tensor:
        """A uniform direction with a length uniform in [0, epsilon], cut to [0, 1]."""
        direction = torch.randn(
            clean_images.shape, generator=generator, device=clean_images.device, dtype=clean_images.dtype
        )
        length = _uniform_length(clean_images, self.epsilon, generator)
        return (clean_images + length * direction / _per_image(self.size(direction))).clamp(0.0, 1.0)

    def ascend(self, images: Tensor, gradient: Tensor, step_size: float) -> Tensor:
        """A step of this length along the gradient of each image."""
        # The squares of a confident network's gradients would underflow, so the largest entry is brought to 1 first.
        scaled = gradient / gradient.abs().flatten(1).amax(dim=1).clamp(min=SMALLEST_GRADIENT).view(-1, 1, 1, 1)
        return images + step_size * scaled / _per_image(self.size(scaled))

    def project(self, images: Tensor, clean_images: Tensor) -> Tensor:
        """Back into the ball along the radius, then into [0, 1], which brings no pixel further from the clean one."""
        perturbation = images - clean_images
        factor = (self.epsilon / _per_image(self.size(perturbation))).clamp(max=1.0)
        return (clean_images + factor * perturbation).clamp(0.0, 1.0)

    def size(self, perturbation: Tensor) -> Tensor:
        """Euclidean length per image: (B,)."""
        return perturbation.square().flatten(1).sum(dim=1).sqrt()


@dataclass(frozen=True, kw_only=True, slots=True)
class L1Ball:
    """Perturbations whose absolute values sum to at most `epsilon` per image."""

    epsilon: float

    def uniform_start(self, clean_images: Tensor, generator: torch.Generator) -> Tensor:
        """A Laplace direction (uniform in this norm) with a length uniform in [0, epsilon], cut to [0, 1]."""
        share = torch.rand(
            clean_images.shape, generator=generator, device=clean_images.device, dtype=clean_images.dtype
        )
        direction = (share - 0.5).sign() * -torch.log1p(-(2 * share - 1).abs().clamp(max=1 - 1e-6))
        length = _uniform_length(clean_images, self.epsilon, generator)
        return (clean_images + length * direction / _per_image(self.size(direction))).clamp(0.0, 1.0)

    def ascend(self, images: Tensor, gradient: Tensor, step_size: float) -> Tensor:
        """A step of this l1 length, shared equally by the hundredth of the pixels with the largest gradients.

        Steepest ascent would move one pixel; sharing is what sparse l1 attacks do (Tramer and Boneh 2019).
        Pixels that the gradient would push out of [0, 1] are passed over.
        """
        blocked = ((images <= 0) & (gradient < 0)) | ((images >= 1) & (gradient > 0))
        useful = torch.where(blocked, 0.0, gradient).flatten(1)
        count = max(1, round(SPARSE_SHARE * useful.shape[1]))
        position = useful.abs().topk(count, dim=1).indices
        step = torch.zeros_like(useful).scatter(1, position, useful.gather(1, position).sign() / count)
        return images + step_size * step.view_as(images)

    def project(self, images: Tensor, clean_images: Tensor) -> Tensor:
        """The nearest point of the ball (Duchi et al. 2008), then into [0, 1], which only shortens it."""
        perturbation = (images - clean_images).flatten(1)
        lengths = perturbation.abs()
        descending = lengths.sort(dim=1, descending=True).values
        rank = torch.arange(1, lengths.shape[1] + 1, device=images.device, dtype=images.dtype)
        excess = (descending.cumsum(dim=1) - self.epsilon) / rank
        last = (descending > excess).sum(dim=1, keepdim=True).clamp(min=1) - 1
        threshold = excess.gather(1, last).clamp(min=0.0)
        shorter = perturbation.sign() * (lengths - threshold).clamp(min=0.0)
        inside = lengths.sum(dim=1, keepdim=True) <= self.epsilon
        near = torch.where(inside, perturbation, shorter).view_as(images)
        return (clean_images + near).clamp(0.0, 1.0)

    def size(self, perturbation: Tensor) -> Tensor:
        """Sum of absolute changes per image: (B,)."""
        return perturbation.abs().flatten(1).sum(dim=1)


def _uniform_length(images: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    share = torch.rand(len(images), generator=generator, device=images.device, dtype=images.dtype)
    return epsilon * share.view(-1, 1, 1, 1)


def _per_image(lengths: Tensor) -> Tensor:
    return lengths.clamp(min=TINY).view(-1, 1, 1, 1)
