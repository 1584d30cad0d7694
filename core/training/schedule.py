"""The learning rate of a step."""

import math

from core.spec.config import OptimSection

# As in PyTorch's OneCycleLR: start at a 25th, fall to a 10,000th of that; a quarter of the steps rise.
CYCLE_RISE, CYCLE_START, CYCLE_END = 0.25, 1 / 25, 1e-4


def learning_rate(optim: OptimSection, epoch: int, step_in_epoch: int = 0, steps_per_epoch: int = 1) -> float:
    """Rate of a step; epoch from 1, step_in_epoch from 0.

    multistep: multiplied by `decay` once for every milestone already completed. With milestones (100, 150) epochs 1 to
    100 have the full rate, 101 to 150 a tenth, later ones a hundredth (ICLR App. B.1).
    cosine: half a cosine from the full rate to 0 over all steps. one-cycle: Smith and Topin 2018, cosine pieces.
    """
    if optim.schedule == "multistep":
        return optim.learning_rate * optim.decay ** sum(epoch > milestone for milestone in optim.milestones)
    step = (epoch - 1) * steps_per_epoch + step_in_epoch
    total = optim.num_epochs * steps_per_epoch
    if optim.schedule == "cosine":
        return _between(optim.learning_rate, 0.0, step / total)
    peak = optim.learning_rate
    rise_end = CYCLE_RISE * total - 1
    if step <= rise_end:
        return _between(peak * CYCLE_START, peak, step / rise_end if rise_end > 0 else 1.0)
    fall = (step - rise_end) / max(total - 1 - rise_end, 1e-12)
    return _between(peak, peak * CYCLE_START * CYCLE_END, min(fall, 1.0))


def _between(start: float, end: float, share: float) -> float:
    """On the half cosine from start (share 0) to end (share 1)."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
