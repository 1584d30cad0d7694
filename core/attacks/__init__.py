"""Inner maximisation: norm balls, starts, one ascent loop, and the accuracy of a network under it."""

from core.attacks.ascent import Start, maximise_surrogate
from core.attacks.ball import LinfBall
from core.attacks.modes import attack_mode

__all__ = ["LinfBall", "Start", "attack_mode", "maximise_surrogate"]
