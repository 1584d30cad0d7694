"""A batch in several turns, or when memory runs out, has the gradient of the batch in one go."""

import pytest
import torch
from torch import nn

from core.attacks import LinfBall, maximise_surrogate, shares
from core.data import load_dataset
from core.data.dataset import ImageSet
from core.methods import METHODS, IgdmTerm, build_method
from core.seeding import generator_for
from core.spec.config import AttackSection, DataSection, IgdmSection, MethodSection, OptimSection, SpeedSection
from core.training.paths import build_step
from core.training.trainer import Trainer

CPU = torch.device("cpu")
DATASET = load_dataset(DataSection())
ATTACK = AttackSection(epsilon=0.2, step_size=0.1, num_steps=2)
SPLITTABLE = [name for name in METHODS if not name.startswith("darwin")]


class PreciseImages(ImageSet):
    """In float64: the sign of a float32 gradient near zero, as at TRADES' start, depends on the size of the batch."""

    def images(self, *args, **kwargs) -> torch.Tensor:
        return super().images(*args, **kwargs).double()


def network(seed: int, norm: bool = False) -> nn.Module:
    """Small, in float64, and without BatchNorm unless asked: every image is on its own."""
    torch.manual_seed(seed)
    norms = [nn.BatchNorm2d(6)] if norm else []
    return nn.Sequential(nn.Conv2d(1, 6, 3), *norms, nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 10)).double()


def make_trainer(name="adaad", *, path="fast", norm=False, images=90, batch_size=31, **options) -> Trainer:
    step = build_step(
        SpeedSection(path=path),
        student=network(0, norm),
        teacher=network(1).eval().requires_grad_(False),
        method=build_method(MethodSection(name=name, iad_begin=0, iad2_begin=0), ATTACK),
        igdm=IgdmTerm(IgdmSection(alpha=5.0)) if name != "standard" else None,
        attack=ATTACK,
        num_epochs=1,
    )
    step.second_teacher = network(2).eval().requires_grad_(False)
    optim = OptimSection(num_epochs=1, batch_size=batch_size, milestones=())
    digits = DATASET.train.first(images)
    return Trainer(
        step,
        images=PreciseImages(levels=digits.levels, labels=digits.labels, max_level=digits.max_level),
        data=DataSection(),
        optim=optim,
        seed=0,
        device=CPU,
        **options,
    )


def train(trainer: Trainer) -> dict[str, float]:
    means = trainer.run_epoch(on_step=lambda *_: None, should_stop=lambda: False)
    return {name: value for name, value in means.items() if name != "images_per_s"}


def assert_close(first: Trainer, second: Trainer) -> None:
    others = second.step.student.state_dict()
    for name, tensor in first.step.student.state_dict().items():
        torch.testing.assert_close(tensor, others[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", SPLITTABLE)
@pytest.mark.parametrize("path", ["fast", "literal"])
def test_turns_change_nothing_but_rounding(name, path):
    whole, split = make_trainer(name, path=path), make_trainer(name, path=path)
    split.gradient.turns = 4
    assert train(split) == pytest.approx(train(whole), rel=1e-9)
    assert_close(whole, split)


def test_shares_cover_a_batch_once():
    for total in (1, 2, 5, 31):
        for parts in (1, 2, 4, 8):
            found = shares(total, parts)
            assert len(found) == parts
            covered = [place for share in found if share.weight for place in range(share.start, share.stop)]
            assert covered == list(range(total))
            assert sum(share.weight for share in found) == pytest.approx(1.0)
            assert all(share.stop > share.start for share in found)


@pytest.mark.parametrize("start", ["uniform", "gaussian"])
def test_every_image_starts_where_it_starts_in_the_whole_batch(start):
    images = DATASET.train.first(7).images()

    def attacked(part, share=None):
        generator = generator_for(CPU, 0, "attack", 1, 0)
        return maximise_surrogate(
            lambda x: x.sum(dim=(1, 2, 3)), part, ball=LinfBall(epsilon=0.2), start=start, step_size=0.1, num_steps=0,
            generator=generator, share=share,
        )  # fmt: skip

    whole = attacked(images)
    split = torch.cat([attacked(share.cut(images), share) for share in shares(7, 3)])
    assert torch.equal(whole, split)


class LittleMemory:
    """Lets no more than `most` images through the student's training forwards, as a small GPU would."""

    def __init__(self, trainer: Trainer, most: int) -> None:
        self.most, self.refused = most, 0
        trainer.step.student.register_forward_pre_hook(self)

    def __call__(self, module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if module.training and len(inputs[0]) > self.most:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_out_of_memory_ends_the_run_unless_it_may_halve():
    trainer = make_trainer()
    LittleMemory(trainer, 10)
    with pytest.raises(torch.OutOfMemoryError):
        train(trainer)


def test_out_of_memory_halves_the_batch_and_keeps_the_effective_one():
    told: list[str] = []
    whole, small = make_trainer(), make_trainer(on_oom="halve-batch", tell=told.append)
    memory = LittleMemory(small, 10)
    assert train(small) == pytest.approx(train(whole), rel=1e-9)
    assert_close(whole, small)
    assert (small.gradient.turns, memory.refused) == (4, 2)
    assert ["in 2 parts" in told[0], "in 4 parts" in told[1]] == [True, True]
    resumed = make_trainer(on_oom="halve-batch")
    resumed.load_state_dict(small.state_dict())
    assert resumed.gradient.turns == 4


def test_a_failed_attempt_moves_no_statistics():
    """The first forward of the plan fits, a later one does not: its BatchNorm must be as before."""
    trainer = make_trainer("trades", norm=True, on_oom="halve-batch", tell=lambda _: None)
    seen = []

    def second_forward_fails(module, inputs):
        if module.training:
            seen.append(len(inputs[0]))
            if len(seen) == 2:
                raise torch.OutOfMemoryError("CUDA out of memory")

    trainer.step.student.register_forward_pre_hook(second_forward_fails)
    train(trainer)
    clean = make_trainer("trades", norm=True)
    clean.gradient.turns = 2
    train(clean)
    for name, tensor in trainer.step.student.state_dict().items():
        assert torch.equal(tensor, clean.step.student.state_dict()[name]), name


def test_one_image_that_does_not_fit_is_the_end():
    trainer = make_trainer(on_oom="halve-batch", tell=lambda _: None)
    LittleMemory(trainer, 0)
    with pytest.raises(torch.OutOfMemoryError):
        train(trainer)
