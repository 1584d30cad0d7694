import copy

import pytest
import torch
from torch import nn

from core.data.dataset import Geometry
from core.models import build_model
from core.models.folding import FastCopy, fast_copy
from core.models.memory_order import answers_channels_last
from core.spec.config import ModelSection

COLOUR = Geometry(channels=3, image_size=32, classes=10)


def pixels(count, seed=1):
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def warmed_up(name, **settings):
    """A network whose BatchNorm statistics are not the initial ones."""
    model = build_model(ModelSection(model=name, **settings), COLOUR, 0).train()
    with torch.no_grad():
        model(pixels(8, seed=0))
    return model.eval()


@pytest.fixture
def small():
    return warmed_up("resnet", width=4, blocks=(1, 1))


def norms(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize(("name", "left"), [("resnet-18", 0), ("mobilenetv2", 0), ("preactresnet-18", 9)])
def test_logits_and_gradients_agree(name, left):
    model, images = warmed_up(name), pixels(4)
    fast = fast_copy(model, images).network
    assert norms(fast) <= left < norms(model)
    found, wanted = (network(images).detach() for network in (fast, model))
    scale = float(wanted.abs().max())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * max(1.0, scale))
    gradients = []
    for network in (fast, model):
        inputs = images.clone().requires_grad_(True)
        gradients.append(torch.autograd.grad(network(inputs).sum(), inputs)[0])
    torch.testing.assert_close(*gradients, rtol=1e-2, atol=1e-3 * float(gradients[1].abs().max()))
    assert not any(parameter.requires_grad for parameter in fast.parameters())


@pytest.mark.parametrize("name", ["resnet-18", "mobilenetv2", "preactresnet-18", "wrn-28-10-silu"])
def test_in_float64_folding_changes_nothing_but_rounding(name):
    if name == "wrn-28-10-silu":  # its kind at a size that a test can afford
        from core.models.normalisation import pixel_statistics
        from core.models.silu_wide_resnet import SiluWideResNet

        model = SiluWideResNet(
            depth=10, widen=1, channels=3, classes=10, statistics=pixel_statistics("cifar-10", "cifar-10", 3)
        ).eval()
    else:
        model = warmed_up(name)
    model, images = model.double(), pixels(2).double()
    inputs = [images.clone().requires_grad_(True) for _ in range(2)]
    logits = [network(x) for network, x in zip((model, FastCopy(model).network), inputs, strict=True)]
    torch.testing.assert_close(*logits, rtol=0, atol=1e-12 * float(logits[0].detach().abs().max()))
    gradients = [torch.autograd.grad(z.square().sum(), x)[0] for z, x in zip(logits, inputs, strict=True)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-11 * float(gradients[0].abs().max()))


def test_verdicts_agree(small):
    images = pixels(64)
    fast = fast_copy(small, images[:16]).network
    assert norms(fast) == 0
    with torch.no_grad():
        assert torch.equal(fast(images).argmax(dim=1), small(images).argmax(dim=1))


def test_the_network_itself_is_left_as_it_was(small):
    small.train()
    before = copy.deepcopy(small.state_dict())
    fast_copy(small, pixels(4))
    assert small.training
    assert all(parameter.requires_grad for parameter in small.parameters())
    assert all(torch.equal(before[name], value) for name, value in small.state_dict().items())


@pytest.mark.parametrize("name", ["resnet", "preactresnet-18"])
def test_a_copy_follows_its_source_when_refreshed(name):
    model, images = warmed_up(name), pixels(4)
    fast = fast_copy(model, images)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    model.train()
    model(images).square().mean().backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        wanted = model(images)
        assert not torch.allclose(fast.network(images), wanted, atol=1e-3)
        fast.refresh()
        torch.testing.assert_close(fast.network(images), wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()) + 1e-5)


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.second, self.last = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.second.weight = self.first.weight

    def forward(self, images):
        return self.last(self.second(torch.relu(self.norm(self.first(images))))).mean(dim=(2, 3))


