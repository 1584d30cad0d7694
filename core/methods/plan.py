"""A method is a plan of forwards plus a loss. This file says what a plan consists of; the step carries it out.

The order and number of train-mode forwards matter, because each one moves the student's BatchNorm statistics, also
when its output has no weight in the loss.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor, nn

from core.attacks import Start
from core.spec.config import MethodSection


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step works on. clean_images: (B, C, H, W) in [0, 1]; labels: (B,); epoch: from 1."""

    clean_images: Tensor
    labels: Tensor
    epoch: int


@dataclass(frozen=True, slots=True)
class StudentForward:
    """One train-mode forward of the student on the images called `on` ("clean", "adv", "plus", "minus").

    has_gradient: False for a forward of no weight in the loss: it only moves BatchNorm statistics.
    """

    on: str
    has_gradient: bool = True


@dataclass(frozen=True, slots=True)
class Outputs:
    """Logits (B, K) by the name of the images they were computed on."""

    student: dict[str, Tensor] = field(default_factory=dict)
    teacher: dict[str, Tensor] = field(default_factory=dict)


class Method(ABC):
    """One outer minimisation with its inner problem.

    name: as in the catalogue. start: where the ascent begins.
    """

    name: ClassVar[str]
    start: ClassVar[Start] = "uniform"

    def __init__(self, settings: MethodSection) -> None:
        self.settings = settings

    @property
    def teacher_inputs(self) -> tuple[str, ...]:
        """Images the teacher is asked about for the outer loss, each once and without gradient."""
        return ()

    @property
    @abstractmethod
    def forwards(self) -> tuple[StudentForward, ...]:
        """Train-mode forwards of the student, in order."""

    @abstractmethod
    def surrogate_loss(
        self, student: nn.Module, teacher: nn.Module | None, batch: Batch
    ) -> Callable[[Tensor], Tensor] | None:
        """What the inner maximisation climbs: images (B, C, H, W) -> (B,); None for a method without an attack."""

    @abstractmethod
    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The outer loss as named, weighted terms, each (B,) nats per image; their sum is minimised."""
