"""Networks whose weight gradients must not be asked for in channels-last."""

import pytest
import torch
from torch import nn

from core.data.dataset import Geometry
from core.models import build_model
from core.models.memory_order import may_learn_channels_last
from core.spec.config import ModelSection

SMALL, CIFAR = Geometry(channels=1, image_size=8, classes=10), Geometry(channels=3, image_size=32, classes=10)


@pytest.mark.parametrize(
    ("section", "geometry", "may"),
    [
        (ModelSection(width=4, blocks=(1, 1)), SMALL, False),
        (ModelSection(width=15, blocks=(1, 1)), SMALL, False),
        (ModelSection(width=16, blocks=(1, 1)), SMALL, True),
        (ModelSection(width=4, blocks=(1,)), SMALL, True),
        (ModelSection(model="resnet-18"), CIFAR, True),
        (ModelSection(model="mobilenetv2"), CIFAR, True),
    ],
)
def test_narrow_networks_with_strided_shortcuts_may_not(section, geometry, may):
    assert may_learn_channels_last(build_model(section, geometry, 0)) is may


@pytest.mark.parametrize(("layer", "may"), [
    (nn.Conv2d(4, 8, 1, stride=2), False),
    (nn.Conv2d(4, 8, 1, stride=(1, 2)), False),
    (nn.Conv2d(32, 32, 1, stride=2, groups=4), False),
    (nn.Conv2d(4, 8, 1), True),
    (nn.Conv2d(4, 8, 3, stride=2), True),
    (nn.Linear(4, 8), True),
])  # fmt: skip
def test_nothing_else_is_held_back(layer, may):
    assert may_learn_channels_last(nn.Sequential(layer)) is may


def test_what_may_has_right_gradients():
    """The narrowest that are let through; a process with a wrong one may end here instead."""
    for channels in (16, 17, 24):
        layer = nn.Conv2d(channels, 16, 1, stride=2, bias=False)
        images = torch.rand(32, channels, 8, 8, generator=torch.Generator().manual_seed(0))
        found, wanted = (gradient(layer.to(kind), images.to(kind)) for kind in (torch.float32, torch.float64))
        torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


def gradient(layer, images):
    layer.to(memory_format=torch.channels_last)
    outputs = layer(images.contiguous(memory_format=torch.channels_last))
    return torch.autograd.grad(outputs.square().sum(), layer.weight)[0]
