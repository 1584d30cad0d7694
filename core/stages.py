"""What a run does, stage after stage: data, teacher, training, evaluation. The worker calls it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from core.data import Dataset, load_dataset
from core.device import lacks_bfloat16, peak_memory_gb
from core.evaluating import Judge, evaluate_file
from core.evaluation.input_checks import choose_examples
from core.following import Following
from core.methods import build_method, build_term
from core.models import build_model
from core.spec.config import RunConfig, TeacherSection
from core.spec.device_slot import slot_name
from core.spec.errors import StopRequested, TrainingError
from core.spec.events import (
    FINAL_EVALUATION,
    CheckpointSaved,
    EpochFinished,
    Event,
    RunStarted,
    StepLogged,
    Warned,
)
from core.spec.memory import GIB, training_memory
from core.spec.method_names import METHODS
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from core.teachers import freeze
from core.teaching import Teaching
from core.training.checkpoint import BEST, LAST, load_checkpoint, read_state, save_checkpoint
from core.training.distributed import Ranks, has_batchnorm, synchronised
from core.training.paths import build_step
from core.training.trainer import Trainer

SLOW_BFLOAT16 = (
    "bfloat16 makes large networks some 20 times slower on this processor, which has no instructions for it"
    ' (stop the run, and leave speed.attack_precision at "float32" and mixed_precision at false)'
)
BATCHNORM_BY_SHARES = (
    "BatchNorm normalises by each device's share of a batch, so numbers differ from a run on one device"
    " (on GPUs optim.sync_batchnorm = true normalises by the whole batch)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What every stage needs.

    emit: takes events, in order. should_stop: True once the run was asked to stop. check_attempt: raises when a newer
    attempt has the run. ranks: this process among several that train the student together.
    """

    folder: RunFolder
    config: RunConfig
    device: torch.device
    identity: ProcessIdentity
    attempt: int
    software: dict[str, str]
    emit: Callable[[Event], None]
    should_stop: Callable[[], bool]
    check_attempt: Callable[[], None]
    ranks: Ranks | None = None

    @property
    def is_first(self) -> bool:
        """This process writes events and checkpoints and measures: the only one, or rank 0 of several."""
        return self.ranks is None or self.ranks.rank == 0

    @property
    def judge(self) -> Judge:
        """Who measures what comes out."""
        return Judge(
            folder=self.folder, config=self.config, device=self.device, emit=self.emit, should_stop=self.should_stop
        )


def takes_bfloat16(config: RunConfig) -> bool:
    """Whether student or teacher are trained with it."""
    attacks = config.speed.path == "fast" and METHODS[config.method.name].has_inner
    trains_teacher = config.teacher.source == "train" and config.teacher.optim.mixed_precision
    return (attacks and config.speed.attack_precision == "bfloat16") or config.optim.mixed_precision or trains_teacher


def run_stages(job: Job) -> None:
    """Carry the run through, from where it was left.

    Raises: StopRequested after a checkpoint when asked to stop; TrainingError when it cannot go on.
    """
    config = job.config
    if config.evaluation.checkpoint_file is not None:
        job.emit(_started(job))
        evaluate_file(job.judge)
        return
    dataset = load_dataset(config.data, job.folder.home).to(job.device)
    choose_examples(dataset.test, config.evaluation.num_examples)  # too many are refused now, not after training
    trainer = build_trainer(job, dataset)
    state, warnings = load_checkpoint(job.folder.checkpoints, device=job.device) or (None, [])
    if state is not None:
        trainer.load_state_dict(state)
    job.emit(_started(job, trainer))
    for warning in warnings:
        job.emit(Warned(message=f"{warning}; went on from the checkpoint before it"))
    if takes_bfloat16(config) and lacks_bfloat16(job.device):
        job.emit(Warned(message=SLOW_BFLOAT16))
    if job.ranks and has_batchnorm(trainer.step.student):
        job.emit(Warned(message=BATCHNORM_BY_SHARES))
    with naming_memory(job, "teacher.optim.batch_size", config.teacher.optim.batch_size):
        if job.ranks and not job.is_first:
            job.ranks.wait()  # rank 0 trains what is to be trained, the others find it there
        trainer.step.second_teacher = obtain_teacher(job, config.second_teacher, dataset)
        trainer.step.teacher = obtain_teacher(job, config.teacher, dataset)
        if job.ranks and job.is_first:
            job.ranks.wait()
    following = Following(
        config,
        dataset,
        trainer.step.teacher,
        job.folder.checkpoints,
        tell=lambda message: job.emit(Warned(message=message)),
    )
    if state is not None:
        following.load_state_dict(state)
    with naming_memory(job, "optim.batch_size", config.optim.batch_size):
        train_student(job, trainer, following)
    if job.ranks:
        job.ranks.leave()
    if not job.is_first:
        return
    with naming_memory(job, "evaluation.batch_size", config.evaluation.batch_size):
        evaluate_student(job, trainer, following, dataset)


