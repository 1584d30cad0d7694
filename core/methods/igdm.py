"""IGDM, the indirect gradient distillation module: a term for any method, which knows nothing of it.

With delta = x' - x, the student's D_S = z_S(x + beta delta) - z_S(x - gamma delta) must match the teacher's D_T. For
locally linear networks this matches their input gradients along delta.
Source: Lee, Cho and Kim, ICLR 2025, Eq. 8 and 9, App. B.2 and C; beta and gamma from arXiv v1 Eq. 8.
"""

import torch
from torch import Tensor

from core.methods.losses import kl_divergence
from core.methods.plan import Method, StudentForward
from core.spec.config import IgdmSection, SurrogateName

# Train-mode forwards of each method with the term, in the order of the public code for ard and adaad (CIFAR-100
# scripts) and by analogy for the rest. The clean batch is forwarded in all of them, if only for BatchNorm.
FORWARD_ORDER = {
    "pgd-at": ("plus", "clean", "minus"),
    "ard": ("plus", "clean", "minus"),
    "adaad": ("plus", "clean", "minus", "adv"),
}


def igdm_loss(student_difference: Tensor, teacher_difference: Tensor, surrogate: SurrogateName) -> Tensor:
    """Distance between two output differences for each image.

    Shapes: both (B, K) -> (B,). kl: KL(softmax(D_T) || softmax(D_S)) in nats. l2: ||D_S - D_T||^2 / (2K), the limit of
    kl for small differences that are centred. l1: ||D_S - D_T||_1 / K.
    Source: ICLR Eq. 8; the scales of l1 and l2 are chosen here, the paper gives none.
    """
    if surrogate == "kl":
        return kl_divergence(teacher_difference, student_difference)
    gap = student_difference - teacher_difference
    classes = gap.shape[1]
    return gap.square().sum(dim=1) / (2 * classes) if surrogate == "l2" else gap.abs().sum(dim=1) / classes


class IgdmTerm:
    """The term with its settings: its images, the order of forwards with it, its loss and its weight T(alpha)."""

    teacher_inputs = ("plus", "minus")

    def __init__(self, settings: IgdmSection) -> None:
        self.settings = settings

    def weight(self, epoch: int, num_epochs: int) -> float:
        """T(alpha) in an epoch counted from 1: alpha * epoch / num_epochs, so that the last epoch has alpha.

        Source: ICLR App. B.2. `ramp_epochs` replaces num_epochs, as public code with a fixed 200 or 300 does.
        """
        if self.settings.schedule == "constant":
            return self.settings.alpha
        return self.settings.alpha * epoch / (self.settings.ramp_epochs or num_epochs)

    def images(self, clean_images: Tensor, adv_images: Tensor) -> dict[str, Tensor]:
        """The two sides, x + beta delta and x - gamma delta. The minus side may leave [0, 1]: clipping it would break
        the symmetric difference."""
        delta = adv_images - clean_images
        plus = adv_images if self._plus_is_adv else clean_images + self.settings.beta * delta
        return {"plus": plus, "minus": clean_images - self.settings.gamma * delta}

    def forwards(self, method: Method) -> tuple[StudentForward, ...]:
        """The student's forwards with the term. Where plus is adv it is forwarded once, unless asked literally.

        A batch whose output the method does not use keeps its place without gradient.
        """
        own = {forward.on: forward.has_gradient for forward in method.forwards}
        has_gradient = {"clean": False} | own | {"plus": True, "minus": True}
        order = FORWARD_ORDER[method.name]
        if self._plus_is_adv:
            order = tuple(on for on in order if on != "adv")
        return tuple(StudentForward(on, has_gradient=has_gradient[on]) for on in order)

    def loss(self, student: dict[str, Tensor], teacher: dict[str, Tensor]) -> Tensor:
        """The unweighted term from logits (B, K) on plus and minus: (B,)."""
        student_difference = student["plus"] - student["minus"]
        with torch.no_grad():
            teacher_difference = teacher["plus"] - teacher["minus"]
        return igdm_loss(student_difference, teacher_difference, self.settings.surrogate)

    @property
    def _plus_is_adv(self) -> bool:
        return self.settings.beta == 1 and not self.settings.literal_forwards
