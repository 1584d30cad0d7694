"""Judging a network at the end of its run, a checkpoint of a run that has ended, or a checkpoint file of any making."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from core.data import Dataset, load_dataset
from core.evaluation import Evaluation
from core.evaluation.inner_attack import inner_attack
from core.evaluation.input_checks import EvaluationError, choose_examples
from core.evaluation.transfer_source import load_transfer_source
from core.models import build_model
from core.spec.attack_names import attack_entry
from core.spec.config import RunConfig
from core.spec.errors import TrainingError
from core.spec.evaluation_request import EvaluationRequest
from core.spec.events import FINAL_EVALUATION, Event, Warned
from core.spec.run_folder import RunFolder
from core.teachers import freeze, load_checkpoint_file
from core.teaching import Teaching
from core.training.checkpoint import BEST, LAST

FILES = {"last": LAST, "best": BEST}


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """Measures networks of one run by its `evaluation` settings.

    emit: takes events, in order. should_stop: True once asked to stop. after_run: the run's own worker is done.
    """

    folder: RunFolder
    config: RunConfig
    device: torch.device
    emit: Callable[[Event], None]
    should_stop: Callable[[], bool]
    after_run: bool = False

    def measure(
        self, network: nn.Module, teacher: nn.Module | None, dataset: Dataset, *, name: str, checkpoint: str
    ) -> None:
        """One evaluation, from where it was left. name: of the evaluation; checkpoint: of the weights, for the record.

        Raises: StopRequested between two batches; EvaluationError when images, labels, network and memory do not fit.
        """
        settings = self.config.evaluation
        source = load_transfer_source(self.config, dataset.geometry, self.folder.home)
        images = choose_examples(dataset.test, settings.num_examples)
        # How the network in a file was trained is not known.
        trained_here = settings.checkpoint_file is None
        evaluation = Evaluation(
            network,
            images,
            name=name,
            checkpoint=checkpoint,
            folder=self.folder.evaluation / name,
            epsilon=self.config.evaluation_epsilon,
            seed=settings.seed,
            batch_size=settings.batch_size,
            teacher=teacher,
            transfer_source=source and source.to(self.device),
            inner_attack=inner_attack(self.config, network, teacher, images) if trained_here else None,
            emit=self.emit,
            should_stop=self.should_stop,
            after_run=self.after_run,
        )
        try:
            evaluation.run(settings.attacks)
        except torch.OutOfMemoryError as error:
            raise EvaluationError(
                f"a batch of {evaluation.batch_size} images does not fit into the memory of {self.device}"
                " (choose a smaller --batch-size, or auto)"
            ) from error

    def measure_file(self, path: Path, *, name: str) -> None:
        """One evaluation of the weights in a file, which must fit `student`.

        Raises: as `measure`; EvaluationError also when the file cannot be read or does not fit.
        """
        config = self.config
        dataset = load_dataset(config.data, self.folder.home).to(self.device)
        choose_examples(dataset.test, config.evaluation.num_examples)
        network = build_model(config.student, dataset.geometry, 0, dataset=config.data.name)
        try:
            load_checkpoint_file(network, path, classes=dataset.geometry.classes)
        except TrainingError as error:
            raise EvaluationError(str(error)) from error
        teacher = self._teacher(dataset)
        self.measure(freeze(network.to(self.device)), teacher, dataset, name=name, checkpoint=path.name)

    def _teacher(self, dataset: Dataset) -> nn.Module | None:
        """The run's teacher where something is compared with it; says what is left out when there is none."""
        compared = [name for name in self.config.evaluation.attacks if attack_entry(name).needs_teacher]
        if not compared:
            return None
        if self.config.teacher.source == "none":
            self.emit(Warned(message=f"{', '.join(compared)}: not measured, there is no teacher to compare with"))
            return None
        return Teaching(
            config=self.config,
            home=self.folder.home,
            device=self.device,
            made_by=self.folder.run_id,
            emit=self.emit,
            should_stop=self.should_stop,
        ).obtain(dataset)


def evaluate_run(judge: Judge, request: EvaluationRequest) -> None:
    """What a request asks of a run that has ended; `judge` has the run's own settings.

    Raises: as `Judge.measure_file`; EvaluationError when the run has no such checkpoint.
    """
    path = judge.folder.checkpoints / FILES[request.checkpoint]
    if judge.config.evaluation.checkpoint_file is not None:
        if request.checkpoint != "last":
            raise EvaluationError(f"{judge.folder.run_id}: measures one file and has no best epoch (leave it at last)")
        path = checkpoint_file(judge.config, judge.folder)
    if not path.is_file():
        advice = "choose --checkpoint last" if request.checkpoint == "best" else "was it removed?"
        raise EvaluationError(f"{path}: no such file ({advice})")
    transfer = {"transfer_source": request.transfer_source, "transfer_model": request.transfer_model}
    settings = judge.config.evaluation.model_copy(
        update={key: value for key, value in transfer.items() if value}
        | {
            "attacks": request.attacks,
            "num_examples": request.num_examples,
            "epsilon": request.epsilon,
            "seed": request.seed,
            "batch_size": request.batch_size,
        }
    )
    judge = replace(judge, config=judge.config.model_copy(update={"evaluation": settings}), after_run=True)
    judge.measure_file(path, name=request.name)


def evaluate_file(judge: Judge) -> None:
    """The whole of a run without training: the file that its settings name, as the run's own evaluation."""
    judge.measure_file(checkpoint_file(judge.config, judge.folder), name=FINAL_EVALUATION)


def checkpoint_file(config: RunConfig, folder: RunFolder) -> Path:
    """The file that a run without training measures."""
    return folder.home.path / Path(config.evaluation.checkpoint_file or "").expanduser()
