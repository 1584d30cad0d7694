"""Networks against forwards that the tests write out themselves, on state dicts in the published layouts."""

import pytest
import torch

from core.data.dataset import Geometry
from core.models import build_model
from core.spec.config import ModelSection
from core.teachers import load_checkpoint_file
from tests.core.models import published_layouts as layouts

CIFAR10_MEAN, CIFAR10_STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)
CIFAR100_MEAN, CIFAR100_STD = layouts.CIFAR100_MEAN, layouts.CIFAR100_STD


@pytest.fixture
def images():
    return torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def loaded(path, model, dataset, classes):
    network = build_model(
        ModelSection(model=model), Geometry(channels=3, image_size=32, classes=classes), 0, dataset=dataset
    )
    load_checkpoint_file(network, path, classes=classes)
    return network.double().eval()


def double(state):
    return {name: value.double() for name, value in state.items()}


def saved(tmp_path, content):
    path = tmp_path / "published.pt"
    torch.save(content, path)
    return path


def same(first, second):
    assert float(second.std()) > 1e-3, "outputs that say nothing"
    return torch.allclose(first, second, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_ltd_of_cifar_100_loads_with_its_sub_block_and_computes_the_published_forward(tmp_path, images):
    state = layouts.trades_wrn(classes=100, sub_block=True)
    assert len(state) == 252
    path = saved(tmp_path, {"state_dict": {f"module.{name}": value for name, value in state.items()}})
    network = loaded(path, "wrn-34-10", "cifar-100", 100)
    assert same(network(images), layouts.trades_wrn_forward(double(state), images))


@torch.no_grad()
def test_bdm_at_and_ikl_at_load_from_their_wrappers_and_pad_as_published(tmp_path, images):
    state = layouts.silu_wrn(classes=100)
    wrapped = {f"module.0.{name}": value for name, value in state.items()}
    network = loaded(saved(tmp_path, {"model_state_dict": wrapped}), "wrn-28-10-silu", "cifar-100", 100)
    logits = network(images)
    assert same(logits, layouts.silu_wrn_forward(double(state), images, CIFAR100_MEAN, CIFAR100_STD))
    symmetric = layouts.silu_wrn_forward(
        double(state), images, CIFAR100_MEAN, CIFAR100_STD, stride_two_padding=(1, 1, 1, 1)
    )
    assert not same(logits, symmetric)


@torch.no_grad()
def test_a_timm_state_dict_loads_into_deit_s(tmp_path, images):
    state = layouts.vit(384)
    network = loaded(saved(tmp_path, {"model": dict(state)}), "deit-s", "cifar-10", 10)
    assert same(network(images), layouts.vit_forward(double(state), images, CIFAR10_MEAN, CIFAR10_STD, num_heads=6))
