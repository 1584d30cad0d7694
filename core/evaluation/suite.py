"""The suite: every measurement a configuration asks for, in order, each reported while it runs and kept when done."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.attacks import attack_mode
from core.data.dataset import ImageSet
from core.device import full_precision
from core.diagnostics.pointwise import Perturb
from core.evaluation.accuracy import clean_mask
from core.evaluation.attack_plans import attack_plan
from core.evaluation.batch_size import fitting_batch_size
from core.evaluation.cascade import Cascade
from core.evaluation.comparisons import COMPARISONS, Compared
from core.evaluation.doubts import network_flags, order_flags
from core.evaluation.input_checks import check_examples
from core.evaluation.outcome import (
    Outcome,
    StateFile,
    fingerprint,
    images_name,
    read_outcome,
    to_bits,
    write_outcome,
)
from core.evaluation.target import Target
from core.models.folding import COMPARED_IMAGES, fast_copy
from core.spec.attack_names import attack_entry
from core.spec.events import AttackFinished, AttackProgress, EvaluationFinished, EvaluationStarted, Event


class Evaluation:
    """One evaluation of one network on one set of test images.

    name: identifier within the run. folder: where outcomes and states are kept, beside those of the run's other
    evaluations. batch_size: 0 for one that fits, found once. teacher: for comparisons with it. after_run: the run's own
    worker is done. transfer_source: network on which transfer examples are made. inner_attack: the perturbation of
    training with 20 steps, at which outputs are compared; None: PGD-20. emit: takes every event. should_stop: asked
    between two batches.
    """

    def __init__(
        self,
        model: nn.Module,
        images: ImageSet,
        *,
        name: str,
        checkpoint: str,
        folder: Path,
        epsilon: float,
        seed: int,
        batch_size: int,
        teacher: nn.Module | None,
        emit: Callable[[Event], None],
        should_stop: Callable[[], bool],
        transfer_source: nn.Module | None = None,
        inner_attack: Perturb | None = None,
        after_run: bool = False,
    ) -> None:
        self.model = model
        self.images = images
        self.name = name
        self.checkpoint = checkpoint
        self.folder = folder
        self.epsilon = epsilon
        self.seed = seed
        self.batch_size = batch_size
        self.teacher = teacher
        self.emit = emit
        self.should_stop = should_stop
        self.transfer_source = transfer_source
        self.inner_attack = inner_attack
        self.after_run = after_run
        self._target: Target | None = None
        self._network_flags: list[str] | None = None
        self._images_name = images_name(images.levels, images.labels)

    def run(self, attacks: tuple[str, ...]) -> dict[str, float]:
        """Measure, skipping what was finished before on the same weights, images and settings; all metrics by name.

        Comparisons are left out where there is no teacher, transfer where there is no source. Raises: StopRequested
        between two batches; EvaluationError, before anything is reported, when images, labels and network do not fit.
        """
        wanted = [attack for attack in attacks if self._is_possible(attack)]
        with attack_mode(self.model):
            check_examples(self.model, self.images, batch_size=self.batch_size or 1)
        self.batch_size = self.batch_size or self._found_batch_size()
        self.emit(
            EvaluationStarted(
                evaluation=self.name,
                checkpoint=self.checkpoint,
                attacks=wanted,
                num_examples=len(self.images),
                epsilon=self.epsilon,
                batch_size=self.batch_size,
                device=str(self.images.labels.device),
                after_run=self.after_run,
            )
        )
        metrics: dict[str, float] = {}
        withstood: dict[str, int] = {}
        seconds = 0.0
        for attack in wanted:
            outcome = self._outcome(attack)
            order: list[str] = []
            if outcome.correct is not None:
                order = order_flags(attack, outcome.correct, outcome.examples, withstood)
                withstood[attack] = outcome.correct
            self.emit(self._finished(attack, outcome, order))
            metrics |= outcome.metrics
            seconds += outcome.seconds
        self.emit(EvaluationFinished(evaluation=self.name, metrics=metrics, seconds=seconds))
        return metrics

    def _is_possible(self, attack: str) -> bool:
        entry = attack_entry(attack)
        return not (entry.needs_teacher and self.teacher is None) and not (
            entry.needs_source and self.transfer_source is None
        )

    def _outcome(self, attack: str) -> Outcome:
        """What was kept, by this or another evaluation of the run, or else measured now; kept in any case."""
        file = self._state_file(attack)
        outcome = next((found for place in self._places(file) if (found := read_outcome(place))), None)
        if outcome is None:
            with attack_mode(self.model), full_precision():
                outcome = self._measure(attack)
            write_outcome(file, outcome)
        return outcome

    def _places(self, file: StateFile) -> list[StateFile]:
        """Where this outcome may lie already; a file of other weights, images or settings is not taken for it."""
        others = sorted(file.path.parent.parent.glob(f"*/{file.path.name}"))
        return [file, *(StateFile(path, file.key) for path in others if path != file.path)]

    def _found_batch_size(self) -> int:
        """The batch size that fits, as it was found first: random starts depend on it."""
        key = fingerprint(self.model, self.images.levels, str(self.images.labels.device))
        file = StateFile(self.folder / "batch_size.json", key)
        kept = file.read()
        if kept is None:
            kept = {"batch_size": fitting_batch_size(self.model, self.images)}
            file.write(kept)
        return int(kept["batch_size"])

    def _measure(self, attack: str) -> Outcome:
        if attack == "clean":
            return self._clean()
        if attack in COMPARISONS:
            return self._comparison(attack)
        return self._attack(attack)

    def _clean(self) -> Outcome:
        began = time.perf_counter()

        def on_batch(batch: int, batches: int, robust: int) -> None:
            self._progress(
                "clean", stage="clean", stage_number=1, num_stages=1, batch=batch, batches=batches, robust=robust,
                seconds=time.perf_counter() - began,
            )  # fmt: skip

        mask = clean_mask(
            self.model, self.images, batch_size=self.batch_size, on_batch=on_batch, should_stop=self.should_stop
        )
        return self._accuracy("clean", mask, time.perf_counter() - began)

    def _attack(self, attack: str) -> Outcome:
        plan = attack_plan(attack, self._aim())
        state = self._state_file(attack, ".state")
        walk = Cascade(self.model, self.images, plan, batch_size=self.batch_size, state=state).run(
            lambda **progress: self._progress(attack, **progress), self.should_stop
        )
        state.remove()
        parameters = plan.parameters | {"largest": walk.largest}
        if len(plan.stages) > 1:
            parameters["after"] = walk.after
        flags = walk.flags + [flag for flag in self._doubts() if flag not in walk.flags]
        return self._accuracy(
            attack, walk.robust, walk.seconds, parameters=parameters, flags=flags, package=plan.package
        )

    def _comparison(self, attack: str) -> Outcome:
        began = time.perf_counter()
        measured = COMPARISONS[attack](
            Compared(
                model=self.model,
                teacher=self.teacher,
                images=self.images,
                epsilon=self.epsilon,
                seed=self.seed,
                batch_size=self.batch_size,
                inner_attack=self.inner_attack,
            )
        )
        return Outcome(
            metrics=measured.metrics,
            examples=len(self.images),
            seconds=time.perf_counter() - began,
            seed=self.seed,
            images=self._images_name,
            parameters=measured.parameters,
            values={
                name: [float(f"{value:.6g}") for value in column.tolist()] for name, column in measured.values.items()
            },
        )

    def _aim(self) -> Target:
        """The network under attack: a cheaper copy, made once."""
        if self._target is None:
            few = self.images.images(slice(0, COMPARED_IMAGES))
            self._target = Target(
                network=fast_copy(self.model, few).network,
                epsilon=self.epsilon,
                seed=self.seed,
                device=self.images.labels.device,
                transfer_source=self.transfer_source,
            )
        return self._target

    def _doubts(self) -> list[str]:
        if self._network_flags is None:
            self._network_flags = network_flags(self.model, self.images, epsilon=self.epsilon, seed=self.seed)
        return self._network_flags

    def _accuracy(
        self,
        attack: str,
        mask: Tensor,
        seconds: float,
        *,
        parameters: dict[str, Any] | None = None,
        flags: list[str] | None = None,
        package: str = "",
    ) -> Outcome:
        return Outcome(
            metrics={attack_entry(attack).metric: float(mask.double().mean())},
            examples=len(mask),
            seconds=seconds,
            seed=self.seed,
            robust=to_bits(mask),
            images=self._images_name,
            parameters=parameters or {},
            flags=flags or [],
            package=package,
        )

    def _progress(self, attack: str, **progress: Any) -> None:
        self.emit(AttackProgress(evaluation=self.name, attack=attack, examples=len(self.images), **progress))

    def _finished(self, attack: str, outcome: Outcome, order: list[str]) -> AttackFinished:
        return AttackFinished(
            evaluation=self.name,
            attack=attack,
            metrics=outcome.metrics,
            correct=outcome.correct,
            examples=outcome.examples,
            seconds=outcome.seconds,
            seed=outcome.seed,
            parameters=outcome.parameters,
            flags=outcome.flags + order,
            package=outcome.package,
        )

    def _state_file(self, attack: str, suffix: str = "") -> StateFile:
        entry = attack_entry(attack)
        key = fingerprint(self.model, self.images.levels, attack, self.epsilon, self.seed, self.batch_size)
        if entry.needs_teacher and self.teacher is not None:
            key = f"{key}-{fingerprint(self.teacher, self.images.levels)}"
        if attack == "pointwise" and self.inner_attack is not None:
            key = f"{key}-training"
        if entry.needs_source and self.transfer_source is not None:
            key = f"{key}-{fingerprint(self.transfer_source, torch.zeros(0))}"
        return StateFile(self.folder / f"{attack}{suffix}.json", key)
