"""What can be wrong with an evaluation before it begins: each in one sentence, before anything is stored."""

import torch
from torch import Tensor, nn

from core.data.dataset import ImageSet
from core.spec.errors import IgdmError


class EvaluationError(IgdmError):
    """This evaluation makes no sense; the message says why and what to do."""


def choose_examples(test: ImageSet, count: int | None) -> ImageSet:
    """The first `count` test images, all for None.

    Raises: EvaluationError when there are not so many, or none.
    """
    if count is not None and not 1 <= count <= len(test):
        raise EvaluationError(
            f"evaluation.num_examples = {count}: the test set has {len(test)} images (choose 1 to {len(test)})"
        )
    if not len(test):
        raise EvaluationError("the test set has no images: nothing can be evaluated")
    return test.first(count)


def check_examples(model: nn.Module, images: ImageSet, *, batch_size: int) -> None:
    """Look at images, labels, and what the network makes of one batch.

    Raises: EvaluationError for images outside [0, 1], labels outside the classes, logits of another shape or NaN.
    """
    if not len(images):
        raise EvaluationError("no test images: nothing can be evaluated (choose evaluation.num_examples of 1 or more)")
    low, high = int(images.levels.min()) / images.max_level, int(images.levels.max()) / images.max_level
    if low < 0 or high > 1:
        raise EvaluationError(f"test images reach from {low:.4g} to {high:.4g}, outside [0, 1] (scale them first)")
    index = torch.arange(min(batch_size, len(images)), device=images.labels.device)
    with torch.no_grad():
        logits = model(images.images(index))
    _check_logits(logits, len(index), images.labels)


def _check_logits(logits: Tensor, examples: int, labels: Tensor) -> None:
    if logits.dim() != 2 or len(logits) != examples:
        raise EvaluationError(
            f"the network answers {examples} images with shape {tuple(logits.shape)}, not one row of logits each"
        )
    classes, first, last = logits.shape[1], int(labels.min()), int(labels.max())
    if first < 0 or last >= classes:
        raise EvaluationError(
            f"labels reach from {first} to {last}, the network has classes 0 to {classes - 1}"
            " (is this the data set it was made for?)"
        )
    bad = int((~torch.isfinite(logits)).any(dim=1).sum())
    if bad:
        raise EvaluationError(
            f"the network returns NaN or infinity for {bad} of the first {examples} clean images"
            " (did training diverge?)"
        )
