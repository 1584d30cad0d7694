"""Run: one run as it goes. Curves, the attacks, what the worker prints, and all its settings."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.containers import Container, Vertical
from textual.widget import Widget
from textual.widgets import Static

from igdm_tui.curves import X_TITLES, CurveShelf
from igdm_tui.keys import bindings
from igdm_tui.live import in_thread
from igdm_tui.screens.base import lines_content
from igdm_tui.screens.finding import FindingScreen
from igdm_tui.screens.run_about import evaluation_lines, origin_lines
from igdm_tui.screens.run_charts import CHARTS, RunCharts, run_charts
from igdm_tui.screens.run_data import RunData, falling_lines, head_lines, metric_lines, read_run, wanted_curves
from igdm_tui.widgets.attack_stages import AttackStages
from igdm_tui.widgets.line_chart import LineChart
from igdm_tui.widgets.lines import Lines
from igdm_tui.widgets.log_tail import LogTail, read_log_tail
from igdm_tui.widgets.pane_tabs import PaneTabs
from igdm_tui.widgets.text import plain
from igdm_tui.widgets.text_field import TextField

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

LOG_S = 0.5  # between two looks at the log
PAINT_S = 0.03  # a refresh of the screen
PANES = ("curves", "attack", "log", "settings", "history", "origin")
FIRST = {"curves": "#losses", "attack": "#stages"}  # what gets the keys; elsewhere the pane itself


class RunScreen(FindingScreen):
    """Watch a run; 1 to 4 choose what of it, a large terminal shows most of it at once."""

    PLACE: ClassVar[str] = "run"
    STYLES: ClassVar[str] = "run"
    SLICES: ClassVar[tuple[str, ...]] = ("#curves", "#side")
    LISTS: ClassVar[tuple[str, ...]] = ("log", "settings", "history", "origin")
    BINDINGS = bindings("run")

    def __init__(self, run_id: str) -> None:
        """run_id: which run; it may be so new that the store has not read it yet."""
        super().__init__()
        self.run_id = run_id
        self.pane = "curves"
        self.x = "step"
        self._curves = CurveShelf()
        self._data: RunData | None = None
        self._drawn_state: tuple[int, str, bool] | None = None
        self._is_drawn = False
        self._fetching = self._reading_log = False
        self._together = True
        self.wear("show", PANES, self.pane)
        self.set_class(self._together, "-together", update=False)

    def compose_body(self) -> Iterable[Widget]:
        """Two lines about the run, the tabs, and the panes."""
        yield Static("", markup=False, id="head")
        yield PaneTabs(PANES)
        with Container(id="panes"):
            with RunCharts(id="curves"):
                yield from run_charts()
            with Vertical(id="side"):
                with Vertical(id="attack"):
                    yield AttackStages(id="stages")
                    falling = LineChart("still robust under AutoAttack", x_title="seconds", percent=True, id="falling")
                    falling.display = False  # until there is something to see
                    yield falling
                yield LogTail(id="log")
                yield Lines(id="settings")
                yield Lines(id="history")
                yield Lines(id="origin")
        yield TextField(placeholder="find, enter; n and N go on", id="find", compact=True)

    def on_mount(self) -> None:
        """Begin where the last run was left."""
        kept = self.igdm.kept("run")
        self.x = kept["x"] if kept.get("x") in (*X_TITLES,) else self.x
        self._arrange()
        self.action_pane(kept["pane"] if kept.get("pane") in PANES else self.pane)
        self.set_interval(LOG_S, self._follow_log)

    def on_resize(self, event: events.Resize) -> None:
        """More room, more panes."""
        super().on_resize(event)
        self._arrange()

    @property
    def row(self) -> "RunRow | None":
        """The newest state of the run."""
        return self.igdm.row(self.run_id)

    # Data

    def show_runs(self) -> None:
        """The head changes with time; the rest is fetched when the run has said something."""
        row = self.row
        if row is None:
            return
        self.set_title(f"{plain(row.name)}  {row.id}")
        self.query_one("#head", Static).update(lines_content(head_lines(row, self._data)), layout=False)
        if not self._fetching:
            self._fetching = True
            self.begin(partial(self._fetch, row), "fetch")

    async def _fetch(self, row: "RunRow") -> None:
        """Read what changed since the last time; one reading at a time, so that a slow disk never piles them up."""
        try:
            # A process that dies says nothing: what goes on is no longer what was drawn, without a new revision.
            state = (self.igdm.revisions.get(row.id, 0), row.status, bool(row.stage))
            if state != self._drawn_state or self._data is None:
                x = self.x
                charts = await self.igdm.reader.ask(partial(wanted_curves, run=row, x=x))
                known = self._curves.known([key for wanted in charts.values() for key in wanted])
                self._data = await self.igdm.reader.ask(partial(read_run, run=row, charts=charts, known=known))
                self._drawn_state = state if x == self.x else None
                await self._draw(self._data)
        except Exception as error:  # noqa: BLE001 - a reading that fails must not take the screen with it
            self.say_unread(error, row.name)
        finally:
            self._fetching = False

    def _follow_log(self) -> None:
        """The log grows without a word in the events: look for itself while it can be seen."""
        row, log = self.row, self.query_one(LogTail)
        if row is not None and log.size.height and self.is_current and not self._reading_log:
            self._reading_log = True
            self.begin(partial(self._read_log, row, log), "log")

    async def _read_log(self, row: "RunRow", log: LogTail) -> None:
        try:
            log.show_log(await in_thread(partial(read_log_tail, row.folder / "worker.log", log.read_until)))
        except OSError as error:
            self.say_unread(error, row.name)
        finally:
            self._reading_log = False

    async def _draw(self, data: RunData) -> None:
        """Losses first, as they may have 100,000 points; when the screen opens, the rest after they are painted."""
        row = self.row
        if row is None:
            return
        curves = self._curves.add(data.pieces)
        self.query_one(RunCharts).steps_per_epoch = data.steps_per_epoch
        for number, name in enumerate(CHARTS):
            if number == 1 and not self._is_drawn:
                await asyncio.sleep(PAINT_S)
                if not self.is_ready:
                    return
            chart = self.query_one(f"#{name}", LineChart)
            wanted = data.charts[name]
            chart.set_lines(metric_lines(wanted, curves), x_title=X_TITLES[wanted[0].x] if wanted else None)
            chart.set_note(self._note(row))
        self._is_drawn = True
        self.query_one(AttackStages).show_evaluation(row, data.stages, data.evaluations)
        falling = self.query_one("#falling", LineChart)
        stands = falling_lines(data)
        falling.set_lines(stands)
        falling.display = bool(stands)
        self.query_one("#settings", Lines).set_lines(data.settings)
        self.query_one("#history", Lines).set_lines(evaluation_lines(data.evaluations))
        self.query_one("#origin", Lines).set_lines(origin_lines(data.origin))
        self.query_one("#head", Static).update(lines_content(head_lines(row, data)), layout=False)

    def _note(self, row: "RunRow") -> str:
        if row.status == "running" and row.stage.startswith("teacher"):
            return f"{plain(row.stage, 30)}: the student is next"
        return "no points yet" if row.status in ("running", "queued") else "nothing was measured"

    # Keys

    def _arrange(self) -> None:
        self.set_class(self._together, "-together")
        self.query_one(PaneTabs).show(self.pane)

    def action_pane(self, pane: str) -> None:
        """Show a pane; in a large terminal, put the keys there."""
        self.pane = pane
        self.wear("show", PANES, pane)
        self.igdm.keep("run", pane=pane)
        self.query_one(PaneTabs).show(pane)
        self.call_after_refresh(self.query_one(FIRST.get(pane, f"#{pane}")).focus)

    def action_zoom(self) -> None:
        """The focused chart or pane alone, and back."""
        if self.has_class("-single") or not self._together:
            self.remove_class("-single")
            self._together = True
        else:
            self._together = False
            chart = self.focused
            if isinstance(chart, LineChart) and chart.id in CHARTS:
                for name in CHARTS:
                    self.query_one(f"#{name}").set_class(name == chart.id, "-chosen")
                self.add_class("-single")
        self._arrange()

    def action_toggle_log(self) -> None:
        """The losses' axis, when no chart has the keys."""
        self.query_one("#losses", LineChart).action_toggle_log()

    def action_x_axis(self) -> None:
        """Losses over steps, seconds, or their means over epochs."""
        order = ("step", "time", "epoch")
        self.x = order[(order.index(self.x) + 1) % len(order)]
        self.igdm.keep("run", x=self.x)
        self._drawn_state = None
        self.show_runs()

    def action_follow(self) -> None:
        """Back to the end of the log, and stay there."""
        log = self.query_one(LogTail)
        log.follows = True
        log.scroll_end(animate=False)

    def action_stop(self) -> None:
        """Stop this run."""
        if self.row is not None:
            self.stop_run(self.row)

    def action_resume(self) -> None:
        """Resume this run."""
        if self.row is not None:
            self.resume_run(self.row)

    def action_export(self) -> None:
        """Write a table, a figure or a report of this run to a file."""
        self.export_runs([self.run_id])

    def action_clone(self) -> None:
        """Take this run's settings into the form."""
        if self.row is not None:
            self.clone_run(self.row)

    def action_back(self) -> None:
        """Out of the search, out of the zoom, then out of the run."""
        if self.has_class("-finding"):
            self._end_finding()
        elif self.has_class("-single") or not self._together:
            self.action_zoom()
        else:
            super().action_back()
