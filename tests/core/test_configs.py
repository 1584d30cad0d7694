"""Every configuration that ships is one that runs."""

from pathlib import Path

import pytest
import torch

from core.data.dataset import Geometry
from core.models import build_model
from core.spec.catalogue import DATASETS
from core.spec.config import RunConfig
from core.spec.data_files import image_channels, image_size
from core.spec.loading import config_warnings, load_config

FOLDER = Path(__file__).parents[2] / "configs"
CONFIGS = sorted(FOLDER.glob("*.toml"))
# What ICLR App. B.1 and B.2 state for AdaAD + IGDM with the teacher of each: alpha, epochs, drops, crop padding.
PUBLISHED = {
    "cifar10-resnet18": (10, 200, (100, 150), 4),
    "cifar10-mobilenetv2": (10, 200, (100, 150), 4),
    "cifar100-resnet18": (70, 200, (100, 150), 4),
    "cifar100-mobilenetv2": (50, 200, (100, 150), 4),
    "svhn-resnet18": (9, 50, (40, 45), 4),
    "tiny-imagenet-preactresnet18": (10, 100, (50, 80), 8),
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_loads_without_a_warning_and_says_what_it_is(path):
    config = load_config(path)
    assert isinstance(config, RunConfig)
    assert config_warnings(config) == []
    first, *_ = path.read_text().splitlines()
    assert first.startswith("# ")
    assert len(first) > 20


def test_every_data_set_has_a_config():
    assert {load_config(path).data.name for path in CONFIGS} == set(DATASETS)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_student_of_every_config_takes_its_images(path):
    config = load_config(path)
    channels, side = image_channels(config.data), image_size(config.data)
    geometry = Geometry(channels=channels, image_size=side, classes=DATASETS[config.data.name].classes or 3)
    student = build_model(config.student, geometry, 0).eval()
    with torch.no_grad():
        assert student(torch.rand(2, channels, side, side)).shape == (2, geometry.classes)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_config_named_after_a_paper_has_the_settings_of_the_paper(name):
    config = load_config(FOLDER / f"{name}.toml")
    optim, attack = config.optim, config.attack
    assert (config.igdm.alpha, optim.num_epochs, optim.milestones, config.data.random_crop_padding) == PUBLISHED[name]
    assert (optim.learning_rate, optim.momentum, optim.weight_decay, optim.decay) == (0.1, 0.9, 5e-4, 0.1)
    assert (attack.epsilon, attack.step_size, attack.num_steps) == (8 / 255, 2 / 255, 10)
    assert config.data.horizontal_flip
    assert config.data.validation_fraction == 0
    assert (config.optim.batch_size, config.evaluation_epsilon) == (128, 8 / 255)
