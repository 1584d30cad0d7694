"""C&W in L2 (called CW2): the smallest perturbation found that changes the class, by Adam in tanh space.

One search step at c = 0.1, as the AdaAD evaluation calls advertorch. The perturbation is not bounded.
Source: Carlini and Wagner 2017, Section V; parameters from the AdaAD evaluation code.
"""

import math

import torch
from torch import Tensor

from core.attacks import L2Ball
from core.evaluation.cascade import AttackPlan, Stage
from core.evaluation.margin_attacks import label_margin
from core.evaluation.target import Target

CONSTANT = 0.1
CONFIDENCE = 0.01
LEARNING_RATE = 0.01
NUM_STEPS = 1000
ABORT_CHECKS = 10  # the loss is looked at after each tenth of the steps
ABORT_RATIO = 0.999999
ALMOST_ONE = 0.999999  # arctanh of 1 is infinite


def objective(logits: Tensor, labels: Tensor, squared_distance: Tensor) -> Tensor:
    """c * max(margin + confidence, 0) + squared L2 distance: (B,)."""
    return CONSTANT * (label_margin(logits, labels) + CONFIDENCE).clamp(min=0.0) + squared_distance


def is_success(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether another class leads by more than the confidence: (B,) bool."""
    return label_margin(logits, labels) + CONFIDENCE < 0


def smallest_adversaries(target: Target, images: Tensor, labels: Tensor, *, num_steps: int = NUM_STEPS) -> Tensor:
    """For each image the nearest success among the iterates, the image itself where there is none."""
    latent = torch.atanh((2 * images - 1) * ALMOST_ONE)
    start = (torch.tanh(latent) + 1) / 2
    shift = torch.zeros_like(images, requires_grad=True)
    optimiser = torch.optim.Adam([shift], lr=LEARNING_RATE)
    best, nearest = images.clone(), torch.full((len(images),), math.inf, device=images.device)
    previous = math.inf
    with torch.enable_grad():
        for step in range(num_steps):
            adv_images = (torch.tanh(latent + shift) + 1) / 2
            logits = target.network(adv_images)
            squared_distance = (adv_images - start).square().flatten(1).sum(dim=1)
            loss = objective(logits, labels, squared_distance).sum()
            (shift.grad,) = torch.autograd.grad(loss, shift)
            optimiser.step()
            with torch.no_grad():
                better = is_success(logits, labels) & (squared_distance < nearest)
                nearest = torch.where(better, squared_distance, nearest)
                best[better] = adv_images.detach()[better]
            if step % max(1, num_steps // ABORT_CHECKS) == 0:
                if float(loss.detach()) > ABORT_RATIO * previous:
                    break
                previous = float(loss.detach())
    return best


def cw2_plan(target: Target) -> AttackPlan:
    """CW2; the largest perturbation it needed stands in the record, there is no epsilon."""
    stage = Stage(name="cw2", perturb=lambda images, labels, _batch: smallest_adversaries(target, images, labels))
    parameters = {
        "constant": CONSTANT, "confidence": CONFIDENCE, "learning_rate": LEARNING_RATE, "num_steps": NUM_STEPS,
        "search_steps": 1, "norm": "L2",
    }  # fmt: skip
    return AttackPlan(stages=(stage,), ball=L2Ball(epsilon=math.inf), parameters=parameters)
