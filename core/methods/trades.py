"""TRADES.

Source: Zhang et al. 2019, Eq. 5, and the order of forwards in its code, which asks for the clean output a second time
as the target of the robust term; beta 6 from its training script.
"""

from typing import ClassVar

from torch import Tensor, nn

from core.attacks import Start
from core.methods.losses import cross_entropy, kl_divergence
from core.methods.plan import Batch, Method, Outputs, StudentForward, SurrogateLoss


class Trades(Method):
    """Inner: KL(student(x) || student(x')) from a Gaussian start, the clean prediction fixed.

    Forwards: [clean, adv, clean again]. Outer: CE(student(x), y) + beta KL(student(x) || student(x')), gradient through
    both sides of the divergence.
    """

    name: ClassVar[str] = "trades"
    start: ClassVar[Start] = "gaussian"

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """[clean, adv, clean again]."""
        return (StudentForward("clean"), StudentForward("adv"), StudentForward("clean", name="clean_target"))

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss:
        """KL(student(x) || student(x')), per image; the clean prediction is asked for at every step, as in its code."""
        return lambda adv_images: kl_divergence(student(batch.clean_images).detach(), student(adv_images))

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The natural and the robust term."""
        robust = kl_divergence(outputs.student["clean_target"], outputs.student["adv"])
        return {
            "clean_ce": cross_entropy(outputs.student["clean"], batch.labels),
            "robust_kl": self.settings.trades_beta * robust,
        }
