"""The counts behind the estimate of memory are those of the real networks and plans."""

import pytest
import torch
from torch import nn

from core.data.dataset import Geometry
from core.methods import METHODS, IgdmTerm, build_method
from core.models import build_model
from core.spec.config import IgdmSection, ModelSection
from core.spec.loading import build_config
from core.spec.memory import COUNTS, GIB, gradient_forwards, training_memory


def kept_floats(model: nn.Module, size: int) -> float:
    """Floats that autograd keeps per image, each storage once, parameters left out."""

    def kept(batch: int) -> int:
        known = {tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers())}
        storages: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.data_ptr() not in known:
                storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            model(torch.rand(batch, 3, size, size)).sum()
        return sum(storages.values())

    return (kept(4) - kept(2)) / 2 / 4


def counts_of(name: str, **options) -> tuple[int, int]:
    from core.spec.memory import _counts

    config = build_config(
        {"data": {"name": "cifar-10"}, "student": {"model": name, **options}, "teacher": {"source": "none"},
         "method": {"name": "pgd-at"}}
    )  # fmt: skip
    found = _counts(config.student, config)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet", {"width": 16, "blocks": (1, 2, 1)}),
        ("resnet", {"width": 4, "blocks": (2, 1)}),
        ("resnet-18", {}),
        ("resnet-50", {}),
        ("preactresnet-18", {}),
        ("mobilenetv2", {}),
    ],
)
def test_counts_are_those_of_the_network(name, options):
    geometry = Geometry(channels=3, image_size=32, classes=10)
    model = build_model(ModelSection(model=name, **options), geometry, 0, dataset="cifar-10").train()
    parameters, floats = counts_of(name, **options)
    assert parameters == sum(parameter.numel() for parameter in model.parameters())
    assert floats == pytest.approx(kept_floats(model, 32), rel=0.02)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("alpha", [0.0, 10.0])
def test_forwards_are_those_of_the_plan(name, alpha):
    if name == "standard" and alpha:
        pytest.skip("no attack, so no IGDM term")
    settings = {"method": {"name": name, "iad_begin": 0, "iad2_begin": 0}, "igdm": {"alpha": alpha}}
    config = build_config(settings | {"second_teacher": {"source": "train"}})
    method = build_method(config.method, config.attack)
    forwards = IgdmTerm(IgdmSection(alpha=1.0)).forwards(method, 1) if alpha else method.forwards(1)
    in_batches = [2 if forward.on.startswith("both") else 1 for forward in forwards if forward.has_gradient]
    assert gradient_forwards(config) == sum(in_batches)


def test_every_network_of_the_catalogue_has_its_counts():
    from core.spec.catalogue import MODELS

    assert set(COUNTS) == MODELS.keys() - {"resnet"}


def test_an_estimate_grows_with_what_it_depends_on():
    def gib(**changes) -> float:
        settings = {"data": {"name": "cifar-10"}, "student": {"model": "resnet-18"}, "teacher": {"model": "wrn-34-10"}}
        found = training_memory(build_config(settings | changes))
        assert found is not None
        return found.total / GIB

    base = gib()
    assert 2 < base < 8
    assert gib(optim={"batch_size": 256}) > 1.5 * base
    assert gib(igdm={"alpha": 10.0}, method={"name": "rslad"}) > gib(method={"name": "rslad"})
    assert gib(optim={"mixed_precision": True}) <= base
    own = build_config({"student": {"model": "my.package:network"}})
    assert training_memory(own) is None


def test_out_of_memory_names_the_batch_size_and_the_estimate():
    from core.stages import out_of_memory_text

    config = build_config(
        {"data": {"name": "cifar-10"}, "student": {"model": "resnet-18"}, "optim": {"batch_size": 99}}
    )
    text = out_of_memory_text(config, torch.device("cpu"), "optim.batch_size", 99)
    assert "with optim.batch_size = 99; training was estimated to need about" in text
    assert 'runtime.on_oom = "halve-batch"' in text
    assert "estimated" not in out_of_memory_text(config, torch.device("cpu"), "evaluation.batch_size", 7)
