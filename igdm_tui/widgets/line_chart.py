"""LineChart: curves in braille, drawn a line of the screen at a time and only when something changed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from igdm_tui.keys import bindings
from igdm_tui.palette import series_colour
from igdm_tui.widgets.chart_drawing import Drawing, Inked, draw, place_x, unplace_x
from igdm_tui.widgets.curve import Curve
from igdm_tui.widgets.legend import Entry, legend
from igdm_tui.widgets.plot import Frame
from igdm_tui.widgets.text import plain

LEAST_WIDTH, LEAST_HEIGHT = 16, 4
WEIGHTS = (0.0, 0.6, 0.9, 0.97)  # of the past, in a moving average
LEAST_WINDOW = 1e-4  # of the whole
FAINT = 0.55  # how far what stands behind a line goes towards the background


@dataclass(frozen=True, slots=True)
class Line:
    """One curve.

    label: plain text from anywhere. colour: index into the palette. mark: one character that tells the line apart
    without colour. band: a lowest and a highest curve around it, such as mean ± std.
    """

    label: str
    curve: Curve
    colour: int = 0
    mark: str = "●"
    band: tuple[Curve, Curve] | None = None

    @classmethod
    def of(cls, label: str, xs: Sequence[float], ys: Sequence[float], colour: int = 0, mark: str = "●") -> "Line":
        """A line through points: xs rising and finite, as many ys; NaN and infinities are gaps."""
        return cls(label, Curve(xs, ys), colour, mark)

    @property
    def xs(self) -> Sequence[float]:
        """Where its points are."""
        return self.curve.xs

    @property
    def ys(self) -> Sequence[float]:
        """Their values."""
        return self.curve.ys

    @property
    def last(self) -> float | None:
        """The newest value, None without any."""
        return self.ys[-1] if len(self.ys) else None


class LineChart(Widget, can_focus=True):
    """Curves over steps, epochs or seconds: logarithmic axes, a window, a moving average, a crosshair to read by."""

    COMPONENT_CLASSES = {"chart--axis", "chart--title", "chart--note"}  # noqa: RUF012
    BINDINGS = bindings("chart")
    logarithmic: var[bool] = var(False, init=False)
    log_x: var[bool] = var(False, init=False)
    smoothing: var[float] = var(0.0, init=False)
    crosshair: var[float | None] = var(None, init=False)

    class Crossed(Message):
        """The reader moved the crosshair, or took it away (x is None)."""

        def __init__(self, chart: "LineChart", x: float | None) -> None:
            self.chart, self.x = chart, x
            super().__init__()

        @property
        def control(self) -> "LineChart":
            """The chart it happened on."""
            return self.chart

    class Windowed(Message):
        """The reader chose another part of x, or all of it (window is None)."""

        def __init__(self, chart: "LineChart", window: tuple[float, float] | None) -> None:
            self.chart, self.window = chart, window
            super().__init__()

        @property
        def control(self) -> "LineChart":
            """The chart it happened on."""
            return self.chart

    def __init__(
        self,
        title: str,
        *,
        x_title: str = "step",
        percent: bool = False,
        note: str = "no points yet",
        id: str | None = None,
        classes: str = "",
    ) -> None:
        """A chart that waits for lines.

        percent: values are fractions, shown as percent. note: what it says without lines.
        """
        super().__init__(id=id, classes=classes)
        self.title, self.x_title, self.percent = title, x_title, percent
        self.note = note
        self.window: tuple[float, float] | None = None
        self._lines: list[Line] = []
        self._strips: list[Strip] = []
        self._drawn: object = None
        self._shown: object = None
        self._drawing = Drawing()

    @property
    def lines(self) -> list[Line]:
        """What is drawn now."""
        return list(self._lines)

    def set_lines(self, lines: Sequence[Line], *, title: str | None = None, x_title: str | None = None) -> None:
        """Draw these instead. Another x axis puts the window and the crosshair away: they were on the old one."""
        state = (
            [(line, len(line.curve)) for line in lines],
            title or self.title,
            x_title or self.x_title,
            self.percent,
        )
        if state == self._shown:
            return  # most of a run's charts have nothing new most of the time
        self._shown = state
        self._lines = list(lines)
        if x_title and x_title != self.x_title:
            self.window = None
            self.set_reactive(LineChart.crosshair, None)
        self.title, self.x_title = title or self.title, x_title or self.x_title
        self._forget()

    def set_note(self, note: str) -> None:
        """What an empty chart says."""
        if note != self.note:
            self.note = note
            self._forget()

    def _forget(self) -> None:
        self._drawn = None
        self.refresh()

    def watch_logarithmic(self) -> None:
        """The other axis needs another drawing."""
        self._forget()

    def watch_log_x(self) -> None:
        """The other axis needs another drawing."""
        self._forget()

    def watch_crosshair(self) -> None:
        """The upright line and the values in the legend move."""
        self._forget()

    def notify_style_update(self) -> None:
        """Colours may have changed."""
        super().notify_style_update()
        self._drawn = None

    # Keys

    def action_toggle_log(self) -> None:
        """Switch the y axis between linear and logarithmic."""
        self.logarithmic = not self.logarithmic

    def action_toggle_log_x(self) -> None:
        """Switch the x axis between linear and logarithmic."""
        self.log_x = not self.log_x

    def action_smooth(self) -> None:
        """The next weight of the moving average, then none."""
        weight = WEIGHTS[(WEIGHTS.index(self.smoothing) + 1) % len(WEIGHTS)]
        self.smoothing = weight

        async def work() -> None:
            for line in self._lines:  # 100,000 points take 16 ms: let keys through between two lines
                line.curve.smoothed(weight)
                await asyncio.sleep(0)
            self._forget()

        self.run_worker(work, group="smooth", exclusive=True)  # type: ignore[arg-type]

    def action_zoom_x(self, factor: float) -> None:
        """Half or twice the window, around the crosshair or else ending at the newest point."""
        whole = self._drawing.whole
        if whole is None:
            return
        low, high = (place_x(x, whole, log=self.log_x) for x in self.window or whole)
        middle = high if self.crosshair is None else place_x(self.crosshair, whole, log=self.log_x)
        width = (high - low) * factor
        share = (middle - low) / ((high - low) or 1.0)
        low = min(max(middle - share * width, 0.0), max(1.0 - width, 0.0))
        self._set_window(low, low + width)

    def action_reset(self) -> None:
        """The whole curve, without a crosshair."""
        self._cross(None)
        self.show_window(None)
        self.post_message(self.Windowed(self, None))

    def action_cross(self, cells: int) -> None:
        """Move the crosshair; it begins at the newest point, and the window follows it."""
        whole, width = self._drawing.whole, self._drawing.width
        if whole is None:
            return
        view = self.window or whole
        if self.crosshair is None:
            self._cross(view[1])
            return
        low, high = (place_x(x, whole, log=self.log_x) for x in view)
        at = place_x(self.crosshair, whole, log=self.log_x) + cells * (high - low) / max(width - 1, 1)
        at = min(max(at, 0.0), 1.0)
        if self.window and not low <= at <= high:
            shift = at - low if at < low else at - high
            self._set_window(low + shift, high + shift)
        self._cross(unplace_x(at, whole, log=self.log_x))

    def _set_window(self, low: float, high: float) -> None:
        """Show the part between two places of the whole in [0, 1]."""
        whole = self._drawing.whole
        if whole is None or high - low < LEAST_WINDOW:
            return
        is_all = low <= 0 and high >= 1
        ends = (unplace_x(low, whole, log=self.log_x), unplace_x(min(high, 1.0), whole, log=self.log_x))
        self.show_window(None if is_all else ends)
        self.post_message(self.Windowed(self, self.window))

    def show_window(self, window: tuple[float, float] | None) -> None:
        """Draw this part of x, None for all of it."""
        self.window = window
        self._forget()

    def _cross(self, x: float | None) -> None:
        if x != self.crosshair:
            self.crosshair = x
            self.post_message(self.Crossed(self, x))

    def on_click(self, event: events.Click) -> None:
        """Put the crosshair where the mouse is."""
        view, gutter = self._drawing.view, self.size.width - self._drawing.width
        if view and event.x >= gutter:
            share = (event.x - gutter) / max(self._drawing.width - 1, 1)
            self._cross(unplace_x(min(share, 1.0), view, log=self.log_x))

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One line of the screen; the whole picture is made once per change of data, size or style."""
        size = self.size
        key = (size, self.has_focus, [len(line.curve) for line in self._lines])
        if self._drawn != key:
            self._strips = self._draw(size.width, size.height)
            self._drawn = key
        return self._strips[y] if y < len(self._strips) else Strip.blank(size.width, self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        plot = None
        if width >= LEAST_WIDTH and height >= LEAST_HEIGHT:
            frame = Frame(
                width=width, height=height - 1, base=self.rich_style, axis=self.get_component_rich_style("chart--axis")
            )
            inked = [self._inked(line) for line in self._lines]
            plot = draw(
                self._drawing, frame, inked, window=self.window, logs=(self.log_x, self.logarithmic),
                percent=self.percent, x_title=self.x_title, crosshair=self.crosshair,
            )  # fmt: skip
        return [self._legend(width), *(plot if plot is not None else self._empty(width, height - 1))]

    def _empty(self, width: int, height: int) -> list[Strip]:
        """What stands there instead of curves."""
        note = "no points in this part" if self.window and self._drawing.whole else self.note
        note = plain(note, max(width, 0)).center(width)
        style = self.get_component_rich_style("chart--note")
        blank = Strip.blank(width, self.rich_style)
        return [Strip([Segment(note, style)], width) if row == height // 2 else blank for row in range(max(height, 0))]

    def _inked(self, line: Line) -> Inked:
        style = self._line_style(line)
        background = self.background_colors[1]
        faint = Color.parse(series_colour(line.colour, dark=self.app.current_theme.dark)).blend(background, FAINT)
        # A weight that was just chosen is computed line by line: until then the points themselves are shown.
        return Inked(
            curve=line.curve,
            smooth=line.curve.smoothed(self.smoothing) if line.curve.has_smoothed(self.smoothing) else None,
            band=line.band,
            mark=line.mark,
            ink=style,
            faint=self.rich_style + Style(color=faint.hex),
        )

    def _legend(self, width: int) -> Strip:
        """Title and modes, then the lines with their newest values or those under the crosshair."""
        title_style = self.get_component_rich_style("chart--title")
        if self.has_focus:
            title_style += Style(reverse=True)
        entries = [
            Entry(label=line.label, mark=line.mark, value=self._value(line), style=self._line_style(line))
            for line in self._lines
        ]
        title = self.title + self._modes()
        return legend(title, title_style, entries, width=width, base=self.rich_style, in_percent=self.percent)

    def _modes(self) -> str:
        """What is unusual about the drawing, in brackets."""
        logs = {(True, True): "log log", (True, False): "log x", (False, True): "log"}.get(
            (self.log_x, self.logarithmic)
        )
        smooth = f"EMA {self.smoothing:g}" if self.smoothing else ""
        window = "part" if self.window else ""
        at = f"at {self.x_title} {self._at():g}" if self.crosshair is not None and self._lines else ""
        modes = ", ".join(mode for mode in (logs, smooth, window, at) if mode)
        return f" ({modes})" if modes else ""

    def _at(self) -> float:
        """The x of the point under the crosshair, of the first line that has one."""
        found = [point for line in self._lines if (point := line.curve.at(self.crosshair or 0.0))]
        x = found[0][0] if found else self.crosshair or 0.0
        return float(f"{x:.6g}")

    def _value(self, line: Line) -> float | None:
        if self.crosshair is None:
            return line.last
        curve = line.curve.smoothed(self.smoothing) if line.curve.has_smoothed(self.smoothing) else line.curve
        point = curve.at(self.crosshair)
        return point[1] if point else None

    def _line_style(self, line: Line) -> Style:
        dark = self.app.current_theme.dark
        return self.rich_style + Style(color=series_colour(line.colour, dark=dark))
