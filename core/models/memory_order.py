"""Which order of memory a network may take: channels-last is quicker, where it is right and fits."""

import copy

import torch
from torch import Tensor, nn

VECTOR = 16  # numbers of float32 in the widest register


def may_learn_channels_last(network: nn.Module) -> bool:
    """False where the weight gradients of channels-last features are wrong, or end the process.

    oneDNN, as in PyTorch 2.13, writes past its memory for 1x1 convolutions with a stride and fewer input channels than
    a register holds: https://github.com/uxlfoundation/oneDNN/issues/6035. Seen with registers of AVX2, which hold 8.
    """
    return not any(
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and layer.in_channels // layer.groups < VECTOR
        for layer in network.modules()
    )


def answers_channels_last(network: nn.Module, images: Tensor) -> bool:
    """False where a forward wants maps to lie channel by channel, as `features.view(len(features), -1)` does.

    images: (B, C, H, W), a few. A copy is asked, in eval mode.
    """
    asked = copy.deepcopy(network).eval().requires_grad_(False)
    asked.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        with torch.no_grad():
            asked(images.contiguous(memory_format=torch.channels_last))
    except torch.OutOfMemoryError:
        raise  # says nothing about the network
    except RuntimeError:
        return False
    return True
