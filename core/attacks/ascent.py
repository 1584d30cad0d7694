"""The one ascent loop that every inner maximisation and every PGD evaluation runs."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from core.attacks.ball import Ball
from core.attacks.share import Share

Start = Literal["clean", "uniform", "gaussian"]
GAUSSIAN_START_STD = 0.001  # pixel units, not scaled by epsilon (TRADES, RSLAD and AdaAD code)


def maximise_surrogate(
    surrogate_loss: Callable[[Tensor], Tensor],
    clean_images: Tensor,
    *,
    ball: Ball,
    start: Start,
    step_size: float,
    num_steps: int,
    generator: torch.Generator,
    on_iterate: Callable[[Tensor], None] | None = None,
    share: Share | None = None,
) -> Tensor:
    """Adversarial images by projected gradient ascent on a surrogate loss; in the l-infinity ball by its sign.

    surrogate_loss: images (B, C, H, W) -> (B,); its gradient flows to the images through whatever it calls.
    start: "uniform" in the ball (PGD-AT, ARD), or "gaussian" with standard deviation 0.001, which is neither cut nor
        projected before the first step (TRADES, RSLAD, AdaAD), or "clean", the images themselves (FGSM).
    on_iterate: called with the images after each step, detached, in the ball.
    share: which part of a batch these images are; they start where they would start in the whole batch.
    Returns (B, C, H, W) in the ball and in [0, 1], detached; parameters collect no gradient.
    Network modes are the caller's: see `attack_mode`.
    Source: Madry et al. 2018, Section 2.1.
    """

    def draw(images: Tensor) -> Tensor:
        return _start_images(start, images, ball, generator)

    adv_images = share.drawn(draw, clean_images) if share else draw(clean_images)
    with torch.enable_grad():
        for _ in range(num_steps):
            adv_images = adv_images.detach().requires_grad_(True)
            # Summed, not averaged: the sign ignores the factor and small numbers stay away from underflow.
            (gradient,) = torch.autograd.grad(surrogate_loss(adv_images).sum(), adv_images)
            adv_images = ball.project(ball.ascend(adv_images.detach(), gradient, step_size), clean_images)
            if on_iterate:
                on_iterate(adv_images)
    return ball.project(adv_images.detach(), clean_images)


def _start_images(start: Start, clean_images: Tensor, ball: Ball, generator: torch.Generator) -> Tensor:
    if start == "uniform":
        return ball.uniform_start(clean_images, generator)
    if start == "clean":
        return clean_images
    noise = torch.randn(clean_images.shape, generator=generator, device=clean_images.device, dtype=clean_images.dtype)
    return clean_images + GAUSSIAN_START_STD * noise
