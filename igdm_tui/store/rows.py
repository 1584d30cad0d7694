"""What the store answers with: plain records of plain values. Importing this costs nothing."""

import json
import math
from array import array
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=20_000)
def read_settings(text: str) -> dict[str, Any]:
    """The settings of a run, read once however often they are asked for; nobody changes them."""
    settings: dict[str, Any] = json.loads(text)
    return settings


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """One run as it stands now.

    status: "queued", "running", "finished", "failed", "stopped" or "lost"; derived when asked, never stored.
    created_at, started_at: UTC ISO text; started_at is None before the first worker. elapsed_s: over all attempts.
    epoch of epochs: done. stage: what it does now ("teacher 3/30", "epoch 4/30", "autoattack fab-t"), or why it waits
    in the queue ("2nd of 5", "paused"); "" otherwise.
    progress: rough share of the whole that is done, in [0, 1]; None when unknown.
    settings_text: the settings as JSON; lists of thousands of runs are shown without reading it.
    metrics: newest value by name; what an evaluation measured goes before what training measured; absent: not measured.
    teacher_metrics: the teacher's own, on the test set. error: why it failed, or "".
    folder: its run folder; folder_missing when somebody removed it.
    tags, note, archived: what people said about it; text of their own.
    """

    id: str
    name: str
    status: str
    settings_hash: str
    seed: int
    dataset: str
    teacher: str
    student: str
    method: str
    igdm_alpha: float
    created_at: str | None
    started_at: str | None
    elapsed_s: float
    epoch: int
    epochs: int
    stage: str
    progress: float | None
    settings_text: str
    metrics: dict[str, float]
    teacher_metrics: dict[str, float]
    error: str
    device: str
    attempt: int
    folder: Path
    folder_missing: bool = False
    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, section by section; the same object for every row with the same text."""
        return read_settings(self.settings_text)

    def to_json(self) -> dict[str, Any]:
        """The form of a run that scripts rely on; a number that is not finite becomes null."""
        return self._head() | {"settings": self.settings, "metrics": self._finite_metrics()}

    def json_text(self) -> str:
        """The same as JSON in ASCII. Settings are kept as such and not read for it, which is felt with a thousand runs.

        Raises: ValueError when a number is not finite.
        """
        if "NaN" in self.settings_text or "Infinity" in self.settings_text:
            raise ValueError(f"{self.id}: its settings are no JSON")
        head, metrics = (json.dumps(part, allow_nan=False) for part in (self._head(), self._finite_metrics()))
        return f'{head[:-1]}, "settings": {self.settings_text}, "metrics": {metrics}}}'

    def _head(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "settings_hash": self.settings_hash,
            "seed": self.seed,
            "dataset": self.dataset,
            "teacher": self.teacher,
            "student": self.student,
            "method": self.method,
            "igdm_alpha": self.igdm_alpha,
            "started_at": self.started_at,
            "elapsed_s": round(self.elapsed_s, 3),
            "tags": list(self.tags),
            "note": self.note,
            "archived": self.archived,
        }

    def _finite_metrics(self) -> dict[str, float | None]:
        return {name: value if math.isfinite(value) else None for name, value in self.metrics.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One metric of one run over time; four arrays of equal length, in order of steps.

    steps, epochs: as counted by the run, from 1. elapsed_s: seconds of the run. values: may hold nan and inf.
    """

    steps: "array[float]" = field(default_factory=lambda: array("d"))
    epochs: "array[float]" = field(default_factory=lambda: array("d"))
    elapsed_s: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, kw_only=True, slots=True)
class StageRow:
    """One report of an attack: `robust` of `examples` test images stand after `batch` of `batches` of a stage.

    stage_number counts from 1 to num_stages. seconds: since the attack began.
    """

    attack: str
    stage: str
    stage_number: int
    num_stages: int
    batch: int
    batches: int
    robust: int
    examples: int
    seconds: float
    evaluation: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationRow:
    """One complete measurement: metrics by name, `correct` of `examples` images (None for diagnostics), its warnings.

    finished_at: UTC ISO text. package: name and version of the code that attacked, "" for our own. of_run: its metrics
    are the run's own figures, those of listings and comparisons. checkpoint: file of the weights that were measured, ""
    when not said.
    """

    evaluation: str
    attack: str
    metrics: dict[str, float]
    correct: int | None
    examples: int
    seconds: float
    seed: int
    parameters: dict[str, Any]
    flags: list[str]
    package: str
    finished_at: str
    of_run: bool = True
    checkpoint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgementRow:
    """One evaluation of a checkpoint with all it measured so far.

    state: "finished", "failed", "running" (a process after the run is at it) or "unfinished". batch_size: 0 when not
    said. epsilon in pixel units. finished_at: UTC ISO text, None before. error: why it failed, or "".
    """

    evaluation: str
    state: str
    checkpoint: str
    attacks: tuple[str, ...]
    num_examples: int
    epsilon: float
    batch_size: int
    device: str
    finished_at: str | None
    error: str
    measurements: tuple[EvaluationRow, ...]

    @property
    def seconds(self) -> float:
        """What its measurements took, over all attempts."""
        return sum(row.seconds for row in self.measurements)


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherRow:
    """A run's teacher: `state` is "waiting", "training", "loading" or "ready"; epoch of epochs while training.

    metrics: when ready its accuracies on the test set, before that its losses.
    """

    recipe_hash: str
    state: str
    epoch: int
    epochs: int
    cached: bool
    metrics: dict[str, float]
