"""FGSM and PGD in the l-infinity ball, on cross-entropy."""

import torch.nn.functional as F
from torch import Tensor

from core.evaluation.accuracy import STEPS_PER_EPSILON
from core.evaluation.cascade import AttackPlan
from core.evaluation.target import Target, ascent_stages


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each image: (B,)."""
    return F.cross_entropy(logits, labels, reduction="none")


def fgsm_plan(target: Target) -> AttackPlan:
    """One step of length epsilon from the image itself, no random start. Source: Goodfellow et al. 2015."""
    stages = ascent_stages(
        target, "fgsm", cross_entropy, ball=target.ball, start="clean", step_size=target.epsilon, num_steps=1
    )
    return AttackPlan(stages=stages, ball=target.ball, parameters={"epsilon": target.epsilon, "start": "clean"})


def pgd_plan(target: Target, *, num_steps: int, restarts: int = 1) -> AttackPlan:
    """PGD from uniform random starts, steps of epsilon/4. Source: Madry et al. 2018; steps as in ICLR Section 4.1.

    restarts: starts per image, an image must withstand them all.
    """
    step_size = target.epsilon / STEPS_PER_EPSILON
    stages = ascent_stages(
        target, f"pgd{num_steps}", cross_entropy, ball=target.ball, start="uniform", step_size=step_size,
        num_steps=num_steps, restarts=restarts,
    )  # fmt: skip
    parameters = {"epsilon": target.epsilon, "step_size": step_size, "num_steps": num_steps, "restarts": restarts}
    return AttackPlan(stages=stages, ball=target.ball, parameters=parameters)
