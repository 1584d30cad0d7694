"""The lines and columns of the Queue screen."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igdm_tui.numbers import age, duration
from igdm_tui.palette import STATUS_GLYPHS
from igdm_tui.queue.plan import GIB
from igdm_tui.widgets.run_table import STATUS_TONES, metric_text, progress_text, seconds_left
from igdm_tui.widgets.table import Column
from igdm_tui.widgets.text import plain

if TYPE_CHECKING:
    from igdm_tui.queue.tickets import Ticket
    from igdm_tui.queue.view import QueueView
    from igdm_tui.store import RunRow

PAUSED_GLYPH = "‖"


@dataclass(frozen=True, slots=True)
class Line:
    """One run. ticket: None for a run that was started without the queue. place: from 1 while it waits, else 0."""

    row: "RunRow"
    ticket: "Ticket | None" = None
    place: int = 0

    @property
    def is_paused(self) -> bool:
        """It waits for a person."""
        return bool(self.place) and self.ticket is not None and self.ticket.paused

    def in_words(self) -> list[tuple[str, str]]:
        """Three lines: what it is, how it stands, and why."""
        row = self.row
        alpha = f"IGDM alpha {row.igdm_alpha:g}" if row.igdm_alpha else "no IGDM"
        teacher = plain(row.teacher) or "no teacher"
        what = f"{row.id}  {plain(row.method)}, {alpha}, {plain(row.student)} from {teacher}, seed {row.seed}"
        parts = [f"{duration(row.elapsed_s)} of work" if row.elapsed_s else "not started yet"]
        if self.ticket is None:
            parts.append("started without the queue" if row.status == "running" else "not in the queue")
        else:
            parts.append(f"wants {wishes(self.ticket)}")
            parts.append(f"priority {self.ticket.priority}")
            parts.append(f"started {self.ticket.starts} of at most {self.ticket.max_attempts} times")
        why = plain(row.error or row.stage, 200)
        tone = "$text-error" if row.error else "$text-warning" if self.place else "$foreground 60%"
        return [(what, ""), (" · ".join(parts), "$foreground 60%"), (why, tone)]


def wishes(ticket: "Ticket") -> str:
    """What a run waits for: "cuda, 11.2 GB free", "2 x cuda", "cpu, 4 threads"."""
    many = f"{ticket.devices} x " if ticket.devices > 1 else ""
    more = f"{ticket.threads} threads" if ticket.device == "cpu" or not ticket.memory else ""
    more = more or f"{ticket.memory / GIB:.1f} GB free on a GPU"
    return f"{many}{plain(ticket.device)}, {more}"


def lines_of(view: "QueueView") -> tuple[list[Line], list[Line], list[Line]]:
    """Running, waiting and ended runs."""
    running = [Line(row, view.tickets.get(row.id)) for row in view.running]
    waiting = [Line(entry.row, entry.ticket, entry.position) for entry in view.waiting]
    return running, waiting, [Line(row) for row in view.ended]


def running_columns() -> list[Column[Line]]:
    """What runs: where, what, how far."""
    return [
        _column("device", "running on", 12, text=_device, tone=_tone, pinned=True),
        *_what(widest=44),
        _column("now", "now", 22, weight=90, text=lambda line: progress_text(line.row)),
        _column("left", "left", 6, weight=70, right=True, text=_left),
        _column("attempt", "try", 3, weight=40, right=True, text=lambda line: str(line.row.attempt or "")),
    ]


def waiting_columns() -> list[Column[Line]]:
    """What waits: its place, what, why."""
    return [
        _column("place", "waiting", 12, text=_place, tone=_tone, pinned=True),
        *_what(),
        _column("why", "because", 20, weight=90, widest=60, text=lambda line: plain(line.row.stage)),
        _column("priority", "prio", 4, weight=80, right=True, text=lambda line: str(_ticket(line, "priority"))),
        _column("wants", "wants", 6, weight=60, text=lambda line: plain(str(_ticket(line, "device")))),
    ]


def ended_columns() -> list[Column[Line]]:
    """What has ended: how, what, with which result."""

    def result(name: str) -> Callable[[Line], str]:
        return lambda line: metric_text(name, line.row.metrics.get(name))

    return [
        _column("status", "ended", 12, text=_status, tone=_tone, pinned=True),
        *_what(widest=44),
        _column("clean", "Clean", 6, weight=80, right=True, text=result("clean_accuracy")),
        _column("aa", "AA", 6, weight=85, right=True, text=result("autoattack_accuracy")),
        _column("took", "took", 6, weight=70, right=True, text=lambda line: duration(line.row.elapsed_s)),
        _column("age", "age", 4, weight=30, right=True, text=lambda line: age(line.row.created_at, time.time())),
    ]


def _what(*, widest: int = 0) -> list[Column[Line]]:
    """Name and seed. widest: only one column of a table can take what room is left."""
    return [
        _column("name", "name", 24, widest=widest, text=lambda line: plain(line.row.name), pinned=True),
        _column("seed", "seed", 4, weight=75, right=True, text=lambda line: str(line.row.seed)),
    ]


def _column(key: str, title: str, width: int, **options: Any) -> Column[Line]:
    return Column(key=key, title=title, width=width, **options)


def _device(line: Line) -> str:
    return f"{STATUS_GLYPHS['running']} {plain(line.row.device) or 'starting'}"


def _place(line: Line) -> str:
    return f"{PAUSED_GLYPH if line.is_paused else STATUS_GLYPHS['queued']} {line.place}"


def _status(line: Line) -> str:
    return f"{STATUS_GLYPHS.get(line.row.status, '?')} {line.row.status}"


def _tone(line: Line) -> str:
    return STATUS_TONES.get(line.row.status, "")


def _left(line: Line) -> str:
    seconds = seconds_left(line.row)
    return "" if seconds is None else duration(seconds)


def _ticket(line: Line, name: str) -> Any:
    return getattr(line.ticket, name) if line.ticket is not None else ""
