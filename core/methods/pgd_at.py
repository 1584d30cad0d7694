"""PGD adversarial training.

Source: Madry et al. 2018, Section 2.1; ICLR App. B.1 and Eq. 14 for the inner problem.
"""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn

from core.methods.losses import cross_entropy
from core.methods.plan import Batch, Method, Outputs, StudentForward


class PgdAt(Method):
    """Inner: CE(student(x'), y) from a uniform start. Forwards: [adv]. Outer: CE(student(x'), y)."""

    name: ClassVar[str] = "pgd-at"

    @property
    def forwards(self) -> tuple[StudentForward, ...]:
        """[adv]."""
        return (StudentForward("adv"),)

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> Callable[[Tensor], Tensor]:
        """CE(student(x'), y), per image."""
        return lambda adv_images: cross_entropy(student(adv_images), batch.labels)

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """CE(student(x'), y)."""
        return {"adv_ce": cross_entropy(outputs.student["adv"], batch.labels)}
