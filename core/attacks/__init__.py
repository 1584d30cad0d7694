"""Inner maximisation: norm balls, starts, one ascent loop, and the accuracy of a network under it."""

from core.attacks.ascent import Start, maximise_surrogate
from core.attacks.ball import Ball, L1Ball, L2Ball, LinfBall
from core.attacks.modes import attack_mode
from core.attacks.share import Share, shares

__all__ = ["Ball", "L1Ball", "L2Ball", "LinfBall", "Share", "Start", "attack_mode", "maximise_surrogate", "shares"]
