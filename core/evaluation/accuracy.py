"""Accuracy on clean images and under PGD, image by image and batch by batch."""

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks import LinfBall, attack_mode, maximise_surrogate
from core.data.dataset import ImageSet
from core.seeding import generator_for
from core.spec.errors import StopRequested

STEPS_PER_EPSILON = 4  # PGD-20 and PGD-10 step by epsilon/4: 2/255 for 8/255 (ICLR Section 4.1 and the AdaAD code)


class OnBatch(Protocol):
    """Called after each batch: batches done, batches in all, images still robust of all images."""

    def __call__(self, batch: int, batches: int, robust: int) -> None: ...  # noqa: D102


def is_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Which rows of logits (B, K) name the label: (B,) bool. A row with NaN names nothing."""
    return (logits.argmax(dim=1) == labels) & ~logits.isnan().any(dim=1)


def no_report(batch: int, batches: int, robust: int) -> None:
    """For callers that want no progress."""


def clean_mask(
    model: nn.Module,
    images: ImageSet,
    *,
    batch_size: int,
    on_batch: OnBatch = no_report,
    should_stop: Callable[[], bool] = lambda: False,
) -> Tensor:
    """Which images are classified correctly: (N,) bool, in eval mode."""
    return _mask(
        model,
        images,
        lambda batch, _labels, _number: batch,
        batch_size=batch_size,
        on_batch=on_batch,
        should_stop=should_stop,
    )


def pgd_mask(
    model: nn.Module,
    images: ImageSet,
    *,
    epsilon: float,
    num_steps: int,
    seed: int,
    batch_size: int,
    on_batch: OnBatch = no_report,
    should_stop: Callable[[], bool] = lambda: False,
) -> Tensor:
    """Which images withstand PGD on cross-entropy, one uniform random start, steps of epsilon/4: (N,) bool.

    epsilon in pixel units; 0 gives the clean mask. Source: ICLR Section 4.1.
    """
    ball = LinfBall(epsilon=epsilon)
    device = images.labels.device

    def attack(clean_images: Tensor, labels: Tensor, number: int) -> Tensor:
        return maximise_surrogate(
            lambda adv_images: F.cross_entropy(model(adv_images), labels, reduction="none"),
            clean_images,
            ball=ball,
            start="uniform",
            step_size=epsilon / STEPS_PER_EPSILON,
            num_steps=num_steps,
            generator=generator_for(device, seed, "pgd", num_steps, number),
        )

    return _mask(model, images, attack, batch_size=batch_size, on_batch=on_batch, should_stop=should_stop)


def _mask(
    model: nn.Module,
    images: ImageSet,
    attack: Callable[[Tensor, Tensor, int], Tensor],
    *,
    batch_size: int,
    on_batch: OnBatch,
    should_stop: Callable[[], bool],
) -> Tensor:
    """Attack batch after batch; images not reached yet count as robust in the report."""
    robust = torch.ones(len(images), dtype=torch.bool, device=images.labels.device)
    indices = torch.split(torch.arange(len(images), device=images.labels.device), batch_size)  # type: ignore[no-untyped-call]
    with attack_mode(model):
        for number, index in enumerate(indices):
            if should_stop():
                raise StopRequested
            labels = images.labels[index]
            adv_images = attack(images.images(index), labels, number)
            with torch.no_grad():
                robust[index] = is_correct(model(adv_images), labels)
            on_batch(number + 1, len(indices), int(robust.sum()))
    return robust
