"""PGD adversarial training.

Source: Madry et al. 2018, Section 2.1; ICLR App. B.1 and Eq. 14 for the inner problem.
"""

from typing import ClassVar

from torch import Tensor, nn

from core.methods.losses import cross_entropy
from core.methods.plan import Batch, Method, Outputs, StudentForward, SurrogateLoss, student_cross_entropy


class PgdAt(Method):
    """Inner: CE(student(x'), y) from a uniform start. Forwards: [adv]. Outer: CE(student(x'), y)."""

    name: ClassVar[str] = "pgd-at"

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """[adv]."""
        return (StudentForward("adv"),)

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss:
        """CE(student(x'), y), per image."""
        return student_cross_entropy(student, batch.labels)

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """CE(student(x'), y)."""
        return {"adv_ce": cross_entropy(outputs.student["adv"], batch.labels)}
