"""LineChart: curves in braille, drawn a line of the screen at a time and only when something changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from igdm_tui.keys import bindings
from igdm_tui.numbers import number, percent
from igdm_tui.palette import series_colour
from igdm_tui.widgets.braille import BLANK, DOTS_HIGH, DOTS_WIDE, BrailleGrid, trace
from igdm_tui.widgets.decimate import Column, decimate, drawable_stretches, value_range
from igdm_tui.widgets.text import clip, plain
from igdm_tui.widgets.ticks import Axis, linear_axis, log_axis

LEAST_WIDTH, LEAST_HEIGHT = 16, 4
MARK_EVERY = 28  # cells between two marks of one line
AXIS_FROM_HEIGHT = 11  # lower charts write their x labels under the curve without a line above them


@dataclass(frozen=True, slots=True)
class Line:
    """One curve.

    label: plain text from anywhere. xs: rising, finite. ys: as many; NaN and infinities are gaps.
    colour: index into the palette. mark: one character that tells the line apart without colour.
    """

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: int = 0
    mark: str = "●"

    @property
    def last(self) -> float | None:
        """The newest value, None without any."""
        return self.ys[-1] if len(self.ys) else None


class LineChart(Widget, can_focus=True):
    """Curves over steps or epochs with axes of their own: `y` switches to a logarithmic axis and back."""

    COMPONENT_CLASSES = {"chart--axis", "chart--title", "chart--note"}  # noqa: RUF012
    BINDINGS = bindings("chart")
    logarithmic: var[bool] = var(False, init=False)

    def __init__(
        self, title: str, *, x_title: str = "step", percent: bool = False, id: str | None = None, classes: str = ""
    ) -> None:
        """A chart that waits for lines.

        percent: values are fractions, shown as percent.
        """
        super().__init__(id=id, classes=classes)
        self.title, self.x_title, self.percent = title, x_title, percent
        self.note = "no points yet"
        self._lines: list[Line] = []
        self._strips: list[Strip] = []
        self._drawn: object = None
        self._columns: dict[object, list[list[Column]]] = {}

    @property
    def lines(self) -> list[Line]:
        """What is drawn now."""
        return list(self._lines)

    def set_lines(self, lines: Sequence[Line], *, title: str | None = None, x_title: str | None = None) -> None:
        """Draw these instead; lines hold finished series, so a longer one is a new Line."""
        self._lines = list(lines)
        self.title, self.x_title = title or self.title, x_title or self.x_title
        self._columns.clear()
        self._forget()

    def set_note(self, note: str) -> None:
        """What an empty chart says."""
        if note != self.note:
            self.note = note
            self._forget()

    def watch_logarithmic(self) -> None:
        """The other axis needs another drawing."""
        self._forget()

    def action_toggle_log(self) -> None:
        """Switch the y axis between linear and logarithmic."""
        self.logarithmic = not self.logarithmic

    def notify_style_update(self) -> None:
        """Colours may have changed."""
        super().notify_style_update()
        self._drawn = None

    def _forget(self) -> None:
        self._drawn = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the screen; the whole picture is made once per change of data, size or style."""
        size = self.size
        key = (size, self.has_focus)
        if self._drawn != key:
            self._strips = self._draw(size.width, size.height)
            self._drawn = key
        return self._strips[y] if y < len(self._strips) else Strip.blank(size.width, self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        base = self.rich_style
        strips = [self._legend(width)]
        plot = self._plot(width, height - 1) if width >= LEAST_WIDTH and height >= LEAST_HEIGHT else None
        if plot is None:
            note = plain(self.note, max(width, 0)).center(width)
            middle = (height - 1) // 2
            style = self.get_component_rich_style("chart--note")
            blank = Strip.blank(width, base)
            strips += [Strip([Segment(note, style)], width) if row == middle else blank for row in range(height - 1)]
            return strips
        return strips + plot

    def _legend(self, width: int) -> Strip:
        """Title, then each line's mark, label and newest value, as far as there is room."""
        title_style = self.get_component_rich_style("chart--title")
        if self.has_focus:
            title_style += Style(reverse=True)
        title = self.title + (" (log)" if self.logarithmic else "")
        left = width - cell_len(title)
        # A letter is enough at last, as a table beside the chart says whose it is; other marks need their names.
        lettered = all(line.mark.isalnum() for line in self._lines)
        for digits, gap, named in ((4, " ", True), (2, "", True), (0, "", True), (2 * lettered, "", not lettered)):
            entries = [(self._entry(line, digits, gap, named), self._line_style(line)) for line in self._lines]
            if sum(cell_len(text) for text, _ in entries) <= left:
                break
        segments = [Segment(title, title_style)]
        for text, style in entries:
            segments.append(Segment(clip(text, left), style))
            left -= cell_len(segments[-1].text)
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _entry(self, line: Line, digits: int, gap: str, named: bool) -> str:
        """Mark, label and newest value; closer together and rounder where room is short, without a value at last."""
        label = plain(line.label, 40) if named else ""
        between = " " if gap or line.mark.isalnum() else ""  # "A adaad", never "Aadaad"
        name = f"{gap} {line.mark}{between if label else ''}{label}"
        if not digits or line.last is None:
            return name
        if self.percent:
            return f"{name} {percent(line.last)}{' %' if gap else ''}"
        return f"{name} {number(line.last) if gap else f'{line.last:.{digits}g}'}"

    def _line_style(self, line: Line) -> Style:
        dark = self.app.current_theme.dark
        return self.rich_style + Style(color=series_colour(line.colour, dark=dark))

    def _plot(self, width: int, height: int) -> list[Strip] | None:
        """Axes and curves, or None when no line has a point to show."""
        drawn = [(line, drawable_stretches(line.ys, positive=self.logarithmic)) for line in self._lines]
        drawn = [(line, stretches) for line, stretches in drawn if stretches]
        ranges = [found for line, stretches in drawn if (found := value_range(line.ys, stretches))]
        if not ranges:
            return None
        plot_height = height - (2 if height >= AXIS_FROM_HEIGHT else 1)
        y_axis = self._y_axis(min(low for low, _ in ranges), max(high for _, high in ranges), plot_height)
        gutter = max(cell_len(label) for _, label in y_axis.ticks) if y_axis.ticks else 0
        plot_width = width - gutter - 1
        x_low = min(line.xs[stretches[0][0]] for line, stretches in drawn)
        x_high = max(line.xs[stretches[-1][1] - 1] for line, stretches in drawn)
        x_axis = linear_axis(x_low, x_high, max(plot_width // 9, 2), snap=False)
        grid = BrailleGrid(plot_width, plot_height)
        marks = self._draw_lines(grid, drawn, x_axis, y_axis)
        return self._plot_strips(grid, marks, y_axis, gutter) + self._x_strips(
            x_axis, gutter, width, height - plot_height
        )

    def _y_axis(self, low: float, high: float, plot_height: int) -> Axis:
        most_ticks = max(plot_height // 2, 2)
        if self.logarithmic:
            return log_axis(low, high, most_ticks)
        return linear_axis(low, high, min(most_ticks, 7), percent=self.percent)

    def _draw_lines(
        self, grid: BrailleGrid, drawn: Sequence[tuple[Line, list[tuple[int, int]]]], x_axis: Axis, y_axis: Axis
    ) -> dict[tuple[int, int], tuple[str, Style]]:
        """Draw every line and say which cells (x, y) carry which mark."""
        marks: dict[tuple[int, int], tuple[str, Style]] = {}
        to_row = y_axis.rows(grid.rows)
        for place, (line, stretches) in enumerate(drawn):
            key = (place, grid.width, x_axis.low, x_axis.high, self.logarithmic)
            if key not in self._columns:
                view = (x_axis.low, x_axis.high)
                self._columns[key] = [decimate(line.xs, line.ys, part, view, grid.columns) for part in stretches]
            masks = trace(self._columns[key], grid.columns, to_row)
            grid.draw(masks, place)
            style = self._line_style(line) + Style(bold=True)
            for cell in _mark_cells(masks, place, len(drawn), grid):
                marks[cell] = (line.mark, style)
        self._styles = [self._line_style(line) for line, _ in drawn]
        return marks

    def _plot_strips(
        self, grid: BrailleGrid, marks: dict[tuple[int, int], tuple[str, Style]], y_axis: Axis, gutter: int
    ) -> list[Strip]:
        axis_style = self.get_component_rich_style("chart--axis")
        labels = {round((1 - y_axis.place(value)) * (grid.height - 1)): label for value, label in y_axis.ticks}
        strips = []
        for y in range(grid.height):
            label = labels.get(y)
            edge = f"{label or '':>{gutter}}{'┤' if label else '│'}"
            segments = [Segment(edge, axis_style)]
            segments += _row_segments(grid, y, marks, self._styles, self.rich_style)
            strips.append(Strip(segments, gutter + 1 + grid.width))
        return strips

    def _x_strips(self, axis: Axis, gutter: int, width: int, height: int) -> list[Strip]:
        """The x axis: its line where there is room, its labels, and what it counts at the right end."""
        axis_style = self.get_component_rich_style("chart--axis")
        plot_width = width - gutter - 1
        line, labels = ["─"] * plot_width, [" "] * plot_width
        unit = f" {self.x_title}"
        free_until = plot_width - len(unit)
        labels[max(free_until, 0) :] = unit[-plot_width:]
        taken = -1
        for value, label in axis.ticks:
            x = min(round(axis.place(value) * (plot_width - 1)), plot_width - 1)
            line[x] = "┬"
            start = max(x - len(label) // 2, 0)
            if start > taken and start + len(label) <= free_until:
                labels[start : start + len(label)] = label
                taken = start + len(label)
        rows = [" " * (gutter + 1) + "".join(labels)]
        if height > 1:
            rows.insert(0, " " * gutter + "└" + "".join(line))
        return [Strip([Segment(row, axis_style)], width) for row in rows]


def _mark_cells(masks: Sequence[int], place: int, lines: int, grid: BrailleGrid) -> list[tuple[int, int]]:
    """Cells (x, y) that carry the mark: the newest point, and for several lines also places spread along the way."""
    columns = [column for column, mask in enumerate(masks) if mask]
    if not columns:
        return []
    wanted = [columns[-1]]
    if lines > 1:
        every = MARK_EVERY * DOTS_WIDE
        wanted += range(every * place // lines + every // (2 * lines), columns[-1] - every // 4, every)
    cells = []
    for column in wanted:
        mask = masks[column]
        if mask:
            row = ((mask & -mask).bit_length() + mask.bit_length() - 2) // 2
            cells.append((column // DOTS_WIDE, grid.height - 1 - row // DOTS_HIGH))
    return cells


def _row_segments(
    grid: BrailleGrid, y: int, marks: dict[tuple[int, int], tuple[str, Style]], styles: Sequence[Style], base: Style
) -> list[Segment]:
    """One row of the grid, neighbours of one style joined."""
    segments: list[Segment] = []
    text, current = "", base
    for x, (dots, owner) in enumerate(zip(grid.dots[y], grid.owner[y], strict=True)):
        mark = marks.get((x, y))
        if mark:
            character, style = mark
        else:
            character, style = (chr(BLANK + dots), styles[owner]) if dots else (" ", base)
        if style is not current and text:
            segments.append(Segment(text, current))
            text = ""
        current = style
        text += character
    if text:
        segments.append(Segment(text, current))
    return segments
