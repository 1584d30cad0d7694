"""Runs: every run of the home in one live table; everything else starts from here."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.widget import Widget
from textual.widgets import Input, Static

from igdm_tui.keys import bindings
from igdm_tui.numbers import NOTHING, duration
from igdm_tui.palette import STATUS_GLYPHS
from igdm_tui.screens.base import WIDE, PlaceScreen, lines_content
from igdm_tui.widgets.run_table import RunTable, metric_text, seconds_left
from igdm_tui.widgets.text import plain

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

STATUS_ORDER = ("running", "queued", "finished", "stopped", "failed", "lost")


class RunsScreen(PlaceScreen):
    """Pick a run to open, stop, resume, copy or compare, or describe a new one."""

    PLACE: ClassVar[str] = "runs"
    BINDINGS = bindings("runs")

    def __init__(self) -> None:
        super().__init__()
        self.search = ""
        self._expected = ""
        self._warnings: tuple[str, int, list[str]] = ("", -1, [])

    def compose_body(self) -> Iterable[Widget]:
        """The search line when asked for, the table or a first step, and the selected run in words."""
        yield Input(placeholder="words to look for, e.g. adaad finished", id="search", compact=True, classes="hidden")
        yield RunTable(id="runs")
        yield Static("", markup=False, id="detail")

    def on_mount(self) -> None:
        """The table has the keys."""
        self.table.focus()

    @property
    def table(self) -> RunTable:
        """The table of runs."""
        return self.query_one(RunTable)

    def show_runs(self) -> None:
        """New state: rows, counts, and the selected run's words."""
        rows = self.igdm.rows or ()
        self.table.set_rows([row for row in rows if matches(row, self.search)])
        if self._expected in {row.id for row in self.table.rows}:
            self.table.select(self._expected)
            self._expected = ""
        self._show_title(rows)
        if not rows:
            self.table.empty = (
                f"No runs yet in {plain(self.igdm.home.path)}",
                "",
                "Press n to describe and launch the first one.",
                "",
                "In a shell the same is:  igdm run configs/digits.toml",
            )
        else:
            self.table.empty = (f"No run has all of these words: {plain(self.search)}", "", "esc ends the search.")
        self._show_detail()

    def expect(self, run_id: str) -> None:
        """Put the cursor on this run as soon as it is there."""
        self._expected = run_id

    def _show_title(self, rows: Sequence["RunRow"]) -> None:
        counts = Counter(row.status for row in rows)
        seen = [status for status in STATUS_ORDER if counts[status]]
        words = [f"{counts[status]} {status}" for status in seen]
        if self.size.width < WIDE:
            words = [" ".join(f"{STATUS_GLYPHS[status]}{counts[status]}" for status in seen)]
        parts = [f"{len(rows)} run{'' if len(rows) == 1 else 's'}", *words]
        if self.search:
            parts.append(f"{len(self.table.rows)} match “{plain(self.search, 20)}”")
        if self.table.marked:
            parts.append(f"{len(self.table.marked)} marked")
        column = next((c for c in self.table.columns if c.key == self.table.sort_key), None)
        if column and rows:
            parts.append(f"by {column.title} {'▾' if self.table.reverse else '▴'}")
        self.set_title(" · ".join(part for part in parts if part))

    # The selected run in words

    @on(RunTable.Highlighted)
    def _highlighted(self) -> None:
        self._show_detail()

    def _show_detail(self) -> None:
        row = self.table.selected
        detail = self.query_one("#detail", Static)
        if row is None:
            detail.update("")
            return
        run_id, revision, warnings = self._warnings
        known = run_id == row.id
        detail.update(lines_content(detail_lines(row, warnings if known else [])))
        if not known or revision != self.igdm.revisions.get(row.id, 0):
            self.begin(partial(self._fetch_warnings, row.id), "warnings", exclusive=True)

    async def _fetch_warnings(self, run_id: str) -> None:
        revision = self.igdm.revisions.get(run_id, 0)
        warnings = await self.igdm.reader.ask(lambda store: store.warnings(run_id))
        self._warnings = (run_id, revision, warnings)
        row = self.table.selected
        if row is not None and row.id == run_id:
            self.query_one("#detail", Static).update(lines_content(detail_lines(row, warnings)))

    # Keys

    @on(RunTable.Chosen)
    def action_open(self) -> None:
        """Open the run under the cursor."""
        from igdm_tui.screens.run import RunScreen

        row = self.table.selected
        if row is not None:
            self.app.push_screen(RunScreen(row.id))

    def action_new(self) -> None:
        """Describe a new run."""
        from igdm_tui.screens.launch import LaunchScreen

        self.app.push_screen(LaunchScreen())

    def action_queue(self) -> None:
        """What runs, what waits and why."""
        from igdm_tui.screens.queue import QueueScreen

        self.app.push_screen(QueueScreen())

    def action_clone(self) -> None:
        """Take the selected run's settings into the form."""
        if self.table.selected is not None:
            self.clone_run(self.table.selected)

    def action_stop(self) -> None:
        """Stop the selected run."""
        if self.table.selected is not None:
            self.stop_run(self.table.selected)

    def action_resume(self) -> None:
        """Resume the selected run."""
        if self.table.selected is not None:
            self.resume_run(self.table.selected)

    def action_mark(self) -> None:
        """Mark or unmark, then go on to the next row."""
        row = self.table.selected
        if row is not None:
            self.table.marked ^= {row.id}
            self.table.action_down()
            self._show_title(self.igdm.rows or ())

    def action_unmark(self) -> None:
        """Unmark all."""
        self.table.marked.clear()
        self.table.refresh()
        self._show_title(self.igdm.rows or ())

    def action_compare(self) -> None:
        """Compare the marked runs, in the order of the table; one mark is compared with the run under the cursor."""
        from igdm_tui.screens.compare import CompareScreen

        wanted = set(self.table.marked)
        if len(wanted) == 1 and self.table.selected is not None:
            wanted.add(self.table.selected.id)
        chosen = [row.id for row in self.table.rows if row.id in wanted]
        chosen += [row.id for row in self.igdm.rows or () if row.id in wanted and row.id not in chosen]
        if len(chosen) < 2:
            self.igdm.say("Mark two or more runs with space, then press c.")
            return
        self.app.push_screen(CompareScreen(chosen))

    def action_sort(self) -> None:
        """Sort by the next column."""
        self.table.sort_next()
        self._show_title(self.igdm.rows or ())

    def action_reverse(self) -> None:
        """Reverse the order."""
        self.table.sort_by(self.table.sort_key, reverse=not self.table.reverse)
        self._show_title(self.igdm.rows or ())

    def action_search(self) -> None:
        """Type words to look for."""
        box = self.query_one("#search", Input)
        box.remove_class("hidden")
        box.focus()

    @on(Input.Changed, "#search")
    def _searching(self, event: Input.Changed) -> None:
        self.search = event.value.strip()
        self.show_runs()

    @on(Input.Submitted, "#search")
    def _searched(self) -> None:
        self.query_one("#search").set_class(not self.search, "hidden")
        self.table.focus()

    def action_back(self) -> None:
        """End the search; without one, drop the marks."""
        box = self.query_one("#search", Input)
        if box.has_class("hidden"):
            self.action_unmark()
            return
        box.value = ""
        box.add_class("hidden")
        self.table.focus()

    def action_leave(self) -> None:
        """Leave the program; runs go on."""
        self.app.exit()


