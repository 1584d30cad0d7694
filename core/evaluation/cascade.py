"""Carrying out an attack stage by stage and batch by batch, so that it can be watched, stopped and resumed.

A stage attacks only images that withstood everything before it: no perturbation at all, then the stages so far. What
an attack returns is never believed: it is put back into the ball and into [0, 1], measured, and shown to the network
itself. Batches of a stage are fixed when the stage begins, so a resumed attack ends with the verdicts of an
uninterrupted one.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from core.attacks import Ball
from core.data.dataset import ImageSet
from core.evaluation.accuracy import is_correct
from core.evaluation.outcome import StateFile, from_bits, to_bits
from core.spec.errors import StopRequested


class OnStage(Protocol):
    """Called when a stage begins (batch 0) and after each of its batches; seconds over all attempts."""

    def __call__(  # noqa: D102
        self, *, stage: str, stage_number: int, num_stages: int, batch: int, batches: int, robust: int, seconds: float
    ) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One part of an attack: images (B, C, H, W), labels (B,) and the number of the batch to adversarial images."""

    name: str
    perturb: Callable[[Tensor, Tensor, int], Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class AttackPlan:
    """An attack ready to be carried out.

    ball: where its images must stay. parameters: what it runs with, for the record. package: whose code attacks, empty
    for our own. inspect: called once with the network, the first batch of images and its labels; conclude: called at
    the end with the share still robust after each stage. Both may log warnings on the logger "auto-attack".
    """

    stages: tuple[Stage, ...]
    ball: Ball
    parameters: dict[str, Any]
    package: str = ""
    inspect: Callable[[nn.Module, Tensor, Tensor], None] | None = None
    conclude: Callable[[dict[str, float]], None] | None = None


@dataclass(kw_only=True, slots=True)
class Walk:
    """Where an attack is: index of the stage, next batch in it, members of the stage, verdicts so far.

    members: positions of the images the current stage attacks. robust: (N,) bool. after: share still robust after each
    stage, by name. flags: reliability warnings. seconds: spent so far. largest: size of the largest perturbation that
    was judged. not_a_number: images judged broken because the network returned NaN for them.
    """

    stage: int
    batch: int
    members: list[int]
    robust: Tensor
    after: dict[str, float] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    seconds: float = 0.0
    largest: float = 0.0
    not_a_number: int = 0

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "stage": self.stage, "batch": self.batch, "members": self.members, "robust": to_bits(self.robust),
            "after": self.after, "flags": self.flags, "seconds": self.seconds, "largest": self.largest,
            "not_a_number": self.not_a_number,
        }  # fmt: skip

    @classmethod
    def load(cls, content: dict[str, Any], device: torch.device) -> "Walk":
        """From JSON."""
        return cls(**{**content, "robust": from_bits(content["robust"]).to(device)})


class Cascade:
    """A plan on the images of a test set. model: the network that is judged, in eval mode, logits out."""

    def __init__(
        self, model: nn.Module, images: ImageSet, plan: AttackPlan, *, batch_size: int, state: StateFile
    ) -> None:
        self.model = model
        self.images = images
        self.plan = plan
        self.batch_size = batch_size
        self.state = state
        self.device = images.labels.device

    def run(self, on_stage: OnStage, should_stop: Callable[[], bool]) -> Walk:
        """Attack until every stage is done; verdicts, flags and seconds are in the result.

        Raises: StopRequested between two batches, after the state is on disk.
        """
        with FlagCollector() as collector, torch.random.fork_rng(devices=self._cuda_devices()), torch.no_grad():
            walk = self._begin()
            walk.flags = collector.flags = list(dict.fromkeys(walk.flags + collector.flags))
            resumed, began = walk.seconds, time.perf_counter()
            while walk.stage < len(self.plan.stages):
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
            if self.plan.conclude:
                self.plan.conclude(walk.after)
        if walk.not_a_number:
            walk.flags.append(f"the network returned NaN for {walk.not_a_number} perturbed images: counted as broken")
        return walk

    def _begin(self) -> Walk:
        """Where a stopped attack was, or a new one: reliability checks, then clean predictions."""
        stored = self.state.read()
        if stored:
            return Walk.load(stored, self.device)
        if self.plan.inspect:
            first = slice(0, self.batch_size)
            self.plan.inspect(self.model, self.images.images(first), self.images.labels[first])
        everything = torch.split(torch.arange(len(self.images), device=self.device), self.batch_size)  # type: ignore[no-untyped-call]
        logits = torch.cat([self.model(self.images.images(index)) for index in everything])
        robust = is_correct(logits, self.images.labels)
        clean = float(robust.float().mean())
        return Walk(
            stage=0, batch=0, members=robust.nonzero().flatten().tolist(), robust=robust, after={"clean": clean}
        )

    def _say(self, on_stage: OnStage, walk: Walk, batches: int) -> None:
        on_stage(
            stage=self.plan.stages[walk.stage].name,
            stage_number=walk.stage + 1,
            num_stages=len(self.plan.stages),
            batch=walk.batch,
            batches=batches,
            robust=int(walk.robust.sum()),
            seconds=walk.seconds,
        )

    def _batches(self, walk: Walk) -> tuple[Tensor, ...]:
        members = torch.tensor(walk.members, dtype=torch.long, device=self.device)
        return torch.split(members, self.batch_size) if len(members) else ()

    def _attack_batch(self, walk: Walk, index: Tensor) -> None:
        images, labels = self.images.images(index), self.images.labels[index]
        found = self.plan.stages[walk.stage].perturb(images.clone(), labels.clone(), walk.batch).detach()
        # An attack may lose its way into NaN; such a pixel stays as it was.
        adv_images = self.plan.ball.project(torch.where(found.isfinite(), found, images), images)
        logits = self.model(adv_images)
        walk.not_a_number += int(logits.isnan().any(dim=1).sum())
        walk.largest = max(walk.largest, float(self.plan.ball.size(adv_images - images).max()))
        walk.robust[index[~is_correct(logits, labels)]] = False

    def _next_stage(self, walk: Walk) -> None:
        walk.after[self.plan.stages[walk.stage].name] = float(walk.robust.float().mean())
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
