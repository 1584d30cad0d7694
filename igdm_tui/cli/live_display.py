"""Progress that moves, on a terminal: bars with time left, losses, attack stages with robust accuracy falling."""

from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from core.spec.events import AttackProgress, Event
from igdm_tui.cli.plain_display import metrics_text
from igdm_tui.cli.progress import RunProgress
from igdm_tui.numbers import duration, percent
from igdm_tui.sanitise import sanitise_line

BAR_WIDTH = 30
REFRESH_PER_S = 4
MOST_WARNINGS = 3


class LiveDisplay:
    """Redraws a few lines of stderr; what it shows last stays on the screen."""

    def __init__(self) -> None:
        console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._live = Live(console=console, auto_refresh=True, refresh_per_second=REFRESH_PER_S)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, _event: Event, progress: RunProgress) -> None:
        """Draw the new state."""
        self._live.update(picture(progress))

    def tick(self, progress: RunProgress) -> None:
        """Draw again."""
        self._live.update(picture(progress))


def picture(progress: RunProgress) -> RenderableType:
    """The lines of a run as it stands."""
    attempt = f", attempt {progress.attempt}" if progress.attempt > 1 else ""
    head = Text.assemble(
        (f"{progress.run_id}  ", "cyan"),
        (sanitise_line(progress.name), "bold"),
        f"  {progress.device or 'starting'}{attempt}",
    )
    grid = Table.grid(padding=(0, 1))
    for _ in range(4):
        grid.add_column(no_wrap=True, overflow="ellipsis")
    _add_teacher(grid, progress)
    if progress.epochs and progress.teacher_state in ("", "ready"):
        _add_training(grid, progress)
    for stage in progress.stages.values():
        grid.add_row(*_stage_row(stage, progress.stage_seconds_left(stage)))
    lines: list[RenderableType] = [head, grid]
    if progress.losses and progress.phase == "training":
        lines.append(_line(metrics_text(progress.losses)))
    if progress.metrics and not progress.results:
        measured = {name: value for name, value in progress.metrics.items() if not name.endswith("loss")}
        lines.append(_line(metrics_text(measured)))
    if progress.results:
        lines.append(_line(metrics_text(progress.results), "bold"))
    lines += [_line(f"! {text}", "yellow") for text in [*progress.flags, *progress.warnings][-MOST_WARNINGS:]]
    if progress.error:
        lines.append(_line(progress.error, "red"))
    if progress.note:
        lines.append(_line(progress.note, "yellow"))
    return Group(*lines)


def _add_teacher(grid: Table, progress: RunProgress) -> None:
    if not progress.teacher_state:
        return
    if progress.teacher_state == "ready":
        grid.add_row("teacher", _bar(1.0), "ready", metrics_text(progress.teacher_metrics))
    elif progress.teacher_state == "training":
        counts = f"{progress.teacher_epoch}/{progress.teacher_epochs}"
        grid.add_row("teacher", _bar(progress.share), counts, _left(progress))
    else:
        grid.add_row("teacher", _bar(0.0), progress.teacher_state, "")


def _add_training(grid: Table, progress: RunProgress) -> None:
    total = progress.epochs * progress.steps_per_epoch
    share = progress.step / total if total else 0.0
    left = _left(progress) if progress.phase == "training" and share < 1 else ""
    grid.add_row("epoch", _bar(share), f"{progress.epoch}/{progress.epochs}", left)


def _stage_row(stage: AttackProgress, seconds_left: float | None) -> tuple[RenderableType, ...]:
    share = stage.robust / stage.examples if stage.examples else 0.0
    batches = f"{stage.batch}/{stage.batches}"
    left = "" if seconds_left is None else f", {duration(seconds_left)} left"
    numbers = f"{percent(share)} % of {stage.examples} stand, {duration(stage.seconds)}{left}"
    return _line(stage.stage), _bar(share), batches, numbers


def _bar(share: float) -> ProgressBar:
    return ProgressBar(total=1.0, completed=min(max(share, 0.0), 1.0), width=BAR_WIDTH)


def _left(progress: RunProgress) -> str:
    return "" if progress.seconds_left is None else f"{duration(progress.seconds_left)} left"


def _line(text: str, style: str = "") -> Text:
    return Text(sanitise_line(text), style=style, no_wrap=True, overflow="ellipsis")
