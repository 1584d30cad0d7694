"""A method is a plan of forwards plus a loss. This file says what a plan consists of; the step carries it out.

The order and number of train-mode forwards matter, because each one moves the student's BatchNorm statistics, also
when its output has no weight in the loss.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from core.attacks import Start
from core.data.dataset import ImageSet
from core.methods.losses import cross_entropy
from core.spec.config import DataSection, MethodSection


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step works on.

    clean_images: (B, C, H, W) in [0, 1]. labels: (B,). epoch: from 1. paired_images, paired_labels: for methods that
    compare with an image of another class, as many again.
    """

    clean_images: Tensor
    labels: Tensor
    epoch: int
    paired_images: Tensor | None = None
    paired_labels: Tensor | None = None


@dataclass(frozen=True, slots=True)
class StudentForward:
    """One train-mode forward of the student on the images called `on` ("clean", "adv", "plus", "minus", ...).

    has_gradient: False for a forward of no weight in the loss: it only moves BatchNorm statistics.
    name: what its output is called; by default as its images.
    zero_weight: the public code multiplies its loss by zero and differentiates it all the same; the literal path too.
    """

    on: str
    has_gradient: bool = True
    name: str = ""
    zero_weight: bool = False

    @property
    def key(self) -> str:
        """The name of its output."""
        return self.name or self.on


@dataclass(frozen=True, slots=True)
class Outputs:
    """Logits (B, K): the student's by name of the forward, each teacher's by name of the images."""

    student: dict[str, Tensor] = field(default_factory=dict)
    teacher: dict[str, Tensor] = field(default_factory=dict)
    second_teacher: dict[str, Tensor] = field(default_factory=dict)


SurrogateLoss = Callable[[Tensor], Tensor]


class Maximise(Protocol):
    """The inner maximisation with ball, step and generator of the run already in it."""

    def __call__(  # noqa: D102
        self,
        surrogate_loss: SurrogateLoss,
        images: Tensor,
        *,
        start: Start,
        on_iterate: Callable[[Tensor], None] | None = None,
    ) -> Tensor: ...


class Method(ABC):
    """One outer minimisation with its inner problem.

    name: as in the catalogue. has_inner: there is an inner problem. start: where the ascent begins. num_steps: ascent
    steps. teacher_in_inner: the inner problem asks the teacher, and `method.teacher_in_attack = false` replaces it by
    CE(student(x'), y) from a uniform start (ICLR Table 6, w/o T_in).
    """

    name: ClassVar[str]
    has_inner: ClassVar[bool] = True
    start: ClassVar[Start] = "uniform"
    teacher_in_inner: ClassVar[bool] = False

    def __init__(self, settings: MethodSection, *, num_steps: int = 10) -> None:
        self.settings = settings
        self.num_steps = num_steps

    @property
    def attacks_with_teacher(self) -> bool:
        """True when the inner problem of this run asks the teacher."""
        return self.teacher_in_inner and self.settings.teacher_in_attack

    @abstractmethod
    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """Train-mode forwards of the student in an epoch counted from 1, in order."""

    @abstractmethod
    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss | None:
        """What the inner maximisation climbs: images (B, C, H, W) -> (B,); None for a method without an attack."""

    @abstractmethod
    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The outer loss as named, weighted terms, each (B,) nats per image; their sum is minimised."""

    def teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        """Images the teacher is asked about for the outer loss, each once and without gradient."""
        return ()

    def second_teacher_inputs(self) -> tuple[str, ...]:
        """Images a second, standard-trained teacher is asked about."""
        return ()

    def prepare(
        self, batch: Batch, images: ImageSet, data: DataSection, teacher: nn.Module | None, generator: torch.Generator
    ) -> Batch:
        """Add to the batch what the method wants besides images and labels, before the attack."""
        return batch

    def adversarial_images(
        self, student: nn.Module, teacher: nn.Module | None, batch: Batch, maximise: Maximise
    ) -> dict[str, Tensor]:
        """Images by name made by the inner maximisation of a method that has one: at least "adv"."""
        if self.teacher_in_inner and not self.attacks_with_teacher:
            adv_images = maximise(student_cross_entropy(student, batch.labels), batch.clean_images, start="uniform")
            return {"adv": adv_images}
        surrogate_loss = self.surrogate_loss(student, teacher, batch)
        assert surrogate_loss is not None
        return {"adv": maximise(surrogate_loss, batch.clean_images, start=self.start)}


def student_cross_entropy(student: nn.Module, labels: Tensor) -> SurrogateLoss:
    """CE(student(x'), y), per image: the inner problem of PGD."""
    return lambda adv_images: cross_entropy(student(adv_images), labels)
