import copy

import pytest
import torch
from torch import nn

from core.data.dataset import Geometry
from core.evaluation.fast_copy import fast_copy
from core.models import build_model
from core.spec.config import ModelSection

COLOUR = Geometry(channels=3, image_size=32, classes=10)


def norms(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def warmed_up(name):
    """A network whose BatchNorm statistics are not the initial ones."""
    model = build_model(ModelSection(model=name), COLOUR, 0).train()
    with torch.no_grad():
        model(torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    return model.eval()


@pytest.mark.parametrize(("name", "left"), [("resnet-18", 0), ("mobilenetv2", 0), ("preactresnet-18", 9)])
def test_logits_and_gradients_agree(name, left):
    model = warmed_up(name)
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    fast = fast_copy(model, images)
    assert norms(fast) <= left < norms(model)
    found, wanted = (network(images).detach() for network in (fast, model))
    scale = float(wanted.abs().max())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * max(1.0, scale))
    gradients = []
    for network in (fast, model):
        pixels = images.clone().requires_grad_(True)
        gradients.append(torch.autograd.grad(network(pixels).sum(), pixels)[0])
    torch.testing.assert_close(*gradients, rtol=1e-2, atol=1e-3 * float(gradients[1].abs().max()))
    assert not any(parameter.requires_grad for parameter in fast.parameters())


def test_verdicts_agree_on_a_trained_student(trained, dataset):
    images = dataset.test.images()
    fast = fast_copy(trained, images[:16])
    assert norms(fast) == 0
    with torch.no_grad():
        torch.testing.assert_close(fast(images), trained(images), rtol=0, atol=1e-4)
        assert torch.equal(fast(images).argmax(dim=1), trained(images).argmax(dim=1))


def test_the_network_itself_is_left_as_it_was(trained, dataset):
    trained.train()
    before = copy.deepcopy(trained.state_dict())
    fast_copy(trained, dataset.test.images(slice(0, 4)))
    assert trained.training
    assert all(torch.equal(before[name], value) for name, value in trained.state_dict().items())
    trained.eval()


def test_a_network_that_cannot_be_traced_is_copied_as_it_is(trained, dataset):
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = copy.deepcopy(trained)

        def forward(self, pixels):
            return self.network(pixels) if float(pixels.sum()) > 0 else self.network(-pixels)

    model, images = Branching(), dataset.test.images(slice(0, 4))
    fast = fast_copy(model, images)
    assert isinstance(fast, Branching)
    assert fast is not model
    torch.testing.assert_close(fast(images), model(images), rtol=0, atol=1e-5)
