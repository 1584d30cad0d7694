"""RSLAD: robust soft label adversarial distillation.

Source: Zi et al. 2021, Eq. 6 and 7, with the weights 5/6 and 1/6 and the factor 1/10 of its code, on which the
published IGDM weights depend; ICLR Eq. 16 for the inner problem.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from core.attacks import Start
from core.methods.losses import kl_divergence
from core.methods.plan import Batch, Method, Outputs, StudentForward, SurrogateLoss

ADV_SHARE = 5 / 6


class Rslad(Method):
    """Inner: KL(teacher(x) || student(x')) from a Gaussian start, the teacher's answer fixed. Forwards: [adv, clean].

    Outer: scale (5/6 KL(teacher(x) || student(x')) + 1/6 KL(teacher(x) || student(x))).
    """

    name: ClassVar[str] = "rslad"
    start: ClassVar[Start] = "gaussian"
    teacher_in_inner: ClassVar[bool] = True

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """[adv, clean]."""
        return (StudentForward("adv"), StudentForward("clean"))

    def teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        """The clean images."""
        return ("clean",)

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss:
        """KL(teacher(x) || student(x')), per image."""
        assert teacher is not None
        with torch.no_grad():
            teacher_logits = teacher(batch.clean_images)
        return lambda adv_images: kl_divergence(teacher_logits, student(adv_images))

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The adversarial and the clean term, both towards the teacher on clean images."""
        target, scale = outputs.teacher["clean"], self.settings.rslad_scale
        return {
            "adv_kl": scale * ADV_SHARE * kl_divergence(target, outputs.student["adv"]),
            "clean_kl": scale * (1 - ADV_SHARE) * kl_divergence(target, outputs.student["clean"]),
        }
