"""What is followed during training: GD, GC, linearity on fixed test images, validation accuracies, the best epoch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.data import Dataset
from core.diagnostics import gradient_alignment, input_gradients, taylor_remainder
from core.evaluation.accuracy import clean_mask, pgd_mask
from core.spec.config import RunConfig
from core.training.checkpoint import BEST, write_state

VALIDATION_STEPS = 10
BEST_METRIC = "validation_pgd_accuracy"


class Following:
    """Measures a network after its epochs and keeps the weights of the best one.

    teacher: for GD and GC, None for neither. best: the highest PGD-10 accuracy on the validation images so far and its
    epoch, (-1, 0) before the first; part of the training's checkpoint, so that a resumed run goes on with it.
    tell: takes warnings.
    """

    def __init__(
        self,
        config: RunConfig,
        dataset: Dataset,
        teacher: nn.Module | None,
        folder: Path,
        tell: Callable[[str], None],
    ) -> None:
        self.config = config
        self.teacher = teacher
        self.validation = dataset.validation
        self.followed = dataset.test.first(config.evaluation.gradient_examples)
        self.folder = folder
        self.tell = tell
        self.best: tuple[float, int] = (-1.0, 0)
        self._teacher_gradients: torch.Tensor | None = None

    def measure(self, network: nn.Module, epoch: int) -> dict[str, float]:
        """Metrics due after an epoch counted from 1; the last epoch is always measured. Keeps the weights if best."""
        evaluation = self.config.evaluation
        metrics: dict[str, float] = {}
        if self.teacher is not None and self._is_due(epoch, evaluation.gradient_every):
            if self._teacher_gradients is None:
                self._teacher_gradients = input_gradients(self.teacher, self.followed)
            gradients = input_gradients(network, self.followed)
            metrics |= gradient_alignment(gradients, self._teacher_gradients).metrics
        if self._is_due(epoch, evaluation.linearity_every):
            metrics["linearity_remainder"] = self._remainder(network)
        if len(self.validation) and self._is_due(epoch, evaluation.validation_every):
            metrics |= self._validate(network)
            if metrics[BEST_METRIC] > self.best[0]:
                self._keep(network, metrics[BEST_METRIC], epoch)
        return metrics

    def _keep(self, network: nn.Module, accuracy: float, epoch: int) -> None:
        """Keep the weights as the best; those before stay the best where the disk does not take them."""
        try:
            write_state(self.folder / BEST, {"model": network.state_dict(), "epoch": epoch})
        except OSError as error:
            self.tell(f"best.pt of epoch {epoch} could not be written: {error.strerror or error}")
            return
        self.best = (accuracy, epoch)

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far."""
        return {"best_value": self.best[0], "best_epoch": self.best[1]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a saved one."""
        self.best = (float(state["best_value"]), int(state["best_epoch"]))

    def _validate(self, network: nn.Module) -> dict[str, float]:
        evaluation = self.config.evaluation
        clean = clean_mask(network, self.validation, batch_size=evaluation.interim_batch_size)
        pgd = pgd_mask(
            network,
            self.validation,
            epsilon=self.config.evaluation_epsilon,
            num_steps=VALIDATION_STEPS,
            seed=evaluation.seed,
            batch_size=evaluation.interim_batch_size,
        )
        return {"validation_clean_accuracy": float(clean.double().mean()), BEST_METRIC: float(pgd.double().mean())}

    def _remainder(self, network: nn.Module) -> float:
        remainder = taylor_remainder(
            network,
            self.followed,
            epsilon=self.config.evaluation_epsilon,
            seed=self.config.evaluation.seed,
            batch_size=self.config.evaluation.interim_batch_size,
        )
        return float(remainder.double().mean())

    def _is_due(self, epoch: int, every: int) -> bool:
        return every > 0 and (epoch % every == 0 or epoch == self.config.optim.num_epochs)
