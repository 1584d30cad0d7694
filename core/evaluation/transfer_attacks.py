"""VMI-FGSM: adversarial images made on one network and shown to another. Source: Wang and He 2021, Algorithm 1."""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks import LinfBall
from core.evaluation.cascade import AttackPlan, Stage
from core.evaluation.target import Target

EPSILON = 16 / 255


@dataclass(frozen=True, kw_only=True, slots=True)
class VarianceTuning:
    """Parameters of VMI-FGSM. epsilon, step_size: pixel units. reach: neighbours lie within reach * epsilon."""

    epsilon: float = EPSILON
    step_size: float = EPSILON / 10
    num_steps: int = 10
    momentum: float = 1.0
    neighbours: int = 20
    reach: float = 1.5


OFFICIAL = VarianceTuning()
TORCHATTACKS = VarianceTuning(step_size=2 / 255, neighbours=5)


def variance_tuned_images(
    source: nn.Module, images: Tensor, labels: Tensor, tuning: VarianceTuning, generator: torch.Generator
) -> Tensor:
    """Momentum ascent on the source's cross-entropy, with gradients corrected by the mean of those around."""
    ball = LinfBall(epsilon=tuning.epsilon)
    adv_images, momentum, variance = images, torch.zeros_like(images), torch.zeros_like(images)
    for _ in range(tuning.num_steps):
        gradient = _input_gradient(source, adv_images, labels)
        tuned = gradient + variance
        scale = tuned.abs().flatten(1).mean(dim=1).clamp(min=1e-30).view(-1, 1, 1, 1)
        momentum = tuning.momentum * momentum + tuned / scale
        around = torch.zeros_like(images)
        for _ in range(tuning.neighbours):
            noise = 2 * torch.rand(images.shape, generator=generator, device=images.device, dtype=images.dtype) - 1
            around += _input_gradient(source, adv_images + tuning.reach * tuning.epsilon * noise, labels)
        variance = around / tuning.neighbours - gradient
        adv_images = ball.project(ball.ascend(adv_images, momentum, tuning.step_size), images)
    return adv_images


def vmi_plan(target: Target, tuning: VarianceTuning, version: str) -> AttackPlan:
    """Transfer from the target's source network.

    Raises: ValueError when there is none.
    """
    source = target.transfer_source
    if source is None:
        raise ValueError("VMI-FGSM makes its images on another network and none was given")

    def perturb(images: Tensor, labels: Tensor, batch: int) -> Tensor:
        return variance_tuned_images(source, images, labels, tuning, target.generator("vmi", version, batch))

    return AttackPlan(
        stages=(Stage(name="vmi-fgsm", perturb=perturb),),
        ball=LinfBall(epsilon=tuning.epsilon),
        parameters=asdict(tuning) | {"version": version},
    )


def _input_gradient(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.enable_grad():
        variable = images.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(F.cross_entropy(network(variable), labels, reduction="sum"), variable)
    return gradient
