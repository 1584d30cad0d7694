import copy

import pytest
import torch
import torch.nn.functional as F

from core.data.dataset import ImageSet
from core.diagnostics import gradient_alignment, input_gradients


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return ImageSet(
        levels=torch.randint(0, 17, (300, 1, 8, 8), generator=generator, dtype=torch.uint8),
        labels=torch.randint(0, 10, (300,), generator=generator),
        max_level=16,
    )


@pytest.fixture
def networks(student, teacher):
    return student.float(), teacher.float()


def test_a_network_is_aligned_with_itself(networks, images):
    gradients = input_gradients(networks[0], images)
    metrics = gradient_alignment(gradients, gradients).metrics
    assert metrics["gradient_distance"] == metrics["gradient_distance_raw"] == 0
    assert metrics["gradient_cosine"] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-12, 1e-25])
def test_the_direction_counts_however_short_the_gradients_are(networks, images, scale):
    """Those of a network that is sure of its answer are shorter than what keeps denominators from zero."""
    ours, theirs = (input_gradients(network, images) for network in networks)
    cosine = gradient_alignment(ours, theirs).cosine
    torch.testing.assert_close(gradient_alignment(scale * ours, theirs).cosine, cosine, rtol=0, atol=1e-5)
    assert float(gradient_alignment(scale * ours, scale * ours).cosine.min()) == pytest.approx(1.0, abs=1e-5)
    assert float(gradient_alignment(0 * ours, theirs).cosine.abs().max()) == 0


def test_input_gradients_are_those_of_finite_differences(networks, images):
    student = networks[0].double().eval()
    two = images.first(2)
    pixels, labels = two.images().double(), two.labels
    gradient = torch.zeros(2, 64, dtype=torch.float64)
    for pixel in range(64):
        shift = torch.zeros(64, dtype=torch.float64)
        shift[pixel] = 1e-5
        up, down = (
            F.cross_entropy(student(pixels + sign * shift.view(1, 1, 8, 8)), labels, reduction="none")
            for sign in (1, -1)
        )
        gradient[:, pixel] = (up - down).detach() / 2e-5
    ours = input_gradients(student.float(), two).double()
    torch.testing.assert_close(ours, gradient, rtol=1e-3, atol=1e-5)


def test_distance_and_cosine_follow_their_definitions(networks, images):
    student, teacher = networks
    ours = gradient_alignment(input_gradients(student, images), input_gradients(teacher, images)).metrics

    def gradient_of_batch_mean(network, part):
        pixels = images.images(part).requires_grad_(True)
        network.eval()
        F.cross_entropy(network(pixels), images.labels[part]).backward()
        return pixels.grad

    frobenius, cosines, distances = [], [], []
    for part in (slice(0, 128), slice(128, 256), slice(256, 300)):
        s, t = gradient_of_batch_mean(student, part), gradient_of_batch_mean(teacher, part)
        frobenius.append(float((s - t).norm()))
        count = part.stop - part.start
        for a, b in zip(s, t, strict=True):
            cosines.append(float((a * b).sum() / (a.norm() * b.norm())))
            distances.append(float((a - b).norm()) * count)
    assert ours["gradient_distance"] == pytest.approx(sum(frobenius) / 3, rel=1e-4)
    assert ours["gradient_cosine"] == pytest.approx(sum(cosines) / 300, rel=1e-4)
    assert ours["gradient_distance_raw"] == pytest.approx(sum(distances) / 300, rel=1e-4)


def test_measuring_leaves_the_network_as_it_was(networks, images):
    student = networks[0].train()
    before = copy.deepcopy(student.state_dict())
    input_gradients(student, images)
    assert all(torch.equal(tensor, before[key]) for key, tensor in student.state_dict().items())
    assert all(module.training for module in student.modules())
    assert all(parameter.grad is None for parameter in student.parameters())


def test_gradients_of_different_images_are_refused():
    with pytest.raises(ValueError, match="shape"):
        gradient_alignment(torch.zeros(3, 4), torch.zeros(2, 4))
