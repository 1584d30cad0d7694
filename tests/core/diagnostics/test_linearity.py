import pytest
import torch
from torch import nn

from core.data.dataset import ImageSet
from core.diagnostics import taylor_remainder
from core.diagnostics.linearity import remainder_share


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return ImageSet(
        levels=torch.randint(0, 17, (10, 1, 8, 8), generator=generator, dtype=torch.uint8),
        labels=torch.randint(0, 10, (10,), generator=generator),
        max_level=16,
    )


def test_a_linear_network_has_no_remainder(images):
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    assert float(taylor_remainder(network, images, epsilon=0.5, seed=0, batch_size=4).max()) < 1e-5


def test_the_derivative_is_that_of_finite_differences(student):
    student.eval()
    generator = torch.Generator().manual_seed(1)
    pixels = torch.rand(4, 1, 8, 8, generator=generator, dtype=torch.float64)
    noise = 0.1 * torch.randn(4, 1, 8, 8, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        found = remainder_share(student, pixels, noise)
        step = 1e-6
        slope = (student(pixels + step * noise) - student(pixels - step * noise)) / (2 * step)
        moved = student(pixels + noise)
        expected = (moved - student(pixels) - slope).norm(dim=1) / moved.norm(dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
    assert float(found.min()) > 0


def test_small_noise_leaves_a_small_remainder(student, images):
    student = student.float()
    small, large = (
        float(taylor_remainder(student, images, epsilon=epsilon, seed=0, batch_size=10).mean())
        for epsilon in (0.001, 0.3)
    )
    assert small < 0.1 * large


def test_every_image_has_its_value_and_nothing_depends_on_modes(student, images):
    student = student.float().train()
    first = taylor_remainder(student, images, epsilon=0.1, seed=0, batch_size=10)
    assert first.shape == (10,)
    assert all(module.training for module in student.modules())
    assert torch.equal(first, taylor_remainder(student.eval(), images, epsilon=0.1, seed=0, batch_size=10))
