"""The columns in which runs are listed, and what a run's row says in words."""

import math
import time
from typing import TYPE_CHECKING

from core.spec.catalogue import METRICS
from igdm_tui.numbers import age, duration, number, percent, since
from igdm_tui.palette import STATUS_GLYPHS
from igdm_tui.widgets.table import Column, Table
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


def seconds_left(row: "RunRow") -> float | None:
    """How long a running run will still take if it goes on as it has, None when that cannot be said."""
    if row.status != "running" or not row.progress or not row.elapsed_s:
        return None
    return row.elapsed_s * (1 - row.progress) / row.progress


def progress_text(row: "RunRow", width: int = 4) -> str:
    """A small bar and what the run does now, or how far it came."""
    if row.status == "running":
        share = bar(row.progress, width) + " " if row.progress is not None else ""
        return share + (plain(row.stage).replace("autoattack", "AA") or "starting")
    if row.stage:  # an evaluation after the run
        return plain(row.stage).replace("autoattack", "AA")
    return f"epoch {row.epoch}/{row.epochs}" if row.epochs else ""


def _sortable(value: float | None) -> float | None:
    """NaN has no place in an order: it comes last, like nothing."""
    return None if value is None or math.isnan(value) else value


def _method(row: "RunRow") -> str:
    return row.method


def _student(row: "RunRow") -> str:
    return row.student


def _metric_column(name: str, weight: int) -> "Column[RunRow]":
    entry = METRICS[name]
    return Column(
        key=name,
        title=entry.title,
        width=6,
        right=True,
        weight=weight,
        text=lambda row: metric_text(name, row.metrics.get(name)),
        order=lambda row: _sortable(row.metrics.get(name)),
        tone=lambda row: "" if name in row.metrics else "dim",
    )


def run_columns(marked: set[str]) -> "list[Column[RunRow]]":
    """All columns of the Runs screen; `marked` holds the ids that carry a mark, and may change."""
    clean, pgd20, autoattack, distance, cosine = (
        _metric_column(name, weight) for name, weight in zip(LISTED_METRICS, (85, 75, 95, 70, 80), strict=True)
    )
    return [
        Column(key="mark", title="", width=1, pinned=True, text=lambda row: "+" if row.id in marked else ""),
        Column(
            key="status",
            title="status",
            width=10,
            pinned=True,
            text=status_text,
            order=lambda row: row.status,
            tone=lambda row: STATUS_TONES.get(row.status, ""),
        ),
        Column(
            key="name",
            title="name",
            width=22,
            widest=44,
            pinned=True,
            text=lambda row: plain(row.name),
            order=lambda row: plain(row.name).casefold(),
        ),
        Column(key="method", title="method", width=8, weight=60, text=lambda r: plain(r.method), order=_method),
        Column(
            key="alpha",
            title="alpha",
            width=5,
            weight=65,
            right=True,
            text=lambda row: f"{row.igdm_alpha:g}" if row.igdm_alpha else "off",
            order=lambda row: row.igdm_alpha,
            tone=lambda row: "" if row.igdm_alpha else "dim",
        ),
        Column(
            key="student", title="student", width=10, weight=40, text=lambda r: plain(r.student), order=_student
        ),
        Column(
            key="seed", title="seed", width=4, weight=50, right=True, text=lambda r: str(r.seed), order=lambda r: r.seed
        ),
        Column(
            key="progress",
            title="progress",
            width=17,
            weight=90,
            text=progress_text,
            order=lambda row: row.progress,
            tone=lambda row: "" if row.status == "running" else "dim",
        ),
        Column(
            key="left",
            title="left",
            width=5,
            weight=55,
            right=True,
            text=lambda row: duration(left) if (left := seconds_left(row)) is not None else "",
            order=seconds_left,
        ),
        clean,
        pgd20,
        autoattack,
        distance,
        cosine,
        Column(
            key="age",
            title="age",
            width=4,
            weight=30,
            right=True,
            text=lambda row: age(row.created_at, time.time()),
            order=lambda row: since(row.created_at, 0.0),
            tone=lambda row: "dim",
        ),
    ]  # fmt: skip


class RunTable(Table["RunRow"]):
    """All runs, one line each."""

    def __init__(self, *, id: str | None = None) -> None:
        """An empty table; newest runs come first until another order is chosen."""
        super().__init__([], key=lambda row: row.id, id=id)
        self.set_columns(run_columns(self.marked))
        self.sort_key, self.reverse = "age", False

    def sort_next(self) -> str:
        """Sort by the next column that has an order, best or newest first; returns its title."""
        sortable = [column for column in self.columns if column.order]
        current = next((i for i, column in enumerate(sortable) if column.key == self.sort_key), -1)
        column = sortable[(current + 1) % len(sortable)]
        higher_first = column.key in METRICS and METRICS[column.key].better == "higher"
        self.sort_by(column.key, reverse=higher_first or column.key in ("progress", "alpha"))
        return column.title
