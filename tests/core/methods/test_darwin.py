"""DARWIN against its formulas, written out step by step."""

import copy

import pytest
import torch
import torch.nn.functional as F

from core.data import load_dataset
from core.methods import Batch, build_method
from core.methods.darwin import ClassMembers, other_classes
from core.methods.igdm import build_term
from core.seeding import generator_for
from core.spec.config import AttackSection, DataSection, IgdmSection, MethodSection
from core.training.literal import LiteralStep
from tests.core.methods.formulas import K, ce, per_image

CPU = torch.device("cpu")
N = 3
ATTACK = AttackSection(epsilon=0.1, step_size=0.03, num_steps=N)


def make_step(student, teacher, name="darwin", alpha=0.0, **options):
    method = build_method(MethodSection(name=name, **options), ATTACK)
    igdm = build_term(IgdmSection(alpha=alpha))
    return LiteralStep(student=student, teacher=teacher, method=method, igdm=igdm, attack=ATTACK, num_epochs=6)


@pytest.fixture
def images():
    return load_dataset(DataSection()).train


@pytest.fixture
def ready(student, teacher, batch, images):
    """A step, its paired batch and its adversarial images."""

    def make(**options):
        step = make_step(student, teacher, **options)
        paired = step.prepare(batch, images, DataSection(), generator_for(CPU, 0, "pairs"))
        return step, paired, step.adversarial_images(paired, generator_for(CPU, 0, "attack"))

    return make


def probabilities(logits):
    return F.softmax(logits, dim=1)


def weight(teacher_clean, student_point, y, i, gamma):
    rows = torch.arange(len(y))
    gap = (probabilities(teacher_clean)[rows, y] - probabilities(student_point)[rows, y]).abs().detach()
    return (1 - gamma) * i / N + gamma * gap / gap.max()


def triplet(anchor, positive, negative, margin=1.0):
    a, p, n = (probabilities(z) for z in (anchor, positive, negative))
    return F.relu((a - p).norm(dim=1) - (a - n).norm(dim=1) + margin)


def written_out(s, t, batch, adversarial, o):
    """The forwards in order and the sum of the four parts."""
    x, xp, y, yp = batch.clean_images, batch.paired_images, batch.labels, batch.paired_labels
    clean, last = s(x), s(adversarial["adv"])
    on_path, on_target = [], []
    for i in range(1, N):
        both = s(adversarial[f"both_{i}"])
        on_path.append(both[: len(x)])
        on_target.append(both[len(x) :])
    on_path.append(last)
    on_target.append(s(adversarial["target"]))
    loss = K(t(x), clean) + o.darwin_beta * K(t(adversarial["adv"]), last)
    for i in range(1, N + 1):
        point, target = on_path[i - 1], on_target[i - 1]
        w, wp = weight(t(x), point, y, i, o.darwin_gamma), weight(t(xp), target, yp, i, o.darwin_gamma)
        if i < N:
            loss = loss + (w * per_image(t(adversarial[f"path_{i}"]), point)).mean()
        loss = loss + (w * triplet(t(x), point, target) + wp * triplet(t(xp), target, point)).mean()
    return loss, (on_path[-1], clean)


@pytest.mark.parametrize("name", ["darwin", "darwin-lf"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_the_loss_is_the_written_out_one(student, teacher, ready, name, gamma):
    reference = copy.deepcopy(student).train()
    step, batch, adversarial = ready(name=name, darwin_gamma=gamma)
    ours = step.losses(batch, adversarial).total
    expected, _ = written_out(reference, teacher, batch, adversarial, step.method.settings)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-9)
    mine = torch.autograd.grad(ours, list(student.parameters()))
    theirs = torch.autograd.grad(expected, list(reference.parameters()))
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-7)
    for key, tensor in student.state_dict().items():
        torch.testing.assert_close(tensor, reference.state_dict()[key], rtol=0, atol=1e-12)


