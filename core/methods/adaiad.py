"""AdaIAD: AdaAD with the introspection of IAD.

Source: Huang et al. 2023 and the order of forwards in its code; temperature 1, where that code has 30 by default
(docs/methods.md).
"""

from typing import ClassVar

from torch import Tensor

from core.methods.adaad import AdaAd
from core.methods.losses import kl_divergence
from core.methods.plan import Batch, Outputs, StudentForward
from core.methods.reliability import reliability


class AdaIad(AdaAd):
    """Inner: as AdaAD.

    Outer, A = reliability of the teacher on x': t^2 KL(teacher(x')/t || student(x')/t) + (1 - A) KL(student(x) ||
    student(x')), nothing detached but A; the first term alone in the first `iad_begin` epochs.
    Forwards: [clean unused, adv, clean (self target), clean unused]; in the first epochs [clean, adv, clean], both
    clean ones unused.
    """

    name: ClassVar[str] = "adaiad"

    def _is_introspective(self, epoch: int) -> bool:
        return epoch > self.settings.iad_begin

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """As the class says."""
        first = (StudentForward("clean", has_gradient=False, name="clean_before"), StudentForward("adv"))
        if not self._is_introspective(epoch):
            return (*first, StudentForward("clean", has_gradient=False, zero_weight=True))
        unused = StudentForward("clean", has_gradient=False, name="clean_again", zero_weight=True)
        return (*first, StudentForward("clean"), unused)

    def teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        """The adversarial images."""
        return ("adv",)

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The teacher term and, once introspective, the self term."""
        t = self.settings.temperature
        terms = {"adv_kl": t**2 * kl_divergence(outputs.teacher["adv"] / t, outputs.student["adv"] / t)}
        if self._is_introspective(batch.epoch):
            trust = reliability(outputs.teacher["adv"], batch.labels, self.settings.iad_exponent)
            terms["self_kl"] = (1 - trust) * kl_divergence(outputs.student["clean"], outputs.student["adv"])
        return terms
