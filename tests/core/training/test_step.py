"""The literal step, every method with and without IGDM, against the formulas of tests/core/methods/formulas.py."""

import copy

import pytest
import torch
import torch.nn.functional as F

from core.attacks import attack_mode
from core.methods import METHODS, Batch, IgdmTerm, build_method, build_term
from core.methods.darwin import Darwin
from core.seeding import generator_for
from core.spec.catalogue import METHODS as ENTRIES
from core.spec.config import AttackSection, DataSection, IgdmSection, MethodSection
from core.spec.errors import TrainingError
from core.training.literal import LiteralStep
from core.training.step import check_finite
from tests.core.conftest import small_model
from tests.core.methods.formulas import LITERAL_ORDERS, LOSSES, ORDERS, K, with_igdm

CPU = torch.device("cpu")
ATTACK = AttackSection(epsilon=0.1, step_size=0.03, num_steps=4)
EPOCHS = 8
WITH_ATTACK = [name for name in METHODS if name != "standard"]
WRITTEN_OUT = [name for name in LOSSES if name != "standard"]


def make_step(student, teacher, name, *, igdm=None, **options):
    """A step with introspection from the second epoch on, so that the batch of epoch 3 sees all terms."""
    options = {"iad_begin": 1, "iad2_begin": 1} | options
    method = build_method(MethodSection(name=name, **options), ATTACK)
    term = build_term(IgdmSection(**igdm)) if igdm else None
    step = LiteralStep(student=student, teacher=teacher, method=method, igdm=term, attack=ATTACK, num_epochs=EPOCHS)
    step.second_teacher = small_model(5).eval().requires_grad_(False) if name == "iad-2" else None
    return step


def attacked(step, batch, dataset=None):
    """The batch as the method wants it, and its adversarial images."""
    if isinstance(step.method, Darwin):
        batch = paired(batch, step)
    return batch, step.adversarial_images(batch, generator_for(CPU, 0, "attack"))


def paired(batch, step):
    from core.data import load_dataset

    images = load_dataset(DataSection()).train
    return step.prepare(batch, images, DataSection(), generator_for(CPU, 0, "pairs"))


def gradients(network, loss):
    return torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)


def assert_same(student, reference, ours, expected):
    """Loss, parameter gradients and BatchNorm statistics agree."""
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)
    for mine, theirs in zip(gradients(student, ours), gradients(reference, expected), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9)
    for key, tensor in student.state_dict().items():
        torch.testing.assert_close(tensor, reference.state_dict()[key], rtol=0, atol=1e-12, msg=key)


