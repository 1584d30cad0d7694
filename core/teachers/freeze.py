"""A teacher never learns: no parameter gradients, eval mode always."""

from torch import nn


def freeze(model: nn.Module) -> nn.Module:
    """The same network in eval mode, its parameters without gradient; input gradients still flow."""
    return model.eval().requires_grad_(False)
