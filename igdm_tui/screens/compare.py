"""Compare: runs or experiments side by side. Who is best at what, is it more than chance, and how they got there."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.containers import Container
from textual.widget import Widget

from core.spec.catalogue import METRICS
from igdm_tui.curves import X_TITLES, CurveShelf
from igdm_tui.keys import bindings
from igdm_tui.palette import series_colour
from igdm_tui.screens.base import PlaceScreen
from igdm_tui.screens.compare_data import difference_lines, result_columns, scatter_fit, scatter_points
from igdm_tui.screens.compare_forest import forest_lines
from igdm_tui.screens.compare_published import published_lines
from igdm_tui.screens.compare_read import (
    Band,
    Entry,
    Reading,
    VerdictShelf,
    around_title,
    family_title,
    metrics_over,
    read_comparison,
    read_curves,
    read_group_curve,
    read_radii,
    wanted_curves,
)
from igdm_tui.widgets.line_chart import Line, LineChart
from igdm_tui.widgets.lines import Lines
from igdm_tui.widgets.pane_tabs import PaneTabs
from igdm_tui.widgets.scatter_chart import ScatterChart, Titles
from igdm_tui.widgets.table import Table
from igdm_tui.widgets.text import plain

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

WIDGETS = {
    "tests": "forest", "curves": "chart", "scatter": "scatter", "epsilon": "radii", "settings": "differences",
    "published": "published",
}  # fmt: skip
PANES = tuple(WIDGETS)
TESTED_FIRST = ("autoattack_accuracy", "pgd20_accuracy", "clean_accuracy")
SCATTERED = (("gradient_cosine", "gradient_distance"), ("autoattack_accuracy", "pgd20_accuracy"))
NO_RADII = "no accuracy at two or more epsilons: igdm eval RUN --attacks sweep, or evaluation.attacks = sweep"


class CompareScreen(PlaceScreen):
    """Every entry has a letter and a colour, the same in all panes."""

    PLACE: ClassVar[str] = "compare"
    STYLES: ClassVar[str] = "compare"
    SLICES: ClassVar[tuple[str, ...]] = ("#below",)
    BINDINGS = bindings("compare")

    def __init__(self, run_ids: Sequence[str]) -> None:
        """run_ids: two or more; their order gives letters and colours."""
        super().__init__()
        self.run_ids = list(run_ids)
        self.pane = self._pane_before = "curves"
        self.x = "epoch"
        self.is_grouped: bool | None = None  # None: as the runs suggest
        self.baseline = ""
        self.chosen = {"tests": "", "curves": "", "epsilon": "", "scatter": "", "scatter y": ""}
        self.choices: dict[str, list[str]] = {name: [] for name in self.chosen}
        self.reading: Reading | None = None
        self._verdicts, self._curves = VerdictShelf(), CurveShelf()
        self._drawn: object = None
        self._fetching = False
        self._differs_of: list[str] = []
        self.wear("show", PANES, self.pane)

    def compose_body(self) -> Iterable[Widget]:
        """Results above; below them the chosen pane, beside the settings where there is room."""
        yield Table[Entry]([], key=lambda entry: entry.key, id="results")
        yield PaneTabs(PANES)
        with Container(id="below"):
            yield Lines(id="differences")
            yield Lines(id="forest")
            yield Lines(id="published")
            yield LineChart("", x_title="epoch", id="chart")
            yield ScatterChart(id="scatter")
            yield LineChart("", x_title="epsilon (1/255)", percent=True, id="radii")

    def on_mount(self) -> None:
        """The results have the keys; below them the pane that was last looked at."""
        kept = self.igdm.kept("compare")
        self.pane = kept["pane"] if kept.get("pane") in PANES else self.pane
        self.x = kept["x"] if kept.get("x") in (*X_TITLES,) else self.x
        self._show_pane()
        self.query_one("#results").focus()

    def on_resize(self, event: events.Resize) -> None:
        """Bars are as long as the pane is wide."""
        super().on_resize(event)
        self.call_after_refresh(self._draw_reading)

    @property
    def runs(self) -> "list[RunRow]":
        """The runs as they are now; one that has vanished is left out."""
        rows = [self.igdm.row(run_id) for run_id in self.run_ids]
        return [row for row in rows if row is not None]

    @property
    def groups(self) -> bool:
        """Whether runs with equal settings are one line: asked for, or where that leaves two lines or more."""
        if self.is_grouped is not None:
            return self.is_grouped
        hashes = [run.settings_hash or run.id for run in self.runs]
        return 1 < len(set(hashes)) < len(hashes)

    # Data

    def show_runs(self) -> None:
        """Everything is fetched again when one of the runs has said something or another view is chosen."""
        revisions = [self.igdm.revisions.get(run_id, 0) for run_id in self.run_ids]
        state = (self.pane, self.x, self.groups, self.baseline, tuple(self.chosen.values()), revisions)
        statuses = [run.status for run in self.runs]
        if (state, statuses) != self._drawn and not self._fetching:
            self._fetching = True
            self.begin(partial(self._fetch, (state, statuses)), "fetch")

    async def _fetch(self, state: object) -> None:
        try:
            runs, groups, baseline = self.runs, self.groups, self.baseline
            revisions = dict(self.igdm.revisions)
            self.reading = await self.igdm.reader.ask(
                lambda store: read_comparison(store, runs, self._verdicts, revisions, group=groups, baseline=baseline)
            )
            self._offer()
            if self.pane == "curves":
                await self._fetch_curves(self.reading)
            elif self.pane == "epsilon":
                await self._fetch_radii(self.reading)
            self._drawn = state
            self._draw_reading()
        except Exception as error:  # noqa: BLE001 - a reading that fails must not take the screen with it
            self.say_unread(error, "the runs")
        finally:
            self._fetching = False

    async def _fetch_curves(self, reading: Reading) -> None:
        x, runs = self.x, self.runs
        names = await self.igdm.reader.ask(lambda store: metrics_over(store, [run.id for run in runs], x))
        self.choices["curves"] = names
        metric = self._chosen("curves")
        chart = self.query_one("#chart", LineChart)
        entry = METRICS.get(metric)
        chart.percent = entry is not None and entry.unit == "fraction"
        better = f", {entry.better} is better" if entry and entry.better else ""
        title = f"{entry.title if entry else plain(metric, 30)}{better}" if metric else "no curves yet"
        single = [e for e in reading.entries if len(e.line.runs) == 1]
        wanted = await self.igdm.reader.ask(
            lambda store: wanted_curves(store, [e.line.runs[0] for e in single], metric, x)
        )
        known = self._curves.known(wanted)
        curves = self._curves.add(await self.igdm.reader.ask(lambda store: read_curves(store, known, wanted)))
        bands = {key.run_id: Band(curve=curve, band=None) for key, curve in curves.items()}
        for group in (e for e in reading.entries if len(e.line.runs) > 1):
            members = group.line.runs
            found = await self.igdm.reader.ask(partial(read_group_curve, runs=members, metric=metric, x=x))
            bands |= {group.key: found} if found else {}
        chart.set_lines(self._lines(reading, bands), title=title, x_title=X_TITLES[x])

    async def _fetch_radii(self, reading: Reading) -> None:
        students = [entry for entry in reading.entries if entry.number >= 0]
        found = await self.igdm.reader.ask(lambda store: read_radii(store, students))
        self.choices["epsilon"] = list(found)
        family = self._chosen("epsilon")
        chart = self.query_one("#radii", LineChart)
        chart.set_note(NO_RADII)
        bands = found.get(family, {})
        said = f"accuracy under {family_title(family)}, {around_title(bands.values())}"
        chart.set_lines(self._lines(reading, bands), title=said if family else "accuracy against epsilon")

    def _lines(self, reading: Reading, bands: dict[str, Band]) -> list[Line]:
        return [
            Line(plain(e.line.label, 24), bands[e.key].curve, e.number, e.letter, bands[e.key].band)
            for e in reading.entries
            if e.number >= 0 and e.key in bands
        ]

    def _offer(self) -> None:
        """What can be chosen now; a choice that is gone gives way to the first."""
        if self.reading is None:
            return
        measured = [
            name
            for name in self.reading.comparison.metrics
            if METRICS[name].better and not name.startswith(("validation_", "images_per_s"))
        ]
        first = [name for name in TESTED_FIRST if name in measured]
        self.choices["tests"] = [*first, *(name for name in measured if name not in first)]
        for key, preferred in zip(("scatter", "scatter y"), SCATTERED, strict=True):
            front = [name for name in preferred if name in measured]
            self.choices[key] = [*front, *(name for name in measured if name not in front)]

    def _chosen(self, key: str) -> str:
        choices = self.choices[key]
        return self.chosen[key] if self.chosen[key] in choices else (choices[0] if choices else "")

    def _draw_reading(self) -> None:
        """Results, tests, scatter and settings: all come from the one reading."""
        reading = self.reading
        if reading is None or not self.is_ready:
            return
        tested, dark = self._chosen("tests"), self.app.current_theme.dark
        table = self.query_one("#results", Table)
        table.set_columns(result_columns(reading, [series_colour(n, dark=dark) for n in range(8)], tested))
        table.set_rows(reading.entries)
        self._draw_title(reading)
        forest = self.query_one("#forest", Lines)
        forest.set_lines(forest_lines(reading, tested, forest.size.width or self.size.width - 2))
        published = self.query_one("#published", Lines)
        published.set_lines(published_lines(reading, max(published.size.width, 60)))
        shown = [entry.key for entry in reading.entries]
        if shown != self._differs_of:  # the settings of a run never change, and comparing them takes a while
            self._differs_of = shown
            self.query_one("#differences", Lines).set_lines(difference_lines(reading.entries))
        self._draw_scatter(reading)

    def _draw_title(self, reading: Reading) -> None:
        lines, runs = len(reading.comparison.students), len(self.runs)
        what = f"{lines} experiments of {runs} runs" if reading.comparison.is_grouped else f"{runs} runs"
        base = f" · baseline {reading.baseline.letter}" if reading.against else ""
        self.set_title(f"{what}{base} · * best, second underlined")

    def _draw_scatter(self, reading: Reading) -> None:
        x, y = self._chosen("scatter"), self._chosen("scatter y")
        points = scatter_points(reading, x, y) if x and y else []
        line, said = scatter_fit(points)
        units = tuple(bool(name) and METRICS[name].unit == "fraction" for name in (x, y))
        titles = Titles(METRICS[x].title if x else "", METRICS[y].title if y else "", (units[0], units[1]))
        self.query_one("#scatter", ScatterChart).set_points(
            points, titles, line=line, said=said, note="no run has both metrics yet"
        )

    # Keys

    def _show_pane(self) -> None:
        self.wear("show", PANES, self.pane)
        self.query_one(PaneTabs).show(self.pane)

    def action_pane(self, pane: str) -> None:
        """Show a pane; the results keep the keys until tab moves on."""
        if pane != self.pane:
            self.pane, self._pane_before = pane, self.pane
        self.igdm.keep("compare", pane=pane)
        self._show_pane()
        if self.focused is not None and self.focused.id != "results":
            self.call_after_refresh(self.query_one(f"#{WIDGETS[pane]}").focus)
        self.call_after_refresh(self._draw_reading)
        self.show_runs()

    def action_published(self) -> None:
        """What papers print, and back to the pane before."""
        self.action_pane(self._pane_before if self.pane == "published" else "published")

    @on(Table.Chosen)
    def action_open(self) -> None:
        """Open the run under the cursor; of a group, its newest."""
        from igdm_tui.screens.run import RunScreen

        entry = self.query_one("#results", Table).selected
        if entry is not None and entry.line.runs:
            newest = max(entry.line.runs, key=lambda run: run.created_at or "")
            self.app.push_screen(RunScreen(newest.id))

    def action_metric(self, step: int) -> None:
        """The next or previous metric of the shown pane; on the scatter, of x, and backwards of y."""
        key = {"scatter": "scatter" if step > 0 else "scatter y", "settings": "tests", "published": "tests"}.get(
            self.pane, self.pane
        )
        choices = self.choices[key]
        if choices:
            at = choices.index(self._chosen(key))
            self.chosen[key] = choices[(at + (1 if key.startswith("scatter") else step)) % len(choices)]
            self.show_runs()

    def action_x_axis(self) -> None:
        """Curves over epochs, steps, or seconds of the run."""
        order = list(X_TITLES)
        self.x = order[(order.index(self.x) + 1) % len(order)]
        self.igdm.keep("compare", x=self.x)
        self.show_runs()

    def action_baseline(self) -> None:
        """Hold the others against the entry under the cursor."""
        entry = self.query_one("#results", Table).selected
        if entry is not None and entry.line.runs:
            self.baseline = entry.line.runs[0].id
            self.show_runs()

    def action_group(self) -> None:
        """One line per experiment, or per run."""
        self.is_grouped = not self.groups
        self.show_runs()

    def action_sort(self) -> None:
        """Sort the results by the next column, best first."""
        table = self.query_one("#results", Table)
        keys = ["", *(column.key for column in table.columns if column.order)]
        key = keys[(keys.index(table.sort_key) + 1) % len(keys)] if table.sort_key in keys else ""
        table.sort_by(key, reverse=key in METRICS and METRICS[key].better == "higher")
        if not key and self.reading:
            table.set_rows(self.reading.entries)

    def action_toggle_log(self) -> None:
        """Logarithmic axis and back."""
        self._chart().action_toggle_log()

    def action_smooth(self) -> None:
        """The next moving average."""
        self._chart().action_smooth()

    def _chart(self) -> Any:
        return self.query_one("#radii" if self.pane == "epsilon" else "#chart", LineChart)

    def action_zoom(self) -> None:
        """The pane alone, and back."""
        self.toggle_class("-single")
        self.query_one(f"#{WIDGETS[self.pane]}" if self.has_class("-single") else "#results").focus()
        self.call_after_refresh(self._draw_reading)

    def action_export(self) -> None:
        """Write a table, a figure or a report of these runs to a file."""
        self.export_runs(self.run_ids)

    def action_paper(self) -> None:
        """The papers' table as LaTeX, to the clipboard and to a file."""
        self.copy_paper_table(self.run_ids)

    def action_back(self) -> None:
        """Out of the zoom, then out of the screen."""
        if self.has_class("-single"):
            self.action_zoom()
        else:
            super().action_back()
