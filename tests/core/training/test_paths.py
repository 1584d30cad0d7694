"""The fast path against the literal one: losses, gradients and statistics, whatever the method, term and attack."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from core.data import load_dataset
from core.data.dataset import Geometry, ImageSet
from core.methods import METHODS, Batch, build_method, build_term
from core.models import build_model, convolution, fewer_products, winograd
from core.models.fewer_products import WinogradConv2d
from core.seeding import generator_for
from core.spec.config import AttackSection, DataSection, IgdmSection, MethodSection, ModelSection, SpeedSection
from core.training.fast import FastStep
from core.training.literal import LiteralStep
from core.training.paths import build_step
from tests.core.conftest import small_model

CPU = torch.device("cpu")
ATTACK = {"epsilon": 0.1, "step_size": 0.03, "num_steps": 4}
CASES = [(name, alpha) for name in METHODS for alpha in (0.0, 5.0) if not (name == "standard" and alpha)]


def make_step(path, name, *, igdm=None, attack=None, speed=None, single=False, **options):
    """A step of new, equal networks with introspection from the second epoch on; in float64 unless `single`."""
    student, teacher, second = (small_model(seed) for seed in (1, 2, 5))
    if single:
        student, teacher, second = student.float(), teacher.float(), second.float()
    section = AttackSection(**(ATTACK | (attack or {})))
    step = build_step(
        SpeedSection(path=path, **(speed or {})),
        student=student,
        teacher=teacher.eval().requires_grad_(False),
        method=build_method(MethodSection(name=name, iad_begin=1, iad2_begin=1, **options), section),
        igdm=build_term(IgdmSection(**(igdm or {}))),
        attack=section,
        num_epochs=8,
    )
    step.second_teacher = second.eval().requires_grad_(False)
    return step


def one_step(step, batch, images):
    """Attack, losses and their gradients: everything a step makes, by name, and the student's state after it."""
    batch = step.prepare(batch, images, DataSection(), generator_for(CPU, 0, "pairs"))
    adversarial = step.adversarial_images(batch, generator_for(CPU, 0, "attack"))
    losses = step.losses(batch, adversarial)
    losses.total.backward()
    gradients = {f"gradient of {name}": tensor.grad for name, tensor in step.student.named_parameters()}
    return losses.named | gradients | step.student.state_dict()


def compare(batch, name, **settings):
    images = load_dataset(DataSection()).train.first(200)
    literal, fast = (one_step(make_step(path, name, **settings), batch, images) for path in ("literal", "fast"))
    assert literal.keys() == fast.keys()
    for key, tensor in literal.items():
        torch.testing.assert_close(fast[key], tensor, rtol=0, atol=1e-9, msg=lambda text, key=key: f"{key}: {text}")
    counters = [key for key in literal if key.endswith("num_batches_tracked")]
    assert counters
    assert all(torch.equal(literal[key], fast[key]) for key in counters)


@pytest.mark.parametrize(("name", "alpha"), CASES)
def test_both_paths_give_the_same_step(batch, name, alpha):
    compare(batch, name, igdm={"alpha": alpha})


@pytest.fixture
def small_layers_too(monkeypatch):
    """Quick convolutions also where they do not pay; which parts of them were computed."""
    taken = set()
    parts = [
        (winograd, "outputs"),
        (winograd, "input_gradient"),
        (winograd, "gradients"),
        (convolution, "weight_gradient"),
    ]
    for module, name in parts:
        work = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, name=name, work=work: taken.add(name) or work(*given))
    for name in ("MIN_CHANNELS", "MIN_PRODUCTS", "PIXELS_PER_CHANNEL"):
        monkeypatch.setattr(convolution, name, 1)
    monkeypatch.setattr(fewer_products, "MIN_LEARNING_CHANNELS", 1)
    monkeypatch.setattr(fewer_products, "MIN_TILES", 1)
    return taken


@pytest.mark.parametrize(("name", "alpha"), CASES)
def test_also_with_fewer_products_in_copies_and_student(batch, name, alpha, small_layers_too):
    compare(batch, name, igdm={"alpha": alpha})
    assert {"outputs", "gradients", "weight_gradient"} <= small_layers_too


@pytest.mark.parametrize("term", ["direct-gradient", "trades-like", "trades-reg"])
def test_also_with_fewer_products_and_the_other_terms(batch, term, small_layers_too):
    """One of them differentiates the input gradient once more."""
    compare(batch, "ard", igdm={"alpha": 5.0, "term": term})
    compare(batch, "ard", igdm={"alpha": 5.0, "term": term}, attack={"batchnorm": "train"})
    assert small_layers_too


