"""What an evaluation promises whatever attacks: the ball, [0, 1], the network's own verdict, nothing at epsilon 0."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from core.attacks import L1Ball, L2Ball, LinfBall
from core.data.dataset import ImageSet
from core.evaluation import suite
from core.evaluation.attack_plans import attack_plan
from core.evaluation.autoattack import autoattack_plan, build_autoattack
from core.evaluation.cascade import AttackPlan, Cascade, Stage
from core.evaluation.norm_attacks import mild_plan, strong_plan
from core.evaluation.outcome import StateFile
from core.evaluation.suite import Evaluation
from core.evaluation.target import Target
from core.evaluation.transfer_attacks import VarianceTuning, vmi_plan
from core.spec.attack_forms import PARTS
from core.spec.events import AttackFinished

CPU = torch.device("cpu")
BALLS = (LinfBall, L2Ball, L1Ball)
FEW = ImageSet(
    levels=torch.tensor([[0, 1, 2, 3], [4, 4, 0, 0], [2, 2, 2, 2]], dtype=torch.uint8).view(3, 1, 2, 2),
    labels=torch.tensor([0, 1, 0]),
    max_level=4,
)
ANY_PIXELS = arrays(
    np.float32, (3, 1, 2, 2), elements=st.floats(width=32) | st.sampled_from([math.nan, math.inf, -math.inf, -3.0, 4.0])
)


class Recording(nn.Module):
    """Two classes by the sum of the pixels; remembers what it was shown."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def forward(self, pixels):
        self.shown.append(pixels.detach().clone())
        total = pixels.flatten(1).sum(dim=1)
        return torch.stack([total, 2.0 - total], dim=1)


def walk(network, images, plan, path, batch_size=20):
    cascade = Cascade(network, images, plan, batch_size=batch_size, state=StateFile(path / "state.json", "key"))
    return cascade.run(lambda **_: None, lambda: False)


@settings(max_examples=150, deadline=None)
@given(pixels=ANY_PIXELS, epsilon=st.floats(0, 8), ball=st.sampled_from(BALLS))
def test_whatever_an_attack_returns_is_judged_inside_its_ball(tmp_path_factory, pixels, epsilon, ball):
    found = torch.from_numpy(pixels)
    stage = Stage(name="anything", perturb=lambda _images, _labels, _batch: found.clone())
    network, clean = Recording(), FEW.images()
    plan = AttackPlan(stages=(stage,), ball=ball(epsilon=epsilon), parameters={})
    # Only images that are right when clean are attacked: the labels here are the network's own.
    images = ImageSet(levels=FEW.levels, labels=network(clean).argmax(dim=1), max_level=4)
    result = walk(network, images, plan, tmp_path_factory.mktemp("walk"))
    judged = network.shown[-1]
    tolerance = 1e-5 * max(1.0, epsilon)
    assert 0 <= float(judged.min()) <= float(judged.max()) <= 1
    assert float(plan.ball.size(judged - clean).max()) <= epsilon + tolerance
    assert result.largest == pytest.approx(float(plan.ball.size(judged - clean).max()))
    assert torch.equal(result.robust, network(judged).argmax(dim=1) == images.labels)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["fgsm", "pgd3", "pgd3x2", "cwx1", "cw30"]),
    epsilon=st.floats(0, 0.9),
    seed=st.integers(0, 99),
)
def test_our_attacks_stay_inside_at_every_radius(trained, dataset, name, epsilon, seed):
    few = dataset.test.first(4)
    target = Target(network=trained, epsilon=epsilon, seed=seed, device=CPU)
    for stage in attack_plan(name, target).stages:
        adv_images = stage.perturb(few.images(), few.labels, 0)
        assert 0 <= float(adv_images.min()) <= float(adv_images.max()) <= 1
        assert float((adv_images - few.images()).abs().max()) <= epsilon + 1e-6


