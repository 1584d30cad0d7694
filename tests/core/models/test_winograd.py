import copy
import weakref

import pytest
import torch
from torch import nn

from core.data.dataset import Geometry
from core.models import build_model, winograd
from core.models.convolution import MIN_CHANNELS
from core.models.fewer_products import WinogradConv2d, fewer_products, may_pay
from core.models.folding import FastCopy
from core.models.winograd import MIN_TILES
from core.spec.config import ModelSection

ENOUGH = 2 * MIN_TILES  # images of one tile for a layer of MIN_CHANNELS that learns: its kernel is not heavy


def direct(width=MIN_CHANNELS, out=MIN_CHANNELS, *, bias=True, dtype=torch.float64, **options):
    torch.manual_seed(0)
    layer = nn.Conv2d(width, out, 3, **({"padding": 1} | options), bias=bias, dtype=dtype)
    return layer.requires_grad_(False)


def ready(layer):
    quick = WinogradConv2d(layer)
    quick.wake()
    return quick


def features(images, width, height, columns, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(images, width, height, columns, generator=generator, dtype=dtype).requires_grad_(True)


@pytest.mark.parametrize(
    ("images", "out", "height", "columns", "bias"),
    [(32, 128, 4, 4, True), (9, 192, 8, 8, False), (11, 128, 4, 12, True), (70, 160, 8, 8, True)],
)
def test_outputs_and_input_gradients_are_those_of_the_direct_convolution(images, out, height, columns, bias):
    layer = direct(out=out, bias=bias)
    quick, inputs = ready(layer), features(images, MIN_CHANNELS, height, columns)
    found, wanted = quick(inputs), layer(inputs)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    towards = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    gradients = [torch.autograd.grad(outputs, inputs, towards)[0] for outputs in (found, wanted)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("images", "out", "height", "columns", "bias"),
    [(64, 128, 4, 4, True), (17, 192, 8, 8, False), (22, 128, 4, 12, True), (70, 160, 8, 8, True)],
)
def test_gradients_of_a_layer_that_learns_are_those_of_the_direct_convolution(images, out, height, columns, bias):
    layer = direct(out=out, bias=bias).requires_grad_(True)
    inputs, parameters = features(images, MIN_CHANNELS, height, columns), tuple(layer.parameters())
    wanted = layer(inputs)
    towards = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected = torch.autograd.grad(wanted, (inputs, *parameters), towards)
    with fewer_products(layer):
        found = layer(inputs)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    for gradient, other in zip(torch.autograd.grad(found, (inputs, *parameters), towards), expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=0, atol=1e-11)


def test_weights_alone_may_want_a_gradient():
    layer, inputs = direct().requires_grad_(True), features(ENOUGH, MIN_CHANNELS, 4, 4).detach()
    with fewer_products(layer):
        found = torch.autograd.grad(layer(inputs).square().sum(), layer.weight)
    torch.testing.assert_close(found, torch.autograd.grad(layer(inputs).square().sum(), layer.weight))


def test_gradients_can_be_differentiated_again():
    layer, inputs = direct().requires_grad_(True), features(ENOUGH, MIN_CHANNELS, 4, 4)
    with fewer_products(layer):
        (gradient,) = torch.autograd.grad(layer(inputs).pow(3).sum(), inputs, create_graph=True)
        found = torch.autograd.grad(gradient.square().sum(), (inputs, *layer.parameters()))
    (gradient,) = torch.autograd.grad(layer(inputs).pow(3).sum(), inputs, create_graph=True)
    wanted = torch.autograd.grad(gradient.square().sum(), (inputs, *layer.parameters()))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("ways", [{}, {"winograd": False}])
def test_a_network_gets_the_gradients_it_would_have_had_and_is_itself_again(ways):
    network = build_model(ModelSection(model="resnet-18"), Geometry(channels=3, image_size=32, classes=10), 0).double()
    images = torch.rand(MIN_TILES, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wanted = torch.autograd.grad(network(images).square().sum(), tuple(network.parameters()))
    with fewer_products(network, **ways):
        assert sum("forward" in vars(layer) for layer in network.modules()) == 16  # all 3x3 ones but the first
        logits = network(images)
    for one, other in zip(torch.autograd.grad(logits.square().sum(), tuple(network.parameters())), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9 * float(other.abs().max()))
    assert not any("forward" in vars(layer) for layer in network.modules())


def test_a_gradient_asked_for_later_is_that_of_the_weight_as_it_was():
    layer, inputs = direct().requires_grad_(True), features(ENOUGH, MIN_CHANNELS, 4, 4)
    (wanted,) = torch.autograd.grad(layer(inputs).square().sum(), inputs)
    with fewer_products(layer):
        outputs = layer(inputs)
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.weight.mul_(2)
    with fewer_products(other):
        other(inputs)
        (found,) = torch.autograd.grad(outputs.square().sum(), inputs)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-11 * float(wanted.abs().max()))


def test_what_goes_wrong_in_between_leaves_no_trace():
    layer = direct().requires_grad_(True)
    with pytest.raises(ZeroDivisionError), fewer_products(layer):
        raise ZeroDivisionError
    assert "forward" not in vars(layer)


def test_in_float32_only_rounding_differs():
    layer = direct(512, 512, dtype=torch.float32)
    inputs = features(MIN_TILES, 512, 4, 4, torch.float32)
    found, wanted = ready(layer)(inputs), layer(inputs)
    assert float((found - wanted).detach().abs().max()) < 1e-5 * float(wanted.detach().abs().max())


def test_one_after_the_other_they_do_not_disturb_each_other():
    """They share their scratch memory."""
    layers = [direct(out=out) for out in (192, 128)]
    inputs = features(MIN_TILES, MIN_CHANNELS, 8, 8)
    quick = [ready(layer) for layer in layers]
    outputs = [layer(inputs) for layer in quick]
    for layer, found in zip(layers, outputs, strict=True):
        torch.testing.assert_close(found, layer(inputs), rtol=0, atol=1e-12)


def products(layer, inputs):
    """What an output is made with: the name of its gradient's function."""
    return type(layer(inputs).grad_fn).__name__


def test_other_maps_and_few_images_take_the_direct_convolution():
    layer = ready(direct())
    assert products(layer, features(MIN_TILES // 4, MIN_CHANNELS, 8, 8)) == "_ConvolutionBackward"
    for images, height, columns in ((MIN_TILES // 4 - 1, 8, 8), (99, 7, 8), (99, 8, 7), (99, 2, 4), (MIN_TILES, 6, 8)):
        assert products(layer, features(images, MIN_CHANNELS, height, columns)) == "ConvolutionBackward0"


def test_kernels_are_made_once_and_only_for_features_that_suit_them(monkeypatch):
    made = []
    kernel_of = winograd.kernel_of
    monkeypatch.setattr(winograd, "kernel_of", lambda weight: made.append(weight) or kernel_of(weight))
    frozen, learning = ready(direct()), direct().requires_grad_(True)
    few, enough = features(1, MIN_CHANNELS, 4, 4), features(ENOUGH, MIN_CHANNELS, 4, 4)
    with fewer_products(learning):
        for layer in (frozen, learning):
            layer(few)
            assert not made
            layer(enough)
            layer(enough)
            assert len(made) == 1
            made.clear()
    frozen.wake()
    frozen(enough)
    assert len(made) == 1, "the weight may have changed"


def test_a_kernel_goes_with_the_last_who_wants_it(monkeypatch):
    made = []
    kernel_of = winograd.kernel_of

    def watched(weight):
        kernel = kernel_of(weight)
        made.append(weakref.ref(kernel))
        return kernel

    monkeypatch.setattr(winograd, "kernel_of", watched)
    frozen, learning = ready(direct()), direct().requires_grad_(True)
    inputs = features(ENOUGH, MIN_CHANNELS, 4, 4).detach()
    frozen(inputs)
    with fewer_products(learning):
        outputs = learning(inputs)
    of_frozen, of_learning = made
    assert of_frozen() is not None
    frozen.rest()
    assert of_frozen() is None
    assert of_learning() is not None
    outputs.sum().backward()
    assert of_learning() is None


def test_heavy_kernels_are_for_frozen_layers_that_may_have_them(monkeypatch):
    made = []
    kernel_of = winograd.kernel_of
    monkeypatch.setattr(winograd, "kernel_of", lambda weight: made.append(weight) or kernel_of(weight))
    few, enough = features(ENOUGH - 1, MIN_CHANNELS, 4, 4), features(ENOUGH, MIN_CHANNELS, 4, 4)
    for heavy in (False, True):
        frozen, learning = WinogradConv2d(direct(), heavy=heavy), direct().requires_grad_(True)
        frozen.wake()
        with fewer_products(learning):
            frozen(few)
            assert len(made) == heavy
            learning(few)
            assert len(made) == heavy
            frozen(enough)
            learning(enough)
            assert len(made) == 2
        made.clear()
    attacked = direct()
    with fewer_products(attacked, heavy=True):
        assert products(attacked, few) == "_ConvolutionBackward"


def test_without_winograd_weights_have_their_quick_gradient_and_no_kernel(monkeypatch):
    monkeypatch.setattr(winograd, "kernel_of", None)
    layer, inputs = direct(256, 256).requires_grad_(True), features(16, 256, 4, 4)
    with fewer_products(layer, winograd=False):
        assert products(layer, features(15, 256, 4, 4)) == "ConvolutionBackward0", "too few to pay"
        assert products(layer, inputs) == "_ConvolutionBackward"
        with torch.no_grad():
            assert layer(inputs).grad_fn is None


def test_fewer_channels_take_the_kernel_for_both_gradients_together(monkeypatch):
    calls = []
    for name in ("outputs", "input_gradient", "gradients"):
        work = getattr(winograd, name)
        monkeypatch.setattr(winograd, name, lambda *parts, name=name, work=work: calls.append(name) or work(*parts))
    layer, inputs = direct(64, 64).requires_grad_(True), features(16, 64, 32, 32)
    wanted = torch.autograd.grad(layer(inputs).square().sum(), (inputs, layer.weight))
    with fewer_products(layer):
        found = torch.autograd.grad(layer(inputs).square().sum(), (inputs, layer.weight))
        assert calls == ["gradients"]
        assert products(layer, inputs[:15]) == "ConvolutionBackward0", "too few to pay"
        layer.requires_grad_(False)
        assert products(layer, inputs) == "ConvolutionBackward0"
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11 * float(other.abs().max()))


def test_without_its_kernel_it_is_the_direct_convolution():
    layer, inputs = ready(direct()), features(MIN_TILES, MIN_CHANNELS, 8, 8)
    layer.rest()
    assert products(layer, inputs) == "ConvolutionBackward0"
    layer.wake()
    assert products(layer, inputs) == "_ConvolutionBackward"


@pytest.mark.parametrize(
    "layer",
    [
        direct(stride=2),
        direct(padding=0),
        direct(padding=2, dilation=2),
        direct(groups=2),
        direct(padding_mode="circular"),
        direct(width=64),
        direct(out=64),
        direct(dtype=torch.bfloat16),
        nn.Conv2d(128, 128, 1),
        nn.Linear(128, 128),
    ],
)
def test_layers_of_another_form_stay(layer):
    assert may_pay(direct())
    assert not may_pay(layer)


def test_copies_have_it_and_follow_their_source():
    source = build_model(ModelSection(model="resnet-18"), Geometry(channels=3, image_size=32, classes=10), 0).eval()
    source.double()  # in float32 rounding turns a ReLU over here and there, and with it a gradient
    fast = FastCopy(source)
    assert sum(isinstance(module, WinogradConv2d) for module in fast.network.modules()) == 9
    assert not any(isinstance(module, WinogradConv2d) for module in FastCopy(source, winograd=False).network.modules())
    images = torch.rand(MIN_TILES, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    images.requires_grad_(True)
    gradients = [torch.autograd.grad(network(images).square().sum(), images)[0] for network in (fast.network, source)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-10 * float(gradients[1].abs().max()))
    with torch.no_grad():
        source.layer4[1].conv2.weight.mul_(2.0)
        before = fast.network(images)
        fast.refresh()
        torch.testing.assert_close(fast.network(images), source(images), rtol=0, atol=1e-10)
        assert not torch.allclose(before, source(images), rtol=0, atol=1e-5)
