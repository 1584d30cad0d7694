"""Axes around a grid of dots, as lines of the screen: what every chart looks like at its edges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, pairwise
from operator import ne

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from igdm_tui.widgets.braille import BrailleGrid
from igdm_tui.widgets.ticks import Axis

AXIS_FROM_HEIGHT = 11  # lower charts write their x labels under the curve without a line above them
TICK_EVERY = 9  # cells for an x label

Marks = Mapping[tuple[int, int], tuple[str, Style]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a plot stands and how it is inked. height: of the whole, axes and labels included. base: blank cells."""

    width: int
    height: int
    base: Style
    axis: Style

    @property
    def plot_height(self) -> int:
        """Rows for the curves."""
        return self.height - (2 if self.height >= AXIS_FROM_HEIGHT else 1)

    def gutter(self, y_axis: Axis) -> int:
        """Cells for the labels left of the curves."""
        return max((cell_len(label) for _, label in y_axis.ticks), default=0)

    def plot_width(self, gutter: int) -> int:
        """Cells for the curves."""
        return max(self.width - gutter - 1, 1)

    def strips(
        self,
        grid: BrailleGrid,
        axes: tuple[Axis, Axis],
        *,
        inks: Sequence[Style],
        marks: Marks,
        x_title: str,
        column: int | None = None,
    ) -> list[Strip]:
        """The plot with its axes.

        axes: x and y. inks: style by owner of a cell. marks: single characters by (x, y). column: where an upright line
        stands.
        """
        x_axis, y_axis = axes
        gutter = self.width - grid.width - 1
        labels = {round((1 - y_axis.place(value)) * (grid.height - 1)): label for value, label in y_axis.ticks}
        styles = [self.base, *inks, self.axis]
        lines = grid.lines()
        if column is not None:
            for y, (text, owners) in enumerate(lines):
                if not owners[column]:
                    owners[column] = len(styles) - 1
                    lines[y] = (f"{text[:column]}│{text[column + 1 :]}", owners)
        for (x, y), (character, style) in marks.items():
            text, owners = lines[y]
            owners[x] = len(styles)
            styles.append(style)
            lines[y] = (text[:x] + character + text[x + 1 :], owners)
        strips = []
        for y, (text, owners) in enumerate(lines):
            label = labels.get(y)
            segments = [Segment(f"{label or '':>{gutter}}{'┤' if label else '│'}", self.axis)]
            strips.append(Strip([*segments, *_segments(text, owners, styles)], self.width))
        return strips + self._x_strips(x_axis, gutter, x_title)

    def _x_strips(self, axis: Axis, gutter: int, x_title: str) -> list[Strip]:
        """The x axis: its line where there is room, its labels, and what it counts at the right end."""
        plot_width = self.width - gutter - 1
        line, labels = ["─"] * plot_width, [" "] * plot_width
        unit = f" {x_title}" if x_title else ""
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
        if self.height - self.plot_height > 1:
            rows.insert(0, " " * gutter + "└" + "".join(line))
        return [Strip([Segment(row, self.axis)], self.width) for row in rows]


def _segments(text: str, owners: Sequence[int], styles: Sequence[Style]) -> list[Segment]:
    """One line of the screen, neighbours of one owner joined. styles: by owner."""
    ends = [*compress(range(1, len(text)), map(ne, owners, owners[1:])), len(text)]
    return [Segment(text[start:end], styles[owners[start]]) for start, end in pairwise([0, *ends])]
