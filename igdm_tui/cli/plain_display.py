"""Progress as plain lines on stderr, for logs and pipes: one per epoch, a few per teacher, one per attack stage."""

from typing import Self

from core.spec.catalogue import METRICS
from core.spec.events import (
    AttackFinished,
    AttackProgress,
    EpochFinished,
    EvaluationFailed,
    EvaluationStarted,
    Event,
    RunFailed,
    RunStarted,
    TeacherProgress,
    Warned,
)
from core.spec.rational import rational_text
from igdm_tui.cli.progress import RunProgress
from igdm_tui.cli.session import say
from igdm_tui.numbers import duration, metric
from igdm_tui.sanitise import sanitise_line

TEACHER_LINES = 10


def metrics_text(metrics: dict[str, float]) -> str:
    """ "Clean 97.50  PGD-20 62.50": titles and values in one line."""
    names = [*METRICS.in_order(metrics), *(name for name in metrics if name not in METRICS)]
    shown = ((METRICS[name].title if name in METRICS else name, metric(name, metrics[name])) for name in names)
    return "  ".join(f"{title} {value}" for title, value in shown)


class PlainDisplay:
    """Says each thing once."""

    def __init__(self) -> None:
        self._teacher_said = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, event: Event, progress: RunProgress) -> None:
        """One line for what is worth one."""
        text = self._text(event, progress)
        if text:
            say(sanitise_line(text))

    def tick(self, progress: RunProgress) -> None:
        """Say a note once."""
        if progress.note:
            say(progress.note)
            progress.note = ""

    def _text(self, event: Event, progress: RunProgress) -> str:
        if isinstance(event, RunStarted):
            attempt = f", attempt {event.attempt}" if event.attempt > 1 else ""
            return f"{progress.run_id}  {progress.name}  on {event.device}{attempt}"
        if isinstance(event, EvaluationStarted) and (event.after_run or not progress.epochs):
            radius = rational_text(event.epsilon)
            where = f"on {event.device}, batches of {event.batch_size}"
            return f"{progress.run_id}  {event.checkpoint}, {event.num_examples} images, epsilon {radius}, {where}"
        if isinstance(event, TeacherProgress):
            return self._teacher_text(event)
        if isinstance(event, EpochFinished):
            left = f"  left {duration(progress.seconds_left)}" if progress.seconds_left else ""
            return f"epoch {event.epoch}/{progress.epochs}  {metrics_text(event.metrics)}{left}"
        if isinstance(event, AttackProgress) and event.attack != event.stage and event.batch == event.batches:
            return f"{event.attack} {event.stage}: {event.robust} of {event.examples} stand, {duration(event.seconds)}"
        if isinstance(event, AttackFinished):
            flags = "".join(f"  ! {flag}" for flag in event.flags)
            return f"{event.attack}: {metrics_text(event.metrics)}  {duration(event.seconds)}{flags}"
        if isinstance(event, Warned):
            return f"warning: {event.message}"
        if isinstance(event, RunFailed | EvaluationFailed) and not event.bad_input:
            return f"error: {event.error}"
        return ""

    def _teacher_text(self, event: TeacherProgress) -> str:
        if event.state == "ready":
            return f"teacher {'from the cache' if event.cached else 'ready'}: {metrics_text(event.metrics)}"
        if event.state != "training":
            return f"teacher {event.state}"
        tenth = event.epoch * TEACHER_LINES // max(event.epochs, 1)
        if tenth <= self._teacher_said:
            return ""
        self._teacher_said = tenth
        return f"teacher epoch {event.epoch}/{event.epochs}  {metrics_text(event.metrics)}".rstrip()
