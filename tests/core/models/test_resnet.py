import pytest
import torch

from core.data.dataset import Geometry
from core.models import build_model
from core.spec.config import ModelSection

CIFAR10 = Geometry(channels=3, image_size=32, classes=10)
CIFAR100 = Geometry(channels=3, image_size=32, classes=100)


@pytest.mark.parametrize(("geometry", "parameters"), [(CIFAR10, 11_173_962), (CIFAR100, 11_220_132)])
def test_width_64_with_two_blocks_is_the_papers_resnet18(geometry, parameters):
    model = build_model(ModelSection(), geometry, 0)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert len(model.state_dict()) == 122
    names = set(model.state_dict())
    assert {
        "conv1.weight",
        "layer1.0.conv1.weight",
        "layer2.0.shortcut.0.weight",
        "layer4.1.bn2.bias",
        "linear.bias",
    } <= names


@pytest.mark.parametrize("blocks", [(1,), (1, 1), (2, 1, 1), (1, 1, 1, 1)])
def test_stages_halve_the_image_and_double_the_width(blocks):
    geometry = Geometry(channels=1, image_size=8, classes=7)
    model = build_model(ModelSection(width=4, blocks=blocks), geometry, 0)
    features = []
    model.get_submodule(f"layer{len(blocks)}").register_forward_hook(
        lambda *arguments: features.append(arguments[2].shape)
    )
    assert model(torch.rand(3, 1, 8, 8)).shape == (3, 7)
    side = 8 >> (len(blocks) - 1)
    assert features == [(3, 4 * 2 ** (len(blocks) - 1), side, side)]


def test_weights_depend_on_the_seed_alone_and_the_global_generator_is_left_alone():
    def weights(seed):
        return build_model(ModelSection(width=4, blocks=(1,)), CIFAR10, seed).state_dict()["conv1.weight"]

    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = weights(1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(weights(1), first)
    assert not torch.equal(weights(2), first)
