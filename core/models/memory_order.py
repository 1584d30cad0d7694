"""Which order of memory a network may learn in on a CPU."""

from torch import nn

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
