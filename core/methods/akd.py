"""AKD: adversarial training on a mixture of labels and teacher outputs.

Source: Maroto et al. 2022, of which only the abstract could be read: inner problem, mixing weight 0.5 and the teacher's
input are choices (docs/methods.md).
"""

from typing import ClassVar

from torch import Tensor, nn

from core.methods.losses import cross_entropy, kl_divergence
from core.methods.plan import Batch, Method, Outputs, StudentForward, SurrogateLoss, student_cross_entropy


class Akd(Method):
    """Inner: CE(student(x'), y) from a uniform start. Forwards: [adv].

    Outer: (1 - m) CE(student(x'), y) + m KL(teacher(x') || student(x')), or the teacher on x.
    """

    name: ClassVar[str] = "akd"

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """[adv]."""
        return (StudentForward("adv"),)

    def teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        """The images that `method.akd_teacher_input` names."""
        return (self.settings.akd_teacher_input,)

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss:
        """CE(student(x'), y), per image."""
        return student_cross_entropy(student, batch.labels)

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The label term and the teacher term."""
        mix = self.settings.akd_mix
        teacher_logits = outputs.teacher[self.settings.akd_teacher_input]
        return {
            "adv_ce": (1 - mix) * cross_entropy(outputs.student["adv"], batch.labels),
            "teacher_kl": mix * kl_divergence(teacher_logits, outputs.student["adv"]),
        }