@contextmanager
def naming_memory(job: Job, key: str, batch_size: int) -> Iterator[None]:
    """Where GPU memory runs out, say which batch size was too large, and what is known about the need.

    Raises: TrainingError in place of torch.OutOfMemoryError.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(out_of_memory_text(job.config, job.device, key, batch_size)) from error


def out_of_memory_text(config: RunConfig, device: torch.device, key: str, batch_size: int) -> str:
    """One sentence: the batch size, the estimate of training where there is one, the device's memory, what to do."""
    parts = [f"out of memory on {device} with {key} = {batch_size}"]
    estimate = training_memory(config) if key == "optim.batch_size" else None
    if estimate:
        parts.append(f"training was estimated to need {estimate}")
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        parts.append(f"the device has {total / GIB:.1f} GiB, {free / GIB:.1f} of them free now")
    halve = ', or set runtime.on_oom = "halve-batch"' if key == "optim.batch_size" else ""
    return f"{'; '.join(parts)} (make {key} smaller in a new run{halve}, or use a GPU that is free)"


def build_trainer(job: Job, dataset: Dataset) -> Trainer:
    """The student with its method; its step gets the teachers once there are any."""
    config = job.config
    student = build_model(config.student, dataset.geometry, config.runtime.seed, dataset=config.data.name)
    if job.ranks and job.device.type == "cuda" and config.optim.sync_batchnorm:
        student = synchronised(student)
    step = build_step(
        config.speed,
        student=student.to(job.device),
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
        read_every=1 if job.device.type == "cpu" else config.runtime.log_every,
        on_oom=config.runtime.on_oom,
        tell=lambda message: job.emit(Warned(message=message)),
        ranks=job.ranks,
    )


def obtain_teacher(job: Job, teacher: TeacherSection, dataset: Dataset) -> nn.Module | None:
    """A teacher of the run, frozen; None where the section says there is none."""
    teaching = Teaching(
        config=job.config.model_copy(update={"teacher": teacher}),
        home=job.folder.home,
        device=job.device,
        made_by=job.folder.run_id,
        emit=job.emit,
        should_stop=job.should_stop,
    )
    return teaching.obtain(dataset)


def train_student(job: Job, trainer: Trainer, following: Following) -> None:
    """All epochs that are left, each followed by its measurements and a checkpoint."""
    runtime = job.config.runtime
    saved_at = time.monotonic()

    def save() -> None:
        nonlocal saved_at
        checkpoint_student(job, trainer, following)
        saved_at = time.monotonic()

    def on_step(epoch: int, step: int, named: dict[str, torch.Tensor]) -> None:
        if step % runtime.log_every == 0:
            metrics = {name: float(loss) for name, loss in named.items()}
            job.emit(StepLogged(epoch=epoch, step=step, metrics=metrics))
        if job.is_first and 0 < runtime.checkpoint_minutes * 60 < time.monotonic() - saved_at:
            save()

    while not trainer.is_complete:
        began = time.perf_counter()
        try:
            metrics = trainer.run_epoch(on_step=on_step, should_stop=job.should_stop)
        except StopRequested:
            save()
            raise
        if not job.is_first:
            continue
        metrics |= following.measure(trainer.result, trainer.epoch)
        metrics["memory_gb"] = peak_memory_gb(job.device)
        elapsed_s = time.perf_counter() - began
        job.emit(EpochFinished(epoch=trainer.epoch, step=trainer.total_steps, elapsed_s=elapsed_s, metrics=metrics))
        if trainer.epoch % runtime.checkpoint_every == 0 or trainer.is_complete:
            save()


def checkpoint_student(job: Job, trainer: Trainer, following: Following) -> None:
    """Save, then say so; an attempt that has lost the run saves nothing over the work of the newer one.

    A disk that does not take it costs a run nothing but the way back: it goes on, and the checkpoint before stays.
    Raises: OSError when it was the last one, without which the trained weights would be lost.
    """
    job.check_attempt()
    try:
        save_checkpoint(job.folder.checkpoints, trainer.state_dict() | following.state_dict())
    except OSError as error:
        if trainer.is_complete:
            raise
        why = error.strerror or error
        job.emit(Warned(message=f"no checkpoint after step {trainer.total_steps}, the one before is kept: {why}"))
        return
    job.emit(CheckpointSaved(epoch=trainer.epoch, step=trainer.total_steps, file=LAST))


def evaluate_student(job: Job, trainer: Trainer, following: Following, dataset: Dataset) -> None:
    """The configured suite on the test images: first on the best weights, where they are not the last, then on those.

    The last weights come last and under their own name: their figures are the run's.
    """
    checkpoints = job.config.evaluation.checkpoints
    network, teacher = trainer.result, trainer.step.teacher
    last = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    freeze(network)
    if "best" in checkpoints and following.best[1] not in (0, trainer.epoch):
        state = read_state(job.folder.checkpoints / BEST, device=job.device)
        network.load_state_dict(state["model"])
        job.judge.measure(network, teacher, dataset, name="best", checkpoint=BEST)
    if "last" in checkpoints:
        network.load_state_dict(last)
        job.judge.measure(network, teacher, dataset, name=FINAL_EVALUATION, checkpoint=LAST)


def _started(job: Job, trainer: Trainer | None = None) -> RunStarted:
    """trainer: None for a run without training."""
    return RunStarted(
        attempt=job.attempt,
        pid=job.identity.pid,
        started_at=job.identity.started_at,
        host=job.identity.host,
        device=slot_name() or (f"{job.ranks.count} x {job.device.type}" if job.ranks else str(job.device)),
        threads=torch.get_num_threads(),
        epochs=job.config.optim.num_epochs if trainer else 0,
        steps_per_epoch=trainer.steps_per_epoch if trainer else 0,
        epoch=trainer.epoch if trainer else 0,
        step=trainer.total_steps if trainer else 0,
        software=job.software,
    )
