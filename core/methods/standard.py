"""Standard training: cross-entropy on clean images. The reference that is accurate and not robust."""

from typing import ClassVar

from torch import Tensor, nn

from core.methods.losses import cross_entropy
from core.methods.plan import Batch, Method, Outputs, StudentForward


class Standard(Method):
    """No inner problem; forwards: [clean]."""

    name: ClassVar[str] = "standard"
    has_inner: ClassVar[bool] = False

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """[clean]."""
        return (StudentForward("clean"),)

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> None:
        """There is no attack."""

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """CE(student(x), y)."""
        return {"clean_ce": cross_entropy(outputs.student["clean"], batch.labels)}
