"""A copy of a network for attacks to work on: the same function, cheaper to differentiate. Verdicts never come from it.

BatchNorm is folded into the convolution before it, weights lie channels-last, parameters need no gradient.
"""

import copy

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.optimization import fuse

TOLERANCE = 1e-4  # of the largest logit: folding only rounds differently


def fast_copy(model: nn.Module, images: Tensor) -> nn.Module:
    """The copy in eval mode; where the network cannot be traced, or folding changes its logits, an unfolded one.

    images: a few of those to be attacked, (B, C, H, W), on which both are compared.
    """
    plain = copy.deepcopy(model).eval().requires_grad_(False)
    folded = folded_copy(plain)
    chosen = folded if folded is not None and _agree(plain, folded, images) else plain
    return _channels_last(chosen)


def folded_copy(model: nn.Module) -> nn.Module | None:
    """A copy of an eval-mode network without the BatchNorms that follow a convolution; None where it is untraceable."""
    try:
        folded: nn.Module = fuse(model)
    except (fx.proxy.TraceError, TypeError, RuntimeError, NotImplementedError, AttributeError, ValueError):
        return None  # forwards that branch on values or are no plain Python cannot be traced
    return folded.requires_grad_(False)


def _channels_last(model: nn.Module) -> nn.Module:
    result: nn.Module = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return result


def _agree(model: nn.Module, folded: nn.Module, images: Tensor) -> bool:
    with torch.no_grad():
        wanted, found = model(images), folded(images)
    tolerance = TOLERANCE * float(wanted.abs().max().clamp(min=1.0))
    return bool(((wanted - found).abs() <= tolerance).all())
