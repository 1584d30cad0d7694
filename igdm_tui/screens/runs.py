"""Runs: every run of the home in one live table; everything else starts from here."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.widget import Widget
from textual.widgets import Static

from igdm_tui.keys import bindings
from igdm_tui.palette import STATUS_GLYPHS
from igdm_tui.screens.base import WIDE, lines_content
from igdm_tui.screens.runs_columns import CURVE_METRICS, CURVE_WIDTH
from igdm_tui.screens.runs_entries import EXPERIMENT
from igdm_tui.screens.runs_setup import SetupScreen
from igdm_tui.screens.runs_table import RunTable
from igdm_tui.screens.runs_words import detail_lines, empty_lines, matches
from igdm_tui.widgets.filter_line import FilterLine
from igdm_tui.widgets.text import plain, small_curve
from igdm_tui.widgets.text_field import TextField

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

HEED_S = 1.0
STATUS_ORDER = ("running", "queued", "finished", "stopped", "failed", "lost")


class RunsScreen(SetupScreen):
    """Pick runs to open, stop, resume, copy, label or compare, or describe a new one."""

    PLACE: ClassVar[str] = "runs"
    BINDINGS = bindings("runs")
    AUTO_FOCUS = "#runs"  # never the search line, which would keep what is typed while the program starts

    def __init__(self) -> None:
        super().__init__()
        self._expected = ""
        self._said: list[tuple[str, str]] = []
        self._curves: dict[str, tuple[int, str]] = {}
        self._statuses: list[tuple[str, str]] = []
        self._heeded_at, self._heeds_soon = 0.0, False
        self._warnings: tuple[str, int, list[str]] = ("", -1, [])

    def compose_body(self) -> Iterable[Widget]:
        """The search and filter lines when asked for, the table or a first step, and the selected run in words."""
        yield TextField(
            placeholder="words to look for, e.g. adaad finished", id="search", compact=True, classes="hidden"
        )
        yield FilterLine(id="filter")
        yield RunTable(id="runs")
        yield Static("", markup=False, id="detail")

    def on_mount(self) -> None:
        """As it was left; the table has the keys."""
        self.restore_view()
        self.table.focus()

    def heed_runs(self) -> None:
        """A run that came, went or ended is drawn at once; numbers that move, once a second: drawing is what costs."""
        if not (self.is_ready and self.is_current_place):
            return
        statuses = [(row.id, row.status) for row in self.igdm.rows or ()]
        wait_s = self._heeded_at + HEED_S - time.monotonic()
        if wait_s <= 0 or statuses != self._statuses:
            self._statuses = statuses
            self._heed_now()
        elif not self._heeds_soon:
            self._heeds_soon = True
            self.set_timer(wait_s, self._heed_now)

    def _heed_now(self) -> None:
        self._heeded_at, self._heeds_soon = time.monotonic(), False
        super().heed_runs()

    def show_runs(self) -> None:
        """New state: rows, counts, and the selected run's words."""
        rows = self.igdm.rows or ()
        self.filter_line.set_rows(rows)
        wanted = self.filter_line.filter
        with_archived = self.archived or "archived" in wanted.keys
        shown = [row for row in rows if (with_archived or not row.archived) and matches(row, self.search)]
        self.table.set_runs(shown if wanted.is_empty else wanted.apply(shown))
        self._meet_expected(rows)
        self._show_title(rows)
        self.table.empty = empty_lines(len(rows), self.igdm.home.path, self.search, wanted.text)
        self._show_detail()

    def expect(self, run_id: str) -> None:
        """Put the cursor on this run as soon as it is there."""
        self._expected = run_id

    def _meet_expected(self, rows: Sequence["RunRow"]) -> None:
        expected = next((row for row in rows if row.id == self._expected), None)
        if expected is None:
            return
        self._expected = ""
        if expected in self.table.runs:
            self.table.select(expected.id)
        else:
            self.igdm.say(f"{plain(expected.name, 60)} is there, but the filter leaves it out.")

    def _show_title(self, rows: Sequence["RunRow"]) -> None:
        table = self.table
        counts = Counter(row.status for row in rows)
        seen = [status for status in STATUS_ORDER if counts[status]]
        words = [f"{counts[status]} {status}" for status in seen]
        if self.size.width < WIDE:
            words = [" ".join(f"{STATUS_GLYPHS[status]}{counts[status]}" for status in seen)]
        parts = [f"{len(rows)} run{'' if len(rows) == 1 else 's'}", *words]
        left_out = len(rows) - sum(len(entry.runs) for entry in table.entries)
        if self.search or self.filter_line.filter.text:
            parts.append(f"{len(rows) - left_out} match" + (f" “{plain(self.search, 20)}”" if self.search else ""))
        elif left_out:
            parts.append(f"{left_out} archived")
        if table.marked:
            parts.append(f"{len(table.marked)} marked")
        column = next((c for c in table.columns if c.key == table.sort_key), None)
        if table.shown.difference is not None:
            parts.append(f"against {plain(table.shown.difference.anchor.name, 30)}")
        elif column and rows:
            parts.append(f"by {column.title} {'▾' if table.reverse else '▴'}")
        if table.group_by and table.group_by != (EXPERIMENT,):
            parts.append(f"per {', '.join(table.group_by)}")
        self.set_title(" · ".join(part for part in parts if part))

    # The selected run in words, and small curves of the runs in sight

    @on(RunTable.Highlighted)
    def _highlighted(self) -> None:
        self._show_detail()

    def _show_detail(self) -> None:
        entry = self.table.selected
        detail = self.query_one("#detail", Static)
        self._ask_for_curves()
        if entry is None:
            self._say(detail, [])
            return
        row = entry.row
        run_id, revision, warnings = self._warnings
        known = run_id == row.id
        self._say(detail, detail_lines(entry, warnings if known else []))
        if not known or revision != self.igdm.revisions.get(row.id, 0):
            self.begin(partial(self._fetch_warnings, row.id), "warnings", exclusive=True)

    async def _fetch_warnings(self, run_id: str) -> None:
        revision = self.igdm.revisions.get(run_id, 0)
        warnings = await self.igdm.reader.ask(lambda store: store.warnings(run_id))
        self._warnings = (run_id, revision, warnings)
        entry = self.table.selected
        if entry is not None and entry.row.id == run_id:
            self._say(self.query_one("#detail", Static), detail_lines(entry, warnings))

    def _say(self, detail: Static, lines: list[tuple[str, str]]) -> None:
        """Put other words about the selected run there; the pane has room for three lines whatever they are."""
        if lines != self._said:
            self._said = lines
            detail.update(lines_content(lines), layout=False)

    def _ask_for_curves(self) -> None:
        if not any(column.key == "curve" for column in self.table.columns):
            return
        revisions = self.igdm.revisions
        due = {row.id: revisions.get(row.id, 0) for row in self.table.visible_runs()}
        due = {run_id: n for run_id, n in due.items() if self._curves.get(run_id, (-1, ""))[0] != n}
        if due:
            self.begin(partial(self._fetch_curves, due), "curves", exclusive=True)

    async def _fetch_curves(self, due: dict[str, int]) -> None:
        found = await self.igdm.reader.ask(lambda store: store.small_curves(list(due), CURVE_METRICS))
        self._curves |= {id: (n, small_curve(found.get(id, ()), CURVE_WIDTH)) for id, n in due.items()}
        self.table.shown.curves = {id: curve for id, (_, curve) in self._curves.items()}
        self.table.refresh()

    # Opening, marking, folding

    @on(RunTable.Chosen)
    def action_open(self) -> None:
        """Open the run under the cursor, or unfold its group."""
        from igdm_tui.screens.run import RunScreen

        entry = self.table.selected
        if entry is None:
            return
        if entry.is_group:
            self.table.fold(entry)
        else:
            self.app.push_screen(RunScreen(entry.row.id))

    def action_new(self) -> None:
        """Describe a new run."""
        from igdm_tui.screens.launch import LaunchScreen

        self.app.push_screen(LaunchScreen())

    def action_queue(self) -> None:
        """What runs, what waits and why."""
        from igdm_tui.screens.queue import QueueScreen

        self.app.push_screen(QueueScreen())

    def action_mark(self) -> None:
        """Mark or unmark the run or all of the group, then go on to the next row."""
        ids = {row.id for row in self.table.selected_runs}
        marked = self.table.marked
        if not ids:
            return
        if ids <= marked:
            marked -= ids
        else:
            marked |= ids
        self.table.action_down()
        self._show_title(self.igdm.rows or ())

    def action_mark_all(self) -> None:
        """Mark every run that is shown."""
        self.table.marked |= {row.id for row in self.table.runs}
        self.table.refresh()
        self._show_title(self.igdm.rows or ())

    def action_unmark(self) -> None:
        """Unmark all."""
        self.table.marked.clear()
        self.table.refresh()
        self._show_title(self.igdm.rows or ())

    def action_fold(self) -> None:
        """Fold or unfold the group under the cursor."""
        if self.table.selected is not None:
            self.table.fold(self.table.selected)

    def action_fold_all(self) -> None:
        """Unfold all groups, or fold them."""
        self.table.fold_all()

    def action_leave(self) -> None:
        """Leave the program; runs go on."""
        self.app.exit()
