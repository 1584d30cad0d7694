"""The literal step against formulas written out here, independently of core.methods. Numbers in float64."""

import copy

import pytest
import torch
import torch.nn.functional as F

from core.attacks import attack_mode
from core.methods import METHODS, Batch, IgdmTerm, build_method
from core.seeding import generator_for
from core.spec.config import AttackSection, IgdmSection, MethodSection
from core.spec.errors import TrainingError
from core.training.step import Losses, TrainingStep, check_finite

CPU = torch.device("cpu")
ATTACK = AttackSection(epsilon=0.1, step_size=0.03, num_steps=4)
EPOCHS = 8
WITH_ATTACK = [name for name in METHODS if name != "standard"]


def make_step(student, teacher, name, *, alpha=0.0, igdm=None, **options):
    term = igdm or (IgdmTerm(IgdmSection(alpha=alpha)) if alpha else None)
    method = build_method(MethodSection(name=name, **options))
    return TrainingStep(student=student, teacher=teacher, method=method, igdm=term, attack=ATTACK, num_epochs=EPOCHS)


def adversarial(step, batch):
    return step.adversarial_images(batch, generator_for(CPU, 0, "attack"))


def K(reference, logits):  # noqa: N802 - the papers' letter
    """(1/N) sum KL(softmax(reference) || softmax(logits)), written with probabilities."""
    p, q = F.softmax(reference, dim=1), F.softmax(logits, dim=1)
    return (p * (p.log() - q.log())).sum() / len(logits)


def expected_loss(name, network, teacher, batch, adv_images, *, alpha, beta=1.0, gamma=1.0, options=None):
    """Outer loss by the formulas of the papers, with forwards in the documented order on a fresh copy."""
    options = options or {}
    x, y = batch.clean_images, batch.labels
    delta = adv_images - x
    plus, minus = x + beta * delta, x - gamma * delta
    network.train()
    if alpha:
        z_plus, z_clean, z_minus = network(plus), network(x), network(minus)
        z_adv = z_plus
        if name == "adaad" and beta != 1:
            z_adv = network(adv_images)
    elif name == "pgd-at":
        z_adv = network(adv_images)
    elif name == "standard":
        return F.cross_entropy(network(x), y)
    else:
        z_clean, z_adv = network(x), network(adv_images)
    base = {
        "pgd-at": lambda: F.cross_entropy(z_adv, y),
        "ard": lambda: ard(z_adv, z_clean),
        "adaad": lambda: adaad(z_adv, z_clean),
    }

    def ard(z_adv, z_clean):
        weight, t = options.get("ard_lambda", 1.0), options.get("temperature", 1.0)
        return weight * t * t * K(teacher(x) / t, z_adv / t) + (1 - weight) * F.cross_entropy(z_clean, y)

    def adaad(z_adv, z_clean):
        weight = options.get("adaad_lambda", 1.0)
        return weight * K(teacher(adv_images), z_adv) + (1 - weight) * K(teacher(x), z_clean)

    loss = base[name]()
    if alpha:
        loss = loss + alpha * batch.epoch / EPOCHS * K(teacher(plus) - teacher(minus), z_plus - z_minus)
    return loss


def gradients(network, loss):
    return torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)


def assert_same_step(student, teacher, batch, name, *, alpha=0.0, beta=1.0, gamma=1.0, **options):
    """Loss, parameter gradients and BatchNorm statistics of our step equal the written-out ones."""
    reference = copy.deepcopy(student)
    term = IgdmTerm(IgdmSection(alpha=alpha, beta=beta, gamma=gamma)) if alpha else None
    step = make_step(student, teacher, name, igdm=term, **options)
    adv_images = adversarial(step, batch)
    ours = step.losses(batch, adv_images)
    expected = expected_loss(
        name, reference, teacher, batch, adv_images, alpha=alpha, beta=beta, gamma=gamma, options=options
    )
    torch.testing.assert_close(ours.total, expected, rtol=0, atol=1e-11)
    for mine, theirs in zip(gradients(student, ours.total), gradients(reference, expected), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9)
    for key, tensor in student.state_dict().items():
        torch.testing.assert_close(tensor, reference.state_dict()[key], rtol=0, atol=1e-12, msg=key)


@pytest.mark.parametrize("name", METHODS)
def test_a_step_without_igdm_is_the_written_out_formula(student, teacher, batch, name):
    assert_same_step(student, teacher, batch, name)


@pytest.mark.parametrize("name", WITH_ATTACK)
def test_a_step_with_igdm_is_the_written_out_formula(student, teacher, batch, name):
    assert_same_step(student, teacher, batch, name, alpha=7.0)


