import pytest
import torch
from torch import nn

from core.models import weight_gradient as module
from core.models.convolution import convolve
from core.models.weight_gradient import weight_gradient


def drawn(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("part_bytes", [1, 3000, module.PART_BYTES])
@pytest.mark.parametrize(
    ("images", "inner", "outer", "height", "width", "stride"),
    [
        (3, 6, 10, 4, 4, 1),
        (7, 5, 4, 4, 12, 1),
        (5, 6, 10, 8, 6, 2),
        (3, 4, 2, 2, 2, 1),
        (3, 4, 2, 2, 2, 2),
        (4, 3, 5, 1, 1, 1),
        (2, 3, 5, 1, 7, 1),
        (1, 8, 8, 5, 3, 1),
    ],
)
def test_it_is_that_of_the_direct_convolution(
    monkeypatch, order, part_bytes, images, inner, outer, height, width, stride
):
    monkeypatch.setattr(module, "PART_BYTES", part_bytes)
    layer = nn.Conv2d(inner, outer, 3, stride, padding=1, bias=False, dtype=torch.float64)
    features = drawn(images, inner, height, width).contiguous(memory_format=order)
    outputs = layer(features)
    gradient = drawn(*outputs.shape).contiguous(memory_format=order)
    (wanted,) = torch.autograd.grad(outputs, layer.weight, gradient)
    torch.testing.assert_close(weight_gradient(gradient, features, stride), wanted, rtol=0, atol=1e-12)


def test_in_float32_it_is_as_close_to_the_truth_as_the_direct_one():
    layer = nn.Conv2d(256, 256, 3, padding=1, bias=False)
    features, gradient = drawn(32, 256, 4, 4), drawn(32, 256, 4, 4, dtype=torch.float64)
    (direct,) = torch.autograd.grad(layer(features.float()), layer.weight, gradient.float())
    exact = weight_gradient(gradient, features, 1)
    found = weight_gradient(gradient.float(), features.float(), 1)
    assert (found - exact).abs().max() <= 2 * (direct - exact).abs().max()


def test_large_and_small_maps_one_after_the_other_do_not_disturb_each_other():
    """They share their memory."""
    maps = [(drawn(9, 16, side, side), drawn(9, 16, side, side)) for side in (8, 4)]
    first = [weight_gradient(gradient, features, 1).clone() for gradient, features in maps]
    for (gradient, features), before in zip(reversed(maps), reversed(first), strict=True):
        assert torch.equal(weight_gradient(gradient, features, 1), before)


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_with_it_can_be_differentiated_again(stride):
    layer = nn.Conv2d(4, 6, 3, stride, padding=1, dtype=torch.float64)
    features = drawn(3, 4, 8, 8).requires_grad_(True)

    def second(outputs):
        (gradient,) = torch.autograd.grad(outputs.pow(3).sum(), features, create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), (features, *layer.parameters()))

    found = second(convolve(features, layer.weight, layer.bias, None, stride))
    for one, other in zip(found, second(layer(features)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
