"""Local linearity: the share of a network's output that its first-order expansion misses.

r(x) = || f(x + e) - f(x) - J(x) e || / || f(x + e) ||, f the logits, e uniform in [-epsilon, epsilon] per pixel.
Source: ICLR Section 3.1, Fig. 2.
"""

import torch
from torch import Tensor, nn

from core.attacks import attack_mode
from core.data.dataset import ImageSet
from core.diagnostics.pointwise import uniform_noise
from core.seeding import generator_for

SMALLEST_OUTPUT = 1e-12


def taylor_remainder(model: nn.Module, images: ImageSet, *, epsilon: float, seed: int, batch_size: int) -> Tensor:
    """r of each image: (N,), in eval mode; J(x) e by one forward-mode derivative."""
    shares = []
    batches = torch.split(torch.arange(len(images), device=images.labels.device), batch_size)  # type: ignore[no-untyped-call]
    with attack_mode(model), torch.no_grad():
        for number, index in enumerate(batches):
            batch = images.images(index)
            noise = uniform_noise(batch, epsilon, generator_for(batch.device, seed, "linearity", number))
            shares.append(remainder_share(model, batch, noise))
    return torch.cat(shares)


def remainder_share(model: nn.Module, images: Tensor, noise: Tensor) -> Tensor:
    """r of images (B, C, H, W) at given noise: (B,)."""
    logits, change = torch.func.jvp(model, (images,), (noise,))  # type: ignore[misc]
    moved = model(images + noise)
    remainder = moved - logits - change
    return _length(remainder) / _length(moved).clamp(min=SMALLEST_OUTPUT)


def _length(rows: Tensor) -> Tensor:
    return rows.square().sum(dim=1).sqrt()
