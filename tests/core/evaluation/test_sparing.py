"""APGD that spares broken images finds the same ones, and asks the network about fewer."""

import pytest
import torch
from pyautoattack import AutoAttack
from torch import nn

from core.evaluation.sparing import SparingNetwork, spare_broken

EPSILON = 0.15


class Counting(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network
        self.images = 0

    def forward(self, pixels):
        self.images += len(pixels)
        return self.network(pixels)


def parts(network, norm="Linf", version="standard"):
    attack = AutoAttack(network, norm=norm, eps=EPSILON if norm == "Linf" else 0.6, seed=3, version=version)
    for part in (attack.apgd, attack.apgd_targeted):
        part.seed, part.n_iter = 3, 20
    attack.apgd_targeted.n_target_classes = 3
    return attack.apgd, attack.apgd_targeted


@pytest.fixture(scope="module")
def batch(dataset):
    few = dataset.test.first(60)
    return few.images(), few.labels


def broken(network, found, labels):
    with torch.no_grad():
        return network(found).argmax(dim=1) != labels


@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_the_same_images_are_broken_for_less(trained, batch, norm, targeted):
    networks = Counting(trained), Counting(trained)
    full, spared = (parts(network, norm)[targeted] for network in networks)
    spare_broken(spared)
    verdicts = [broken(trained, part.perturb(*batch), batch[1]) for part in (full, spared)]
    assert torch.equal(*verdicts)
    assert 0 < int(verdicts[0].sum()) < len(batch[1])
    assert networks[1].images < 0.9 * networks[0].images


def test_images_that_withstand_get_the_very_gradients_they_would_get(trained, batch):
    images = batch[0][:6]
    labels = trained(images).argmax(dim=1)
    labels[2] = (labels[2] + 1) % 10  # wrong from the start: broken at once
    network = SparingNetwork(trained)

    def gradient_of(asked):
        pixels = images.clone().requires_grad_(True)
        logits = asked(pixels)
        return logits.detach(), torch.autograd.grad(logits.logsumexp(dim=1).sum(), pixels)[0]

    with network.watching(labels):
        network(images)
        logits, gradient = gradient_of(network)
    expected_logits, expected = gradient_of(trained)
    others = [0, 1, 3, 4, 5]
    torch.testing.assert_close(logits[others], expected_logits[others], rtol=0, atol=1e-5)
    torch.testing.assert_close(gradient[others], expected[others], rtol=0, atol=1e-6)
    assert int(logits[2].argmax()) == int(labels[2])
    assert not bool(gradient[2].any())
    assert torch.equal(network(images), trained(images))


def test_a_batch_that_is_broken_altogether_still_has_logits(trained, batch):
    images, labels = batch[0][:4], (trained(batch[0][:4]).argmax(dim=1) + 1) % 10
    network = SparingNetwork(trained)
    with network.watching(labels):
        for _ in range(3):
            pixels = images.clone().requires_grad_(True)
            logits = network(pixels)
            torch.autograd.grad(logits.sum(), pixels)
    assert logits.shape == (4, 10)


def test_l1_and_randomised_networks_are_attacked_in_full(trained):
    for part in (*parts(trained, norm="L1"), parts(trained, version="rand")[0]):
        spare_broken(part)
        assert part.model is trained
