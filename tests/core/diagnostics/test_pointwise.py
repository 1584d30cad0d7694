import pytest
import torch

from core.data.dataset import ImageSet
from core.diagnostics import no_perturbation, pointwise_distance, uniform_perturbation


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return ImageSet(
        levels=torch.randint(0, 17, (30, 1, 8, 8), generator=generator, dtype=torch.uint8),
        labels=torch.randint(0, 10, (30,), generator=generator),
        max_level=16,
    )


def test_a_network_is_at_no_distance_from_itself(student, images):
    student = student.float()
    for perturb in (no_perturbation, uniform_perturbation(0.1, 0)):
        distance = pointwise_distance(student, student, images, perturb=perturb, batch_size=8)
        assert float(distance.probabilities.max()) == float(distance.logits.max()) == 0


def test_distances_are_the_written_out_ones(student, teacher, images):
    student, teacher = student.float(), teacher.float()
    found = pointwise_distance(student, teacher, images, perturb=lambda x, _y, _n: x + 0.1, batch_size=7)
    student.eval()
    pixels = images.images() + 0.1
    with torch.no_grad():
        for n in range(30):
            s, t = student(pixels[n : n + 1])[0], teacher(pixels[n : n + 1])[0]
            p, q = s.exp() / s.exp().sum(), t.exp() / t.exp().sum()
            assert float(found.probabilities[n]) == pytest.approx(float(((p - q) ** 2).sum().sqrt()), rel=1e-3)
            assert float(found.logits[n]) == pytest.approx(float(((s - t) ** 2).sum().sqrt()), rel=1e-3)


def test_uniform_noise_fills_the_box_and_is_not_cut(images):
    clean = torch.zeros(20, 1, 8, 8)
    noise = uniform_perturbation(0.2, 1)(clean, images.labels, 0)
    assert -0.2 <= float(noise.min()) < -0.19
    assert 0.19 < float(noise.max()) <= 0.2
    assert torch.equal(noise, uniform_perturbation(0.2, 1)(clean, images.labels, 0))
    assert not torch.equal(noise, uniform_perturbation(0.2, 1)(clean, images.labels, 1))


def test_modes_are_left_as_they_were(student, teacher, images):
    student.float().train()
    pointwise_distance(student, teacher.float(), images, perturb=no_perturbation, batch_size=8)
    assert all(module.training for module in student.modules())