def test_with_igdm_the_minus_side_comes_last_and_plus_is_the_last_adversary(student, teacher, ready):
    reference = copy.deepcopy(student).train()
    step, batch, adversarial = ready(alpha=4.0)
    keys = [forward.key for forward in step.igdm.forwards(step.method, 3)]
    assert keys == ["clean", "adv", "both_1", "both_2", "target", "minus"]
    ours = step.losses(batch, adversarial).total
    base, (plus, _) = written_out(reference, teacher, batch, adversarial, step.method.settings)
    minus_images = 2 * batch.clean_images - adversarial["adv"]
    minus = reference(minus_images)
    term = K(teacher(adversarial["adv"]) - teacher(minus_images), plus - minus)
    torch.testing.assert_close(ours, base + 4 * 3 / 6 * term, rtol=0, atol=1e-9)


def test_weights_lie_in_zero_to_one_and_their_gap_part_peaks_at_gamma(teacher, student, ready, batch):
    step, paired, adversarial = ready(darwin_gamma=0.5)
    for i in range(1, N):
        logits = student(adversarial[f"path_{i}"])
        found = step.method._weight(teacher(batch.clean_images), logits, paired.labels, i)
        assert 0 <= float(found.min()) <= float(found.max()) <= 1
        assert float(found.max()) == pytest.approx(0.5 * i / N + 0.5, abs=1e-6)
        assert not found.requires_grad
    uniform, *_ = ready(darwin_gamma=0.0)
    logits = student(adversarial["path_1"])
    found = uniform.method._weight(teacher(batch.clean_images), logits, paired.labels, 1)
    torch.testing.assert_close(found, torch.full_like(found, 1 / N))


def test_the_targeted_path_goes_towards_the_label_and_stays_near_its_start(student, ready):
    _, batch, adversarial = ready()
    student.eval()
    before = ce(student(batch.paired_images), batch.labels)
    assert ce(student(adversarial["target"]), batch.labels) < before
    assert float((adversarial["target"] - batch.paired_images).abs().max()) <= ATTACK.epsilon + 1e-9


def test_a_pair_is_a_training_image_of_another_class_drawn_evenly(ready, images):
    _, batch, _ = ready()
    assert (batch.paired_labels != batch.labels).all()
    everything = images.images().double().flatten(1)
    for image, label in zip(batch.paired_images.flatten(1), batch.paired_labels, strict=True):
        same = (everything == image).all(dim=1)
        assert label in images.labels[same]
    draws = other_classes(torch.zeros(9000, dtype=torch.long), torch.arange(10), generator_for(CPU, 1, "x"))
    counts = torch.bincount(draws, minlength=10)
    assert counts[0] == 0
    assert float(counts[1:].min()) > 800


def test_every_image_of_a_class_is_drawn_as_often_as_the_others():
    labels = torch.tensor([4, 1, 4, 7, 1, 4])
    members = ClassMembers(labels)
    assert members.classes.tolist() == [1, 4, 7]
    drawn = members.draw(torch.tensor([1, 4, 7]).repeat(3000), generator_for(CPU, 1, "x"))
    assert torch.equal(labels[drawn], torch.tensor([1, 4, 7]).repeat(3000))
    counts = torch.bincount(drawn, minlength=6)
    assert counts[3] == 3000
    assert float(counts[[1, 4]].min()) > 1350
    assert float(counts[[0, 2, 5]].min()) > 850


def test_without_labels_the_teacher_names_the_classes(student, teacher, batch, images):
    step = make_step(student, teacher, "darwin-lf")
    wrong = Batch(clean_images=batch.clean_images, labels=torch.full((12,), 9), epoch=3)
    prepared = step.prepare(wrong, images, DataSection(), generator_for(CPU, 0, "pairs"))
    predicted = teacher(batch.clean_images).argmax(dim=1)
    assert torch.equal(prepared.labels, predicted)
    several = len(predicted.unique()) > 1
    assert bool((prepared.paired_labels != prepared.labels).all()) == several


def test_averaging_divides_the_sums_over_steps(ready):
    step, batch, adversarial = ready()
    literal = step.losses(batch, adversarial).named
    averaged_step, *_ = ready(darwin_average=True)
    averaged = averaged_step.losses(batch, adversarial).named
    torch.testing.assert_close(averaged["triplet"] * N, literal["triplet"], rtol=0, atol=0.05)
