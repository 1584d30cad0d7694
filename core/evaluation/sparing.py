"""APGD spends nothing on images that it has broken: they leave the batch, the others go on as if they were still there.

pyautoattack's APGD follows each image by itself: step size, best point and momentum of one never depend on another, and
an image counts as broken from its first misclassified point on. It goes on with all of them to the last iteration.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from pyautoattack.autopgd_base import APGDAttack
from torch import Tensor, nn

CLEAR_LEAD = 1e-4  # of the largest logit: a wrong class must lead by more than folding can round (core.models.folding)


class SparingNetwork(nn.Module):
    """Asks the network only about images not broken yet; for the others it says the label, without a gradient.

    Outside `watching` it is the network itself.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._labels: Tensor | None = None
        self._open = torch.zeros(0, dtype=torch.bool)

    @contextmanager
    def watching(self, labels: Tensor) -> Iterator[None]:
        """For one run on a batch with these labels (B,), every forward of which has these images in these rows."""
        self._labels, self._open = labels, torch.ones_like(labels, dtype=torch.bool)
        try:
            yield
        finally:
            self._labels = None

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K)."""
        if self._labels is None:
            logits: Tensor = self.network(images)
            return logits
        index = self._open.nonzero().flatten()
        if len(index) == len(images):
            logits = self.network(images)
        else:
            # At least one image is asked about, so that there are logits to learn the number of classes from.
            asked = index if len(index) else torch.zeros(1, dtype=torch.long, device=images.device)
            found = self.network(images[asked])
            logits = found.new_zeros(len(images), found.shape[1]).scatter(1, self._labels[:, None], 1.0)
            logits = logits.index_put((asked,), found)
        self._open = self._open & ~_is_clearly_wrong(logits.detach(), self._labels)
        return logits


def spare_broken(part: APGDAttack) -> None:
    """Let one of APGD's two forms spare images it has broken, where that changes nothing.

    Left alone: L1, where images broken at a larger radius go on to the next, and several looks at a randomised network.
    """
    if part.use_largereps or part.eot_iter > 1:
        return
    network, attack = SparingNetwork(part.model), part.attack_single_run

    def attack_single_run(images: Tensor, labels: Tensor, x_init: Tensor | None = None) -> Any:
        with network.watching(labels):
            return attack(images, labels, x_init=x_init)

    part.model, part.attack_single_run = network, attack_single_run


def _is_clearly_wrong(logits: Tensor, labels: Tensor) -> Tensor:
    """Where another class leads the label by more than rounding: (B,) bool."""
    lead = logits.amax(dim=1) - logits.gather(1, labels[:, None]).squeeze(1)
    return lead > CLEAR_LEAD * logits.abs().amax(dim=1).clamp(min=1.0)
