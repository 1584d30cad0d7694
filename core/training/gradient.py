"""The gradient of one batch: in one turn or in several that fit into memory, on one device or on several."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from core.attacks import Share, shares
from core.methods import Batch
from core.training.distributed import Ranks
from core.training.step import Losses, TrainingStep


class BatchGradient:
    """Collects the gradient of a batch in the student's parameters.

    turns: parts of this process's share that are worked on one after another. The gradient is that of the batch in one
    go up to rounding, but for BatchNorm, which normalises by each part and moves its statistics once per part.
    ranks: this process among others that share every batch; None for one device. may_halve: out of memory, take twice
    as many turns and go on. tell: takes one sentence when that happens.
    """

    def __init__(
        self, step: TrainingStep, *, ranks: Ranks | None, may_halve: bool, tell: Callable[[str], object]
    ) -> None:
        self.step = step
        self.ranks = ranks
        self.turns = 1
        self._may_halve = may_halve
        self._tell = tell

    def collect(self, batch: Batch, starts: Callable[[], torch.Generator]) -> Losses:
        """Losses of a batch, means over all its images, with the gradient of their total left in the parameters.

        starts: makes the generator of the attack's random starts, the same each time.
        Raises: torch.OutOfMemoryError when the batch does not fit and may not be halved, or is one image.
        """
        while True:
            statistics = self._statistics() if self._may_halve else []
            self.step.student.zero_grad(set_to_none=True)
            try:
                return self._collect(batch, starts)
            except torch.OutOfMemoryError:
                if not self._may_halve or 2 * self.turns > len(batch.labels):
                    raise
            # Only here, after the exception is gone, nothing holds the tensors of the failed attempt any more.
            for buffer, before in statistics:
                buffer.copy_(before)
            self.step.forget()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.turns *= 2
            self._tell(
                f"out of GPU memory: each batch is now worked on in {self.turns} parts, whose gradients are added up"
                " (BatchNorm sees one part at a time, so numbers differ from a run that fits)"
            )

    def _collect(self, batch: Batch, starts: Callable[[], torch.Generator]) -> Losses:
        own = self._shares(len(batch.labels))
        is_whole = len(own) == 1 and self.ranks is None
        parts = [batch if is_whole else _part(batch, share) for share in own]
        # All attacks before the first train-mode forward: each sees the network as it was before this step.
        adversarial = [
            self.step.adversarial_images(part, starts(), None if is_whole else share)
            for part, share in zip(parts, own, strict=True)
        ]
        named: dict[str, Tensor] = {}
        for number, (share, part) in enumerate(zip(own, parts, strict=True), 1):
            with self._gathering(is_last=number == len(own)):
                losses = self._losses(part, adversarial[number - 1])
                # The wrapper of several processes takes the mean over them, the whole batch wants the sum.
                scale = share.weight * (self.ranks.count if self.ranks else 1)
                (losses.total if is_whole else scale * losses.total).backward()  # type: ignore[no-untyped-call]
            for name, loss in losses.named.items():
                value = loss if is_whole else share.weight * loss
                named[name] = named[name] + value if name in named else value
        if self.ranks:
            named = self.ranks.summed(named)
            self.ranks.average_statistics(self.step.student)
        return Losses(total=named["loss"], named=named)

    def _shares(self, total: int) -> list[Share]:
        """What this process works on, turn after turn."""
        rank, count = (self.ranks.rank, self.ranks.count) if self.ranks else (0, 1)
        own = shares(total, count * self.turns)[rank * self.turns : (rank + 1) * self.turns]
        return own if self.ranks else [share for share in own if share.weight]

    def _gathering(self, *, is_last: bool) -> AbstractContextManager[object]:
        """Processes add their gradients up once per step, in the last turn."""
        return nullcontext() if self.ranks is None or is_last else self.ranks.own_gradients_only(self.step)

    def _losses(self, part: Batch, adversarial: dict[str, Tensor]) -> Losses:
        if self.ranks is None:
            return self.step.losses(part, adversarial)
        return self.ranks.losses(self.step, part, adversarial)

    def _statistics(self) -> list[tuple[Tensor, Tensor]]:
        """The student's buffers with copies of what they hold."""
        return [(buffer, buffer.clone()) for buffer in self.step.student.buffers()]


def _part(batch: Batch, share: Share) -> Batch:
    """A share of every tensor of a batch."""
    return replace(
        batch,
        clean_images=share.cut(batch.clean_images),
        labels=share.cut(batch.labels),
        paired_images=None if batch.paired_images is None else share.cut(batch.paired_images),
        paired_labels=None if batch.paired_labels is None else share.cut(batch.paired_labels),
    )