@pytest.mark.parametrize("name", ["pgd-at", "ard"])
def test_beta_scales_the_plus_side_and_gamma_the_minus_side(student, teacher, batch, name):
    """These two take the plus side as the adversarial output, as the public code of ARD + IGDM does."""
    reference = copy.deepcopy(student)
    term = IgdmTerm(IgdmSection(alpha=3.0, beta=0.5, gamma=2.0))
    step = make_step(student, teacher, name, igdm=term)
    adv_images = adversarial(step, batch)
    ours = step.losses(batch, adv_images)
    x, y = batch.clean_images, batch.labels
    delta = adv_images - x
    reference.train()
    z_plus, _, z_minus = reference(x + 0.5 * delta), reference(x), reference(x - 2 * delta)
    base = F.cross_entropy(z_plus, y) if name == "pgd-at" else K(teacher(x), z_plus)
    expected = base + 3 * 3 / EPOCHS * K(teacher(x + 0.5 * delta) - teacher(x - 2 * delta), z_plus - z_minus)
    torch.testing.assert_close(ours.total, expected, rtol=0, atol=1e-11)


def test_adaad_keeps_its_adversarial_forward_when_beta_is_not_one(student, teacher, batch):
    assert_same_step(student, teacher, batch, "adaad", alpha=3.0, beta=0.5, gamma=2.0)


def test_options_of_ard_and_adaad_follow_their_formulas(student, teacher, batch):
    assert_same_step(student, teacher, batch, "ard", ard_lambda=0.7, temperature=4.0)
    assert_same_step(student, teacher, batch, "ard", alpha=2.0, ard_lambda=0.7)
    assert_same_step(student, teacher, batch, "adaad", adaad_lambda=0.6)
    assert_same_step(student, teacher, batch, "adaad", alpha=2.0, adaad_lambda=0.6)


ORDERS = {
    ("standard", False): ["clean"],
    ("pgd-at", False): ["adv"],
    ("ard", False): ["clean", "adv"],
    ("adaad", False): ["clean", "adv"],
    ("pgd-at", True): ["plus", "clean", "minus"],
    ("ard", True): ["plus", "clean", "minus"],
    ("adaad", True): ["plus", "clean", "minus"],
}


@pytest.mark.parametrize(("name", "with_igdm"), ORDERS)
def test_train_mode_forwards_come_in_the_documented_order_and_number(student, teacher, batch, name, with_igdm):
    step = make_step(student, teacher, name, alpha=5.0 if with_igdm else 0.0)
    adv_images = adversarial(step, batch)
    tracked = int(student.bn1.num_batches_tracked)
    seen = []
    student.register_forward_pre_hook(lambda module, inputs: seen.append((inputs[0].clone(), module.training)))
    step.losses(batch, adv_images)
    x = batch.clean_images
    images = {"clean": x, "adv": adv_images, "plus": adv_images, "minus": 2 * x - adv_images}
    order = ORDERS[name, with_igdm]
    assert len(seen) == len(order)
    for (forwarded, training), on in zip(seen, order, strict=True):
        torch.testing.assert_close(forwarded, images[on], rtol=0, atol=1e-15)
        assert training
    assert int(student.bn1.num_batches_tracked) == tracked + len(order)


def test_the_literal_order_of_adaad_with_igdm_forwards_the_adversarial_batch_twice(student, teacher, batch):
    literal = copy.deepcopy(student)
    merged_step = make_step(student, teacher, "adaad", igdm=IgdmTerm(IgdmSection(alpha=5.0)))
    literal_term = IgdmTerm(IgdmSection(alpha=5.0, literal_forwards=True))
    literal_step = make_step(literal, teacher, "adaad", igdm=literal_term)
    assert [forward.on for forward in literal_step.forwards] == ["plus", "clean", "minus", "adv"]
    adv_images = adversarial(merged_step, batch)
    merged_loss, literal_loss = (step.losses(batch, adv_images).total for step in (merged_step, literal_step))
    torch.testing.assert_close(merged_loss, literal_loss, rtol=0, atol=1e-12)
    for mine, theirs in zip(gradients(student, merged_loss), gradients(literal, literal_loss), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", WITH_ATTACK)
def test_the_minus_side_may_leave_zero_to_one(student, teacher, name):
    images = torch.zeros(4, 1, 8, 8, dtype=torch.float64)
    batch = Batch(clean_images=images, labels=torch.arange(4), epoch=1)
    step = make_step(student, teacher, name, alpha=1.0)
    adv_images = adversarial(step, batch)
    minus = step.igdm.images(images, adv_images)["minus"]
    assert float(minus.min()) < -0.05
    torch.testing.assert_close(minus, -adv_images)


@pytest.mark.parametrize("name", METHODS)
def test_gradient_reaches_the_student_only(student, teacher, batch, name):
    step = make_step(student, teacher, name, alpha=2.0 if name != "standard" else 0.0)
    before = {key: tensor.clone() for key, tensor in teacher.state_dict().items()}
    losses = step.losses(batch, adversarial(step, batch))
    losses.total.backward()
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(tensor, before[key]) for key, tensor in teacher.state_dict().items())
    assert not teacher.training
    assert all(not loss.requires_grad for loss in losses.named.values())