@pytest.mark.parametrize("epoch", [1, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_a_step_without_igdm_is_the_written_out_formula(student, teacher, batch, name, epoch):
    reference = copy.deepcopy(student).train()
    batch = Batch(clean_images=batch.clean_images, labels=batch.labels, epoch=epoch)
    step = make_step(student, teacher, name)
    _, adversarial = attacked(step, batch)
    x, y = batch.clean_images, batch.labels
    expected = LOSSES[name](reference, teacher, x, adversarial["adv"], y, epoch, step.method.settings)
    assert_same(student, reference, step.losses(batch, adversarial).total, expected)


@pytest.mark.parametrize("epoch", [1, 3])
@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_step_with_igdm_is_the_written_out_formula(student, teacher, batch, name, epoch):
    reference = copy.deepcopy(student).train()
    batch = Batch(clean_images=batch.clean_images, labels=batch.labels, epoch=epoch)
    step = make_step(student, teacher, name, igdm={"alpha": 7.0})
    _, adversarial = attacked(step, batch)
    options = step.method.settings
    base, term = with_igdm(
        name, reference, teacher, batch.clean_images, adversarial["adv"], batch.labels, epoch, options
    )
    assert_same(student, reference, step.losses(batch, adversarial).total, base + 7 * epoch / EPOCHS * term)


def test_ard_takes_the_plus_side_as_its_adversarial_output_whatever_beta(student, teacher, batch):
    """As the public code of ARD + IGDM does."""
    reference = copy.deepcopy(student).train()
    step = make_step(student, teacher, "ard", igdm={"alpha": 3.0, "beta": 0.5, "gamma": 2.0})
    _, adversarial = attacked(step, batch)
    x, a, y, options = batch.clean_images, adversarial["adv"], batch.labels, step.method.settings
    base, term = with_igdm("ard", reference, teacher, x, a, y, 3, options, beta=0.5, gamma=2.0)
    assert_same(student, reference, step.losses(batch, adversarial).total, base + 3 * 3 / EPOCHS * term)


@pytest.mark.parametrize("name", ["pgd-at", "akd"])
def test_the_base_loss_stays_on_the_adversarial_images_when_beta_is_not_one(student, teacher, batch, name):
    reference = copy.deepcopy(student).train()
    step = make_step(student, teacher, name, igdm={"alpha": 3.0, "beta": 0.5, "gamma": 2.0})
    _, adversarial = attacked(step, batch)
    x, a, y = batch.clean_images, adversarial["adv"], batch.labels
    plus, minus = x + 0.5 * (a - x), x - 2 * (a - x)
    z_adv, z_plus, _, z_minus = reference(a), reference(plus), reference(x), reference(minus)
    labelled = F.cross_entropy(z_adv, y)
    base = labelled if name == "pgd-at" else 0.5 * labelled + 0.5 * K(teacher(a), z_adv)
    expected = base + 3 * 3 / EPOCHS * K(teacher(plus) - teacher(minus), z_plus - z_minus)
    assert_same(student, reference, step.losses(batch, adversarial).total, expected)


def test_adaad_keeps_its_adversarial_forward_when_beta_is_not_one(student, teacher, batch):
    reference = copy.deepcopy(student).train()
    step = make_step(student, teacher, "adaad", igdm={"alpha": 3.0, "beta": 0.5, "gamma": 2.0})
    _, adversarial = attacked(step, batch)
    x, a = batch.clean_images, adversarial["adv"]
    plus, minus = x + 0.5 * (a - x), x - 2 * (a - x)
    z_plus, _, z_minus, z_adv = reference(plus), reference(x), reference(minus), reference(a)
    expected = K(teacher(a), z_adv) + 3 * 3 / EPOCHS * K(teacher(plus) - teacher(minus), z_plus - z_minus)
    assert_same(student, reference, step.losses(batch, adversarial).total, expected)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ard", {"ard_lambda": 0.7, "temperature": 4.0}),
        ("adaad", {"adaad_lambda": 0.6}),
        ("iad", {"iad_teacher_weight": "reliability"}),
        ("akd", {"akd_teacher_input": "clean", "akd_mix": 0.3}),
        ("trades", {"trades_beta": 2.0}),
        ("mart", {"mart_beta": 6.0}),
    ],
)
@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_options_follow_their_formulas(student, teacher, batch, name, options, alpha):
    reference = copy.deepcopy(student).train()
    step = make_step(student, teacher, name, igdm={"alpha": alpha} if alpha else None, **options)
    _, adversarial = attacked(step, batch)
    x, a, y, o = batch.clean_images, adversarial["adv"], batch.labels, step.method.settings
    if alpha:
        base, term = with_igdm(name, reference, teacher, x, a, y, 3, o)
        expected = base + alpha * 3 / EPOCHS * term
    else:
        expected = LOSSES[name](reference, teacher, x, a, y, 3, o)
    assert_same(student, reference, step.losses(batch, adversarial).total, expected)


def test_the_rslad_loss_is_a_tenth_whatever_the_number_of_classes():
    for classes in (10, 100):
        a, b, c = (torch.randn(6, classes, dtype=torch.float64) for _ in range(3))
        from core.methods import Outputs

        outputs = Outputs(student={"adv": a, "clean": b}, teacher={"clean": c})
        method = build_method(MethodSection(name="rslad"), ATTACK)
        batch = Batch(clean_images=torch.zeros(6, 1, 1, 1), labels=torch.zeros(6), epoch=1)
        ours = sum(term.mean() for term in method.loss_terms(outputs, batch).values())
        torch.testing.assert_close(ours, 0.1 * (5 / 6 * K(c, a) + 1 / 6 * K(c, b)))


def record_forwards(student):
    seen = []
    student.register_forward_pre_hook(lambda module, inputs: seen.append((inputs[0].clone(), module.training)))
    return seen


@pytest.mark.parametrize(("name", "has_igdm"), ORDERS)
def test_train_mode_forwards_come_in_the_documented_order_and_number(student, teacher, batch, name, has_igdm):
    step = make_step(student, teacher, name, igdm={"alpha": 5.0} if has_igdm else None)
    _, adversarial = attacked(step, batch)
    tracked = int(student.bn1.num_batches_tracked)
    seen = record_forwards(student)
    step.losses(batch, adversarial)
    x, a = batch.clean_images, adversarial["adv"]
    images = {"clean": x, "adv": a, "minus": 2 * x - a}
    order = ORDERS[name, has_igdm]
    assert len(seen) == len(order)
    for (forwarded, training), on in zip(seen, order, strict=True):
        torch.testing.assert_close(forwarded, images[on], rtol=0, atol=1e-15)
        assert training
    assert int(student.bn1.num_batches_tracked) == tracked + len(order)


