"""First weights of the networks that do not start with PyTorch's own."""

from torch import nn


def initialise_wide(model: nn.Module) -> None:
    """Convolutions normal with variance 2 / fan-out, classifier without bias: the start of wide residual networks.

    Source: He et al. 2015, as in the public WideResNet code.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)


def initialise_transformer(model: nn.Module, std: float = 0.02) -> None:
    """Linear layers truncated normal without bias: the start of vision transformers. Source: Touvron et al. 2021."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=std)
            nn.init.zeros_(module.bias)