def right(network, images):
    with torch.no_grad():
        return network(images.images()).argmax(dim=1) == images.labels


@pytest.fixture(scope="module")
def images(dataset):
    return dataset.test.first(20)


@pytest.mark.parametrize("name", ["fgsm", "pgd10", "pgd20x2", "cwx2", "cw30x2"])
def test_without_a_radius_our_attacks_break_nothing(trained, images, tmp_path, name):
    plan = attack_plan(name, Target(network=trained, epsilon=0.0, seed=0, device=CPU))
    assert torch.equal(walk(trained, images, plan, tmp_path).robust, right(trained, images))


@pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])
@pytest.mark.parametrize("part", PARTS)
def test_without_a_radius_no_part_of_autoattack_breaks_anything(trained, images, tmp_path, norm, part):
    attack = build_autoattack(trained, norm=norm, epsilon=0.0, seed=0, device=CPU, version="custom", stages=(part,))
    attack.apgd.n_iter = attack.apgd_targeted.n_iter = attack.fab.n_iter = 2
    attack.apgd.n_restarts = attack.fab.n_restarts = 1
    attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = 2
    attack.square.n_queries = 5
    assert torch.equal(walk(trained, images, autoattack_plan(attack), tmp_path).robust, right(trained, images))


@pytest.mark.parametrize("norm", ["L2", "L1"])
@pytest.mark.parametrize("plan_of", [mild_plan, strong_plan])
def test_without_a_radius_ascent_in_other_norms_breaks_nothing(trained, images, tmp_path, norm, plan_of):
    plan = plan_of(Target(network=trained, epsilon=0.1, seed=0, device=CPU), norm, epsilon=0.0)
    assert torch.equal(walk(trained, images, plan, tmp_path).robust, right(trained, images))


def test_without_a_radius_transfer_breaks_nothing(trained, images, tmp_path):
    target = Target(network=trained, epsilon=0.1, seed=0, device=CPU, transfer_source=trained)
    plan = vmi_plan(target, VarianceTuning(epsilon=0.0, step_size=0.1, num_steps=2, neighbours=2), "official")
    assert torch.equal(walk(trained, images, plan, tmp_path).robust, right(trained, images))


@pytest.fixture
def evaluate(trained, dataset, tmp_path):
    def run(attacks):
        events = []
        Evaluation(
            trained, dataset.test.first(80), name="final", checkpoint="last.pt", folder=tmp_path / "final",
            epsilon=0.15, seed=0, batch_size=80, teacher=None, emit=events.append, should_stop=lambda: False,
        ).run(attacks)  # fmt: skip
        return {event.attack: event for event in events if isinstance(event, AttackFinished)}

    return run


def test_on_a_trained_student_stronger_attacks_leave_less_and_no_flag(evaluate):
    found = evaluate(("clean", "fgsm", "pgd20", "cwx2", "autoattack:apgd-t"))
    correct = {name: event.correct for name, event in found.items()}
    assert correct["autoattack:apgd-t"] <= min(correct["pgd20"], correct["cwx2"]) <= correct["fgsm"] < correct["clean"]
    assert all(event.flags == [] for event in found.values())


def test_an_order_that_cannot_be_is_a_flag(evaluate, monkeypatch):
    """PGD that does nothing leaves every image, FGSM breaks many: somebody's gradients are to be doubted."""
    plans = suite.attack_plan

    def broken(name, target):
        plan = plans(name, target)
        if name != "pgd20":
            return plan
        idle = Stage(name="pgd20", perturb=lambda pixels, _labels, _batch: pixels)
        return AttackPlan(stages=(idle,), ball=plan.ball, parameters=plan.parameters)

    monkeypatch.setattr(suite, "attack_plan", broken)
    found = evaluate(("clean", "fgsm", "pgd20"))
    (flag,) = found["pgd20"].flags
    assert flag.startswith("order: ")
    assert "the weaker fgsm" in flag
