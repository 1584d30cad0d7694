"""What a run says: typed records, one JSON line each in events.jsonl. The worker writes them, everyone else reads.

A line is {"seq": n, "t": wall, "m": monotonic, "type": ..., fields...}. `seq` counts from 1 without gaps over
all attempts of a run, `t` is seconds since 1970, `m` seconds of the writer's monotonic clock. RunStarted carries
the version of this form. Numbers that are not finite travel as the strings "nan", "inf", "-inf", because JSON has none.
"""

import json
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, NamedTuple

from core.spec.json_values import are_ordinary, form_of_numbers, plain, typed

EVENTS_VERSION = 1
FINAL_EVALUATION = "final"  # of the last checkpoint, on the configured test images: its metrics are the run's


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all records. `type` names it in the file."""

    type: ClassVar[str] = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted(Event):
    """A worker has begun or resumed the run.

    attempt: 1 for the first worker, then 2, 3, ... epoch, step: where training goes on (epochs and steps done).
    started_at: start time of the process, seconds since 1970, which with `pid` and `host` says which process it is.
    """

    type: ClassVar[str] = "run_started"
    attempt: int
    pid: int
    started_at: float
    host: str
    device: str
    threads: int
    epochs: int
    steps_per_epoch: int
    epoch: int = 0
    step: int = 0
    version: int = EVENTS_VERSION
    software: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherProgress(Event):
    """The teacher is being made: `state` is "waiting" (another run trains it), "training", "loading" or "ready".

    epoch of epochs: while training. metrics: its losses, and when ready its accuracies on the test set, in [0, 1].
    recipe_hash: which teacher. cached: it was there already.
    """

    type: ClassVar[str] = "teacher"
    state: str
    recipe_hash: str
    epoch: int = 0
    epochs: int = 0
    cached: bool = False
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepLogged(Event):
    """One optimiser step: losses by name in nats per image. step counts over the whole run, from 1; epoch from 1."""

    type: ClassVar[str] = "step"
    epoch: int
    step: int
    metrics: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochFinished(Event):
    """One epoch: means of its losses, its learning rate, and what was measured after it. elapsed_s: this epoch."""

    type: ClassVar[str] = "epoch"
    epoch: int
    step: int
    elapsed_s: float
    metrics: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointSaved(Event):
    """Training can go on from here. file: name inside the run's checkpoints folder."""

    type: ClassVar[str] = "checkpoint"
    epoch: int
    step: int
    file: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationStarted(Event):
    """A checkpoint is being judged. evaluation: its identifier within the run. epsilon in pixel units.

    after_run: by a process of its own, not by the run's worker. batch_size: images per batch, 0 in older files.
    """

    type: ClassVar[str] = "evaluation_started"
    evaluation: str
    checkpoint: str
    attacks: list[str]
    num_examples: int
    epsilon: float
    batch_size: int = 0
    device: str = ""
    after_run: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AttackProgress(Event):
    """One batch of one stage of an attack.

    stage: part of the attack ("apgd-ce", "square"), or the attack's own name. batch of batches: within the stage.
    robust: test images still classified correctly, of `examples`: the upper bound on accuracy so far is their ratio.
    seconds: since the attack began, over all attempts.
    """

    type: ClassVar[str] = "attack_progress"
    evaluation: str
    attack: str
    stage: str
    stage_number: int
    num_stages: int
    batch: int
    batches: int
    robust: int
    examples: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AttackFinished(Event):
    """One measurement of an evaluation is complete.

    metrics: by catalogue name, accuracies in [0, 1]. correct of examples: images that withstood, None for diagnostics.
    parameters: what the attack ran with. flags: warnings about reliability, to be shown beside the number.
    package: name and version of the code that attacked, empty for our own. seconds: over all attempts.
    """

    type: ClassVar[str] = "attack_finished"
    evaluation: str
    attack: str
    metrics: dict[str, float]
    examples: int
    seconds: float
    correct: int | None = None
    seed: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    package: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationFinished(Event):
    """Every attack of the evaluation is complete. metrics: all of them."""

    type: ClassVar[str] = "evaluation_finished"
    evaluation: str
    metrics: dict[str, float]
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationStopped(Event):
    """An evaluation after the run was asked to stop and did; started again it goes on. reason: the signal's name."""

    type: ClassVar[str] = "evaluation_stopped"
    evaluation: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationFailed(Event):
    """An evaluation after the run cannot go on. error, details: as in RunFailed. bad_input: what was given is wrong."""

    type: ClassVar[str] = "evaluation_failed"
    evaluation: str
    error: str
    details: str = ""
    bad_input: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Warned(Event):
    """Something the user should know that does not stop the run."""

    type: ClassVar[str] = "warning"
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFinished(Event):
    """The run is complete. elapsed_s: this attempt, whose number attempt is."""

    type: ClassVar[str] = "run_finished"
    elapsed_s: float
    attempt: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStopped(Event):
    """The run was asked to stop and did, after a checkpoint; it can be resumed. reason: the signal's name."""

    type: ClassVar[str] = "run_stopped"
    reason: str
    epoch: int
    step: int
    elapsed_s: float = 0.0
    attempt: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFailed(Event):
    """The run cannot go on. error: one sentence; details: the traceback, which also stands in worker.log.

    bad_input: what it was given is wrong, and starting it again as it is will not help.
    """

    type: ClassVar[str] = "run_failed"
    error: str
    details: str = ""
    elapsed_s: float = 0.0
    attempt: int = 0
    bad_input: bool = False


