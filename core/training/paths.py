"""Which of the two ways through a step a run takes."""

from typing import Any

from core.spec.config import SpeedSection
from core.training.fast import FastStep
from core.training.literal import LiteralStep
from core.training.step import TrainingStep


def build_step(speed: SpeedSection, **parts: Any) -> TrainingStep:
    """The step that `speed.path` names, of the same parts: see `TrainingStep`."""
    return LiteralStep(**parts) if speed.path == "literal" else FastStep(speed=speed, **parts)
