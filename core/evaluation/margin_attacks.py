"""C&W in the l-infinity ball: ascent on the margin between the best other logit and the label's.

Two versions are in use: the one of the authors' later code (50 steps, 10 restarts) and IAD's cheap one (30 steps).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.evaluation.accuracy import STEPS_PER_EPSILON
from core.evaluation.cascade import AttackPlan
from core.evaluation.target import Target, ascent_stages

CONFIDENCE = 50.0  # IAD: the margin counts until the image is misclassified by this much


def label_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """z_y minus the largest other logit: (B,). Positive where the network is right."""
    is_label = F.one_hot(labels, logits.shape[1]).bool()
    others = logits.masked_fill(is_label, -torch.inf).amax(dim=1)
    return logits.gather(1, labels.unsqueeze(1)).squeeze(1) - others


def margin_of_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """The negative margin, 0 where the network is wrong already: such images have no gradient and stay."""
    return torch.where(logits.argmax(dim=1) == labels, -label_margin(logits, labels), 0.0)


def confident_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """IAD's loss: -max(margin + 50, 0)."""
    return -(label_margin(logits, labels) + CONFIDENCE).clamp(min=0.0)


def cw_plan(target: Target, *, restarts: int = 10) -> AttackPlan:
    """50 steps of epsilon/4, 10 random starts unless said; only images still classified correctly are moved.

    The reference keeps the restart of largest cross-entropy; here one restart that breaks an image is enough.
    """
    return _plan(target, "cw", confident=False, num_steps=50, restarts=restarts)


def cw30_plan(target: Target, *, restarts: int = 1) -> AttackPlan:
    """30 steps of epsilon/4 from one random start unless said, with confidence 50. Source: IAD evaluation code."""
    return _plan(target, "cw30", confident=True, num_steps=30, restarts=restarts)


def _plan(target: Target, name: str, *, confident: bool, num_steps: int, restarts: int) -> AttackPlan:
    step_size = target.epsilon / STEPS_PER_EPSILON
    stages = ascent_stages(
        target, name, confident_margin if confident else margin_of_correct, ball=target.ball, start="uniform",
        step_size=step_size, num_steps=num_steps, restarts=restarts,
    )  # fmt: skip
    parameters: dict[str, float] = {
        "epsilon": target.epsilon, "step_size": step_size, "num_steps": num_steps, "restarts": restarts,
    }  # fmt: skip
    if confident:
        parameters["confidence"] = CONFIDENCE
    return AttackPlan(stages=stages, ball=target.ball, parameters=parameters)
