"""Adaptive adversarial distillation: the attack looks for the point where student and teacher disagree most.

Source: Huang et al. 2023 (AdaAD), Eq. 5 and 6, in the order and reduction of their code for CIFAR-100 (mean over the
batch, sum over classes); ICLR Eq. 17 for the inner problem.
"""

from typing import ClassVar

from torch import Tensor, nn

from core.attacks import Start
from core.methods.losses import kl_divergence
from core.methods.plan import Batch, Method, Outputs, StudentForward, SurrogateLoss


class AdaAd(Method):
    """Inner: KL(teacher(x') || student(x')) from a Gaussian start, its gradient flowing through both networks.

    Forwards: [clean, adv].
    Outer: lambda KL(teacher(x') || student(x')) + (1 - lambda) KL(teacher(x) || student(x)).
    """

    name: ClassVar[str] = "adaad"
    start: ClassVar[Start] = "gaussian"
    teacher_in_inner: ClassVar[bool] = True

    def teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        """The adversarial images, and the clean ones where they have weight."""
        return ("adv", "clean") if self.settings.adaad_lambda < 1 else ("adv",)

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """[clean, adv]; the clean one carries gradient only when it has weight."""
        has_weight = self.settings.adaad_lambda < 1
        return (StudentForward("clean", has_weight, zero_weight=not has_weight), StudentForward("adv"))

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss:
        """KL(teacher(x') || student(x')), per image; the teacher's own gradient counts."""
        assert teacher is not None
        return lambda adv_images: kl_divergence(teacher(adv_images), student(adv_images))

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The adversarial term, and the clean one where lambda leaves it weight."""
        weight = self.settings.adaad_lambda
        terms = {"adv_kl": weight * kl_divergence(outputs.teacher["adv"], outputs.student["adv"])}
        if weight < 1:
            terms["clean_kl"] = (1 - weight) * kl_divergence(outputs.teacher["clean"], outputs.student["clean"])
        return terms
