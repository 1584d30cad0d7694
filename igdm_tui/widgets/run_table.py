"""What a run says of itself in words, wherever it is listed."""

from typing import TYPE_CHECKING

from core.spec.catalogue import METRICS
from igdm_tui.numbers import number, percent
from igdm_tui.palette import STATUS_GLYPHS
from igdm_tui.widgets.text import bar, plain

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

STATUS_TONES = {
    "running": "busy",
    "finished": "good",
    "failed": "bad",
    "lost": "bad",
    "stopped": "dim",
    "queued": "dim",
}
LISTED_METRICS = ("clean_accuracy", "pgd20_accuracy", "autoattack_accuracy", "gradient_distance", "gradient_cosine")


def status_text(row: "RunRow") -> str:
    """Glyph and word: "● running"."""
    return f"{STATUS_GLYPHS.get(row.status, '?')} {row.status}"


def metric_text(name: str, value: float | None) -> str:
    """A metric as tables show it: percent without a sign, or four significant digits."""
    return percent(value) if METRICS[name].unit == "fraction" else number(value, 3)


PROGRESS_WIDTH, BAR_WIDTH = 17, 4  # epochs of three digits fit behind a bar


def seconds_left(row: "RunRow") -> float | None:
    """How long a running run will still take if it goes on as it has, None when that cannot be said."""
    if row.status != "running" or not row.progress or not row.elapsed_s:
        return None
    return row.elapsed_s * (1 - row.progress) / row.progress


def progress_text(row: "RunRow", room: int = PROGRESS_WIDTH) -> str:
    """What the run does now, behind a bar that is shorter where `room` cells are few; or how far it came."""
    if row.status == "running":
        stage = plain(row.stage).replace("autoattack", "AA") or "starting"
        width = min(BAR_WIDTH, room - len(stage) - 1)
        return f"{bar(row.progress, width)} {stage}" if row.progress is not None and width > 0 else stage
    if row.stage:  # an evaluation after the run
        return plain(row.stage).replace("autoattack", "AA")
    return f"epoch {row.epoch}/{row.epochs}" if row.epochs else ""
