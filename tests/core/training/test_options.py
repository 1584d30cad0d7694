"""Learning-rate schedules, clipping, weight averaging, mixed precision."""

import copy

import pytest
import torch

from core.spec.config import OptimSection
from core.training.averaging import WeightAverage
from core.training.schedule import learning_rate
from tests.core.training.test_trainer import make_trainer, run


def rates(optim, steps):
    return [
        learning_rate(optim, epoch, step, steps) for epoch in range(1, optim.num_epochs + 1) for step in range(steps)
    ]


def test_the_one_cycle_is_pytorchs():
    optim = OptimSection(num_epochs=6, schedule="one-cycle", milestones=())
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=60, pct_start=0.25)
    expected = []
    for _ in range(60):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()
    assert rates(optim, 10) == pytest.approx(expected, rel=1e-9)


def test_the_cosine_falls_from_the_full_rate_to_almost_zero():
    found = rates(OptimSection(num_epochs=4, schedule="cosine", milestones=()), 25)
    assert found[0] == 0.1
    assert found[50] == pytest.approx(0.05)
    assert found == sorted(found, reverse=True)
    assert found[-1] < 1e-4


def trainer_with(**optim):
    trainer = make_trainer("ard")
    trainer.optim = OptimSection(**(trainer.optim.model_dump() | optim))
    if trainer.optim.weight_average:
        trainer.average = WeightAverage(trainer.step.student, trainer.optim.weight_average)
    trainer.step.mixed_precision = trainer.optim.mixed_precision
    return trainer


def test_a_weight_with_two_names_is_averaged_once():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    torch.nn.init.zeros_(model[0].weight)
    average = WeightAverage(model, 0.9)
    torch.nn.init.ones_(model[0].weight)
    average.update(model)
    torch.testing.assert_close(average.model[0].weight.data, torch.full((2, 2), 0.1))
    assert average.model[1].weight is average.model[0].weight


def test_clipping_bounds_the_gradient_that_sgd_sees():
    trainer = trainer_with(gradient_clip=0.01)
    norms = []
    step = trainer.optimizer.step

    def watched():
        grads = [parameter.grad.flatten() for parameter in trainer.step.student.parameters()]
        norms.append(float(torch.cat(grads).norm()))
        step()

    trainer.optimizer.step = watched
    run(trainer)
    assert max(norms) <= 0.0101
    assert norms


def test_the_average_follows_its_recursion_and_is_the_result():
    model, twin = torch.nn.BatchNorm1d(3), None
    average = WeightAverage(model, 0.9)
    twin = copy.deepcopy(model.state_dict())
    for step in range(4):
        with torch.no_grad():
            model.weight.add_(float(step))
        model(torch.randn(5, 3))
        average.update(model)
        twin["weight"] = 0.9 * twin["weight"] + 0.1 * model.weight.detach()
        twin["running_mean"] = 0.9 * twin["running_mean"] + 0.1 * model.running_mean
    torch.testing.assert_close(average.model.weight, twin["weight"])
    torch.testing.assert_close(average.model.running_mean, twin["running_mean"])
    assert int(average.model.num_batches_tracked) == 4
    trainer = trainer_with(weight_average=0.9)
    run(trainer)
    assert trainer.result is trainer.average.model
    assert not torch.equal(trainer.result.linear.weight, trainer.step.student.linear.weight)


def test_an_averaged_run_resumes_bit_for_bit():
    quiet, stopped, resumed = (trainer_with(weight_average=0.9) for _ in range(3))
    run(quiet)
    stopped.run_epoch(on_step=lambda *_: None, should_stop=lambda: False)
    resumed.load_state_dict(stopped.state_dict())
    run(resumed)
    for key, tensor in quiet.result.state_dict().items():
        assert torch.equal(tensor, resumed.result.state_dict()[key])


def test_mixed_precision_changes_forwards_and_leaves_losses_in_full():
    plain, mixed = trainer_with(), trainer_with(mixed_precision=True)
    losses = []
    for trainer in (plain, mixed):
        trainer.run_epoch(on_step=lambda _e, _s, named: losses.append(named["loss"]), should_stop=lambda: False)
    assert all(loss.dtype == torch.float32 for loss in losses)
    assert losses[0] != losses[3]
    assert float(losses[0]) == pytest.approx(float(losses[3]), rel=0.05)
