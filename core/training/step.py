"""One training step, literally: attack, the method's forwards in their order, named losses.

This path follows the papers forward by forward; every faster path is tested against it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.attacks import LinfBall, Start, attack_mode, maximise_surrogate
from core.data.dataset import ImageSet
from core.methods import Batch, IgdmTerm, Method, Outputs
from core.spec.config import AttackSection, DataSection
from core.spec.errors import TrainingError


@dataclass(frozen=True, kw_only=True, slots=True)
class Losses:
    """Losses of one step. total: the scalar that is minimised. named: means over the batch, nats per image."""

    total: Tensor
    named: dict[str, Tensor]


class TrainingStep:
    """The inner and outer problem of a student, with or without the IGDM term.

    teacher, second_teacher: frozen and in eval mode, None for methods without one. num_epochs: the length of T(alpha)'s
    ramp. mixed_precision: forwards of the outer loss in bfloat16; the attack stays in the networks' own precision.
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

    def prepare(self, batch: Batch, images: ImageSet, data: DataSection, generator: torch.Generator) -> Batch:
        """The batch with what the method wants besides images and labels, drawn from the training images."""
        return self.method.prepare(batch, images, data, self.teacher, generator)

    def adversarial_images(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """The inner maximisation: images (B, C, H, W) by name, in the ball around what they started from."""

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
            )

        with attack_mode(self.student, self.attack.batchnorm):
            return self.method.adversarial_images(self.student, self.teacher, batch, maximise)

    def losses(self, batch: Batch, adversarial: dict[str, Tensor]) -> Losses:
        """The outer loss on given adversarial images, with gradient to the student only."""
        images = {"clean": batch.clean_images, **adversarial}
        if self.igdm:
            images |= self.igdm.images(batch.clean_images, adversarial["adv"])
        with torch.autocast(batch.clean_images.device.type, torch.bfloat16, enabled=self.mixed_precision):
            outputs = Outputs(
                student=self._student_outputs(images, batch.epoch),
                teacher=_ask(self.teacher, images, self._teacher_inputs(batch.epoch)),
                second_teacher=_ask(self.second_teacher, images, self.method.second_teacher_inputs()),
            )
        terms = {name: term.mean() for name, term in self.method.loss_terms(outputs, batch).items()}
        ad_loss = torch.stack(list(terms.values())).sum()
        named = terms | {"ad_loss": ad_loss}
        total = ad_loss
        if self.igdm:
            igdm_loss = self.igdm.loss(outputs, images, batch, self.teacher).mean()
            total = ad_loss + self.igdm.weight(batch.epoch, self.num_epochs) * igdm_loss
            named["igdm_loss"] = igdm_loss
        return Losses(total=total, named={name: loss.detach() for name, loss in (named | {"loss": total}).items()})

    def _student_outputs(self, images: dict[str, Tensor], epoch: int) -> dict[str, Tensor]:
        self.student.train()
        outputs: dict[str, Tensor] = {}
        forwards = self.igdm.forwards(self.method, epoch) if self.igdm else self.method.forwards(epoch)
        for forward in forwards:
            with torch.set_grad_enabled(forward.has_gradient):
                outputs[forward.key] = _full_precision(self.student(images[forward.on]), images[forward.on])
        # For beta = 1 the plus side is the adversarial batch, forwarded once. The public code takes the plus side as
        # the adversarial output for other beta too, where it has no forward of its own.
        for missing, there in (("adv", "plus"), ("plus", "adv")):
            if missing not in outputs and there in outputs:
                outputs[missing] = outputs[there]
        return outputs

    def _teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        return (*self.method.teacher_inputs(epoch), *(self.igdm.teacher_inputs if self.igdm else ()))


def _ask(teacher: nn.Module | None, images: dict[str, Tensor], wanted: tuple[str, ...]) -> dict[str, Tensor]:
    """A teacher's logits without gradient; images that are one and the same tensor are asked about once."""
    if teacher is None:
        return {}
    computed: dict[int, Tensor] = {}
    with torch.no_grad():
        for on in wanted:
            key = id(images[on])
            if key not in computed:
                computed[key] = _full_precision(teacher(images[on]), images[on])
    return {on: computed[id(images[on])] for on in wanted}


def _full_precision(logits: Tensor, images: Tensor) -> Tensor:
    """Losses are computed in the precision of the images, whatever the forward ran in."""
    return logits.to(images.dtype)


def check_finite(losses: Losses, *, epoch: int, step: int) -> None:
    """Stop before the optimiser step when a loss is not a number.

    Raises: TrainingError naming epoch, step and the first term that is not finite.
    """
    if torch.isfinite(losses.total):
        return
    term = next((name for name, loss in losses.named.items() if not torch.isfinite(loss)), "loss")
    value = float(losses.named[term])
    raise TrainingError(
        f"{term} is {value} in epoch {epoch}, step {step}: training has diverged and was stopped before this step"
        " (lower optim.learning_rate or igdm.alpha in a new run; the last checkpoint is good)"
    )
