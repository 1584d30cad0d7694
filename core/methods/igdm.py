"""IGDM, the indirect gradient distillation module: a term for any method, which knows nothing of it.

With delta = x' - x, the student's D_S = z_S(x + beta delta) - z_S(x - gamma delta) must match the teacher's D_T. For
locally linear networks this matches their input gradients along delta.
Source: Lee, Cho and Kim, ICLR 2025, Eq. 8 and 9, App. B.2 and C; beta and gamma from arXiv v1 Eq. 8.
"""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from core.methods.losses import kl_divergence
from core.methods.plan import Batch, Method, Outputs, StudentForward
from core.spec.config import IgdmSection, SurrogateName

# Train-mode forwards of each method with the term: for ard, rslad and adaad in the order of the public code, for the
# rest by analogy. The clean batch is forwarded in all of them, if only for BatchNorm. Methods not named here keep their
# own forwards and get [plus, minus] after them, plus only where it is not adv.
FORWARD_ORDER = {
    "pgd-at": ("plus", "clean", "minus"),
    "trades": ("clean", "plus", "clean_target", "minus"),
    "mart": ("clean", "plus", "minus"),
    "ard": ("plus", "clean", "minus"),
    "iad": ("plus", "clean", "minus"),
    "iad-2": ("plus", "clean", "minus"),
    "akd": ("plus", "clean", "minus"),
    "rslad": ("adv", "plus", "clean", "minus"),
    "adaad": ("plus", "clean", "minus", "adv"),
    "adaiad": ("plus", "clean", "minus", "adv"),
}

# Whose base loss has the plus side as its adversarial output for other beta too, as the public code of ard has it. The
# rest, of which no such code is public, forward the adversarial batch first and on its own.
PLUS_IS_ADVERSARIAL = ("ard",)


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

    teacher_inputs: ClassVar[tuple[str, ...]] = ("plus", "minus")
    # Forwards whose output the term itself uses, so that they carry gradient.
    uses: ClassVar[tuple[str, ...]] = ("plus", "minus")

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

    def forwards(self, method: Method, epoch: int) -> tuple[StudentForward, ...]:
        """The student's forwards with the term. Where plus is adv it is forwarded once, unless asked literally.

        A batch whose output neither the method nor the term uses keeps its place without gradient.
        """
        own = {forward.key: forward for forward in method.forwards(epoch)}
        after_own = ("minus",) if self.settings.beta == 1 else ("plus", "minus")
        order = FORWARD_ORDER.get(method.name, (*own, *after_own))
        if self._plus_is_adv and {"plus", "adv"} <= set(order):
            order = tuple(on for on in order if on != "adv")
        elif self.settings.beta != 1 and method.name not in PLUS_IS_ADVERSARIAL and "adv" in own and "adv" not in order:
            order = ("adv", *order)
        order = tuple(on for on in order if on not in ("plus", "minus") or on in self.needed)
        return tuple(self._forward(key, own) for key in order)

    def loss(self, outputs: Outputs, images: dict[str, Tensor], batch: Batch, teacher: nn.Module | None) -> Tensor:
        """The unweighted term, (B,), from the logits on both sides."""
        student, teachers = outputs.student, outputs.teacher
        return igdm_loss(
            student["plus"] - student["minus"], teachers["plus"] - teachers["minus"], self.settings.surrogate
        )

    @property
    def needed(self) -> tuple[str, ...]:
        """Sides that are forwarded: plus always, for it stands in for adv."""
        return ("plus", "minus")

    def _forward(self, key: str, own: dict[str, StudentForward]) -> StudentForward:
        forward = own.get(key, StudentForward(key, has_gradient=False, zero_weight=True))
        # The plus side stands in for the adversarial output where that is not forwarded on its own.
        return replace(forward, has_gradient=forward.has_gradient or key in (*self.uses, "plus"))

    @property
    def _plus_is_adv(self) -> bool:
        return self.settings.beta == 1 and not self.settings.literal_forwards


class TradesLikeTerm(IgdmTerm):
    """Ablation: KL(student(x - delta) || student(x + delta)), gradient through both; no teacher.

    Source: ICLR Eq. 12, its second line.
    """

    teacher_inputs: ClassVar[tuple[str, ...]] = ()

    def loss(self, outputs: Outputs, images: dict[str, Tensor], batch: Batch, teacher: nn.Module | None) -> Tensor:
        """The unweighted term, (B,)."""
        return kl_divergence(outputs.student["minus"], outputs.student["plus"])


class TradesRegTerm(IgdmTerm):
    """Ablation: KL(student(x) || student(x + delta)), gradient through both; no teacher. Source: ICLR Eq. 13."""

    teacher_inputs: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ("clean", "plus")

    @property
    def needed(self) -> tuple[str, ...]:
        """There is no minus side."""
        return ("plus",)

    def loss(self, outputs: Outputs, images: dict[str, Tensor], batch: Batch, teacher: nn.Module | None) -> Tensor:
        """The unweighted term, (B,)."""
        return kl_divergence(outputs.student["clean"], outputs.student["plus"])


class DirectGradientTerm(IgdmTerm):
    """Ablation: ||q_S - q_T||^2 / d with q = d CE(z(x), y) / dx on clean images, through the clean forward.

    Source: ICLR Eq. 11; the scalar CE and the element mean are chosen here, the paper gives neither.
    """

    teacher_inputs: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ("clean",)

    @property
    def needed(self) -> tuple[str, ...]:
        """There is no minus side."""
        return ("plus",)

    def images(self, clean_images: Tensor, adv_images: Tensor) -> dict[str, Tensor]:
        """As IGDM, and the clean images ready to collect a gradient."""
        return super().images(clean_images, adv_images) | {"clean": clean_images.detach().requires_grad_(True)}

    def loss(self, outputs: Outputs, images: dict[str, Tensor], batch: Batch, teacher: nn.Module | None) -> Tensor:
        """The unweighted term, (B,); its gradient reaches the student through the input gradient."""
        assert teacher is not None
        student_gradient = _input_gradient(outputs.student["clean"], images["clean"], batch.labels, create_graph=True)
        inputs = batch.clean_images.detach().requires_grad_(True)
        teacher_gradient = _input_gradient(teacher(inputs), inputs, batch.labels, create_graph=False)
        return (student_gradient - teacher_gradient).square().flatten(1).mean(dim=1)


TERMS: dict[str, type[IgdmTerm]] = {
    "igdm": IgdmTerm,
    "direct-gradient": DirectGradientTerm,
    "trades-like": TradesLikeTerm,
    "trades-reg": TradesRegTerm,
}


def build_term(settings: IgdmSection) -> IgdmTerm | None:
    """The term a section names, None when alpha is 0."""
    return TERMS[settings.term](settings) if settings.alpha > 0 else None


def _input_gradient(logits: Tensor, inputs: Tensor, labels: Tensor, *, create_graph: bool) -> Tensor:
    loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, inputs, create_graph=create_graph)
    return gradient
