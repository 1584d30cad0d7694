"""IAD-II and the ablations of the IGDM paper, against their formulas."""

import copy

import pytest
import torch

from core.methods import build_method, build_term
from core.seeding import generator_for
from core.spec.config import AttackSection, IgdmSection, MethodSection
from core.training.literal import LiteralStep
from tests.core.conftest import small_model
from tests.core.methods.formulas import K, ce, per_image, trust

CPU = torch.device("cpu")
ATTACK = AttackSection(epsilon=0.1, step_size=0.03, num_steps=2)


def make(student, teacher, name="ard", *, second=None, igdm=None, **options):
    method = build_method(MethodSection(name=name, **options), ATTACK)
    term = build_term(IgdmSection(**igdm)) if igdm else None
    step = LiteralStep(student=student, teacher=teacher, method=method, igdm=term, attack=ATTACK, num_epochs=6)
    step.second_teacher = second
    return step


def assert_same(student, reference, ours, expected):
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)
    mine = torch.autograd.grad(ours, list(student.parameters()))
    theirs = torch.autograd.grad(expected, list(reference.parameters()))
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-8)


@pytest.mark.parametrize("begin", [1, 60])
def test_iad_2_weighs_both_teachers(student, teacher, batch, begin):
    second = small_model(7).eval().requires_grad_(False)
    reference = copy.deepcopy(student).train()
    step = make(student, teacher, "iad-2", second=second, iad2_begin=begin)
    adversarial = step.adversarial_images(batch, generator_for(CPU, 0, "a"))
    x, a, y = batch.clean_images, adversarial["adv"], batch.labels
    z_adv, z_clean = reference(a), reference(x)
    weight = trust(teacher, a, y) if begin == 1 else torch.ones(12, dtype=torch.float64)
    robust = (weight * per_image(teacher(a), z_adv)).mean() + ((1 - weight) * per_image(z_clean, z_adv)).mean()
    expected = 0.25 * ce(z_adv, y) + 0.5 * robust + 0.25 * K(second(a), z_adv)
    assert_same(student, reference, step.losses(batch, adversarial).total, expected)


def base_and_sides(reference, teacher, batch, a):
    """ARD's loss with the plus side as its adversarial output."""
    x = batch.clean_images
    plus, clean = reference(a), reference(x)
    return K(teacher(x), plus), plus, clean


def test_trades_like_lets_both_sides_of_the_student_agree(student, teacher, batch):
    reference = copy.deepcopy(student).train()
    step = make(student, teacher, igdm={"alpha": 5.0, "term": "trades-like"})
    adversarial = step.adversarial_images(batch, generator_for(CPU, 0, "a"))
    base, plus, _ = base_and_sides(reference, teacher, batch, adversarial["adv"])
    minus = reference(2 * batch.clean_images - adversarial["adv"])
    assert_same(student, reference, step.losses(batch, adversarial).total, base + 5 * 3 / 6 * K(minus, plus))


def test_trades_reg_lets_clean_and_plus_agree_with_gradient_through_both(student, teacher, batch):
    reference = copy.deepcopy(student).train()
    step = make(student, teacher, igdm={"alpha": 5.0, "term": "trades-reg"})
    assert [forward.key for forward in step.igdm.forwards(step.method, 3)] == ["plus", "clean"]
    adversarial = step.adversarial_images(batch, generator_for(CPU, 0, "a"))
    base, plus, clean = base_and_sides(reference, teacher, batch, adversarial["adv"])
    assert_same(student, reference, step.losses(batch, adversarial).total, base + 5 * 3 / 6 * K(clean, plus))


def test_direct_matching_differentiates_through_the_input_gradient(student, teacher, batch):
    reference = copy.deepcopy(student).train()
    step = make(student, teacher, igdm={"alpha": 1000.0, "term": "direct-gradient"})
    adversarial = step.adversarial_images(batch, generator_for(CPU, 0, "a"))
    x, y = batch.clean_images.clone().requires_grad_(True), batch.labels
    plus = reference(adversarial["adv"])
    clean = reference(x)
    (q_s,) = torch.autograd.grad(12 * ce(clean, y), x, create_graph=True)
    x_t = batch.clean_images.clone().requires_grad_(True)
    (q_t,) = torch.autograd.grad(12 * ce(teacher(x_t), y), x_t)
    term = (q_s - q_t).square().sum() / (12 * 64)
    expected = K(teacher(batch.clean_images), plus) + 1000 * 3 / 6 * term
    assert_same(student, reference, step.losses(batch, adversarial).total, expected)


@pytest.mark.parametrize("surrogate", ["l2", "l1"])
def test_other_surrogates_enter_the_loss(student, teacher, batch, surrogate):
    reference = copy.deepcopy(student).train()
    step = make(student, teacher, igdm={"alpha": 2.0, "surrogate": surrogate})
    adversarial = step.adversarial_images(batch, generator_for(CPU, 0, "a"))
    a, minus_images = adversarial["adv"], 2 * batch.clean_images - adversarial["adv"]
    base, plus, _ = base_and_sides(reference, teacher, batch, a)
    gap = plus - reference(minus_images) - teacher(a) + teacher(minus_images)
    term = gap.square().sum() / (12 * 20) if surrogate == "l2" else gap.abs().sum() / (12 * 10)
    assert_same(student, reference, step.losses(batch, adversarial).total, base + term)
