"""Quicker wide 3x3 convolutions on a CPU: in frozen copies, and in a network that learns, from step to step.

Winograd's products want a kernel, four times as large as the weight, that follows each change of it. So it is made when
the first features want it. Heavy kernels outweigh the maps of a batch; they pay in attacks, which use one many times.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeGuard

import torch
from torch import Tensor, nn

from core.models import winograd
from core.models.convolution import convolve, has_many_channels, has_quick_gradient, outweighs_maps
from core.models.winograd import MIN_TILES, TILE

MIN_LEARNING_CHANNELS = 64  # in and out, for both gradients together
MIN_LEARNING_TILES = 1024  # with fewer channels than pay in each part


class WinogradConv2d(nn.Conv2d):
    """A frozen 3x3 convolution with stride and padding 1; the direct one for maps and batches that do not suit it.

    It holds the weight and bias of `direct`. `wake` must come first and follow each change of the weight; `rest` gives
    the memory of the kernel back until then. heavy: whether the kernel may outweigh the maps.
    """

    def __init__(self, direct: nn.Conv2d, *, heavy: bool = True) -> None:
        super().__init__(direct.in_channels, direct.out_channels, 3, padding=1, bias=False, device="meta")
        self.weight, self.bias = direct.weight, direct.bias
        self.heavy = heavy
        self.kernel: _Kernel | None = None

    def wake(self) -> None:
        """With a kernel of the weight as it is now."""
        self.kernel = _Kernel(self.weight, heavy=self.heavy)

    def rest(self) -> None:
        """Without a kernel: a direct convolution until the next `wake`."""
        self.kernel = None

    def forward(self, features: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H, W)."""
        return _convolve(self, self.kernel, features)


@contextmanager
def fewer_products(network: nn.Module, *, winograd: bool = True, heavy: bool = False) -> Iterator[None]:
    """A network that learns, with quicker convolutions where they may pay, while its weights stay as they are.

    winograd: not only quicker gradients of weights. heavy: kernels may outweigh the maps, which pays in attacks; one
    that is made for one gradient costs what it gains.
    """
    layers = [layer for layer in network.modules() if is_wide(layer)]
    try:
        for layer in layers:
            kernel = _Kernel(layer.weight, heavy=heavy) if winograd and layer.stride == (1, 1) else None
            layer.forward = partial(_convolve, layer, kernel)  # type: ignore[method-assign]
        yield
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


def may_pay(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether a layer has the form and the channels of what Winograd's products make quicker on some map."""
    return is_wide(layer) and layer.stride == (1, 1) and has_many_channels(layer.weight)


def is_wide(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether a layer has the form and the channels of what has a quicker gradient, and nobody watches it."""
    return (
        type(layer) is nn.Conv2d
        and (layer.kernel_size, layer.padding, layer.dilation) == ((3, 3), (1, 1), (1, 1))
        and layer.stride in ((1, 1), (2, 2))
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and min(layer.in_channels, layer.out_channels) >= MIN_LEARNING_CHANNELS
        and layer.weight.device.type == "cpu"
        and layer.weight.dtype in (torch.float32, torch.float64)
        and is_untouched(layer)
    )


def is_untouched(layer: nn.Module) -> bool:
    """Nobody watches what goes in, comes out or goes back, or has put another forward in the place of its own."""
    watchers = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    return not any(watchers) and "forward" not in vars(layer)


def _convolve(layer: nn.Conv2d, kernel: "_Kernel | None", features: Tensor) -> Tensor:
    """The layer's outputs, in the way that suits these features."""
    learns = layer.weight.requires_grad and torch.is_grad_enabled()
    if kernel is not None and kernel.suits(features, learns=learns):
        return convolve(features, layer.weight, layer.bias, kernel.made())
    if learns and has_quick_gradient(layer.weight, features, layer.stride[0]):
        return convolve(features, layer.weight, layer.bias, None, layer.stride[0])
    return nn.Conv2d.forward(layer, features)


class _Kernel:
    """The kernel of a weight as it is when it is first asked for: small batches and odd maps never do."""

    def __init__(self, weight: Tensor, *, heavy: bool) -> None:
        self._weight, self._heavy = weight, heavy
        self._made: Tensor | None = None

    def suits(self, features: Tensor, *, learns: bool) -> bool:
        """Whether it can be used for features (B, in, H, W), pays there and may be made for them."""
        images, _, height, width = features.shape
        if height % TILE or width % TILE or (outweighs_maps(self._weight, features) and not self._heavy):
            return False
        tiles = images * height * width // TILE**2
        return tiles >= MIN_TILES if has_many_channels(self._weight) else learns and tiles >= MIN_LEARNING_TILES

    def made(self) -> Tensor:
        """(36, out, in)."""
        if self._made is None:
            self._made = winograd.kernel_of(self._weight)
        return self._made