@pytest.mark.parametrize("model", [warmed_up("resnet"), warmed_up("preactresnet-18"), Tied().eval()])
def test_a_released_copy_holds_no_memory_until_it_is_refreshed(model):
    images = pixels(4)
    fast = fast_copy(model, images)
    with torch.no_grad():
        before = fast.network(images)
        for _ in range(2):
            fast.release()
            fast.release()
            held = [*fast.network.parameters(), *fast.network.buffers()]
            assert not any(tensor.untyped_storage().nbytes() for tensor in held)
            fast.refresh()
            assert torch.equal(fast.network(images), before)


def test_a_copy_at_rest_still_answers_and_without_kernels_has_nothing_to_make_again(small):
    """A refresh that is not needed would fold a large teacher anew for each attack."""
    images = pixels(4)
    fast = fast_copy(small, images)
    with torch.no_grad():
        before = fast.network(images)
        fast.rest()
        assert fast.is_awake
        assert torch.equal(fast.network(images), before)


@pytest.mark.parametrize("name", ["resnet", "mobilenetv2", "preactresnet-18"])
def test_in_bfloat16_logits_are_near_and_come_back_in_float32(name):
    model, images = warmed_up(name), pixels(4)
    fast = fast_copy(model, images, precision=torch.bfloat16)
    with torch.no_grad():
        wanted, found = model(images), fast.network(images)
    assert found.dtype == torch.float32
    assert not torch.equal(found, wanted)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.05 * float(wanted.abs().max()))


def test_a_network_that_cannot_be_traced_is_copied_as_it_is(small):
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = copy.deepcopy(small)

        def forward(self, images):
            return self.network(images) if float(images.sum()) > 0 else self.network(-images)

    model, images = Branching(), pixels(4)
    fast = fast_copy(model, images)
    assert fast.folds == ()
    assert isinstance(fast.network, Branching)
    assert fast.network is not model
    torch.testing.assert_close(fast.network(images), model(images), rtol=0, atol=1e-5)


def test_a_layer_that_is_used_twice_is_not_folded():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, images):
            return self.norm(self.conv(self.norm(self.conv(images)))).mean(dim=(2, 3))

    model, images = Twice(), pixels(4)
    model(images)
    model.eval()
    fast = fast_copy(model, images)
    assert fast.folds == ()
    torch.testing.assert_close(fast.network(images), model(images))


class Reading(nn.Module):
    """The weight of a layer in a second place, without the layer."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, images):
        hidden = torch.relu(self.norm(self.conv(images)))
        return nn.functional.conv2d(hidden, self.conv.weight).mean(dim=(2, 3))


class Hooked(nn.Module):
    """A layer whose output somebody changes before its BatchNorm sees it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.conv.register_forward_hook(lambda _module, _inputs, output: output + 1.0)

    def forward(self, images):
        return self.norm(self.conv(images)).abs().mean(dim=(2, 3))


class Tokens(nn.Module):
    """A BatchNorm over the tokens, of which there are as many as channels."""

    def __init__(self):
        super().__init__()
        self.mix, self.norm = nn.Linear(32, 32), nn.BatchNorm1d(32)

    def forward(self, images):
        return self.norm(self.mix(images.mean(dim=1))).square().mean(dim=2)


class Replaced(nn.Module):
    """A layer that somebody has given another forward."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        forward = self.conv.forward
        self.conv.forward = lambda images: forward(images) + 1.0

    def forward(self, images):
        return self.norm(self.conv(images)).abs().mean(dim=(2, 3))


class Scaled(nn.Module):
    """A buffer that is another tensor after each step, and a tensor that is neither parameter nor buffer."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.register_buffer("scale", torch.ones(1))
        self.shift = torch.full((1,), 0.5)

    def forward(self, images):
        if self.training:
            self.scale = self.scale * 1.1
        return (self.norm(self.conv(images)) * self.scale + self.shift).mean(dim=(2, 3))