@pytest.mark.parametrize("name", LITERAL_ORDERS)
def test_the_literal_order_repeats_a_forward_and_changes_no_gradient(student, teacher, batch, name):
    literal_student = copy.deepcopy(student)
    step = make_step(student, teacher, name, igdm={"alpha": 5.0})
    literal = make_step(literal_student, teacher, name, igdm={"alpha": 5.0, "literal_forwards": True})
    assert [forward.key for forward in literal.igdm.forwards(literal.method, 3)] == LITERAL_ORDERS[name]
    _, adversarial = attacked(step, batch)
    ours, theirs = step.losses(batch, adversarial).total, literal.losses(batch, adversarial).total
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    for a, b in zip(gradients(student, ours), gradients(literal_student, theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", WITH_ATTACK)
def test_the_minus_side_may_leave_zero_to_one(student, teacher, name):
    images = torch.zeros(4, 1, 8, 8, dtype=torch.float64)
    step = make_step(student, teacher, name, igdm={"alpha": 1.0})
    _, adversarial = attacked(step, Batch(clean_images=images, labels=torch.arange(4), epoch=1))
    minus = step.igdm.images(images, adversarial["adv"])["minus"]
    assert float(minus.min()) < -0.05
    torch.testing.assert_close(minus, -adversarial["adv"])


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("name", METHODS)
def test_gradient_reaches_the_student_only(student, teacher, batch, name, alpha):
    alpha = alpha if name != "standard" else 0.0
    step = make_step(student, teacher, name, igdm={"alpha": alpha} if alpha else None)
    before = {key: tensor.clone() for key, tensor in teacher.state_dict().items()}
    batch, adversarial = attacked(step, batch)
    losses = step.losses(batch, adversarial)
    losses.total.backward()
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(tensor, before[key]) for key, tensor in teacher.state_dict().items())
    assert not any(module.training for module in teacher.modules())
    assert all(not loss.requires_grad for loss in losses.named.values())


@pytest.mark.parametrize("name", METHODS)
def test_the_attack_stays_in_the_ball_and_touches_nothing(student, teacher, batch, name):
    step = make_step(student, teacher, name)
    student.train()
    before = {key: tensor.clone() for key, tensor in student.state_dict().items()}
    batch, adversarial = attacked(step, batch)
    around = {key: batch.clean_images for key in adversarial if key == "adv" or key.startswith("path")}
    for key, clean_images in around.items():
        assert float((adversarial[key] - clean_images).abs().max()) <= ATTACK.epsilon + 1e-6
    for images in adversarial.values():
        assert 0 <= float(images.min()) <= float(images.max()) <= 1
    assert all(torch.equal(tensor, before[key]) for key, tensor in student.state_dict().items())
    assert all(module.training for module in student.modules())
    assert all(parameter.grad is None for parameter in student.parameters())
    again = step.adversarial_images(batch, generator_for(CPU, 0, "attack"))
    assert all(torch.equal(again[key], adversarial[key]) for key in adversarial)


@pytest.mark.parametrize("name", ["adaad", "adaiad"])
def test_adaad_climbs_through_the_teacher_too(student, teacher, batch, name):
    """The input gradient of its surrogate differs from the one with a detached teacher."""
    method = build_method(MethodSection(name=name), ATTACK)
    images = batch.clean_images.clone().requires_grad_(True)
    with attack_mode(student):
        (ours,) = torch.autograd.grad(method.surrogate_loss(student, teacher, batch)(images).sum(), images)
        z_t, z_s = teacher(images), student(images)
        (full,) = torch.autograd.grad(K(z_t, z_s) * len(images), images, retain_graph=True)
        (detached,) = torch.autograd.grad(K(z_t.detach(), z_s) * len(images), images)
    torch.testing.assert_close(ours, full, rtol=0, atol=1e-10)
    assert float((ours - detached).norm()) > 0.1 * float(ours.norm())


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.teacher_in_inner])
def test_without_the_teacher_the_attack_is_pgd_on_the_student(student, teacher, batch, name):
    """ICLR Table 6, w/o T_in: the outer loss stays, the inner one is that of PGD-AT."""
    _, ours = attacked(make_step(student, None, name, teacher_in_attack=False), batch)
    _, pgd = attacked(make_step(student, None, "pgd-at"), batch)
    assert torch.equal(ours["adv"], pgd["adv"])
    _, own = attacked(make_step(student, teacher, name), batch)
    assert not torch.equal(ours["adv"], own["adv"])


