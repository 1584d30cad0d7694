"""A 3x3 convolution of many channels and its gradients, each in the way that is quickest on a CPU."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import grad as direct

from core.models import winograd
from core.models.weight_gradient import weight_gradient

MIN_CHANNELS = 128  # in and out; with fewer only both gradients together are quicker: benchmarks/convolutions.py
MIN_PRODUCTS = 2**24  # pixels by channels in and out; with fewer the direct gradient of a weight is as quick
PIXELS_PER_CHANNEL = 8  # of a batch's maps: a kernel of 36 numbers for 9 then weighs at most four and a half maps


def convolve(features: Tensor, weight: Tensor, bias: Tensor | None, kernel: Tensor | None, stride: int = 1) -> Tensor:
    """The convolution with padding 1 of features (B, in, H, W), H and W multiples of stride: (B, out, H / s, W / s).

    kernel: Winograd's of the weight, for stride 1 and multiples of 4; None for the direct one, whose weight has a
    quicker gradient here. Differentiable as often as one likes; the kernel must not change before the gradients are
    there.
    """
    result: Tensor = _Convolution.apply(features, weight, bias, kernel, stride)  # type: ignore[no-untyped-call]
    return result


def has_many_channels(weight: Tensor) -> bool:
    """Whether each part of the convolution is quicker here, not only both gradients together."""
    return min(weight.shape[:2]) >= MIN_CHANNELS


def has_quick_gradient(weight: Tensor, features: Tensor, stride: int) -> bool:
    """Whether that of the weight is quicker here than the direct one, without a kernel. features: (B, in, H, W)."""
    images, _, height, width = features.shape
    outer, inner = weight.shape[:2]
    products = images * height * width // stride**2 * outer * inner
    return has_many_channels(weight) and products >= MIN_PRODUCTS and not (height % stride or width % stride)


def outweighs_maps(weight: Tensor, maps: Tensor) -> bool:
    """Whether a kernel of the weight (out, in, 3, 3) takes more memory than a few maps (B, ., H, W) of it do."""
    images, _, height, width = maps.shape
    return images * height * width < PIXELS_PER_CHANNEL * min(weight.shape[:2])


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - Functions take no keywords
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None, kernel: Tensor | None, stride: int
    ) -> Tensor:
        ctx.save_for_backward(features if ctx.needs_input_grad[1] else None, weight, kernel)
        ctx.shape, ctx.stride = features.shape, stride
        if kernel is None or not has_many_channels(weight):
            return torch.conv2d(features, weight, bias, stride, padding=1)
        return winograd.outputs(features, kernel, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        features, weight, kernel = ctx.saved_tensors
        wants_features, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        of_features = of_weight = None
        is_last = not torch.is_grad_enabled()  # else these gradients will be differentiated again
        if is_last and kernel is not None and wants_weight:
            of_features, of_weight = winograd.gradients(gradient, kernel, features)
        elif is_last and kernel is not None and has_many_channels(weight):
            of_features = winograd.input_gradient(gradient, kernel)
        elif wants_features:
            of_features = direct.conv2d_input(ctx.shape, weight, gradient, ctx.stride, padding=1)  # type: ignore[no-untyped-call]
        if wants_weight and is_last and kernel is None:
            of_weight = weight_gradient(gradient, features, ctx.stride)
        elif wants_weight and not is_last:
            of_weight = direct.conv2d_weight(features, weight.shape, gradient, ctx.stride, padding=1)  # type: ignore[no-untyped-call]
        return of_features, of_weight, gradient.sum((0, 2, 3)) if wants_bias else None, None, None