@pytest.mark.parametrize("kind", [Tied, Reading, Hooked, Tokens, Replaced, Scaled])
def test_what_looks_foldable_on_a_fresh_network_is_right_after_training_too(kind):
    """Fresh BatchNorms are the identity: a wrong fold would agree with the network until it has learned something."""
    torch.manual_seed(0)
    model, images = kind().eval(), pixels(4)
    fast = fast_copy(model, images)
    model.train()
    for _ in range(20):
        model(3 * images + 1)
    model.eval()
    fast.refresh()
    torch.testing.assert_close(fast.network(images), model(images), rtol=0, atol=1e-5)


class Rounding(nn.Module):
    """Rounds, and lets gradients pass as if it did not."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, images):
        with torch.no_grad():
            rest = (16 * images).round() / 16 - images
        return self.norm(self.conv(images + rest)).mean(dim=(2, 3))


class Squared(torch.autograd.Function):
    """With a gradient of its own."""

    @staticmethod
    def forward(ctx, images):
        return images.square()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Own(nn.Module):
    def forward(self, images):
        return Squared.apply(images).mean(dim=(2, 3))


class Turning(nn.Module):
    """A hook that turns gradients round."""

    def __init__(self):
        super().__init__()
        self.part = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU())
        self.part.register_full_backward_hook(lambda _module, gradients, _: (-gradients[0],))

    def forward(self, images):
        return self.part(images).mean(dim=(2, 3))


@pytest.mark.parametrize("kind", [Rounding, Own, Turning])
def test_gradients_that_a_trace_does_not_show_are_kept(kind):
    """Or attacks on the copy would go nowhere, and the network would pass for a robust one."""
    torch.manual_seed(0)
    model, images = kind().eval(), pixels(4).requires_grad_(True)
    network = fast_copy(model, images.detach()).network
    found, wanted = (torch.autograd.grad(n(images).square().sum(), images)[0] for n in (network, model))
    assert float(wanted.abs().max()) > 0
    torch.testing.assert_close(found, wanted)


def test_a_lack_of_memory_is_no_reason_for_another_copy(small, monkeypatch):
    """It would round in another way, only because somebody else was on the GPU then."""

    def full(*_):
        raise torch.OutOfMemoryError

    monkeypatch.setattr("core.models.folding._answers", full)
    with pytest.raises(torch.OutOfMemoryError):
        fast_copy(small, pixels(4))
    monkeypatch.setattr(type(small), "forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        answers_channels_last(small, pixels(4))


class Flat(nn.Module):
    """Maps that must lie channel by channel."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4 * 30 * 30, 10)

    def forward(self, images):
        return self.last(self.conv(images).view(len(images), -1))


class Sharing(nn.Module):
    """A part that copies share."""

    def __init__(self):
        super().__init__()

        class Shared(nn.Conv2d):
            def __deepcopy__(self, memo):
                return self

        self.conv = Shared(3, 3, 1)

    def forward(self, images):
        return self.conv(images).mean(dim=(2, 3))


@pytest.mark.parametrize("kind", [Flat, Sharing])
def test_networks_that_do_not_suit_it_have_copies_all_the_same(kind):
    torch.manual_seed(0)
    model, images = kind().eval(), pixels(4)
    fast = fast_copy(model, images)
    torch.testing.assert_close(fast.network(images), model(images))
    fast.release()
    fast.refresh()
    torch.testing.assert_close(fast.network(images), model(images))


def test_a_relu_does_not_overwrite_what_another_reads():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

        def forward(self, images):
            hidden = self.norm(self.conv(images))
            return (torch.relu(hidden) + hidden).mean(dim=(2, 3))

    model, images = Residual().eval(), pixels(4)
    torch.testing.assert_close(fast_copy(model, images).network(images), model(images))
