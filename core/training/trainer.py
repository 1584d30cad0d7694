"""Epochs of training for one network, teacher or student, that can be left and taken up again between any two steps."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from core.data.batches import epoch_batches, steps_per_epoch
from core.data.dataset import ImageSet
from core.methods import Batch
from core.seeding import generator_for, seed_for
from core.spec.config import DataSection, OptimSection
from core.spec.errors import StopRequested
from core.training.averaging import WeightAverage
from core.training.distributed import Ranks
from core.training.gradient import BatchGradient
from core.training.schedule import learning_rate
from core.training.sgd import MomentumSgd
from core.training.step import TrainingStep, check_finite


class Trainer:
    """Trains the student of a step with SGD.

    epoch: epochs completed. step_in_epoch: steps of the current one completed. sums: losses so far in it, times images.
    read_every: steps between two readings of losses, which make the host wait for its device. With 1 a loss that is not
    finite stops training before it touches the weights; with more, up to so many steps later.
    All random draws depend on (seed, epoch, step) only, so state_dict needs no generator states.
    ranks: this process among several that train one network together. on_oom, tell: see `BatchGradient`.
    """

    def __init__(
        self,
        step: TrainingStep,
        *,
        images: ImageSet,
        data: DataSection,
        optim: OptimSection,
        seed: int,
        device: torch.device,
        read_every: int = 1,
        ranks: Ranks | None = None,
        on_oom: str = "fail",
        tell: Callable[[str], object] = print,
    ) -> None:
        self.step = step
        self.gradient = BatchGradient(step, ranks=ranks, may_halve=on_oom == "halve-batch", tell=tell)
        self.images = images
        self.data = data
        self.optim = optim
        self.seed = seed
        self.device = device
        self.read_every = read_every
        self.optimizer = MomentumSgd(
            step.student.parameters(),
            learning_rate=optim.learning_rate,
            momentum=optim.momentum,
            weight_decay=optim.weight_decay,
        )
        self.average = WeightAverage(step.student, optim.weight_average) if optim.weight_average else None
        self.epoch = 0
        self.step_in_epoch = 0
        self.sums: dict[str, float] = {}
        self.images_seen = 0
        self._unread: list[tuple[int, dict[str, torch.Tensor]]] = []  # images of a step and its losses

    @property
    def result(self) -> nn.Module:
        """The network that training is for: the averaged one where there is one, else the student itself."""
        return self.average.model if self.average else self.step.student

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one epoch."""
        return steps_per_epoch(self.images, self.optim.batch_size)

    @property
    def total_steps(self) -> int:
        """Steps completed over the whole training."""
        return self.epoch * self.steps_per_epoch + self.step_in_epoch

    @property
    def is_complete(self) -> bool:
        """True when every epoch is done."""
        return self.epoch >= self.optim.num_epochs

    def run_epoch(
        self,
        *,
        on_step: Callable[[int, int, dict[str, torch.Tensor]], None],
        should_stop: Callable[[], bool],
    ) -> dict[str, float]:
        """Train the rest of the current epoch; means of the losses over its images, learning rate, images per second.

        on_step: called with epoch (from 1), step (from 1, over the whole training) and the step's losses.
        Raises: StopRequested between two steps; TrainingError when a loss is not finite.
        """
        epoch = self.epoch + 1
        began, seen_before = time.perf_counter(), self.images_seen
        batches = epoch_batches(
            self.images,
            self.data,
            batch_size=self.optim.batch_size,
            seed=self.seed,
            epoch=epoch,
            first_step=self.step_in_epoch,
        )
        for clean_images, labels in batches:
            if should_stop():
                raise StopRequested
            named = self._one_step(Batch(clean_images=clean_images, labels=labels, epoch=epoch))
            on_step(epoch, self.total_steps, named)
        self._read_losses()
        seconds = time.perf_counter() - began
        means = {name: total / self.images_seen for name, total in self.sums.items()}
        igdm = self.step.igdm
        if igdm:
            means["igdm_weight"] = igdm.weight(epoch, self.step.num_epochs)
        rate = self.optimizer.learning_rate
        means |= {"learning_rate": rate, "images_per_s": (self.images_seen - seen_before) / max(seconds, 1e-9)}
        self.epoch, self.step_in_epoch, self.sums, self.images_seen = epoch, 0, {}, 0
        return means

    def _one_step(self, batch: Batch) -> dict[str, torch.Tensor]:
        self.optimizer.learning_rate = learning_rate(self.optim, batch.epoch, self.step_in_epoch, self.steps_per_epoch)
        torch.manual_seed(
            seed_for(self.seed, "network", batch.epoch, self.step_in_epoch)
        )  # dropout draws without asking
        pairs = generator_for(self.device, self.seed, "pairs", batch.epoch, self.step_in_epoch)
        batch = self.step.prepare(batch, self.images, self.data, pairs)

        def starts() -> torch.Generator:
            return generator_for(self.device, self.seed, "attack", batch.epoch, self.step_in_epoch)

        losses = self.gradient.collect(batch, starts)
        self._unread.append((len(batch.labels), losses.named))
        if len(self._unread) >= self.read_every:
            self._read_losses(current=1)
        if self.optim.gradient_clip:
            torch.nn.utils.clip_grad_norm_(self.step.student.parameters(), self.optim.gradient_clip)
        self.optimizer.step()
        if self.average:
            self.average.update(self.step.student)
        self.images_seen += len(batch.labels)
        self.step_in_epoch += 1
        return losses.named

    def _read_losses(self, *, current: int = 0) -> None:
        """Take the losses of the steps since the last reading from the device, all at once, and add them up.

        current: 1 within a step, which is the last of them and not completed yet.
        Raises: TrainingError when one is not finite.
        """
        unread, self._unread = self._unread, []
        if not unread:
            return
        values = torch.stack([torch.stack(list(named.values())) for _, named in unread]).tolist()
        first = self.total_steps + current - len(unread) + 1
        for step, ((count, named), losses) in enumerate(zip(unread, values, strict=True), start=first):
            check_finite(dict(zip(named, losses, strict=True)), epoch=self.epoch + 1, step=step)
            for name, loss in zip(named, losses, strict=True):
                self.sums[name] = self.sums.get(name, 0.0) + loss * count

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on after the last completed step.

        Raises: TrainingError when a loss that was not read yet is not finite: there is nothing good to save.
        """
        self._read_losses()
        return {
            "model": self.step.student.state_dict(),
            "average": self.average.state_dict() if self.average else {},
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "sums": dict(self.sums),
            "images_seen": self.images_seen,
            "turns": self.gradient.turns,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a saved state."""
        self.step.student.load_state_dict(state["model"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = int(state["epoch"])
        self.step_in_epoch = int(state["step_in_epoch"])
        self.sums = dict(state["sums"])
        self.images_seen = int(state["images_seen"])
        self.gradient.turns = int(state.get("turns", 1))