def test_adaad_climbs_through_the_teacher_too(student, teacher, batch):
    """The input gradient of its surrogate differs from the one with a detached teacher."""
    method = build_method(MethodSection(name="adaad"))
    images = batch.clean_images.clone().requires_grad_(True)
    with attack_mode(student):
        (ours,) = torch.autograd.grad(method.surrogate_loss(student, teacher, batch)(images).sum(), images)
        z_t, z_s = teacher(images), student(images)
        (full,) = torch.autograd.grad(K(z_t, z_s) * len(images), images, retain_graph=True)
        (detached,) = torch.autograd.grad(K(z_t.detach(), z_s) * len(images), images)
    torch.testing.assert_close(ours, full, rtol=0, atol=1e-10)
    assert float((ours - detached).norm()) > 0.1 * float(ours.norm())


def test_teacher_equal_to_student_makes_igdm_and_the_adaad_gradient_vanish(student, batch):
    student.eval()
    twin = copy.deepcopy(student).requires_grad_(False)
    term = IgdmTerm(IgdmSection(alpha=1.0))
    adv_images = (batch.clean_images + 0.05).clamp(0, 1)
    images = term.images(batch.clean_images, adv_images)
    outputs = [{on: network(images[on]) for on in ("plus", "minus")} for network in (student, twin)]
    assert float(term.loss(*outputs).detach().abs().max()) < 1e-14
    surrogate = build_method(MethodSection(name="adaad")).surrogate_loss(student, twin, batch)
    inputs = batch.clean_images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(surrogate(inputs).sum(), inputs)
    assert float(gradient.abs().max()) < 1e-12


@pytest.mark.parametrize("name", WITH_ATTACK)
def test_alpha_zero_with_the_same_forwards_is_the_base_method(student, teacher, batch, name):
    """A term of weight zero changes no parameter gradient; its extra forwards only move BatchNorm statistics."""
    base_student = copy.deepcopy(student)
    base = make_step(base_student, teacher, name)
    weightless = make_step(student, teacher, name, igdm=IgdmTerm(IgdmSection(alpha=0.0)))
    adv_images = adversarial(base, batch)
    mine = gradients(student, weightless.losses(batch, adv_images).total)
    theirs = gradients(base_student, base.losses(batch, adv_images).total)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    assert int(student.bn1.num_batches_tracked) != int(base_student.bn1.num_batches_tracked)


def test_the_weight_of_igdm_rises_linearly_to_alpha():
    term = IgdmTerm(IgdmSection(alpha=20.0))
    assert term.weight(1, 200) == pytest.approx(20 / 200)
    assert term.weight(200, 200) == 20.0
    assert IgdmTerm(IgdmSection(alpha=20.0, ramp_epochs=300)).weight(200, 200) == pytest.approx(20 * 200 / 300)
    assert IgdmTerm(IgdmSection(alpha=20.0, schedule="constant")).weight(1, 200) == 20.0


@pytest.mark.parametrize("name", METHODS)
def test_losses_are_named_and_add_up(student, teacher, batch, name):
    alpha = 4.0 if name != "standard" else 0.0
    step = make_step(student, teacher, name, alpha=alpha)
    named = step.losses(batch, adversarial(step, batch)).named
    terms = [value for key, value in named.items() if key not in ("ad_loss", "igdm_loss", "loss")]
    torch.testing.assert_close(torch.stack(terms).sum(), named["ad_loss"])
    weight = alpha * batch.epoch / EPOCHS
    torch.testing.assert_close(named["ad_loss"] + weight * named.get("igdm_loss", 0), named["loss"])


@pytest.mark.parametrize("name", METHODS)
def test_ten_steps_on_one_batch_lower_the_loss(student, teacher, batch, name):
    step = make_step(student, teacher, name, alpha=1.0 if name != "standard" else 0.0)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.05)
    values = []
    for _ in range(10):
        losses = step.losses(batch, adversarial(step, batch))
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        values.append(float(losses.named["loss"]))
    assert min(values[-3:]) < values[0]


def test_a_loss_that_is_not_finite_names_epoch_step_and_term():
    nan, one = torch.tensor(float("nan")), torch.tensor(1.0)
    losses = Losses(total=nan, named={"adv_kl": one, "igdm_loss": nan, "loss": nan})
    with pytest.raises(TrainingError, match=r"igdm_loss is nan in epoch 3, step 41"):
        check_finite(losses, epoch=3, step=41)
    check_finite(Losses(total=one, named={"loss": one}), epoch=1, step=1)