def test_which_methods_have_the_teacher_in_their_attack_is_said_in_the_catalogue():
    with_option = {name for name, entry in ENTRIES.items() if "teacher_in_attack" in entry.options}
    assert with_option == {name for name, method in METHODS.items() if method.teacher_in_inner}


def test_teacher_equal_to_student_makes_igdm_and_the_adaad_gradient_vanish(student, batch):
    student.eval()
    twin = copy.deepcopy(student).requires_grad_(False)
    term = IgdmTerm(IgdmSection(alpha=1.0))
    images = term.images(batch.clean_images, (batch.clean_images + 0.05).clamp(0, 1))
    from core.methods import Outputs

    sides = [{on: network(images[on]) for on in ("plus", "minus")} for network in (student, twin)]
    loss = term.loss(Outputs(student=sides[0], teacher=sides[1]), images, batch, twin)
    assert float(loss.detach().abs().max()) < 1e-14
    surrogate = build_method(MethodSection(name="adaad"), ATTACK).surrogate_loss(student, twin, batch)
    inputs = batch.clean_images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(surrogate(inputs).sum(), inputs)
    assert float(gradient.abs().max()) < 1e-12


@pytest.mark.parametrize("name", WITH_ATTACK)
def test_alpha_zero_with_the_same_forwards_is_the_base_method(student, teacher, batch, name):
    """A term of weight zero changes no parameter gradient; its extra forwards only move BatchNorm statistics."""
    base_student = copy.deepcopy(student)
    base = make_step(base_student, teacher, name)
    weightless = make_step(student, teacher, name)
    weightless.igdm = IgdmTerm(IgdmSection(alpha=0.0))
    batch, adversarial = attacked(base, batch)
    mine = gradients(student, weightless.losses(batch, adversarial).total)
    theirs = gradients(base_student, base.losses(batch, adversarial).total)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    assert not torch.equal(student.bn1.running_mean, base_student.bn1.running_mean)


def test_the_weight_of_igdm_rises_linearly_to_alpha():
    term = IgdmTerm(IgdmSection(alpha=20.0))
    assert term.weight(1, 200) == pytest.approx(20 / 200)
    assert term.weight(200, 200) == 20.0
    assert IgdmTerm(IgdmSection(alpha=20.0, ramp_epochs=300)).weight(200, 200) == pytest.approx(20 * 200 / 300)
    assert IgdmTerm(IgdmSection(alpha=20.0, schedule="constant")).weight(1, 200) == 20.0


@pytest.mark.parametrize("name", METHODS)
def test_losses_are_named_and_add_up(student, teacher, batch, name):
    alpha = 4.0 if name != "standard" else 0.0
    step = make_step(student, teacher, name, igdm={"alpha": alpha} if alpha else None)
    batch, adversarial = attacked(step, batch)
    named = step.losses(batch, adversarial).named
    terms = [value for key, value in named.items() if key not in ("ad_loss", "igdm_loss", "loss")]
    torch.testing.assert_close(torch.stack(terms).sum(), named["ad_loss"])
    weight = alpha * batch.epoch / EPOCHS
    torch.testing.assert_close(named["ad_loss"] + weight * named.get("igdm_loss", 0), named["loss"])


@pytest.mark.parametrize("name", METHODS)
def test_fifteen_steps_on_one_batch_lower_the_loss(student, teacher, batch, name):
    step = make_step(student, teacher, name, igdm={"alpha": 1.0} if name != "standard" else None)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    values = []
    for _ in range(15):
        ready, adversarial = attacked(step, batch)
        losses = step.losses(ready, adversarial)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        values.append(float(losses.named["loss"]))
    assert min(values[-5:]) < values[0]


def test_a_loss_that_is_not_finite_names_epoch_step_and_term():
    nan = float("nan")
    with pytest.raises(TrainingError, match=r"igdm_loss is nan in epoch 3, step 41"):
        check_finite({"adv_kl": 1.0, "igdm_loss": nan, "loss": nan}, epoch=3, step=41)
    check_finite({"loss": 1.0}, epoch=1, step=1)
