import pytest
import torch
from torch import nn

from core.evaluation.doubts import is_stronger, network_flags, order_flags, upper_bound


class Quantised(nn.Module):
    """A hard quantiser in front: attacks that follow gradients see nothing."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, pixels):
        return self.network(torch.round(pixels * 4) / 4)


class Shattered(nn.Module):
    """Forward as the network, backward with the opposite sign: gradients lead the wrong way without vanishing."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, pixels):
        return self.network(2 * pixels.detach() - pixels)


def flags(network, dataset, epsilon=0.15):
    return network_flags(network, dataset.test, epsilon=epsilon, seed=0)


def test_an_ordinary_network_is_not_doubted(trained, dataset):
    assert flags(trained, dataset) == []
    assert flags(trained, dataset, epsilon=0.0) == []


def test_a_hard_quantiser_is_flagged(trained, dataset):
    assert any("no input gradient" in flag for flag in flags(Quantised(trained), dataset))


def test_gradients_that_lead_the_wrong_way_are_flagged(trained, dataset):
    assert any("random step" in flag for flag in flags(Shattered(trained), dataset))


def test_probabilities_are_flagged(trained, dataset):
    found = flags(nn.Sequential(trained, nn.Softmax(dim=1)), dataset)
    assert any("probabilities" in flag for flag in found)


def test_a_network_that_ignores_its_input_is_flagged(dataset):
    class Constant(nn.Module):
        def forward(self, pixels):
            return torch.zeros(len(pixels), 10)

    assert any("no input gradient" in flag for flag in flags(Constant(), dataset))


def test_the_order_of_attacks_is_watched_whichever_came_first():
    assert order_flags("autoattack", 40, 100, {"clean": 90, "pgd20": 45}) == []
    assert order_flags("autoattack", 50, 100, {"pgd20": 45}) == []  # within the interval of 45 of 100
    (flag,) = order_flags("autoattack", 70, 100, {"clean": 90, "pgd20": 45})
    assert "70 of 100" in flag
    assert "pgd20" in flag
    (same,) = order_flags("pgd20", 45, 100, {"autoattack": 70})
    assert same == flag
    assert order_flags("gradients", 0, 100, {"autoattack": 70}) == []


@pytest.mark.parametrize(
    ("strong", "weak"),
    [
        ("fgsm", "clean"), ("vmi", "clean"), ("cw2", "clean"), ("autoattack-l1", "clean"), ("pgd20", "fgsm"),
        ("pgd20x10", "fgsm"), ("cw", "fgsm"), ("cw30x2", "fgsm"), ("pgd20x5", "pgd20"), ("pgd20x10", "pgd20x5"),
        ("cw", "cwx3"), ("autoattack", "pgd20x10"), ("autoattack", "cw"), ("autoattack", "cw30"),
        ("autoattack-plus", "pgd10"), ("autoattack-at-12", "pgd20-at-12"), ("pgd20-at-16", "pgd20-at-8"),
        ("autoattack-at-16", "autoattack-at-8"), ("pgd-l2-strong", "pgd-l2-mild"), ("autoattack-l2", "pgd-l2-strong"),
        ("autoattack-l1", "pgd-l1-mild"),
    ],
)  # fmt: skip
def test_stronger_is_stronger_and_not_the_other_way_round(strong, weak):
    assert is_stronger(strong, weak)
    assert not is_stronger(weak, strong)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pgd20", "pgd10"), ("pgd20", "cw"), ("pgd20", "pgd20"), ("autoattack", "autoattack-plus"), ("pgd3", "fgsm"),
        ("autoattack", "pgd20-at-8"), ("autoattack-rand", "pgd20"), ("autoattack:square", "fgsm"), ("vmi", "fgsm"),
        ("autoattack-l2", "pgd20"), ("autoattack-l2", "pgd-l1-mild"), ("clean", "clean"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_not(one, other):
    assert not is_stronger(one, other)
    assert not is_stronger(other, one)


def test_the_upper_bound_is_that_of_wilson():
    """Wilson 1927 for 45 of 100: 0.3561 to 0.5476."""
    assert upper_bound(45, 100) == pytest.approx(0.5476, abs=1e-4)
    assert upper_bound(0, 100) == pytest.approx(0.0370, abs=1e-4)
    assert upper_bound(100, 100) == pytest.approx(1.0)
