"""Adversarially robust distillation.

Source: Goldblum et al. 2020, Section 4, Eq. 2; temperature 1, lambda 1 and the mean over the batch as in the code of
Lee et al., ICLR 2025. Goldblum's own code averages over classes as well and uses temperature 30.
"""

from typing import ClassVar

from torch import Tensor, nn

from core.methods.losses import cross_entropy, kl_divergence
from core.methods.plan import Batch, Method, Outputs, StudentForward, SurrogateLoss, student_cross_entropy


class Ard(Method):
    """Inner: CE(student(x'), y) from a uniform start. Forwards: [clean, adv]. The teacher answers on clean images.

    Outer: lambda t^2 KL(teacher(x)/t || student(x')/t) + (1 - lambda) CE(student(x), y).
    """

    name: ClassVar[str] = "ard"

    def teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        """The clean images."""
        return ("clean",)

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """[clean, adv]; the clean one carries gradient only when it has weight."""
        has_weight = self.settings.ard_lambda < 1
        return (StudentForward("clean", has_weight, zero_weight=not has_weight), StudentForward("adv"))

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss:
        """CE(student(x'), y), per image."""
        return student_cross_entropy(student, batch.labels)

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The teacher term, and the clean cross-entropy where lambda leaves it weight."""
        weight, t = self.settings.ard_lambda, self.settings.temperature
        divergence = kl_divergence(outputs.teacher["clean"] / t, outputs.student["adv"] / t)
        terms = {"teacher_kl": weight * t**2 * divergence}
        if weight < 1:
            terms["clean_ce"] = (1 - weight) * cross_entropy(outputs.student["clean"], batch.labels)
        return terms
