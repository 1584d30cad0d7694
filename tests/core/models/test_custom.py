"""Networks of the user's own."""

import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest
import torch
from torch import nn

from core.data.dataset import Geometry
from core.models import build_model
from core.spec.config import ModelSection
from core.spec.errors import TrainingError
from core.spec.loading import config_problems

GEOMETRY = Geometry(channels=1, image_size=8, classes=10)
SOURCE = """
from torch import nn

def factory(*, channels, image_size, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * image_size**2, classes))

def takes_nothing():
    return nn.Identity()

def no_network(**geometry):
    return 3

value = 5
"""


@pytest.fixture
def own_package(tmp_path, monkeypatch):
    (tmp_path / "own_networks_of_a_test.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_networks_of_a_test"
    sys.modules.pop("own_networks_of_a_test", None)


def test_a_factory_is_called_with_the_geometry_and_its_weights_depend_on_the_seed_alone(own_package):
    settings = ModelSection(model=f"{own_package}:factory")
    model = build_model(settings, GEOMETRY, 3)
    assert model(torch.rand(2, 1, 8, 8)).shape == (2, 10)
    assert torch.equal(model[1].weight, build_model(settings, GEOMETRY, 3)[1].weight)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("takes_nothing", "channels=, image_size= and classes="),
        ("no_network", "made int, which is no torch.nn.Module"),
        ("value", "cannot be called"),
        ("missing", "has no attribute 'missing'"),
    ],
)
def test_a_wrong_factory_is_named_with_what_is_wrong(own_package, attribute, message):
    with pytest.raises(TrainingError, match=message) as caught:
        build_model(ModelSection(model=f"{own_package}:{attribute}"), GEOMETRY, 0)
    assert f"{own_package}:{attribute}" in str(caught.value)


def test_a_package_that_is_not_installed_says_how_to_be_found():
    with pytest.raises(TrainingError, match="PYTHONPATH"):
        build_model(ModelSection(model="no_such_package_here:factory"), GEOMETRY, 0)


def test_an_entry_point_is_a_name_like_any_other(monkeypatch, own_package):
    def offered(*, group, name=None):
        assert group == "igdm_tui.models"
        point = EntryPoint(name="mine", group=group, value=f"{own_package}:factory")
        return EntryPoints([point] if name in (None, "mine") else [])

    monkeypatch.setattr("importlib.metadata.entry_points", offered)
    assert isinstance(build_model(ModelSection(model="mine"), GEOMETRY, 0), nn.Module)
    (problem,) = config_problems({"student": {"model": "mime"}})
    assert problem.advice.startswith("did you mean 'mine'?")


@pytest.mark.parametrize("name", ["package.module:", ":factory", "a b:c", "a:b:c", "../x:y"])
def test_what_is_no_factory_says_how_to_write_one(name):
    (problem,) = config_problems({"student": {"model": name}})
    assert (problem.key, problem.advice) == ("student.model", "write package.module:function")


def test_an_unknown_network_names_the_nearest_one():
    (problem,) = config_problems({"student": {"model": "resnet18"}})
    assert problem.message == "'resnet18' is not known"
    assert problem.advice.startswith("did you mean 'resnet-18'? one of: resnet, resnet-18")
