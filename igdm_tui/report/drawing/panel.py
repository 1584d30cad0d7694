"""One panel: its axes with round numbers, then its traces. Dashes, markers and colours tell traces apart."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from igdm_tui.report.drawing.canvas import DIM, GRID, INK, Canvas, Points, series_role
from igdm_tui.report.drawing.figure import Panel, Scale, Trace
from igdm_tui.widgets.decimate import decimate, drawable_stretches, floats
from igdm_tui.widgets.ticks import Axis, linear_axis, log_axis

LEFT, RIGHT, TOP, BOTTOM = 62, 20, 26, 48  # of the axes inside their box
MOST_X, MOST_Y = 7, 7
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 3), (2, 2.5), (8, 3, 2, 3))
MARKER_RADIUS = 4
FEW = 40  # as many points of a line still get a marker each
LONG = 2000  # a line of more points is drawn as a mean with a shade from lowest to highest
BARS_SHARE = 0.76  # of the room of a category


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A rectangle in pixels."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The two axes and where they stand."""

    x: Axis
    y: Axis
    box: Box

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point in pixels; it may lie outside the box."""
        across, up = self.x.place(x), self.y.place(y)
        return self.box.left + across * self.box.width, self.box.top + (1 - up) * self.box.height


def draw_panel(canvas: Canvas, panel: Panel, box: Box) -> None:
    """Title, axes, traces."""
    inside = Box(
        left=box.left + LEFT, top=box.top + TOP, width=box.width - LEFT - RIGHT, height=box.height - TOP - BOTTOM
    )
    canvas.text(inside.left, box.top + 14, panel.title, size=13, bold=True)
    if panel.is_empty:
        canvas.text(inside.left, inside.top + 20, "nothing measured", role=DIM)
        return
    frame = Frame(_x_axis(panel), _y_axis(panel), inside)
    _draw_axes(canvas, panel, frame)
    for trace in panel.traces:
        if trace.kind == "bars":
            _draw_bars(canvas, panel, frame, trace)
        elif trace.kind == "fit":
            canvas.line([frame.at(x, y) for x, y in zip(trace.xs, trace.ys, strict=True)], DIM, width=1.2, dash=(5, 4))
        elif trace.kind == "points":
            _draw_points(canvas, frame, trace)
        else:
            _draw_line(canvas, frame, trace)
    if panel.note:
        canvas.text(inside.left + inside.width - 6, inside.top - 9, panel.note, role=DIM, anchor="end")


def draw_sample(canvas: Canvas, trace: Trace, x: float, y: float) -> None:
    """What a trace looks like, 26 pixels wide, for the legend."""
    role = series_role(trace.number)
    if trace.kind == "line":
        canvas.line([(x, y), (x + 26, y)], role, width=2, dash=dash_of(trace.number))
    if trace.kind == "bars":
        canvas.area([(x + 4, y - 6), (x + 22, y - 6), (x + 22, y + 6), (x + 4, y + 6)], role)
    else:
        draw_marker(canvas, x + 13, y, trace.number)


def draw_marker(canvas: Canvas, x: float, y: float, number: int) -> None:
    """Circle, square, triangle, diamond; after eight traces hollow ones."""
    role, r, edge = series_role(number), MARKER_RADIUS, number // 8 % 2 == 1
    shapes: tuple[Points, ...] = (
        [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)],
        [(x, y - r * 1.2), (x + r * 1.2, y + r), (x - r * 1.2, y + r)],
        [(x, y - r * 1.4), (x + r * 1.4, y), (x, y + r * 1.4), (x - r * 1.4, y)],
    )
    if number % 4 == 0:
        canvas.circle(x, y, r, role, edge=edge)
    else:
        canvas.area(shapes[number % 4 - 1], role, edge=edge)


def dash_of(number: int) -> tuple[float, ...]:
    """The dashes of the n-th trace; the first has none."""
    return DASHES[number % len(DASHES)]


def _draw_axes(canvas: Canvas, panel: Panel, frame: Frame) -> None:
    box = frame.box
    bottom = box.top + box.height
    for value, label in frame.y.ticks:
        _, y = frame.at(frame.x.low, value)
        canvas.line([(box.left, y), (box.left + box.width, y)], GRID, width=1)
        canvas.text(box.left - 7, y + 4, label, role=DIM, size=11, anchor="end")
    ticks = [(float(place), name) for place, name in enumerate(panel.x.categories)] or frame.x.ticks
    for value, label in ticks:
        x, _ = frame.at(value, frame.y.low)
        canvas.line([(x, bottom), (x, bottom + 4)], DIM, width=1)
        canvas.text(x, bottom + 17, label, role=DIM, size=11, anchor="middle")
    canvas.line([(box.left, box.top), (box.left, bottom), (box.left + box.width, bottom)], DIM, width=1)
    canvas.text(box.left + box.width / 2, bottom + 36, panel.x.title, size=12, anchor="middle")
    canvas.text(box.left - LEFT + 14, box.top + box.height / 2, panel.y.title, size=12, anchor="middle", turned=True)


def _draw_line(canvas: Canvas, frame: Frame, trace: Trace) -> None:
    role, xs = series_role(trace.number), floats(trace.xs)
    if trace.low and not trace.whiskers:
        _draw_band(canvas, frame, trace, role)
    ys = floats(trace.ys)
    for stretch in drawable_stretches(ys, positive=frame.y.log):
        dash = dash_of(trace.number)
        if stretch[1] - stretch[0] > LONG and not frame.x.log:
            mean, around = _thinned(frame, xs, ys, stretch)
            canvas.area(around, role, opacity=0.22)
            canvas.line(mean, role, width=1.8, dash=dash)
        elif stretch[1] - stretch[0] > 1:
            canvas.line([frame.at(xs[i], ys[i]) for i in range(*stretch)], role, width=1.8, dash=dash)
    if len(trace.ys) <= FEW:
        _draw_points(canvas, frame, trace)


def _thinned(frame: Frame, xs: Sequence[float], ys: Sequence[float], stretch: tuple[int, int]) -> tuple[Points, Points]:
    """Of very many points the mean over each three pixels, and the outline from the lowest to the highest."""
    columns, (low, high) = int(frame.box.width / 3), (frame.x.low, frame.x.high)
    mean, upper, lower = [], [], []
    for column, _, least, most, _ in decimate(xs, ys, stretch, (low, high), columns):
        left, right = (low + (column + side) / columns * (high - low) for side in (0, 1))
        first, last = bisect_left(xs, left, *stretch), bisect_left(xs, right, *stretch)
        values = ys[first : max(last, first + 1)]
        middle = (left + right) / 2
        mean.append(frame.at(middle, math.fsum(values) / len(values)))
        upper.append(frame.at(middle, most))
        lower.append(frame.at(middle, least))
    return mean, [*upper, *reversed(lower)]


def _draw_band(canvas: Canvas, frame: Frame, trace: Trace, role: str) -> None:
    known = [
        (x, low, high)
        for x, low, high in zip(trace.xs, trace.low, trace.high, strict=True)
        if math.isfinite(low) and math.isfinite(high)
    ]
    if len(known) < 2:
        return
    least = frame.y.low
    upper = [frame.at(x, high) for x, _, high in known]
    lower = [frame.at(x, max(low, least)) for x, low, _ in reversed(known)]
    canvas.area([*upper, *lower], role, opacity=0.16)


def _draw_points(canvas: Canvas, frame: Frame, trace: Trace) -> None:
    for place, (x, y) in enumerate(zip(trace.xs, trace.ys, strict=True)):
        if not (math.isfinite(x) and math.isfinite(y)) or (frame.y.log and y <= 0) or (frame.x.log and x <= 0):
            continue
        across, up = frame.at(x, y)
        if trace.whiskers and math.isfinite(trace.low[place]) and math.isfinite(trace.high[place]):
            ends = [frame.at(x, trace.low[place]), frame.at(x, trace.high[place])]
            canvas.line(ends, series_role(trace.number), width=1.2)
        draw_marker(canvas, across, up, trace.number)
        if trace.marks and trace.marks[place]:
            canvas.text(across + 7, up - 5, trace.marks[place], role=INK, size=10)


def _draw_bars(canvas: Canvas, panel: Panel, frame: Frame, trace: Trace) -> None:
    """Bars of a category stand side by side, in the order of the traces."""
    order = [other.label for other in panel.traces if other.kind == "bars"]
    room = frame.at(1, 0)[0] - frame.at(0, 0)[0]
    width = room * BARS_SHARE / len(order)
    for x, y in zip(trace.xs, trace.ys, strict=True):
        if math.isfinite(y):
            left = frame.at(x, 0)[0] - room * BARS_SHARE / 2 + order.index(trace.label) * width
            ground, top = frame.at(x, max(frame.y.low, 0))[1], frame.at(x, y)[1]
            canvas.area(
                [(left, ground), (left, top), (left + width * 0.92, top), (left + width * 0.92, ground)],
                series_role(trace.number),
            )


def _x_axis(panel: Panel) -> Axis:
    if panel.x.categories:
        return Axis(-0.5, len(panel.x.categories) - 0.5, ())
    values = [x for trace in panel.traces for x in trace.xs]
    return _axis(values, panel.x, MOST_X, snap=False)


def _y_axis(panel: Panel) -> Axis:
    values = [y for trace in panel.traces for part in (trace.ys, trace.low, trace.high) for y in part]
    if any(trace.kind == "bars" for trace in panel.traces):
        values.append(0.0)
    return _axis(values, panel.y, MOST_Y, snap=True)


def _axis(values: Sequence[float], scale: Scale, most_ticks: int, *, snap: bool) -> Axis:
    known = [value for value in values if math.isfinite(value) and (value > 0 or not scale.log)]
    if scale.log and known:
        return log_axis(min(known), max(known), most_ticks, percent=scale.percent)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if not snap and high > low:  # points at the very edge of the box are cut in half
        low, high = low - (high - low) * 0.02, high + (high - low) * 0.02
    return linear_axis(low, high, most_ticks, percent=scale.percent, snap=snap)
