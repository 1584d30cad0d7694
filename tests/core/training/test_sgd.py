"""Our SGD against torch.optim.SGD: the same bits, and states that can be exchanged."""

import copy
import subprocess
import sys

import pytest
import torch

from core.training.sgd import MomentumSgd

SETTINGS = {"momentum": 0.9, "weight_decay": 5e-4}


def pair_of(**settings):
    settings = SETTINGS | settings
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3))
    twin = copy.deepcopy(model)
    return (
        (model, MomentumSgd(model.parameters(), learning_rate=0.1, **settings)),
        (twin, torch.optim.SGD(twin.parameters(), lr=0.1, **settings)),
    )


def train(model, optimizer, steps, without=None):
    for step in range(steps):
        model.zero_grad(set_to_none=True)
        inputs = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
        model(inputs).square().mean().backward()
        if without is not None:
            list(model.parameters())[without].grad = None
        optimizer.step()


def same(model, twin):
    return all(torch.equal(one, other) for one, other in zip(model.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.0}, {"weight_decay": 0.0}])
def test_weights_are_those_of_torch_to_the_bit(settings):
    (model, ours), (twin, theirs) = pair_of(**settings)
    before = copy.deepcopy(model)
    for rate in (0.1, 0.02):
        ours.learning_rate = theirs.param_groups[0]["lr"] = rate
        train(model, ours, 3)
        train(twin, theirs, 3)
    assert same(model, twin)
    assert not same(model, before)


def test_a_parameter_without_a_gradient_stays():
    (model, ours), (twin, theirs) = pair_of()
    before = copy.deepcopy(model)
    train(model, ours, 2, without=1)
    train(twin, theirs, 2, without=1)
    assert same(model, twin)
    assert torch.equal(list(model.parameters())[1], list(before.parameters())[1])
    train(model, ours, 2)
    train(twin, theirs, 2)
    assert same(model, twin)


def test_states_can_be_exchanged():
    (model, ours), (twin, theirs) = pair_of()
    train(model, ours, 2)
    train(twin, theirs, 2)
    of_ours, of_theirs = copy.deepcopy(ours.state_dict()), copy.deepcopy(theirs.state_dict())
    theirs = torch.optim.SGD(twin.parameters(), lr=0.5)
    theirs.load_state_dict(of_ours)
    ours = MomentumSgd(model.parameters(), learning_rate=0.1, **SETTINGS)
    ours.load_state_dict(of_theirs)
    train(model, ours, 3)
    train(twin, theirs, 3)
    assert same(model, twin)


def test_a_loaded_state_is_not_written_to():
    (model, ours), _ = pair_of()
    train(model, ours, 2)
    state = copy.deepcopy(ours.state_dict())
    kept = copy.deepcopy(state)
    ours.load_state_dict(state)
    train(model, ours, 2)
    for index, entry in kept["state"].items():
        assert torch.equal(entry["momentum_buffer"], state["state"][index]["momentum_buffer"])


def test_no_worker_imports_the_compiler_or_scikit_learn_to_train():
    """What a step of the digits recipe must not wait for: a second and more each."""
    code = (
        "import sys, torch\n"
        "from core.data import load_dataset\n"
        "from core.device import prepare_device\n"
        "from core.spec.config import DataSection\n"
        "from core.training.sgd import MomentumSgd\n"
        "prepare_device('cpu', 1)\n"
        "assert len(load_dataset(DataSection()).train)\n"
        "weight = torch.nn.Parameter(torch.ones(2))\n"
        "weight.grad = torch.ones(2)\n"
        "MomentumSgd([weight], learning_rate=0.1, momentum=0.9, weight_decay=0.0).step()\n"
        "print([name for name in ('torch._dynamo', 'torch._inductor', 'sklearn', 'scipy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
