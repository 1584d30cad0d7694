"""What a run does, stage after stage: data, teacher, training, evaluation. The worker calls it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from core.data import Dataset, load_dataset
from core.diagnostics import gradient_alignment, input_gradients
from core.evaluation import Evaluation
from core.evaluation.accuracy import clean_mask, pgd_mask
from core.methods import build_method, build_term
from core.models import build_model
from core.spec.config import RunConfig
from core.spec.errors import StopRequested
from core.spec.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    RunStarted,
    StepLogged,
    Warned,
)
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from core.teachers import freeze
from core.teaching import Teaching
from core.training.checkpoint import LAST, load_checkpoint, save_checkpoint
from core.training.step import TrainingStep
from core.training.trainer import Trainer

VALIDATION_STEPS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What every stage needs.

    emit: takes events, in order. should_stop: True once the run was asked to stop.
    """

    folder: RunFolder
    config: RunConfig
    device: torch.device
    identity: ProcessIdentity
    attempt: int
    software: dict[str, str]
    emit: Callable[[Event], None]
    should_stop: Callable[[], bool]


def run_stages(job: Job) -> None:
    """Carry the run through, from where it was left.

    Raises: StopRequested after a checkpoint when asked to stop; TrainingError when it cannot go on.
    """
    config = job.config
    dataset = load_dataset(config.data, job.folder.home).to(job.device)
    student = build_model(config.student, dataset.geometry, config.runtime.seed, dataset=config.data.name)
    student = student.to(job.device)
    stored = load_checkpoint(job.folder.checkpoints, device=job.device)
    state, warnings = stored or (None, [])
    trainer = _student_trainer(job, dataset, student)
    if state is not None:
        trainer.load_state_dict(state)
    job.emit(
        RunStarted(
            attempt=job.attempt,
            pid=job.identity.pid,
            started_at=job.identity.started_at,
            host=job.identity.host,
            device=str(job.device),
            threads=torch.get_num_threads(),
            epochs=config.optim.num_epochs,
            steps_per_epoch=trainer.steps_per_epoch,
            epoch=trainer.epoch,
            step=trainer.total_steps,
            software=job.software,
        )
    )
    for warning in warnings:
        job.emit(Warned(message=f"{warning}; went on from the checkpoint before it"))
    teacher = obtain_teacher(job, dataset)
    trainer.step.teacher = teacher
    train_student(job, trainer, dataset)
    evaluate_student(job, student, teacher, dataset)


def obtain_teacher(job: Job, dataset: Dataset) -> nn.Module | None:
    """The run's teacher, frozen; None where it has none."""
    teaching = Teaching(
        config=job.config,
        home=job.folder.home,
        device=job.device,
        made_by=job.folder.run_id,
        emit=job.emit,
        should_stop=job.should_stop,
    )
    return teaching.obtain(dataset)


def train_student(job: Job, trainer: Trainer, dataset: Dataset) -> None:
    """All epochs that are left, each followed by its measurements and a checkpoint."""
    config = job.config
    log_every = config.runtime.log_every

    def on_step(epoch: int, step: int, named: dict[str, torch.Tensor]) -> None:
        if step % log_every == 0:
            metrics = {name: float(loss) for name, loss in named.items()}
            job.emit(StepLogged(epoch=epoch, step=step, metrics=metrics))

    follow = EpochMeasurements(job, trainer.step, dataset)
    while not trainer.is_complete:
        began = time.perf_counter()
        try:
            metrics = trainer.run_epoch(on_step=on_step, should_stop=job.should_stop)
        except StopRequested:
            checkpoint_student(job, trainer)
            raise
        metrics |= follow.measure(trainer.epoch)
        elapsed_s = time.perf_counter() - began
        job.emit(EpochFinished(epoch=trainer.epoch, step=trainer.total_steps, elapsed_s=elapsed_s, metrics=metrics))
        if trainer.epoch % config.runtime.checkpoint_every == 0 or trainer.is_complete:
            checkpoint_student(job, trainer)


def checkpoint_student(job: Job, trainer: Trainer) -> None:
    """Save, then say so."""
    save_checkpoint(job.folder.checkpoints, trainer.state_dict())
    job.emit(CheckpointSaved(epoch=trainer.epoch, step=trainer.total_steps, file=LAST))


class EpochMeasurements:
    """What is followed during training: GD and GC on a fixed test subset, accuracies on the validation images."""

    def __init__(self, job: Job, step: TrainingStep, dataset: Dataset) -> None:
        self.config = job.config
        self.student, self.teacher = step.student, step.teacher
        self.validation = dataset.validation
        self.followed = dataset.test.first(job.config.evaluation.gradient_examples)
        self._teacher_gradients: torch.Tensor | None = None

    def measure(self, epoch: int) -> dict[str, float]:
        """Metrics due after an epoch counted from 1; the last epoch is always measured."""
        evaluation = self.config.evaluation
        metrics: dict[str, float] = {}
        if self.teacher is not None and self._is_due(epoch, evaluation.gradient_every):
            if self._teacher_gradients is None:
                self._teacher_gradients = input_gradients(self.teacher, self.followed)
            student_gradients = input_gradients(self.student, self.followed)
            metrics |= gradient_alignment(student_gradients, self._teacher_gradients).metrics
        if len(self.validation) and self._is_due(epoch, evaluation.validation_every):
            clean = clean_mask(self.student, self.validation, batch_size=evaluation.batch_size)
            pgd = pgd_mask(
                self.student,
                self.validation,
                epsilon=self.config.evaluation_epsilon,
                num_steps=VALIDATION_STEPS,
                seed=evaluation.seed,
                batch_size=evaluation.batch_size,
            )
            metrics["validation_clean_accuracy"] = float(clean.double().mean())
            metrics["validation_pgd_accuracy"] = float(pgd.double().mean())
        return metrics

    def _is_due(self, epoch: int, every: int) -> bool:
        return every > 0 and (epoch % every == 0 or epoch == self.config.optim.num_epochs)


def evaluate_student(job: Job, student: nn.Module, teacher: nn.Module | None, dataset: Dataset) -> None:
    """The configured suite on the last checkpoint and the test set."""
    config = job.config
    freeze(student)
    Evaluation(
        student,
        dataset.test.first(config.evaluation.num_examples),
        name="final",
        checkpoint=LAST,
        folder=job.folder.evaluation / "final",
        epsilon=config.evaluation_epsilon,
        seed=config.evaluation.seed,
        batch_size=config.evaluation.batch_size,
        teacher=teacher,
        emit=job.emit,
        should_stop=job.should_stop,
    ).run(config.evaluation.attacks)


def _student_trainer(job: Job, dataset: Dataset, student: nn.Module) -> Trainer:
    """The student's trainer; its step gets the teacher once there is one."""
    config = job.config
    step = TrainingStep(
        student=student,
        teacher=None,
        method=build_method(config.method, config.attack),
        igdm=build_term(config.igdm),
        attack=config.attack,
        num_epochs=config.optim.num_epochs,
        mixed_precision=config.optim.mixed_precision,
    )
    return Trainer(
        step,
        images=dataset.train,
        data=config.data,
        optim=config.optim,
        seed=config.runtime.seed,
        device=job.device,
    )
