"""Norm balls around clean images, cut with [0, 1]."""

from dataclasses import dataclass

import torch
from torch import Tensor


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
