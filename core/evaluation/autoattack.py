"""AutoAttack standard through pyautoattack, driven batch by batch so that it can be watched, stopped and resumed.

The attacks, their parameters, order, seeds and reliability checks are pyautoattack's; this file only walks through
stages and batches as its `run_standard_evaluation` does, and remembers where it is. Batches of a stage are fixed when
the stage begins, so a resumed evaluation ends with the verdicts of an uninterrupted one.
Source: Croce and Hein 2020, Section 5.
"""

import importlib.metadata
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from pyautoattack import AutoAttack, checks
from torch import Tensor, nn

from core.data.dataset import ImageSet
from core.evaluation.outcome import StateFile, from_bits, to_bits
from core.spec.errors import StopRequested

PACKAGE = f"pyautoattack {importlib.metadata.version('pyautoattack')}"
STAGES = ("apgd-ce", "apgd-t", "fab-t", "square")


class OnStage(Protocol):
    """Called when a stage begins (batch 0) and after each of its batches; seconds over all attempts."""

    def __call__(  # noqa: D102
        self, *, stage: str, stage_number: int, batch: int, batches: int, robust: int, seconds: float
    ) -> None: ...


@dataclass(kw_only=True, slots=True)
class Walk:
    """Where an evaluation is: index of the stage, next batch in it, members of the stage, verdicts so far.

    members: positions of the images the current stage attacks. robust: (N,) bool. after: share still robust after each
    stage, by name. flags: reliability warnings. seconds: spent so far.
    """

    stage: int
    batch: int
    members: list[int]
    robust: Tensor
    after: dict[str, float] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "stage": self.stage, "batch": self.batch, "members": self.members, "robust": to_bits(self.robust),
            "after": self.after, "flags": self.flags, "seconds": self.seconds,
        }  # fmt: skip

    @classmethod
    def load(cls, content: dict[str, Any], device: torch.device) -> "Walk":
        """From JSON."""
        return cls(**{**content, "robust": from_bits(content["robust"]).to(device)})


class AutoAttackStandard:
    """AutoAttack standard, l-infinity, on the images of a test set.

    model: in eval mode, logits out. epsilon in pixel units. Inputs are moved in batches of `batch_size`.
    """

    def __init__(
        self, model: nn.Module, images: ImageSet, *, epsilon: float, seed: int, batch_size: int, state: StateFile
    ) -> None:
        self.model = model
        self.images = images
        self.batch_size = batch_size
        self.state = state
        self.device = images.labels.device
        self.pixels = images.images()
        self.attack = AutoAttack(
            model, norm="Linf", eps=epsilon, seed=seed, version="standard", device=str(self.device)
        )
        for part in (self.attack.apgd, self.attack.apgd_targeted, self.attack.fab, self.attack.square):
            part.seed = seed

    def run(self, on_stage: OnStage, should_stop: Callable[[], bool]) -> Walk:
        """Attack until every stage is done; verdicts, flags and seconds are in the result.

        Raises: StopRequested between two batches, after the state is on disk.
        """
        with FlagCollector() as collector, torch.random.fork_rng(devices=self._cuda_devices()), torch.no_grad():
            walk = self._begin()
            walk.flags = collector.flags = list(dict.fromkeys(walk.flags + collector.flags))
            resumed, began = walk.seconds, time.perf_counter()
            while walk.stage < len(STAGES):
                batches = self._batches(walk)
                self._say(on_stage, walk, len(batches))
                while walk.batch < len(batches):
                    if should_stop():
                        raise StopRequested
                    self._attack_batch(walk, batches[walk.batch])
                    walk.batch += 1
                    walk.seconds = resumed + time.perf_counter() - began
                    self.state.write(walk.dump())
                    self._say(on_stage, walk, len(batches))
                self._next_stage(walk)
            checks.check_square_sr(walk.after, logger=self.attack.logger)
        return walk

    def _begin(self) -> Walk:
        """Where a stopped evaluation was, or a new one: reliability checks, then clean predictions."""
        stored = self.state.read()
        if stored:
            return Walk.load(stored, self.device)
        pixels, labels = self.pixels[: self.batch_size], self.images.labels[: self.batch_size]
        logger = self.attack.logger
        checks.check_randomized(self.model, pixels, labels, bs=self.batch_size, logger=logger)
        classes = checks.check_range_output(self.model, pixels, logger=logger)
        checks.check_dynamic(self.model, pixels, False, logger=logger)
        targets = self.attack.apgd_targeted.n_target_classes, self.attack.fab.n_target_classes
        checks.check_n_classes(classes, list(STAGES), *targets, logger=logger)
        robust = (
            torch.cat([self.model(batch) for batch in torch.split(self.pixels, self.batch_size)]).argmax(dim=1)
            == self.images.labels
        )
        clean = float(robust.float().mean())
        return Walk(
            stage=0, batch=0, members=robust.nonzero().flatten().tolist(), robust=robust, after={"clean": clean}
        )

    def _say(self, on_stage: OnStage, walk: Walk, batches: int) -> None:
        on_stage(
            stage=STAGES[walk.stage],
            stage_number=walk.stage + 1,
            batch=walk.batch,
            batches=batches,
            robust=int(walk.robust.sum()),
            seconds=walk.seconds,
        )

    def _batches(self, walk: Walk) -> tuple[Tensor, ...]:
        members = torch.tensor(walk.members, dtype=torch.long, device=self.device)
        return torch.split(members, self.batch_size) if len(members) else ()

    def _attack_batch(self, walk: Walk, index: Tensor) -> None:
        images, labels = self.pixels[index].clone(), self.images.labels[index].clone()
        adv_images = self._perturb(STAGES[walk.stage], images, labels)
        fooled = self.model(adv_images).argmax(dim=1) != labels
        walk.robust[index[fooled]] = False

    def _perturb(self, stage: str, images: Tensor, labels: Tensor) -> Tensor:
        if stage == "apgd-ce":
            self.attack.apgd.loss = "ce"
            adv_images = self.attack.apgd.perturb(images, labels)
        elif stage == "apgd-t":
            adv_images = self.attack.apgd_targeted.perturb(images, labels)
        elif stage == "fab-t":
            self.attack.fab.targeted = True
            adv_images = self.attack.fab.perturb(images, labels)
        else:
            adv_images = self.attack.square.perturb(images, labels)
        result: Tensor = adv_images
        return result

    def _next_stage(self, walk: Walk) -> None:
        walk.after[STAGES[walk.stage]] = float(walk.robust.float().mean())
        walk.stage, walk.batch = walk.stage + 1, 0
        walk.members = walk.robust.nonzero().flatten().tolist()
        self.state.write(walk.dump())

    def _cuda_devices(self) -> list[int]:
        return [self.device.index or 0] if self.device.type == "cuda" else []


class FlagCollector(logging.Handler):
    """Keeps the reliability warnings that pyautoattack logs, each once."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.flags: list[str] = []
        self.logger = logging.getLogger("auto-attack")

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging."""
        message = record.getMessage().replace(" See flags_doc.md for details.", "")
        if message not in self.flags:
            self.flags.append(message)

    def __enter__(self) -> "FlagCollector":
        self.logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.logger.removeHandler(self)