def matches(row: "RunRow", search: str) -> bool:
    """Every word of `search` stands somewhere in what is known of the run; case does not matter."""
    if not search:
        return True
    alpha = f"alpha={row.igdm_alpha:g}"
    known = (row.id, row.name, row.status, row.method, row.student, row.teacher, row.dataset, f"seed={row.seed}", alpha)
    text = " ".join(known).casefold()
    return all(word in text for word in search.casefold().split())


def detail_lines(row: "RunRow", warnings: Sequence[str]) -> list[tuple[str, str]]:
    """Three lines about a run: what it is, how it stands, and what is wrong or to be careful about."""
    alpha = f"IGDM alpha {row.igdm_alpha:g}" if row.igdm_alpha else "no IGDM"
    what = f"{row.id}  {plain(row.method)}, {alpha}, {plain(row.student)} from {plain(row.teacher) or 'no teacher'}, "
    what += f"{plain(row.dataset)}, seed {row.seed}"
    teacher = row.teacher_metrics
    left = seconds_left(row)
    took = f"{duration(row.elapsed_s)} gone" if row.status == "running" else f"took {duration(row.elapsed_s)}"
    numbers = [
        took,
        f"{duration(left)} left" if left is not None else "",
        f"epoch {row.epoch}/{row.epochs}" if row.epochs else "",
    ]
    numbers.append(f"loss {metric_text('loss', row.metrics.get('loss'))}" if "loss" in row.metrics else "")
    if teacher:
        numbers.append(
            f"teacher clean {metric_text('clean_accuracy', teacher.get('clean_accuracy'))}"
            f" PGD-20 {metric_text('pgd20_accuracy', teacher.get('pgd20_accuracy'))}"
        )
    numbers.append(f"on {plain(row.device)}" if row.device else "")
    numbers.append(f"attempt {row.attempt}" if row.attempt and row.attempt > 1 else "")
    lines = [(what, ""), (" · ".join(n for n in numbers if n) or NOTHING, "$foreground 60%")]
    if row.error:
        lines.append((f"✗ {plain(row.error)}", "$text-error"))
    elif row.status == "lost":
        lines.append(("✗ its worker is gone without a word; r goes on from the last checkpoint", "$text-error"))
    elif warnings:
        more = f" (and {len(warnings) - 1} more)" if len(warnings) > 1 else ""
        lines.append((f"! {plain(warnings[-1])}{more}", "$text-warning"))
    return lines
