import copy

import pytest
import torch

from core.data import load_dataset
from core.methods import METHODS, IgdmTerm, build_method
from core.models import build_model
from core.spec.config import (
    AttackSection,
    DataSection,
    IgdmSection,
    MethodSection,
    ModelSection,
    OptimSection,
    SpeedSection,
)
from core.spec.errors import StopRequested, TrainingError
from core.training.checkpoint import LAST, PREVIOUS, load_checkpoint, read_state, save_checkpoint
from core.training.paths import build_step
from core.training.schedule import learning_rate
from core.training.trainer import Trainer

CPU = torch.device("cpu")
DATASET = load_dataset(DataSection())
IMAGES = DATASET.train.first(90)
ATTACK = AttackSection(epsilon=0.2, step_size=0.1, num_steps=2)
MODEL = ModelSection(width=4, blocks=(1, 1))


def make_trainer(name="adaad", alpha=5.0, seed=0, num_epochs=2, path="fast", **data):
    student = build_model(MODEL, DATASET.geometry, seed)
    teacher = build_model(MODEL, DATASET.geometry, 99).eval().requires_grad_(False)
    step = build_step(
        SpeedSection(path=path),
        student=student,
        teacher=teacher,
        method=build_method(MethodSection(name=name, iad_begin=1, iad2_begin=1), ATTACK),
        igdm=IgdmTerm(IgdmSection(alpha=alpha)) if alpha and name != "standard" else None,
        attack=ATTACK,
        num_epochs=num_epochs,
    )
    step.second_teacher = build_model(MODEL, DATASET.geometry, 98).eval().requires_grad_(False)
    optim = OptimSection(num_epochs=num_epochs, batch_size=32, milestones=(1,))
    return Trainer(step, images=IMAGES, data=DataSection(**data), optim=optim, seed=seed, device=CPU)


def run(trainer, stop_after=None):
    """Train to the end, or until so many steps are done in this call; the means of each epoch."""
    steps = [0]

    def on_step(*_):
        steps[0] += 1

    means = []
    while not trainer.is_complete:
        means.append(trainer.run_epoch(on_step=on_step, should_stop=lambda: steps[0] == stop_after))
    return means


def assert_same_state(a, b):
    for key, tensor in a.step.student.state_dict().items():
        assert torch.equal(tensor, b.step.student.state_dict()[key]), key


def comparable(means):
    return [{key: value for key, value in epoch.items() if key != "images_per_s"} for epoch in means]


@pytest.mark.parametrize("path", ["fast", "literal"])
@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_bits(name, path):
    first, second, other = (make_trainer(name, seed=seed, path=path) for seed in (0, 0, 1))
    assert comparable(run(first)) == comparable(run(second))
    assert_same_state(first, second)
    run(other)
    assert not torch.equal(other.step.student.linear.weight, first.step.student.linear.weight)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("stop_after", [1, 3, 4])
def test_stopped_between_any_two_steps_and_taken_up_again_gives_the_same_bits(tmp_path, name, stop_after):
    quiet = make_trainer(name, random_crop_padding=1)
    quiet_means = run(quiet)
    stopped = make_trainer(name, random_crop_padding=1)
    with pytest.raises(StopRequested):
        run(stopped, stop_after=stop_after)
    save_checkpoint(tmp_path, stopped.state_dict())
    resumed = make_trainer(name, random_crop_padding=1)
    state, warnings = load_checkpoint(tmp_path, device=CPU)
    resumed.load_state_dict(state)
    assert warnings == []
    means = run(resumed)
    assert_same_state(quiet, resumed)
    assert comparable(means)[-1] == comparable(quiet_means)[-1]


@pytest.mark.parametrize("path", ["fast", "literal"])
def test_dropout_draws_the_same_when_training_is_taken_up_again(tmp_path, path):
    def trainer():
        made = make_trainer("pgd-at", alpha=0.0, path=path)
        made.step.student.linear.register_forward_pre_hook(
            lambda layer, inputs: torch.nn.functional.dropout(inputs[0], 0.5, layer.training)
        )
        return made

    quiet, stopped, resumed = trainer(), trainer(), trainer()
    run(quiet)
    with pytest.raises(StopRequested):
        run(stopped, stop_after=2)
    save_checkpoint(tmp_path, stopped.state_dict())
    resumed.load_state_dict(load_checkpoint(tmp_path, device=CPU)[0])
    run(resumed)
    assert_same_state(quiet, resumed)


