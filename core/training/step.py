"""One training step, literally: attack, the method's forwards in their order, named losses, backward, SGD.

This path follows the papers forward by forward; every faster path is tested against it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.attacks import LinfBall, attack_mode, maximise_surrogate
from core.methods import Batch, IgdmTerm, Method, Outputs
from core.spec.config import AttackSection
from core.spec.errors import TrainingError


@dataclass(frozen=True, kw_only=True, slots=True)
class Losses:
    """Losses of one step. total: the scalar that is minimised. named: means over the batch, nats per image."""

    total: Tensor
    named: dict[str, Tensor]


class TrainingStep:
    """The inner and outer problem of a student, with or without the IGDM term.

    teacher: frozen and in eval mode, None for methods without one. num_epochs: the length of T(alpha)'s ramp.
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
    ) -> None:
        self.student = student
        self.teacher = teacher
        self.method = method
        self.igdm = igdm
        self.attack = attack
        self.num_epochs = num_epochs
        self.forwards = igdm.forwards(method) if igdm else method.forwards

    def adversarial_images(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The inner maximisation: (B, C, H, W) in the ball; clean images for a method without an attack."""
        with attack_mode(self.student, self.attack.batchnorm):
            surrogate_loss = self.method.surrogate_loss(self.student, self.teacher, batch)
            if surrogate_loss is None:
                return batch.clean_images
            return maximise_surrogate(
                surrogate_loss,
                batch.clean_images,
                ball=LinfBall(epsilon=self.attack.epsilon),
                start=self.method.start,
                step_size=self.attack.step_size,
                num_steps=self.attack.num_steps,
                generator=generator,
            )

    def losses(self, batch: Batch, adv_images: Tensor) -> Losses:
        """The outer loss on given adversarial images, with gradient to the student only."""
        images = {"clean": batch.clean_images, "adv": adv_images}
        if self.igdm:
            images |= self.igdm.images(batch.clean_images, adv_images)
        outputs = Outputs(student=self._student_outputs(images), teacher=self._teacher_outputs(images))
        terms = {name: term.mean() for name, term in self.method.loss_terms(outputs, batch).items()}
        ad_loss = torch.stack(list(terms.values())).sum()
        named = terms | {"ad_loss": ad_loss}
        total = ad_loss
        if self.igdm:
            igdm_loss = self.igdm.loss(outputs.student, outputs.teacher).mean()
            total = ad_loss + self.igdm.weight(batch.epoch, self.num_epochs) * igdm_loss
            named["igdm_loss"] = igdm_loss
        return Losses(
            total=total, named={name: loss.detach() for name, loss in named.items()} | {"loss": total.detach()}
        )

    def _student_outputs(self, images: dict[str, Tensor]) -> dict[str, Tensor]:
        self.student.train()
        outputs = {}
        for forward in self.forwards:
            with torch.set_grad_enabled(forward.has_gradient):
                outputs[forward.on] = self.student(images[forward.on])
        if "adv" not in outputs and "plus" in outputs:
            # The public code takes the plus side as the adversarial output; the two differ only for beta other than 1.
            outputs["adv"] = outputs["plus"]
        return outputs

    def _teacher_outputs(self, images: dict[str, Tensor]) -> dict[str, Tensor]:
        wanted = (*self.method.teacher_inputs, *(self.igdm.teacher_inputs if self.igdm else ()))
        if not wanted or self.teacher is None:
            return {}
        computed: dict[int, Tensor] = {}
        with torch.no_grad():
            for on in wanted:
                key = id(images[on])  # adv and plus are the same tensor when beta is 1: asked once
                if key not in computed:
                    computed[key] = self.teacher(images[on])
        return {on: computed[id(images[on])] for on in wanted}


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
        " (lower optim.learning_rate or igdm.alpha, then clone the run; the last checkpoint is good)"
    )
