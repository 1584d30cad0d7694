import pytest
import torch
import torch.nn.functional as F

from core.attacks import LinfBall, attack_mode, maximise_surrogate
from core.seeding import generator_for

CPU = torch.device("cpu")


def attack(model, batch, **changes):
    options = {"epsilon": 0.1, "start": "uniform", "step_size": 0.03, "num_steps": 5, "seed": 0} | changes
    return maximise_surrogate(
        lambda images: F.cross_entropy(model(images), batch.labels, reduction="none"),
        batch.clean_images,
        ball=LinfBall(epsilon=options["epsilon"]),
        start=options["start"],
        step_size=options["step_size"],
        num_steps=options["num_steps"],
        generator=generator_for(CPU, options["seed"], "test"),
    )


@pytest.mark.parametrize("start", ["uniform", "gaussian"])
@pytest.mark.parametrize("num_steps", [0, 1, 7])
def test_adversarial_images_stay_in_the_ball_and_in_range(student, batch, start, num_steps):
    adv_images = attack(student.eval(), batch, start=start, num_steps=num_steps)
    assert float((adv_images - batch.clean_images).abs().max()) <= 0.1 + 1e-9
    assert 0 <= float(adv_images.min()) <= float(adv_images.max()) <= 1
    assert not adv_images.requires_grad


@pytest.mark.parametrize("start", ["uniform", "gaussian"])
def test_epsilon_zero_changes_nothing(student, batch, start):
    assert torch.equal(attack(student.eval(), batch, epsilon=0.0, start=start), batch.clean_images)


def test_the_surrogate_rises(student, batch):
    student.eval()
    before = F.cross_entropy(student(batch.clean_images), batch.labels)
    adv_images = attack(student, batch, epsilon=0.02, step_size=0.004, num_steps=10)
    assert F.cross_entropy(student(adv_images), batch.labels) > 1.001 * before


def test_the_same_generator_gives_the_same_images(student, batch):
    student.eval()
    assert torch.equal(attack(student, batch), attack(student, batch))
    assert not torch.equal(attack(student, batch), attack(student, batch, seed=1))


def test_one_step_follows_the_written_out_formula(student, batch):
    """Madry et al. 2018: sign of the gradient at the start, then back into the ball and into [0, 1]."""
    student.eval()
    noise = torch.rand(batch.clean_images.shape, generator=generator_for(CPU, 0, "test"), dtype=torch.float64)
    start = (batch.clean_images + 0.1 * (2 * noise - 1)).clamp(0, 1).requires_grad_(True)
    F.cross_entropy(student(start), batch.labels, reduction="sum").backward()
    moved = start.detach() + 0.03 * start.grad.sign()
    low, high = batch.clean_images - 0.1, batch.clean_images + 0.1
    expected = torch.minimum(torch.maximum(moved, low), high).clamp(0, 1)
    torch.testing.assert_close(attack(student, batch, num_steps=1), expected, rtol=0, atol=1e-12)


def test_the_gaussian_start_is_small_and_not_cut_before_the_first_gradient(student, batch):
    seen = []

    def surrogate(images):
        seen.append(images.detach().clone())
        return F.cross_entropy(student(images), batch.labels, reduction="none")

    ball = LinfBall(epsilon=0.0005)
    maximise_surrogate(
        surrogate, torch.zeros_like(batch.clean_images), ball=ball, start="gaussian", step_size=0.1, num_steps=1,
        generator=generator_for(CPU, 0, "test"),
    )  # fmt: skip
    assert float(seen[0].min()) < 0
    assert float(seen[0].abs().max()) > 0.0005
    assert float(seen[0].std()) == pytest.approx(0.001, rel=0.1)


def test_an_eval_mode_attack_leaves_statistics_modes_and_gradients_alone(student, batch):
    student.train()
    student.bn1.eval()
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    modes = [module.training for module in student.modules()]
    with attack_mode(student):
        attack(student, batch)
    assert [module.training for module in student.modules()] == modes
    assert all(torch.equal(before[name], tensor) for name, tensor in student.state_dict().items())
    assert all(parameter.grad is None for parameter in student.parameters())


def test_a_train_mode_attack_moves_statistics_once_per_step(student, batch):
    before = int(student.bn1.num_batches_tracked)
    with attack_mode(student, "train"):
        attack(student, batch, num_steps=4)
    assert int(student.bn1.num_batches_tracked) == before + 4


def test_modes_come_back_after_an_error(student):
    student.train()
    with pytest.raises(RuntimeError), attack_mode(student):
        raise RuntimeError
    assert all(module.training for module in student.modules())
