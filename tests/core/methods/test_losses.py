import math

import pytest
import torch
import torch.nn.functional as F

from core.methods.igdm import igdm_loss
from core.methods.losses import cross_entropy, kl_divergence


def logits(seed, classes=10):
    return torch.randn(6, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_kl_by_hand():
    """softmax(log 3, 0) = (3/4, 1/4) against (1/2, 1/2)."""
    reference = torch.tensor([[math.log(3.0), 0.0]], dtype=torch.float64)
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert float(kl_divergence(reference, torch.zeros(1, 2, dtype=torch.float64))) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("classes", [10, 100])
def test_its_mean_is_batchmean_of_pytorch(classes):
    a, b = logits(1, classes), logits(2, classes)
    expected = F.kl_div(F.log_softmax(b, dim=1), F.softmax(a, dim=1), reduction="batchmean")
    torch.testing.assert_close(kl_divergence(a, b).mean(), expected, rtol=0, atol=1e-13)


def test_kl_ignores_a_constant_added_to_all_logits_of_an_image():
    a, b = logits(1), logits(2)
    shift = torch.arange(6, dtype=torch.float64)[:, None]
    torch.testing.assert_close(kl_divergence(a + shift, b - 3 * shift), kl_divergence(a, b), rtol=0, atol=1e-13)


def test_kl_igdm_ignores_the_constant_and_l2_and_l1_do_not():
    a, b = logits(1), logits(2)
    for surrogate in ("kl", "l2", "l1"):
        shifted = igdm_loss(a + 1.5, b, surrogate)
        same = torch.allclose(shifted, igdm_loss(a, b, surrogate), rtol=0, atol=1e-12)
        assert same == (surrogate == "kl")


@pytest.mark.parametrize("classes", [10, 100])
def test_small_differences_make_kl_the_squared_distance_over_2k(classes):
    a, b = 1e-2 * logits(1, classes), 1e-2 * logits(2, classes)
    centred = (a - a.mean(dim=1, keepdim=True)) - (b - b.mean(dim=1, keepdim=True))
    ratio = igdm_loss(a, b, "kl") * 2 * classes / centred.square().sum(dim=1)
    torch.testing.assert_close(ratio, torch.ones_like(ratio), rtol=0, atol=0.02)
    centred_a, centred_b = (z - z.mean(dim=1, keepdim=True) for z in (a, b))
    torch.testing.assert_close(igdm_loss(centred_a, centred_b, "l2"), centred.square().sum(dim=1) / (2 * classes))


def test_l1_by_hand():
    student, teacher = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 1.0]])
    assert float(igdm_loss(student, teacher, "l1")) == pytest.approx((0.5 + 3.0) / 2)


def test_losses_are_per_image():
    labels = torch.zeros(6, dtype=torch.long)
    assert cross_entropy(logits(1), labels).shape == kl_divergence(logits(1), logits(2)).shape == (6,)
    with pytest.raises(RuntimeError):
        kl_divergence(logits(1), logits(2, 7))
