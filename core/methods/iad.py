"""IAD: introspective adversarial distillation, which trusts the teacher only where it is right under attack.

Source: Zhu et al. 2022, Section 4, and the code of IAD-I (built on ARD) and IAD-II (built on a two-teacher
distillation). Its released IAD-I leaves the teacher term unweighted; `method.iad_teacher_weight` can weigh it.
"""

from typing import ClassVar

from torch import Tensor, nn

from core.methods.losses import cross_entropy, kl_divergence
from core.methods.plan import Batch, Method, Outputs, StudentForward, SurrogateLoss, student_cross_entropy
from core.methods.reliability import reliability


class IadI(Method):
    """Inner: CE(student(x'), y) from a uniform start.

    Outer, A = reliability of the teacher on x': t^2 KL(teacher(x)/t || student(x')/t)
    + (1 - A) KL(student(x) || student(x')), nothing detached but A, which is 1 in the first `iad_begin` epochs.
    Forwards: [adv, adv again unused, clean (self target), clean unused]; in the first epochs [adv, adv, clean], the
    last two unused.
    """

    name: ClassVar[str] = "iad"

    def _is_introspective(self, epoch: int) -> bool:
        return epoch > self.settings.iad_begin

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """As the class says."""
        first = (StudentForward("adv"), StudentForward("adv", has_gradient=False, name="adv_again"))
        if not self._is_introspective(epoch):
            return (*first, StudentForward("clean", has_gradient=False, zero_weight=True))
        unused = StudentForward("clean", has_gradient=False, name="clean_again", zero_weight=True)
        return (*first, StudentForward("clean"), unused)

    def teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        """Clean images, and adversarial ones for the reliability."""
        return ("clean", "adv") if self._is_introspective(epoch) else ("clean",)

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss:
        """CE(student(x'), y), per image."""
        return student_cross_entropy(student, batch.labels)

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The teacher term and, once introspective, the self term."""
        t = self.settings.temperature
        teacher_kl = t**2 * kl_divergence(outputs.teacher["clean"] / t, outputs.student["adv"] / t)
        if not self._is_introspective(batch.epoch):
            return {"teacher_kl": teacher_kl}
        trust = reliability(outputs.teacher["adv"], batch.labels, self.settings.iad_exponent)
        if self.settings.iad_teacher_weight == "reliability":
            teacher_kl = trust * teacher_kl
        self_kl = (1 - trust) * kl_divergence(outputs.student["clean"], outputs.student["adv"])
        return {"teacher_kl": teacher_kl, "self_kl": self_kl}


class IadII(Method):
    """Inner: CE(student(x'), y) from a uniform start. Forwards: [adv, clean (self target)].

    Outer: (1 - a1 - a2) CE(student(x'), y) + a1 t^2 (A KL(teacher(x')/t || student(x')/t) + (1 - A) KL(student(x) ||
    student(x'))) + a2 t^2 KL(standard teacher(x')/t || student(x')/t), A = 1 in the first `iad2_begin` epochs.
    """

    name: ClassVar[str] = "iad-2"

    def _is_introspective(self, epoch: int) -> bool:
        return epoch > self.settings.iad2_begin

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """[adv, clean]; the clean one carries gradient once it is the self target."""
        return (StudentForward("adv"), StudentForward("clean", has_gradient=self._is_introspective(epoch)))

    def teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        """The adversarial images."""
        return ("adv",)

    def second_teacher_inputs(self) -> tuple[str, ...]:
        """The adversarial images."""
        return ("adv",)

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss:
        """CE(student(x'), y), per image."""
        return student_cross_entropy(student, batch.labels)

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Labels, robust teacher, standard teacher, and once introspective the self term."""
        settings, adv = self.settings, outputs.student["adv"]
        t, robust, standard = settings.temperature, settings.iad2_robust, settings.iad2_standard
        teacher_kl = kl_divergence(outputs.teacher["adv"] / t, adv / t)
        terms = {
            "adv_ce": (1 - robust - standard) * cross_entropy(adv, batch.labels),
            "standard_kl": standard * t**2 * kl_divergence(outputs.second_teacher["adv"] / t, adv / t),
        }
        if not self._is_introspective(batch.epoch):
            return terms | {"teacher_kl": robust * t**2 * teacher_kl}
        trust = reliability(outputs.teacher["adv"], batch.labels, settings.iad_exponent)
        self_kl = (1 - trust) * kl_divergence(outputs.student["clean"], adv)
        return terms | {"teacher_kl": robust * t**2 * trust * teacher_kl, "self_kl": robust * t**2 * self_kl}