def test_means_are_over_images_not_over_batches():
    trainer = make_trainer(num_epochs=1)
    seen = []
    means = trainer.run_epoch(
        on_step=lambda _e, _s, named: seen.append(float(named["loss"])), should_stop=lambda: False
    )
    sizes = [32, 32, 26]
    assert means["loss"] == pytest.approx(sum(a * b for a, b in zip(seen, sizes, strict=True)) / 90)
    assert means["igdm_weight"] == 5.0
    assert means["learning_rate"] == 0.1


def test_the_learning_rate_drops_after_the_milestones_are_completed():
    optim = OptimSection(num_epochs=200)
    rates = {epoch: learning_rate(optim, epoch) for epoch in (1, 100, 101, 150, 151, 200)}
    expected = {1: 0.1, 100: 0.1, 101: 0.01, 150: 0.01, 151: 0.001, 200: 0.001}
    assert rates == pytest.approx(expected)


def test_divergence_stops_before_the_weights_are_touched():
    trainer = make_trainer()
    with torch.no_grad():
        trainer.step.student.linear.weight.fill_(float("nan"))
    before = copy.deepcopy(trainer.step.student.state_dict())
    with pytest.raises(TrainingError, match="epoch 1, step 1"):
        run(trainer)
    after = trainer.step.student.conv1.weight
    assert torch.equal(after, before["conv1.weight"])


def test_losses_read_seldom_are_the_same_and_still_stop_a_run_that_diverges():
    often, seldom = make_trainer(), make_trainer()
    seldom.read_every = 2
    assert comparable(run(often)) == comparable(run(seldom))
    assert_same_state(often, seldom)
    diverging = make_trainer(num_epochs=1)
    diverging.read_every = 100
    with torch.no_grad():
        diverging.step.student.linear.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="epoch 1, step 1:"):
        run(diverging)


def test_a_state_that_is_not_finite_is_not_saved():
    trainer = make_trainer(num_epochs=1)
    trainer.read_every = 100
    with torch.no_grad():
        trainer.step.student.linear.weight.fill_(float("nan"))
    with pytest.raises(StopRequested):
        run(trainer, stop_after=1)
    with pytest.raises(TrainingError, match="epoch 1, step 1:"):
        trainer.state_dict()


def test_the_previous_checkpoint_is_kept_and_stands_in_for_a_damaged_one(tmp_path):
    save_checkpoint(tmp_path, {"epoch": 1})
    save_checkpoint(tmp_path, {"epoch": 2})
    assert read_state(tmp_path / PREVIOUS, device=CPU)["epoch"] == 1
    data = (tmp_path / LAST).read_bytes()
    (tmp_path / LAST).write_bytes(data[: len(data) // 2])
    state, warnings = load_checkpoint(tmp_path, device=CPU)
    assert state["epoch"] == 1
    assert "last.pt: this checkpoint cannot be read" in warnings[0]


def test_checkpoints_that_are_all_damaged_say_what_to_do(tmp_path):
    (tmp_path / LAST).write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"start anew: igdm run .*config\.toml"):
        load_checkpoint(tmp_path, device=CPU)
    assert load_checkpoint(tmp_path / "none", device=CPU) is None


def test_a_checkpoint_that_wants_to_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    torch.save({"format": 1, "model": Evil()}, tmp_path / LAST)
    with pytest.raises(TrainingError, match="cannot be read"):
        read_state(tmp_path / LAST, device=CPU)


def test_a_checkpoint_of_a_newer_form_is_refused(tmp_path):
    torch.save({"format": 99}, tmp_path / LAST)
    with pytest.raises(TrainingError, match="newer igdm-tui"):
        read_state(tmp_path / LAST, device=CPU)
