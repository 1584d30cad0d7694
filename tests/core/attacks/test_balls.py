import pytest
import torch

from core.attacks import L1Ball, L2Ball, LinfBall

BALLS = [LinfBall(epsilon=0.1), L2Ball(epsilon=0.7), L1Ball(epsilon=3.0)]


@pytest.fixture
def images():
    return torch.rand(9, 3, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def far(images):
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return images + noise * torch.logspace(-3, 1, 9, dtype=torch.float64).view(-1, 1, 1, 1)


@pytest.mark.parametrize("ball", BALLS)
def test_projections_and_starts_lie_in_the_ball_and_in_range(ball, images, far):
    for found in (ball.project(far, images), ball.uniform_start(images, torch.Generator().manual_seed(2))):
        assert float(ball.size(found - images).max()) <= ball.epsilon * (1 + 1e-12)
        assert 0 <= float(found.min()) <= float(found.max()) <= 1


@pytest.mark.parametrize("ball", BALLS)
def test_what_is_inside_stays(ball, images):
    inside = ball.project(images + 1e-4, images)
    again = ball.project(inside, images)
    torch.testing.assert_close(again, inside, rtol=0, atol=1e-15)


@pytest.mark.parametrize("ball", BALLS)
def test_a_gradient_of_zero_moves_nothing(ball, images):
    assert torch.equal(ball.ascend(images, torch.zeros_like(images), 0.1), images)


@pytest.mark.parametrize("kind", [LinfBall, L2Ball, L1Ball])
def test_radius_zero_gives_the_clean_images(kind, images, far):
    torch.testing.assert_close(kind(epsilon=0.0).project(far, images), images, rtol=0, atol=1e-12)


def test_the_l1_projection_is_the_nearest_point(images):
    """The nearest point of an l1 ball shrinks all coordinates by one threshold, found here by bisection."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    middle = torch.full_like(images, 0.5)
    found = L1Ball(epsilon=0.4).project(middle + 0.1 * noise, middle) - middle
    for row, wanted in zip(found.flatten(1), (0.1 * noise).flatten(1), strict=True):
        low, high = 0.0, float(wanted.abs().max())
        for _ in range(100):
            threshold = (low + high) / 2
            total = float((wanted.abs() - threshold).clamp(min=0).sum())
            low, high = (threshold, high) if total > 0.4 else (low, threshold)
        expected = wanted.sign() * (wanted.abs() - low).clamp(min=0)
        torch.testing.assert_close(row, expected, rtol=0, atol=1e-10)


def test_steps_have_the_length_asked_for(images):
    gradient = torch.randn(images.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    l2 = L2Ball(epsilon=1.0)
    torch.testing.assert_close(l2.size(l2.ascend(images, gradient, 0.3) - images), torch.full((9,), 0.3).double())
    l1 = L1Ball(epsilon=1.0)
    middle = torch.full_like(images, 0.5)
    torch.testing.assert_close(l1.size(l1.ascend(middle, gradient, 0.3) - middle), torch.full((9,), 0.3).double())


def test_a_tiny_gradient_still_gives_a_whole_step():
    images, gradient = torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 1e-24)
    ball = L2Ball(epsilon=1.0)
    assert float(ball.size(ball.ascend(images, gradient, 0.3))) == pytest.approx(0.3)


def test_the_sparse_step_passes_over_pixels_at_the_border():
    images = torch.zeros(1, 1, 10, 10)
    gradient = torch.full((1, 1, 10, 10), -5.0)
    gradient[0, 0, 3, 4] = 1.0
    moved = L1Ball(epsilon=1.0).ascend(images, gradient, 0.5)
    assert float(moved[0, 0, 3, 4]) == 0.5
    assert int((moved != 0).sum()) == 1
