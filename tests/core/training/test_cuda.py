"""On a CUDA device: both paths agree, a step never waits for the device, and memory that runs out halves the batch."""

from dataclasses import replace

import pytest
import torch

from core.data import load_dataset
from core.device import prepare_device
from core.methods import METHODS, build_method, build_term
from core.models.replay import Replayed
from core.seeding import generator_for
from core.spec.config import AttackSection, DataSection, IgdmSection, MethodSection, OptimSection, SpeedSection
from core.training.paths import build_step
from core.training.trainer import Trainer
from tests.core.conftest import small_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]
ATTACK = AttackSection(epsilon=0.1, step_size=0.03, num_steps=4)
CASES = [(name, alpha) for name in METHODS for alpha in (0.0, 5.0) if not (name == "standard" and alpha)]


@pytest.fixture(scope="module")
def device():
    return prepare_device("cuda:0", 1)


def make_step(device, path, name, alpha=5.0, *, single=False, width=4, **speed):
    """A step of new, equal networks on the device; in float64 unless `single`."""
    networks = [small_model(seed, width) for seed in (1, 2, 5)]
    student, teacher, second = ((network.float() if single else network).to(device) for network in networks)
    step = build_step(
        SpeedSection(path=path, **speed),
        student=student,
        teacher=teacher.eval().requires_grad_(False),
        method=build_method(MethodSection(name=name, iad_begin=1, iad2_begin=1), ATTACK),
        igdm=build_term(IgdmSection(alpha=alpha)),
        attack=ATTACK,
        num_epochs=8,
    )
    step.second_teacher = second.eval().requires_grad_(False)
    return step


def make_trainer(step, device, *, images, batch_size, num_epochs=2, **options):
    """Epochs of digits, whose losses are read at their ends."""
    return Trainer(
        step,
        images=load_dataset(DataSection()).train.first(images).to(device),
        data=DataSection(random_crop_padding=1, horizontal_flip=True),
        optim=OptimSection(num_epochs=num_epochs, batch_size=batch_size, milestones=()),
        seed=0,
        device=device,
        read_every=1000,
        **options,
    )


def on_device(batch, device, *, single=False):
    images = batch.clean_images.float() if single else batch.clean_images
    return replace(batch, clean_images=images.to(device), labels=batch.labels.to(device))


def one_step(step, batch, images, device):
    """Losses, gradients and the state after a step, by name."""
    batch = step.prepare(batch, images, DataSection(), generator_for(device, 0, "pairs"))
    losses = step.losses(batch, step.adversarial_images(batch, generator_for(device, 0, "attack")))
    step.student.zero_grad(set_to_none=True)
    losses.total.backward()
    gradients = {f"gradient of {name}": tensor.grad for name, tensor in step.student.named_parameters()}
    return losses.named | gradients | step.student.state_dict()


@pytest.mark.parametrize(("name", "alpha"), CASES)
def test_both_paths_give_the_same_step(batch, device, name, alpha):
    batch, images = on_device(batch, device), load_dataset(DataSection()).train.first(200).to(device)
    literal, fast = (
        one_step(make_step(device, path, name, alpha), batch, images, device) for path in ("literal", "fast")
    )
    for key, tensor in literal.items():
        torch.testing.assert_close(fast[key], tensor, rtol=0, atol=1e-9, msg=lambda text, key=key: f"{key}: {text}")


@pytest.mark.parametrize("name", METHODS)
def test_steps_never_wait_for_the_device(device, name):
    """From a batch's images to the weights, once the first steps have made what is kept."""
    step = make_step(device, "fast", name, 0.0 if name == "standard" else 5.0, single=True)
    trainer = make_trainer(step, device, images=96, batch_size=24)
    trainer.run_epoch(on_step=lambda *_: None, should_stop=lambda: False)

    def watch(_epoch, number, _losses):
        torch.cuda.set_sync_debug_mode("default" if number == 2 * trainer.steps_per_epoch else "error")

    try:
        trainer.run_epoch(on_step=watch, should_stop=lambda: False)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("name", ["adaad", "trades", "mart"])
def test_the_same_seed_gives_the_same_bits(batch, device, name):
    batch, images = on_device(batch, device, single=True), load_dataset(DataSection()).train.first(200).to(device)
    first, again = (one_step(make_step(device, "fast", name, single=True), batch, images, device) for _ in range(2))
    assert all(torch.equal(first[key], again[key]) for key in first)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_recorded_attack_gives_the_same_bits(device, name, precision):
    """Two epochs, so that records see weights that moved; the last batch of each is smaller than the record."""
    states = []
    for graphs in (False, True):
        alpha = 0.0 if name == "standard" else 5.0
        step = make_step(device, "fast", name, alpha, single=True, cuda_graphs=graphs, attack_precision=precision)
        trainer = make_trainer(step, device, images=80, batch_size=32)
        for _ in range(2):
            trainer.run_epoch(on_step=lambda *_: None, should_stop=lambda: False)
        states.append(step.student.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_second_forward_before_the_gradient_of_the_first_does_not_disturb_it(device):
    network = small_model(1).float().eval().requires_grad_(False).to(device)
    replayed = Replayed(network)
    one, two = (torch.rand(8, 1, 8, 8, device=device).requires_grad_(True) for _ in range(2))

    def gradients(model):
        return torch.autograd.grad(model(one).square().sum() + model(two).exp().sum(), (one, two))

    for expected, found in zip(gradients(network), gradients(replayed), strict=True):
        assert torch.equal(expected, found)


def test_memory_that_runs_out_halves_the_batch_and_training_goes_on(device):
    """The limit, of this process, is a quarter of what the whole batch takes where there is room."""
    told = []
    total = torch.cuda.get_device_properties(device).total_memory

    def train(limit=1.0):
        step = make_step(device, "fast", "adaad", single=True, width=64)
        options = {"num_epochs": 1, "on_oom": "halve-batch", "tell": told.append}
        trainer = make_trainer(step, device, images=1024, batch_size=1024, **options)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        torch.cuda.set_per_process_memory_fraction(limit, device)
        try:
            trainer.run_epoch(on_step=lambda *_: None, should_stop=lambda: False)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, device)
        return trainer

    train()
    assert not told
    trainer = train(limit=torch.cuda.max_memory_allocated(device) / 4 / total)
    assert trainer.is_complete
    assert told
    assert trainer.gradient.turns == 2 ** len(told)
