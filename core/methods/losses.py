"""Losses per image. Reduction is the caller's visible act: the step takes the mean over the batch."""

import torch.nn.functional as F
from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy for each image. (B, K) and (B,) -> (B,) nats per image."""
    return F.cross_entropy(logits, labels, reduction="none")


def kl_divergence(reference_logits: Tensor, logits: Tensor) -> Tensor:
    """KL(softmax(reference) || softmax(logits)) for each image.

    Shapes: both (B, K) -> (B,).
    Units: nats per image, summed over classes. Averaging over classes too, as some public code does, makes it K
        times smaller.
    Gradient: flows through both; pass reference logits computed without gradient where only `logits` learns.
    """
    log_reference = F.log_softmax(reference_logits, dim=1)
    log_softmax = F.log_softmax(logits, dim=1)
    return (log_reference.exp() * (log_reference - log_softmax)).sum(dim=1)
