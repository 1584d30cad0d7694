"""From curves to dots: which part, in which columns, at which rows. What did not change is not computed again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.style import Style
from textual.strip import Strip

from igdm_tui.widgets.braille import DOTS_HIGH, DOTS_WIDE, BrailleGrid, between, sparse, trace
from igdm_tui.widgets.curve import Curve, Decimated
from igdm_tui.widgets.plot import TICK_EVERY, Frame
from igdm_tui.widgets.ticks import Axis, linear_axis, log_axis

MARK_EVERY = 28  # cells between two marks of one line
GUESS = 6  # cells for labels before they are known
DENSE = 2 * DOTS_WIDE  # points per cell from which columns hold several
STEADY = 256  # a growing view moves in steps of at most this share of it: less than a cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Inked:
    """A line and its styles. smooth: drawn instead of the curve, which then stands faint behind it."""

    curve: Curve
    smooth: Curve | None
    band: tuple[Curve, Curve] | None
    mark: str
    ink: Style
    faint: Style

    @property
    def behind(self) -> tuple[Curve, ...]:
        """Faint curves."""
        return (self.curve,) if self.smooth is not None else ()

    @property
    def front(self) -> Curve:
        """The curve itself, or its moving average."""
        return self.curve if self.smooth is None else self.smooth


@dataclass(slots=True)
class Drawing:
    """What is kept from one drawing to the next.

    whole: all x, None before there are any. view: the part that is drawn. width: cells of the plot. columns: by curve,
    view, number of columns and kind of axes. masks: by curve, what they were made of and the dots.
    """

    whole: tuple[float, float] | None = None
    view: tuple[float, float] | None = None
    width: int = 1
    gutter: int = GUESS
    columns: dict[object, Decimated] = field(default_factory=dict)
    masks: dict[Curve, tuple[object, Decimated, list[int]]] = field(default_factory=dict)


def draw(
    drawing: Drawing,
    frame: Frame,
    lines: Sequence[Inked],
    *,
    window: tuple[float, float] | None,
    logs: tuple[bool, bool],
    percent: bool,
    x_title: str,
    crosshair: float | None,
) -> list[Strip] | None:
    """Axes and curves, or None when no line has a point to show. window: the part of x; logs: of x and of y."""
    drawing.whole = _whole(lines, logs)
    if drawing.whole is None:
        return None
    view = drawing.whole if window is None or window[0] >= window[1] else window
    if view is drawing.whole and not logs[0] and max(len(line.curve) for line in lines) > DENSE * frame.width:
        view = steady(view)
    drawing.view = view
    for _ in range(3):  # labels make the plot narrower, and that can change labels
        width = frame.plot_width(drawing.gutter)
        found, drawing.columns = _columns(drawing.columns, lines, view, width * DOTS_WIDE, logs)
        spans = [each.span for each in found.values() if each.span is not None]
        if not spans:
            return None
        span = (min(low for low, _ in spans), max(high for _, high in spans))
        y_axis = _y_axis(span, frame.plot_height, log=logs[1], percent=percent)
        if frame.gutter(y_axis) == drawing.gutter:
            break
        drawing.gutter = frame.gutter(y_axis)
    drawing.width = width
    x_axis = _x_axis(view, max(width // TICK_EVERY, 2), log=logs[0])
    grid = BrailleGrid(width, frame.plot_height)
    drawing.masks = {curve: _traced(drawing.masks.get(curve), each, grid, y_axis) for curve, each in found.items()}
    marks = _ink(grid, lines, {curve: masks for curve, (_, _, masks) in drawing.masks.items()})
    at = place_x(crosshair, view, log=logs[0]) if crosshair is not None else math.nan
    column = round(at * (width - 1)) if 0 <= at <= 1 else None
    inks = [style for line in lines for style in (line.faint, line.ink)]
    return frame.strips(grid, (x_axis, y_axis), inks=inks, marks=marks, x_title=x_title, column=column)


def steady(view: tuple[float, float]) -> tuple[float, float]:
    """A view that ends a little later, at one of few places: it stands still while most points arrive at its end."""
    low, high = view
    if not STEADY * math.ulp(high) < high - low < math.inf:
        return view
    step = 2.0 ** math.floor(math.log2((high - low) / STEADY))
    return low, low + math.ceil((high - low) / step) * step


def place_x(x: float, span: tuple[float, float], *, log: bool) -> float:
    """Where x lies between the ends of a span, 0 to 1, and beyond; 0 for x at or below 0 on a logarithmic axis."""
    low, high = span
    if high <= low:
        return 0.0
    if log:
        return math.log(x / low) / math.log(high / low) if x > 0 else 0.0
    return (x - low) / (high - low)


def unplace_x(share: float, span: tuple[float, float], *, log: bool) -> float:
    """The x at a place between the ends of a span."""
    low, high = span
    if log:
        return low * math.exp(share * math.log(high / low))
    return low + share * (high - low)


def _whole(lines: Sequence[Inked], logs: tuple[bool, bool]) -> tuple[float, float] | None:
    """The first and the last x that can be drawn."""
    lows, highs = [], []
    for line in lines:
        stretches, xs = line.curve.stretches(positive=logs[1]), line.curve.xs
        if not stretches or (logs[0] and xs[stretches[-1][1] - 1] <= 0):
            continue
        first = stretches[0][0]
        if logs[0] and xs[first] <= 0:
            first = next(place for start, end in stretches for place in range(start, end) if xs[place] > 0)
        lows.append(xs[first])
        highs.append(xs[stretches[-1][1] - 1])
    return (min(lows), max(highs)) if lows else None


def _columns(
    known: dict[object, Decimated],
    lines: Sequence[Inked],
    view: tuple[float, float],
    columns: int,
    logs: tuple[bool, bool],
) -> tuple[dict[Curve, Decimated], dict[object, Decimated]]:
    """The columns of every curve that is drawn, and the same under the keys by which the next drawing finds them."""
    found: dict[Curve, Decimated] = {}
    kept: dict[object, Decimated] = {}
    for line in lines:
        for curve in (line.front, *line.behind, *(line.band or ())):
            key = (curve, view, columns, logs)
            found[curve] = kept[key] = curve.columns(view, columns, log_x=logs[0], log_y=logs[1], before=known.get(key))
    return found, kept


def _traced(
    known: tuple[object, Decimated, list[int]] | None, found: Decimated, grid: BrailleGrid, y_axis: Axis
) -> tuple[object, Decimated, list[int]]:
    """The dots of a curve, with what they were made of; of one that only grew, those before its end are taken over."""
    scale = (y_axis.low, y_axis.high, y_axis.log, grid.columns, grid.rows)
    if known is not None and known[0] == scale:
        _, before, masks = known
        if before is found:
            return known
        if len(found.found) == len(before.found) == 1:
            old, new = before.found[0], found.found[0]
            same = len(old) - 1  # the last column may have grown
            if same > 1 and len(new) > same and old[:same] == new[:same]:
                kept = new[same - 2][0] + 1  # the join to the next column stands there already
                fresh = trace([new[same - 2 :]], grid.columns, y_axis.rows(grid.rows))
                return scale, found, masks[:kept] + fresh[kept:]
    return scale, found, trace(found.stretches, grid.columns, y_axis.rows(grid.rows))


def _y_axis(span: tuple[float, float], plot_height: int, *, log: bool, percent: bool) -> Axis:
    most_ticks = max(plot_height // 2, 2)
    if log:
        return log_axis(*span, most_ticks, percent=percent)
    return linear_axis(*span, min(most_ticks, 7), percent=percent)


def _x_axis(view: tuple[float, float], most_ticks: int, *, log: bool) -> Axis:
    if log:
        return log_axis(*view, most_ticks)
    return linear_axis(*view, most_ticks, snap=False)


def _ink(
    grid: BrailleGrid, lines: Sequence[Inked], masks: Mapping[Curve, list[int]]
) -> dict[tuple[int, int], tuple[str, Style]]:
    """Draw what stands behind, then every line; which cells (x, y) carry which mark. masks: the dots of each curve."""
    for place, line in enumerate(lines):
        if line.band:
            grid.draw(sparse(between(masks[line.band[0]], masks[line.band[1]]), grid.rows), 2 * place)
        for curve in line.behind:
            grid.draw(sparse(masks[curve], grid.rows), 2 * place)
    marks: dict[tuple[int, int], tuple[str, Style]] = {}
    for place, line in enumerate(lines):
        grid.draw(masks[line.front], 2 * place + 1)
        style = line.ink + Style(bold=True)
        for cell in _mark_cells(masks[line.front], place, len(lines), grid):
            marks[cell] = (line.mark, style)
    return marks


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
