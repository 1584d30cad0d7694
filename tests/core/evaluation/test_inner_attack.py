"""The adversarial column of the point-wise distance: the attack that the student was trained with."""

import pytest
import torch

from core.attacks import LinfBall, attack_mode, maximise_surrogate
from core.evaluation.inner_attack import NUM_STEPS, inner_attack
from core.methods.losses import kl_divergence
from core.models import build_model
from core.seeding import generator_for
from core.spec.catalogue import METHODS
from core.spec.config import AttackSection, EvaluationSection, MethodSection, ModelSection, RunConfig

EPSILON = 0.1


def config(name):
    return RunConfig(
        method=MethodSection(name=name), attack=AttackSection(epsilon=EPSILON), evaluation=EvaluationSection(seed=5)
    )


@pytest.fixture(scope="module")
def teacher(dataset):
    return build_model(ModelSection(width=4, blocks=(1,)), dataset.geometry, 3).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def images(dataset):
    return dataset.test.first(12)


def found(name, trained, teacher, images):
    perturb = inner_attack(config(name), trained, teacher, images)
    with attack_mode(trained), torch.no_grad():
        return perturb(images.images(), images.labels, 0)


@pytest.mark.parametrize("name", [name for name, entry in METHODS.items() if entry.has_inner])
def test_every_method_has_its_attack_in_the_ball(name, trained, teacher, images):
    adv_images = found(name, trained, teacher, images)
    assert 0 < float((adv_images - images.images()).abs().max()) <= EPSILON + 1e-6
    assert 0 <= float(adv_images.min()) <= float(adv_images.max()) <= 1
    assert torch.equal(adv_images, found(name, trained, teacher, images))


def test_a_method_without_an_attack_has_none(trained, teacher, images):
    assert inner_attack(config("standard"), trained, teacher, images) is None


def test_that_of_adaad_climbs_the_gap_to_the_teacher(trained, teacher, images):
    expected = maximise_surrogate(
        lambda adv_images: kl_divergence(teacher(adv_images), trained(adv_images)), images.images(),
        ball=LinfBall(epsilon=EPSILON), start="gaussian", step_size=EPSILON / 4, num_steps=NUM_STEPS,
        generator=generator_for(torch.device("cpu"), 5, "inner", 0),
    )  # fmt: skip
    torch.testing.assert_close(found("adaad", trained, teacher, images), expected, rtol=0, atol=1e-6)