def test_narrow_students_learn_from_right_gradients_in_float32(batch):
    """Where oneDNN's are wrong in channels-last, on some processors by half of their size."""
    images = load_dataset(DataSection()).train.first(200)
    single = replace(batch, clean_images=batch.clean_images.float())
    literal = one_step(make_step("literal", "standard"), batch, images)
    fast = make_step("fast", "standard", single=True)
    assert all(tensor.is_contiguous() for tensor in fast.student.parameters())
    for key, tensor in one_step(fast, single, images).items():
        torch.testing.assert_close(tensor.double(), literal[key].double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "alpha"), CASES)
@pytest.mark.parametrize("batchnorm", ["eval", "train"])
def test_no_layer_of_a_narrow_student_learns_in_channels_last(monkeypatch, name, alpha, batchnorm):
    """Nor when the attack has worked on channels-last copies: its images must not bring their order along."""
    geometry = Geometry(channels=3, image_size=8, classes=10)
    section = ModelSection(width=4, blocks=(1, 1))
    monkeypatch.setattr("tests.core.training.test_paths.small_model", lambda seed: build_model(section, geometry, seed))
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(0, 256, (40, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images = ImageSet(levels=levels, labels=torch.arange(40) % 10, max_level=255)
    step = make_step("fast", name, igdm={"alpha": alpha}, attack={"batchnorm": batchnorm})
    batch = Batch(clean_images=images.images(slice(16)), labels=images.labels[:16], epoch=3)
    seen = []

    def look(layer, inputs):
        if isinstance(layer, nn.Conv2d) and layer.weight.requires_grad:
            seen.append(inputs[0].is_contiguous())

    with register_module_forward_pre_hook(look):
        one_step(step, batch, images)
    assert seen
    assert all(seen)


class Flat(nn.Module):
    """Maps that must lie channel by channel."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.linear = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.Linear(1024, 10)

    def forward(self, images):
        return self.linear(torch.relu(self.norm(self.conv(images))).view(len(images), -1))


class OfItsBatch(nn.Module):
    """BatchNorm without statistics of its own."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 10, 3), nn.BatchNorm2d(10, track_running_stats=False)

    def forward(self, images):
        return torch.relu(self.norm(self.conv(images))).mean(dim=(2, 3))


@pytest.mark.parametrize("kinds", [{1: Flat}, {2: Flat}, {1: Flat, 2: Flat}, {2: OfItsBatch}])
@pytest.mark.parametrize("name", ["adaad", "ard"])
def test_both_paths_give_the_same_step_to_networks_of_ones_own(monkeypatch, batch, kinds, name):
    """kinds: by seed, 1 for the student and 2 for its teacher."""

    ordinary = small_model

    def model(seed):
        torch.manual_seed(seed)
        return kinds[seed]().double() if seed in kinds else ordinary(seed)

    monkeypatch.setattr("tests.core.training.test_paths.small_model", model)
    compare(batch, name, igdm={"alpha": 5.0})


def test_students_keep_nothing_of_it(batch, small_layers_too):
    step = make_step("fast", "ard")
    names = list(step.student.state_dict())
    losses = step.losses(batch, step.adversarial_images(batch, generator_for(CPU, 0, "attack")))
    assert list(step.student.state_dict()) == names
    assert not any("forward" in vars(module) for module in step.student.modules())
    assert small_layers_too
    small_layers_too.clear()
    step.student(batch.clean_images).sum().backward()
    assert not small_layers_too
    losses.total.backward()


@pytest.mark.parametrize("name", ["pgd-at", "adaad"])
@pytest.mark.parametrize("batchnorm", ["eval", "train"])
def test_without_winograd_only_the_gradients_of_weights_are_quicker(batch, name, batchnorm, small_layers_too):
    compare(batch, name, igdm={"alpha": 5.0}, attack={"batchnorm": batchnorm}, speed={"winograd": False})
    assert small_layers_too == {"weight_gradient"}


@pytest.mark.parametrize("winograd", [True, False])
def test_between_attacks_the_copy_of_the_student_holds_no_memory(batch, winograd, small_layers_too):
    step = make_step("fast", "adaad", speed={"winograd": winograd})
    for _ in range(2):
        step.adversarial_images(batch, generator_for(CPU, 0, "attack"))
        copies = {made.source: made for made in step._copies.values()}
        assert not any(tensor.untyped_storage().nbytes() for tensor in copies[step.student].network.parameters())
        assert copies[step.teacher].is_awake is not winograd
        teacher = copies[step.teacher].network
        assert not any(getattr(layer, "kernel", None) is not None for layer in teacher.modules())
        torch.testing.assert_close(teacher(batch.clean_images), step.teacher(batch.clean_images))


@pytest.mark.parametrize("name", ["adaad", "ard", "iad-2"])
def test_after_the_losses_no_copy_holds_memory(batch, name):
    step = make_step("fast", name, igdm={"alpha": 5.0})
    literal = make_step("literal", name, igdm={"alpha": 5.0})
    for _ in range(2):
        adversarial = step.adversarial_images(batch, generator_for(CPU, 0, "attack"))
        for _ in range(2):  # as where a batch takes several turns
            torch.testing.assert_close(step.losses(batch, adversarial).named, literal.losses(batch, adversarial).named)
        assert {id(made.source) for made in step._copies.values()} >= {id(step.student), id(step.teacher)}
        assert all(made.is_released for made in step._copies.values())
        tensors = [tensor for made in step._copies.values() for tensor in made.network.parameters()]
        assert not any(tensor.untyped_storage().nbytes() for tensor in tensors)


@pytest.mark.parametrize("speed", [{}, {"winograd": False}, {"heavy_kernels": False}, {"attack_precision": "bfloat16"}])
def test_one_network_of_an_attack_has_heavy_kernels_and_what_they_left_goes_back(
    batch, speed, small_layers_too, monkeypatch
):
    returned = []
    monkeypatch.setattr("core.training.fast.give_memory_back", lambda: returned.append(len(small_layers_too)))
    step = make_step("fast", "adaad", speed=speed)
    step.adversarial_images(batch, generator_for(CPU, 0, "attack"))
    heavy = {
        made.source: {layer.heavy for layer in made.network.modules() if isinstance(layer, WinogradConv2d)}
        for made in step._copies.values()
    }
    if "winograd" in speed or "attack_precision" in speed:
        assert (heavy, returned) == ({step.student: set(), step.teacher: set()}, [])
    else:
        assert heavy == {step.student: {"heavy_kernels" not in speed}, step.teacher: {False}}
        assert returned == [0, 2], "before the attack and after it, when outputs and their gradients were computed"


def test_what_attacks_left_stays_for_an_outer_loss_of_more_forwards(batch, small_layers_too, monkeypatch):
    monkeypatch.setattr("core.training.fast.give_memory_back", lambda: pytest.fail("handed back"))
    images = load_dataset(DataSection()).train.first(200)
    one_step(make_step("fast", "darwin"), batch, images)
    one_step(make_step("fast", "adaad", attack={"num_steps": 1}), batch, images)
    assert "outputs" in small_layers_too


def test_the_teacher_has_them_if_the_student_can_have_none(batch):
    step = make_step("fast", "adaad")
    step.teacher = small_model(2, width=128, blocks=(1,)).eval().requires_grad_(False)
    step.adversarial_images(batch, generator_for(CPU, 0, "attack"))
    of_teacher = next(made for made in step._copies.values() if made.source is step.teacher).network
    heavy = [layer.heavy for layer in of_teacher.modules() if isinstance(layer, WinogradConv2d)]
    assert heavy
    assert all(heavy)


def test_not_in_mixed_precision(batch, small_layers_too):
    step = make_step("fast", "pgd-at")
    step.mixed_precision = True
    step.losses(batch, {"adv": batch.clean_images}).total.backward()
    assert not small_layers_too


@pytest.mark.parametrize("name", ["pgd-at", "ard", "iad", "adaad", "adaiad", "darwin"])
def test_also_with_batchnorm_in_train_mode_during_the_attack(batch, name):
    compare(batch, name, igdm={"alpha": 5.0}, attack={"batchnorm": "train"})


@pytest.mark.parametrize("name", ["pgd-at", "ard", "rslad", "adaad", "adaiad"])
@pytest.mark.parametrize("settings", [{"literal_forwards": True}, {"beta": 0.5, "gamma": 0.7}])
def test_also_with_sides_that_are_not_merged(batch, name, settings):
    compare(batch, name, igdm={"alpha": 5.0} | settings)


@pytest.mark.parametrize("term", ["direct-gradient", "trades-like", "trades-reg"])
def test_also_with_the_other_terms(batch, term):
    compare(batch, "ard", igdm={"alpha": 5.0, "term": term})


def test_also_without_the_teacher_in_the_attack_and_with_a_clean_term(batch):
    compare(batch, "adaad", igdm={"alpha": 5.0}, teacher_in_attack=False)
    compare(batch, "adaad", adaad_lambda=0.5)
    compare(batch, "ard", ard_lambda=0.5)


def test_what_the_public_code_multiplies_by_zero_is_differentiated_by_the_literal_path_alone(batch):
    """AdaAD's clean forward: a gradient of zeros arrives at its output in one path and none in the other."""
    seen = {}
    for path in ("literal", "fast"):
        step, gradients = make_step(path, "adaad"), []
        adversarial = step.adversarial_images(batch, generator_for(CPU, 0, "attack"))

        def watch(_module, _inputs, logits, gradients=gradients):
            if logits.requires_grad:
                logits.register_hook(gradients.append)

        step.student.linear.register_forward_hook(watch)
        step.losses(batch, adversarial).total.backward()
        seen[path] = sorted(bool(gradient.any()) for gradient in gradients)
    assert seen == {"literal": [False, True], "fast": [True]}


@pytest.mark.parametrize("name", ["ard", "adaad"])
def test_the_attack_leaves_student_and_teacher_as_they_were(batch, name):
    for mode in ("eval", "train"):
        step = make_step("fast", name, attack={"batchnorm": mode})
        step.student.train()
        before = copy.deepcopy(step.student.state_dict())
        step.adversarial_images(batch, generator_for(CPU, 0, "attack"))
        assert step.student.training
        assert not step.teacher.training
        assert all(parameter.requires_grad and parameter.grad is None for parameter in step.student.parameters())
        moved = any(not torch.equal(before[key], tensor) for key, tensor in step.student.state_dict().items())
        assert moved == (mode == "train")


def test_the_attack_sees_the_weights_of_each_step(batch):
    step = make_step("fast", "pgd-at")
    optimizer = torch.optim.SGD(step.student.parameters(), lr=0.5)
    for _ in range(3):
        with step.attack_networks(batch.clean_images) as networks:
            expected = copy.deepcopy(step.student).eval()(batch.clean_images)
            torch.testing.assert_close(networks.student(batch.clean_images), expected, rtol=0, atol=1e-12)
        loss = step.losses(batch, step.adversarial_images(batch, generator_for(CPU, 0, "attack")))
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()


@pytest.mark.parametrize(("speed", "asked"), [({}, 1), ({"attack_precision": "bfloat16"}, 2)])
def test_the_teacher_answers_to_clean_images_once_in_a_step(batch, speed, asked):
    """RSLAD asks it in the attack and in the outer loss; an answer in bfloat16 is none for the outer loss."""
    batch = replace(batch, clean_images=batch.clean_images.float())
    step, seen = make_step("fast", "rslad", speed=speed, single=True), []
    one_step(step, batch, load_dataset(DataSection()).train.first(200))
    for made in step._copies.values():
        if made.source is step.teacher:
            made.network.register_forward_hook(lambda _, inputs, _logits: seen.append(inputs[0]))
    for _ in range(2):  # a new batch each time, as training has it
        seen.clear()
        batch = replace(batch, clean_images=batch.clean_images.flip(0))
        one_step(step, batch, load_dataset(DataSection()).train.first(200))
        assert len(seen) == asked


def test_an_attack_in_bfloat16_stays_in_the_ball_and_near_the_literal_loss(batch):
    batch = replace(batch, clean_images=batch.clean_images.float())
    found = {}
    for path, speed in (("literal", {}), ("fast", {"attack_precision": "bfloat16"})):
        step = make_step(path, "adaad", igdm={"alpha": 5.0}, speed=speed, single=True)
        adversarial = step.adversarial_images(batch, generator_for(CPU, 0, "attack"))["adv"]
        assert adversarial.dtype == torch.float32
        assert float((adversarial - batch.clean_images).abs().max()) <= ATTACK["epsilon"] + 1e-6
        found[path] = float(step.losses(batch, {"adv": adversarial}).named["ad_loss"])
    assert found["literal"] != found["fast"]
    assert found["fast"] == pytest.approx(found["literal"], rel=0.05)


def test_the_path_is_chosen_by_its_setting():
    assert isinstance(make_step("literal", "ard"), LiteralStep)
    assert isinstance(make_step("fast", "ard"), FastStep)
    assert SpeedSection().path == "fast"
