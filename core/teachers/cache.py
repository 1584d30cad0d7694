"""teachers/<recipe hash>/: one trained teacher with its measured accuracies, made by exactly one run at a time."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core.spec.atomic import replace_file, replace_text
from core.spec.errors import TrainingError
from core.spec.leftovers import sweep
from core.spec.plain_files import NO_LOCKS, make_private
from core.stored import load_data

POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class TeacherFolder:
    """Names of the files of one teacher.

    weights.pt: its state dict, there only when complete. teacher.json: recipe and measured accuracies.
    training/: checkpoints while it is being trained. lock: held by the run that trains it.
    """

    path: Path

    @property
    def weights(self) -> Path:
        """The finished weights."""
        return self.path / "weights.pt"

    @property
    def card(self) -> Path:
        """Recipe and measured accuracies."""
        return self.path / "teacher.json"

    @property
    def training(self) -> Path:
        """Checkpoints of a training that is not finished."""
        return self.path / "training"

    @property
    def is_ready(self) -> bool:
        """True when finished weights and their card are there; the card is written last."""
        return self.weights.exists() and self.card.exists()

    @contextmanager
    def lock(self, *, on_wait: Callable[[], None], should_stop: Callable[[], bool]) -> Iterator[bool]:
        """Hold the right to train this teacher; released by the system when the holder dies.

        on_wait: called once when another run holds it. Yields False when `should_stop` ended the waiting.
        """
        make_private(self.path)
        descriptor = os.open(self.path / "lock", os.O_CREAT | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            waited = False
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not waited:
                        on_wait()
                        waited = True
                    if should_stop():
                        yield False
                        return
                    time.sleep(POLL_S)
                except OSError as error:
                    if error.errno not in NO_LOCKS:
                        raise
                    break  # a disk without locks: two runs may train it at once, to the same weights
            sweep(self.path, self.training)
            yield True

    def save(self, state_dict: dict[str, Any], card: dict[str, Any]) -> None:
        """Keep finished weights, then their card."""
        replace_file(self.weights, lambda file: torch.save(state_dict, file))
        replace_text(self.card, json.dumps(card, indent=2) + "\n")

    def read_card(self) -> dict[str, Any]:
        """Recipe and measured accuracies.

        Raises: TrainingError when damaged, saying which folder to remove.
        """
        try:
            card: dict[str, Any] = json.loads(self.card.read_text())
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{self.card}: cannot be read: {error} (remove {self.path}: it is made again)"
            ) from error
        return card

    def read_weights(self, device: torch.device) -> dict[str, Any]:
        """The state dict, loaded as data.

        Raises: TrainingError when damaged, saying which folder to remove.
        """
        try:
            state: dict[str, Any] = load_data(self.weights, device)
        except Exception as error:
            raise TrainingError(
                f"{self.weights}: cannot be read: {error} (remove {self.path}: it is made again)"
            ) from error
        return state
