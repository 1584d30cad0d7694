"""C&W in L2 (called CW2): the smallest perturbation found that changes the class, by Adam in tanh space.

One search step at c = 0.1, as the AdaAD evaluation calls advertorch. The perturbation is not bounded.
Source: Carlini and Wagner 2017, Section V; parameters from the AdaAD evaluation code.
"""

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from core.attacks import L2Ball
from core.evaluation.cascade import AttackPlan, Stage
from core.evaluation.margin_attacks import label_margin
from core.evaluation.target import Target

ABORT_CHECKS = 10  # the loss is looked at after each tenth of the steps
ALMOST_ONE = 0.999999  # arctanh of 1 is infinite


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """Parameters of one search step.

    constant: weight of the margin against the squared distance. confidence: lead in logits another class must have.
    abort_ratio: the search ends when the loss is more than this share of what it was a tenth of the steps before.
    """

    constant: float = 0.1
    confidence: float = 0.01
    learning_rate: float = 0.01
    num_steps: int = 1000
    abort_ratio: float = 0.999999


CW2 = Search()


def objective(logits: Tensor, labels: Tensor, squared_distance: Tensor, search: Search = CW2) -> Tensor:
    """c * max(margin + confidence, 0) + squared L2 distance: (B,)."""
    margin = label_margin(logits, labels) + search.confidence
    return search.constant * margin.clamp(min=0.0) + squared_distance


def is_success(logits: Tensor, labels: Tensor, search: Search = CW2) -> Tensor:
    """Whether another class leads by more than the confidence: (B,) bool."""
    return label_margin(logits, labels) + search.confidence < 0


def smallest_adversaries(target: Target, images: Tensor, labels: Tensor, search: Search = CW2) -> Tensor:
    """For each image the nearest success among the iterates, the image itself where there is none."""
    latent = torch.atanh((2 * images - 1) * ALMOST_ONE)
    start = (torch.tanh(latent) + 1) / 2
    shift = torch.zeros_like(images, requires_grad=True)
    optimiser = torch.optim.Adam([shift], lr=search.learning_rate)
    best, nearest = images.clone(), torch.full((len(images),), math.inf, device=images.device, dtype=images.dtype)
    previous = math.inf
    with torch.enable_grad():
        for step in range(search.num_steps):
            adv_images = (torch.tanh(latent + shift) + 1) / 2
            logits = target.network(adv_images)
            squared_distance = (adv_images - start).square().flatten(1).sum(dim=1)
            loss = objective(logits, labels, squared_distance, search).sum()
            (shift.grad,) = torch.autograd.grad(loss, shift)
            optimiser.step()
            with torch.no_grad():
                better = is_success(logits, labels, search) & (squared_distance < nearest)
                nearest = torch.where(better, squared_distance, nearest)
                best[better] = adv_images.detach()[better]
            if step % max(1, search.num_steps // ABORT_CHECKS) == 0:
                if float(loss.detach()) > search.abort_ratio * previous:
                    break
                previous = float(loss.detach())
    return best


def cw2_plan(target: Target) -> AttackPlan:
    """CW2; the largest perturbation it needed stands in the record, there is no epsilon."""
    stage = Stage(name="cw2", perturb=lambda images, labels, _batch: smallest_adversaries(target, images, labels))
    parameters = asdict(CW2) | {"search_steps": 1, "norm": "L2"}
    return AttackPlan(stages=(stage,), ball=L2Ball(epsilon=math.inf), parameters=parameters)
