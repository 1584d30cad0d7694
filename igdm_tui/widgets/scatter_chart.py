"""ScatterChart: one metric against another, a letter per point, with the least-squares line and the correlation."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from igdm_tui.palette import series_colour
from igdm_tui.widgets.braille import DOTS_HIGH, DOTS_WIDE, BrailleGrid, trace
from igdm_tui.widgets.decimate import Column
from igdm_tui.widgets.line_chart import LEAST_HEIGHT, LEAST_WIDTH
from igdm_tui.widgets.plot import TICK_EVERY, Frame
from igdm_tui.widgets.text import clip, plain
from igdm_tui.widgets.ticks import Axis, linear_axis

MARGIN = 0.06  # of a range, so that no point lies on the edge


@dataclass(frozen=True, slots=True)
class Point:
    """One point. mark: a character that says whose it is; colour: index into the palette."""

    x: float
    y: float
    mark: str
    colour: int


@dataclass(frozen=True, slots=True)
class Titles:
    """What is on the axes; in_percent says of each (x, y) that fractions are shown as percent."""

    x: str
    y: str
    in_percent: tuple[bool, bool] = (False, False)


class ScatterChart(Widget, can_focus=True):
    """Points with axes of their own; the title says what the line through them says."""

    COMPONENT_CLASSES = {"chart--axis", "chart--title", "chart--note"}  # noqa: RUF012

    def __init__(self, *, id: str | None = None) -> None:
        """A plot without points."""
        super().__init__(id=id)
        self.titles = Titles("", "")
        self.points: list[Point] = []
        self.line: tuple[float, float] | None = None
        self.said = self.note = ""

    def set_points(
        self, points: Sequence[Point], titles: Titles, *, line: tuple[float, float] | None, said: str, note: str
    ) -> None:
        """Draw these. line: slope and intercept. said: stands in the title; note: instead of points, and below few."""
        self.points, self.titles, self.line, self.said, self.note = list(points), titles, line, said, note
        self.refresh()

    def render_lines(self, crop: "object") -> list[Strip]:
        """All lines of the screen: a plot of a few hundred points is made anew each time."""
        strips = self._draw(self.size.width, self.size.height)
        return [strip.crop(crop.x, crop.right) for strip in strips[crop.y : crop.bottom]]  # type: ignore[attr-defined]

    def _draw(self, width: int, height: int) -> list[Strip]:
        base = self.rich_style
        title_style = self.get_component_rich_style("chart--title")
        title = f"{self.titles.y} against {self.titles.x}" if self.titles.x else ""
        head = Strip(
            [
                Segment(clip(title, width), title_style + Style(reverse=self.has_focus)),
                Segment(clip(f"  {self.said}", max(width - len(title), 0)), base),
            ]
        ).adjust_cell_length(width, base)
        body = None
        if self.points and width >= LEAST_WIDTH and height >= LEAST_HEIGHT:
            frame = Frame(width=width, height=height - 1, base=base, axis=self.get_component_rich_style("chart--axis"))
            body = self._plot(frame)
        if body is None:
            note = Segment(plain(self.note, width).center(width), self.get_component_rich_style("chart--note"))
            blank = Strip.blank(width, base)
            body = [Strip([note], width) if row == (height - 1) // 2 else blank for row in range(height - 1)]
        return [head, *body]

    def _plot(self, frame: Frame) -> list[Strip]:
        x_percent, y_percent = self.titles.in_percent
        y_axis = _axis([point.y for point in self.points], max(frame.plot_height // 2, 2), in_percent=y_percent)
        width = frame.plot_width(frame.gutter(y_axis))
        x_axis = _axis([point.x for point in self.points], max(width // TICK_EVERY, 2), in_percent=x_percent)
        grid = BrailleGrid(width, frame.plot_height)
        if self.line is not None:
            columns = _line_columns(self.line, x_axis, y_axis, grid.columns)
            grid.draw(trace([columns], grid.columns, y_axis.rows(grid.rows)), 0)
        dark = self.app.current_theme.dark
        marks = {}
        for point in self.points:
            row = y_axis.rows(grid.rows)(point.y)
            column = min(round(x_axis.place(point.x) * (grid.columns - 1)), grid.columns - 1)
            style = frame.base + Style(color=series_colour(point.colour, dark=dark), bold=True)
            marks[column // DOTS_WIDE, grid.height - 1 - row // DOTS_HIGH] = (point.mark, style)
        return frame.strips(grid, (x_axis, y_axis), inks=[frame.axis], marks=marks, x_title=self.titles.x)


def _axis(values: Sequence[float], most_ticks: int, *, in_percent: bool) -> Axis:
    low, high = min(values), max(values)
    margin = (high - low) * MARGIN or abs(high) * MARGIN or 0.5
    return linear_axis(low - margin, high + margin, min(most_ticks, 9), percent=in_percent, snap=False)


def _line_columns(line: tuple[float, float], x_axis: Axis, y_axis: Axis, columns: int) -> list[Column]:
    """The part of a straight line that lies inside the axes, one point per column of dots."""
    slope, intercept = line
    found = []
    for column in range(columns):
        y = slope * (x_axis.low + column / max(columns - 1, 1) * (x_axis.high - x_axis.low)) + intercept
        if y_axis.low <= y <= y_axis.high:
            found.append((column, y, y, y, y))
    return found
