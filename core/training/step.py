"""One training step: attack, the method's forwards in their order, named losses. What both paths have in common.

core/training/literal.py follows the papers forward by forward; core/training/fast.py gives the same numbers sooner.
Each answers the same four questions, the abstract methods here, and tests stand between them.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from core.attacks import LinfBall, Share, Start, maximise_surrogate
from core.data.dataset import ImageSet
from core.methods import Batch, IgdmTerm, Method, Outputs, StudentForward
from core.spec.config import AttackSection, DataSection
from core.spec.errors import TrainingError


@dataclass(frozen=True, kw_only=True, slots=True)
class Losses:
    """Losses of one step. total: the scalar that is minimised. named: means over the batch, nats per image."""

    total: Tensor
    named: dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class AttackNetworks:
    """What the inner maximisation asks: images (B, C, H, W) to logits (B, K), in the mode the attack wants."""

    student: nn.Module
    teacher: nn.Module | None


class TrainingStep(ABC):
    """The inner and outer problem of a student, with or without the IGDM term.

    teacher, second_teacher: frozen and in eval mode, None for methods without one. num_epochs: the length of T(alpha)'s
    ramp. mixed_precision: forwards of the outer loss in bfloat16, which the attack knows nothing of.
    """

    def __init__(
        self,
        *,
        student: nn.Module,
        teacher: nn.Module | None,
        method: Method,
        igdm: IgdmTerm | None,
        attack: AttackSection,
        num_epochs: int,
        mixed_precision: bool = False,
    ) -> None:
        self.student = student
        self.teacher = teacher
        self.second_teacher: nn.Module | None = None
        self.method = method
        self.igdm = igdm
        self.attack = attack
        self.num_epochs = num_epochs
        self.mixed_precision = mixed_precision

    @abstractmethod
    def lay_out(self, images: Tensor) -> Tensor:
        """The same images, (B, C, H, W), in the memory order that this path computes in."""

    @abstractmethod
    def attack_networks(self, images: Tensor) -> AbstractContextManager[AttackNetworks]:
        """The networks of the inner maximisation, for as long as the context lasts. images: the clean ones."""

    @abstractmethod
    def student_logits(self, forward: StudentForward, images: Tensor) -> Tensor:
        """One train-mode forward of the student, with the gradient that the plan says."""

    @abstractmethod
    def teacher_logits(self, teacher: nn.Module, batches: list[Tensor]) -> list[Tensor]:
        """What a teacher answers to each batch of images, without gradient."""

    def forget(self) -> None:  # noqa: B027 - paths that keep nothing have nothing to do
        """Let go of what is kept from step to step; it is made anew when it is asked for."""

    def prepare(self, batch: Batch, images: ImageSet, data: DataSection, generator: torch.Generator) -> Batch:
        """The batch with what the method wants besides images and labels, drawn from the training images."""
        return self.method.prepare(batch, images, data, self.teacher, generator)

    def adversarial_images(
        self, batch: Batch, generator: torch.Generator, share: Share | None = None
    ) -> dict[str, Tensor]:
        """The inner maximisation: images (B, C, H, W) by name, in the ball around what they started from.

        share: which part of a batch this one is, where several devices or several turns work on it.
        """

        def maximise(
            surrogate_loss: Callable[[Tensor], Tensor],
            images: Tensor,
            *,
            start: Start,
            on_iterate: Callable[[Tensor], None] | None = None,
        ) -> Tensor:
            return maximise_surrogate(
                surrogate_loss,
                images,
                ball=LinfBall(epsilon=self.attack.epsilon),
                start=start,
                step_size=self.attack.step_size,
                num_steps=self.attack.num_steps,
                generator=generator,
                on_iterate=on_iterate,
                share=share,
            )

        batch = self._laid_out(batch)
        if not self.method.has_inner:
            return {"adv": batch.clean_images}
        with self.attack_networks(batch.clean_images) as networks:
            return self.method.adversarial_images(networks.student, networks.teacher, batch, maximise)

    def losses(self, batch: Batch, adversarial: dict[str, Tensor]) -> Losses:
        """The outer loss on given adversarial images, with gradient to the student only."""
        batch = self._laid_out(batch)
        images = {"clean": batch.clean_images, **adversarial}
        if self.igdm:
            images |= self.igdm.images(batch.clean_images, adversarial["adv"])
        forwards = self.igdm.forwards(self.method, batch.epoch) if self.igdm else self.method.forwards(batch.epoch)
        with torch.autocast(batch.clean_images.device.type, torch.bfloat16, enabled=self.mixed_precision):
            # Teachers first: while they work, no activations of the student are kept for its gradient.
            outputs = Outputs(
                teacher=self._ask(self.teacher, images, self._teacher_inputs(batch.epoch)),
                second_teacher=self._ask(self.second_teacher, images, self.method.second_teacher_inputs()),
                student=self._student_outputs(forwards, images),
            )
        terms = {name: term.mean() for name, term in self.method.loss_terms(outputs, batch).items()}
        ad_loss = torch.stack(list(terms.values())).sum()
        named = terms | {"ad_loss": ad_loss}
        total = ad_loss
        if self.igdm:
            igdm_loss = self.igdm.loss(outputs, images, batch, self.teacher).mean()
            total = ad_loss + self.igdm.weight(batch.epoch, self.num_epochs) * igdm_loss
            named["igdm_loss"] = igdm_loss
        for forward in forwards:
            if forward.zero_weight and outputs.student[forward.key].requires_grad:
                total = total + 0.0 * outputs.student[forward.key].sum()
        return Losses(total=total, named={name: loss.detach() for name, loss in (named | {"loss": total}).items()})

    def _laid_out(self, batch: Batch) -> Batch:
        paired = None if batch.paired_images is None else self.lay_out(batch.paired_images)
        return replace(batch, clean_images=self.lay_out(batch.clean_images), paired_images=paired)

    def _student_outputs(self, forwards: tuple[StudentForward, ...], images: dict[str, Tensor]) -> dict[str, Tensor]:
        self.student.train()
        outputs = {
            forward.key: _full_precision(self.student_logits(forward, images[forward.on]), images[forward.on])
            for forward in forwards
        }
        # For beta = 1 the plus side is the adversarial batch, forwarded once. The public code of ARD + IGDM takes the
        # plus side as the adversarial output for other beta too.
        for missing, there in (("adv", "plus"), ("plus", "adv")):
            if missing not in outputs and there in outputs:
                outputs[missing] = outputs[there]
        return outputs

    def _teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        return (*self.method.teacher_inputs(epoch), *(self.igdm.teacher_inputs if self.igdm else ()))

    def _ask(self, teacher: nn.Module | None, images: dict[str, Tensor], wanted: tuple[str, ...]) -> dict[str, Tensor]:
        """A teacher's logits by name of the images; those that are one and the same tensor are asked about once."""
        if teacher is None or not wanted:
            return {}
        distinct = {id(images[on]): images[on] for on in wanted}
        with torch.no_grad():
            answers = self.teacher_logits(teacher, list(distinct.values()))
        by_tensor = dict(zip(distinct, answers, strict=True))
        return {on: _full_precision(by_tensor[id(images[on])], images[on]) for on in wanted}


def _full_precision(logits: Tensor, images: Tensor) -> Tensor:
    """Losses are computed in the precision of the images, whatever the forward ran in."""
    return logits.to(images.dtype)


def check_finite(named: dict[str, float], *, epoch: int, step: int) -> None:
    """Stop when a loss is not a number. named: the losses of a step, the minimised one as "loss".

    Raises: TrainingError naming epoch, step and the first term that is not finite.
    """
    if math.isfinite(named["loss"]):
        return
    term = next(name for name, loss in named.items() if not math.isfinite(loss))
    raise TrainingError(
        f"{term} is {named[term]} in epoch {epoch}, step {step}: training has diverged and was stopped"
        " (lower optim.learning_rate or igdm.alpha in a new run; the last checkpoint is good)"
    )
