"""The learning rate of an epoch."""

from core.spec.config import OptimSection


def learning_rate(optim: OptimSection, epoch: int) -> float:
    """Rate in an epoch counted from 1: multiplied by `decay` once for every milestone already completed.

    With milestones (100, 150) epochs 1 to 100 have the full rate, 101 to 150 a tenth, later ones a hundredth.
    Source: ICLR App. B.1.
    """
    return optim.learning_rate * optim.decay ** sum(epoch > milestone for milestone in optim.milestones)
