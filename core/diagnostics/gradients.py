"""GD, GD_raw and GC: distance and cosine of student and teacher input gradients.

The papers do not state the scalar or the reduction; docs/methods.md says why cross-entropy and the batch-mean Frobenius
norm are taken. Source: ICLR Section 4.1.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks import attack_mode
from core.data.dataset import ImageSet

GRADIENT_BATCH = 128  # part of the definition of GD: its scale is 1/sqrt(batch)


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientAlignment:
    """Per-image values, from which the three figures follow.

    squared_distance, cosine: (N,), in the order of the images. cosine is 0 where a gradient vanishes.
    """

    squared_distance: Tensor
    cosine: Tensor

    @property
    def metrics(self) -> dict[str, float]:
        """gradient_distance: mean over batches of 128 of sqrt(sum of squared distances)/128, the Frobenius norm of the
        difference of batch-mean gradients. gradient_distance_raw: mean L2 distance per image. gradient_cosine: mean.
        """
        batches = torch.split(self.squared_distance, GRADIENT_BATCH)
        frobenius = torch.stack([batch.sum().sqrt() / len(batch) for batch in batches])
        return {
            "gradient_distance": float(frobenius.mean()),
            "gradient_distance_raw": float(self.squared_distance.sqrt().mean()),
            "gradient_cosine": float(self.cosine.mean()),
        }


def input_gradients(model: nn.Module, images: ImageSet) -> Tensor:
    """d CE(model(x), y) / dx for each image: (N, C*H*W), in eval mode, on clean images; the model is left as it was."""
    gradients = []
    with attack_mode(model), torch.enable_grad():
        for index in torch.split(torch.arange(len(images), device=images.labels.device), GRADIENT_BATCH):
            batch = images.images(index).requires_grad_(True)
            loss = F.cross_entropy(model(batch), images.labels[index], reduction="sum")
            (gradient,) = torch.autograd.grad(loss, batch)
            gradients.append(gradient.flatten(1))
    return torch.cat(gradients)


def gradient_alignment(student_gradients: Tensor, teacher_gradients: Tensor) -> GradientAlignment:
    """Compare two sets of input gradients, both (N, D), image by image.

    Raises: ValueError when the shapes differ.
    """
    if student_gradients.shape != teacher_gradients.shape:
        raise ValueError(f"gradients of shape {tuple(student_gradients.shape)} and {tuple(teacher_gradients.shape)}")
    return GradientAlignment(
        squared_distance=(student_gradients - teacher_gradients).square().sum(dim=1),
        cosine=(_unit(student_gradients) * _unit(teacher_gradients)).sum(dim=1),
    )


def _unit(gradients: Tensor) -> Tensor:
    """Rows (N, D) at length 1, zero rows as they are.

    A confident network's gradients are so short that their squares, or the usual small constant in the denominator,
    would hide their direction: the largest entry is brought to 1 first.
    """
    largest = gradients.abs().amax(dim=1, keepdim=True)
    scaled = torch.where(largest > 0, gradients / largest, 0.0)
    return F.normalize(scaled, dim=1)
