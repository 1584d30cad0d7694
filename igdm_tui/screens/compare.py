"""Compare: two or more runs side by side. Who is best at what, what was different, and how they got there."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from core.spec.catalogue import METRICS
from igdm_tui.keys import bindings
from igdm_tui.palette import series_colour
from igdm_tui.screens.base import PlaceScreen
from igdm_tui.screens.compare_data import (
    Contestant,
    best_values,
    curves,
    difference_lines,
    metrics_of,
    result_columns,
)
from igdm_tui.widgets.line_chart import Line, LineChart
from igdm_tui.widgets.lines import Lines, TonedLine
from igdm_tui.widgets.table import Table
from igdm_tui.widgets.text import plain


class CompareScreen(PlaceScreen):
    """Every run has a letter and a colour, the same in both tables and on the chart."""

    PLACE: ClassVar[str] = "compare"
    BINDINGS = bindings("compare")

    def __init__(self, run_ids: Sequence[str]) -> None:
        """run_ids: two or more; their order gives letters and colours."""
        super().__init__()
        self.run_ids = list(run_ids)
        self.metric = ""
        self.by_epoch = True
        self._metrics: list[str] = []
        self._drawn: object = None
        self._fetching = False

    def compose_body(self) -> ComposeResult:
        """Results above; below them what was different and the chart, side by side where there is room."""
        yield Table[Contestant]([], key=lambda contestant: contestant.row.id, id="results")
        with Container(id="below"):
            yield Lines(id="differences")
            yield LineChart("", x_title="epoch", id="chart")

    def on_mount(self) -> None:
        """The results have the keys."""
        self.query_one("#results").focus()

    @property
    def contestants(self) -> list[Contestant]:
        """The runs as they are now; one that has vanished is left out."""
        rows = [self.igdm.row(run_id) for run_id in self.run_ids]
        return [Contestant(row, number) for number, row in enumerate(rows) if row is not None]

    def show_runs(self) -> None:
        """Results change while runs go on; curves are fetched when one of the runs has said something."""
        contestants = self.contestants
        dark = self.app.current_theme.dark
        colours = [series_colour(number, dark=dark) for number in range(8)]
        table = self.query_one("#results", Table)
        table.set_columns(result_columns(best_values([c.row for c in contestants]), colours))
        table.set_rows(contestants)
        self.set_title(f"{len(contestants)} runs · * is best")
        state = (self.metric, self.by_epoch, [self.igdm.revisions.get(run_id, 0) for run_id in self.run_ids])
        if state != self._drawn and not self._fetching:
            self._fetching = True
            self.begin(partial(self._fetch, contestants, state), "fetch")

    async def _fetch(self, contestants: list[Contestant], state: object) -> None:
        try:
            by_epoch, wanted = self.by_epoch, self.metric
            metrics = await self.igdm.reader.ask(lambda store: metrics_of(store, self.run_ids, by_epoch=by_epoch))
            metric = wanted if wanted in metrics else (metrics[0] if metrics else "")
            lines, differences = await self.igdm.reader.ask(
                lambda store: (
                    curves(store, contestants, metric, by_epoch=by_epoch) if metric else [],
                    difference_lines(contestants),
                )
            )
            self._metrics, self._drawn = metrics, state
            self._draw(metric, lines, differences, by_epoch)
        except Exception as error:  # noqa: BLE001 - a reading that fails must not take the screen with it
            self.say_unread(error, "the runs")
        finally:
            self._fetching = False

    def _draw(self, metric: str, lines: list[Line], differences: list[TonedLine], by_epoch: bool) -> None:
        self.query_one("#differences", Lines).set_lines(differences)
        entry = METRICS.get(metric)
        chart = self.query_one("#chart", LineChart)
        chart.percent = entry is not None and entry.unit == "fraction"
        better = f" ({entry.better} is better)" if entry and entry.better else ""
        title = (entry.title if entry else plain(metric, 30)) + better
        chart.set_lines(lines, title=title or "no curves yet", x_title="epoch" if by_epoch else "step")

    @on(Table.Chosen)
    def action_open(self) -> None:
        """Open the run under the cursor."""
        from igdm_tui.screens.run import RunScreen

        contestant = self.query_one("#results", Table).selected
        if contestant is not None:
            self.app.push_screen(RunScreen(contestant.row.id))

    def action_metric(self, step: int) -> None:
        """The next or previous metric on the chart."""
        if not self._metrics:
            return
        current = self._metrics.index(self.metric) if self.metric in self._metrics else 0
        self.metric = self._metrics[(current + step) % len(self._metrics)]
        self.show_runs()

    def action_x_axis(self) -> None:
        """Curves over epochs, or over steps where steps were logged."""
        self.by_epoch = not self.by_epoch
        self.show_runs()

    def action_toggle_log(self) -> None:
        """Logarithmic axis and back."""
        self.query_one("#chart", LineChart).action_toggle_log()

    def action_zoom(self) -> None:
        """The chart alone, and back."""
        self.toggle_class("-single")

    def action_back(self) -> None:
        """Out of the zoom, then out of the screen."""
        if self.has_class("-single"):
            self.action_zoom()
        else:
            super().action_back()
