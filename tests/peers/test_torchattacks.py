"""Our attacks against those of torchattacks, image by image: same parameters, same random numbers, float64.

Run by `make test-peers`, which puts torchattacks 3.5.1 beside the environment; never part of `make test`.
"""

import copy
import math

import pytest
import torch
from torch import nn

from core.attacks import L2Ball, LinfBall, maximise_surrogate
from core.evaluation.carlini_wagner import Search, smallest_adversaries
from core.evaluation.sign_attacks import cross_entropy, fgsm_plan, pgd_plan
from core.evaluation.target import Target
from core.evaluation.transfer_attacks import VarianceTuning, variance_tuned_images
from tests.core.evaluation.conftest import dataset, trained  # noqa: F401 - fixtures
from tests.core.evaluation.cw2_reference import advertorch_cw2

pytestmark = pytest.mark.peers

EPSILON, COUNT, SEED = 0.15, 40, 11


@pytest.fixture(scope="module")
def torchattacks():
    try:
        import torchattacks
    except ImportError as error:
        raise RuntimeError("torchattacks is not beside this environment: run `make test-peers`") from error
    return torchattacks


@pytest.fixture(scope="module")
def network(trained):  # noqa: F811
    """The trained student in float64; logits are raised because torchattacks' CW takes them to be 0 or more."""

    class Raised(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = copy.deepcopy(trained).double().eval()

        def forward(self, pixels):
            return self.network(pixels) + 100.0

    return Raised().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def batch(dataset):  # noqa: F811
    """Images away from 0 and 1, where arctanh is finite."""
    few = dataset.test.first(COUNT)
    return 0.02 + 0.96 * few.images().double(), few.labels


@pytest.fixture
def target(network):
    return Target(network=network, epsilon=EPSILON, seed=SEED, device=torch.device("cpu"))


@pytest.fixture
def with_generator(monkeypatch):
    """Gives their draws, made in place from the global generator, the numbers of ours."""

    def use(generator):
        def uniform(self, low=0.0, high=1.0):
            share = torch.rand(self.shape, generator=generator, dtype=self.dtype)
            return self.copy_(low + (high - low) * share)

        def normal(self):
            return self.copy_(torch.randn(self.shape, generator=generator, dtype=self.dtype))

        monkeypatch.setattr(torch.Tensor, "uniform_", uniform)
        monkeypatch.setattr(torch.Tensor, "normal_", normal)

    return use


def assert_same(network, ours, theirs, images, labels, *, atol):
    """The same images, the same verdicts; and the attack did something, or the test says nothing."""
    torch.testing.assert_close(ours, theirs, rtol=0, atol=atol)
    verdicts = [network(adv_images).argmax(dim=1) == labels for adv_images in (ours, theirs)]
    assert torch.equal(*verdicts)
    assert int(verdicts[0].sum()) < int((network(images).argmax(dim=1) == labels).sum())


def test_fgsm(torchattacks, network, target, batch):
    ours = fgsm_plan(target).stages[0].perturb(*batch, 0)
    assert_same(network, ours, torchattacks.FGSM(network, eps=EPSILON)(*batch), *batch, atol=1e-12)


@pytest.mark.parametrize("num_steps", [10, 20])
def test_pgd(torchattacks, network, target, batch, with_generator, num_steps):
    plan = pgd_plan(target, num_steps=num_steps)
    ours = plan.stages[0].perturb(*batch, 0)
    with_generator(target.generator(f"pgd{num_steps}", 0, 0))
    theirs = torchattacks.PGD(network, eps=EPSILON, alpha=plan.parameters["step_size"], steps=num_steps)(*batch)
    assert_same(network, ours, theirs, *batch, atol=1e-12)


def test_pgd_from_the_image_itself(torchattacks, network, batch):
    ours = maximise_surrogate(
        lambda adv_images: cross_entropy(network(adv_images), batch[1]), batch[0], ball=LinfBall(epsilon=EPSILON),
        start="clean", step_size=0.03, num_steps=10, generator=torch.Generator(),
    )  # fmt: skip
    theirs = torchattacks.PGD(network, eps=EPSILON, alpha=0.03, steps=10, random_start=False)(*batch)
    assert_same(network, ours, theirs, *batch, atol=1e-12)


@pytest.mark.parametrize(("epsilon", "step_size", "num_steps"), [(1.0, 0.2, 40), (0.6, 15 / 255, 20)])
def test_pgd_l2(torchattacks, network, batch, with_generator, epsilon, step_size, num_steps):
    ours = maximise_surrogate(
        lambda adv_images: cross_entropy(network(adv_images), batch[1]), batch[0], ball=L2Ball(epsilon=epsilon),
        start="uniform", step_size=step_size, num_steps=num_steps, generator=torch.Generator().manual_seed(SEED),
    )  # fmt: skip
    with_generator(torch.Generator().manual_seed(SEED))
    theirs = torchattacks.PGDL2(network, eps=epsilon, alpha=step_size, steps=num_steps)(*batch)
    assert_same(network, ours, theirs, *batch, atol=1e-5)


@pytest.mark.parametrize("neighbours", [5, 20])
def test_vmi_fgsm(torchattacks, network, batch, with_generator, neighbours):
    tuning = VarianceTuning(epsilon=16 / 255, step_size=2 / 255, num_steps=10, neighbours=neighbours)
    ours = variance_tuned_images(network, *batch, tuning, torch.Generator().manual_seed(SEED))
    with_generator(torch.Generator().manual_seed(SEED))
    theirs = torchattacks.VMIFGSM(network, eps=16 / 255, alpha=2 / 255, steps=10, decay=1.0, N=neighbours, beta=1.5)
    assert_same(network, ours, theirs(*batch), *batch, atol=1e-9)


@pytest.mark.parametrize(("constant", "num_steps"), [(1.0, 50), (0.1, 200)])
def test_cw(torchattacks, network, target, batch, constant, num_steps):
    """Without confidence and with their rule of stopping, our CW2 is their CW."""
    search = Search(constant=constant, confidence=0.0, num_steps=num_steps, abort_ratio=1.0)
    ours = smallest_adversaries(target, *batch, search)
    theirs = torchattacks.CW(network, c=constant, kappa=0, steps=num_steps, lr=0.01)(*batch)
    assert_same(network, ours, theirs, *batch, atol=1e-4)


def test_cw2_in_full_against_its_description(network, target, batch):
    images, labels = batch[0][:8], batch[1][:8]
    ours = smallest_adversaries(target, images, labels)
    theirs = advertorch_cw2(network, images, labels, num_steps=1000)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    assert math.isclose(float((ours - images).norm()), float((theirs - images).norm()), rel_tol=1e-6)
    assert bool((network(ours).argmax(dim=1) != labels).any())
