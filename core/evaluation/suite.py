"""The suite: every measurement a configuration asks for, in order, each reported while it runs and kept when done."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from core.attacks import attack_mode
from core.data.dataset import ImageSet
from core.diagnostics import gradient_alignment, input_gradients
from core.evaluation.accuracy import STEPS_PER_EPSILON, OnBatch, clean_mask, pgd_mask
from core.evaluation.autoattack import PACKAGE, STAGES, AutoAttackStandard
from core.evaluation.outcome import Outcome, StateFile, fingerprint, read_outcome, to_bits, write_outcome
from core.spec.events import AttackFinished, AttackProgress, EvaluationFinished, EvaluationStarted, Event

PGD_STEPS = 20


class Evaluation:
    """One evaluation of one network on one set of test images.

    name: identifier within the run. folder: where outcomes and states are kept. teacher: for gradient alignment.
    emit: takes every event. should_stop: asked between two batches.
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
        self.measurements: dict[str, Callable[[], Outcome]] = {
            "clean": self._clean,
            "pgd20": self._pgd20,
            "autoattack": self._autoattack,
            "gradients": self._gradients,
        }

    def run(self, attacks: tuple[str, ...]) -> dict[str, float]:
        """Measure, skipping what was finished before on the same weights, images and settings; all metrics by name.

        Gradient alignment is left out where there is no teacher. Raises: StopRequested between two batches.
        """
        wanted = [attack for attack in attacks if attack != "gradients" or self.teacher is not None]
        self.emit(
            EvaluationStarted(
                evaluation=self.name,
                checkpoint=self.checkpoint,
                attacks=wanted,
                num_examples=len(self.images),
                epsilon=self.epsilon,
            )
        )
        metrics: dict[str, float] = {}
        seconds = 0.0
        for attack in wanted:
            file = self._state_file(attack)
            outcome = read_outcome(file)
            if outcome is None:
                with attack_mode(self.model):
                    outcome = self.measurements[attack]()
                write_outcome(file, outcome)
            self.emit(self._finished(attack, outcome))
            metrics |= outcome.metrics
            seconds += outcome.seconds
        self.emit(EvaluationFinished(evaluation=self.name, metrics=metrics, seconds=seconds))
        return metrics

    def _clean(self) -> Outcome:
        began = time.perf_counter()
        mask = clean_mask(
            self.model,
            self.images,
            batch_size=self.batch_size,
            on_batch=self._report("clean", began),
            should_stop=self.should_stop,
        )
        return self._accuracy("clean_accuracy", mask, began, {})

    def _pgd20(self) -> Outcome:
        began = time.perf_counter()
        mask = pgd_mask(
            self.model,
            self.images,
            epsilon=self.epsilon,
            num_steps=PGD_STEPS,
            seed=self.seed,
            batch_size=self.batch_size,
            on_batch=self._report("pgd20", began),
            should_stop=self.should_stop,
        )
        step_size = self.epsilon / STEPS_PER_EPSILON
        parameters = {"epsilon": self.epsilon, "step_size": step_size, "num_steps": PGD_STEPS, "restarts": 1}
        return self._accuracy("pgd20_accuracy", mask, began, parameters)

    def _autoattack(self) -> Outcome:
        state = self._state_file("autoattack", ".state")

        def on_stage(**progress: Any) -> None:
            self._progress("autoattack", num_stages=len(STAGES), **progress)

        walk = AutoAttackStandard(
            self.model, self.images, epsilon=self.epsilon, seed=self.seed, batch_size=self.batch_size, state=state
        ).run(on_stage, self.should_stop)
        state.remove()
        return Outcome(
            metrics={"autoattack_accuracy": float(walk.robust.double().mean())},
            examples=len(self.images),
            seconds=walk.seconds,
            seed=self.seed,
            robust=to_bits(walk.robust),
            parameters={"epsilon": self.epsilon, "norm": "Linf", "version": "standard", "after": walk.after},
            flags=walk.flags,
            package=PACKAGE,
        )

    def _gradients(self) -> Outcome:
        assert self.teacher is not None
        began = time.perf_counter()
        student_gradients = input_gradients(self.model, self.images)
        alignment = gradient_alignment(student_gradients, input_gradients(self.teacher, self.images))
        return Outcome(
            metrics=alignment.metrics,
            examples=len(self.images),
            seconds=time.perf_counter() - began,
            seed=self.seed,
        )

    def _accuracy(self, metric: str, mask: Tensor, began: float, parameters: dict[str, float]) -> Outcome:
        return Outcome(
            metrics={metric: float(mask.double().mean())},
            examples=len(mask),
            seconds=time.perf_counter() - began,
            seed=self.seed,
            robust=to_bits(mask),
            parameters=parameters,
        )

    def _report(self, attack: str, began: float) -> OnBatch:
        def on_batch(batch: int, batches: int, robust: int) -> None:
            seconds = time.perf_counter() - began
            self._progress(
                attack,
                num_stages=1,
                stage=attack,
                stage_number=1,
                batch=batch,
                batches=batches,
                robust=robust,
                seconds=seconds,
            )

        return on_batch

    def _progress(self, attack: str, **progress: Any) -> None:
        self.emit(AttackProgress(evaluation=self.name, attack=attack, examples=len(self.images), **progress))

    def _finished(self, attack: str, outcome: Outcome) -> AttackFinished:
        return AttackFinished(
            evaluation=self.name,
            attack=attack,
            metrics=outcome.metrics,
            correct=outcome.correct,
            examples=outcome.examples,
            seconds=outcome.seconds,
            seed=outcome.seed,
            parameters=outcome.parameters,
            flags=outcome.flags,
            package=outcome.package,
        )

    def _state_file(self, attack: str, suffix: str = "") -> StateFile:
        networks = (self.teacher,) if attack == "gradients" and self.teacher is not None else ()
        key = fingerprint(self.model, self.images.levels, attack, self.epsilon, self.seed, self.batch_size)
        for network in networks:
            key = f"{key}-{fingerprint(network, self.images.levels)}"
        return StateFile(self.folder / f"{attack}{suffix}.json", key)