EVENT_TYPES: dict[str, type[Event]] = {
    cls.type: cls
    for cls in (
        RunStarted, TeacherProgress, StepLogged, EpochFinished, CheckpointSaved, EvaluationStarted, AttackProgress,
        AttackFinished, EvaluationFinished, EvaluationStopped, EvaluationFailed, Warned, RunFinished, RunStopped,
        RunFailed,
    )
}  # fmt: skip
TERMINAL_EVENTS = (RunFinished, RunStopped, RunFailed)


class Record(NamedTuple):
    """An event with its place in the file: seq from 1, wall time and monotonic time in seconds."""

    seq: int
    t: float
    m: float
    event: Event


class BadLineError(ValueError):
    """A complete line of an event file that is no record."""


def encode_record(record: Record) -> str:
    """One line of JSON with its newline."""
    event = record.event
    return _encode_step(record, event) if type(event) is StepLogged else _encode(record, event)


def _encode(record: Record, event: Event) -> str:
    body: dict[str, Any] = {
        "seq": record.seq,
        "t": round(record.t, 3),
        "m": round(record.m, 3),
        "type": event.type,
    }
    for entry in fields(event):
        value = getattr(event, entry.name)
        if entry.default is not MISSING and value == entry.default and entry.name != "version":
            continue
        if entry.default_factory is not MISSING and not value:
            continue
        body[entry.name] = plain(value)
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"


def _encode_step(record: Record, event: StepLogged) -> str:
    """The same line in one go: steps are nearly all of a file, and training waits while they are written."""
    seq, t, m, _ = record
    metrics = event.metrics
    numbers = tuple(metrics.values())
    if not are_ordinary(numbers):
        return _encode(record, event)
    return _step_form(tuple(metrics)) % (seq, t, m, event.epoch, event.step, *numbers)


@cache
def _step_form(names: tuple[str, ...]) -> str:
    """What the numbers of a step are put into; remembered, as names come again and again."""
    head = f'{{"seq":%d,"t":%.3f,"m":%.3f,"type":"{StepLogged.type}","epoch":%d,"step":%d,"metrics":'
    return f"{head}{form_of_numbers(names)}}}\n"


def decode_record(line: str | bytes) -> Record:
    """Read one line. Fields that this version does not know are ignored, so that a newer worker can be watched.

    Raises: BadLineError with the reason.
    """
    try:
        body = json.loads(line)
        cls = EVENT_TYPES[body["type"]]
        known = {entry.name: entry for entry in fields(cls)}
        values = {name: typed(value, known[name].type) for name, value in body.items() if name in known}
        return Record(seq=int(body["seq"]), t=float(body["t"]), m=float(body["m"]), event=cls(**values))
    except (ValueError, KeyError, TypeError) as error:
        raise BadLineError(f"{type(error).__name__}: {error}") from error
