"""The section "chart" of benchmarks/ui.py: how long a chart takes to draw, beside textual-plot if installed."""

import asyncio
import importlib.util
import random
import statistics
import time
from collections.abc import Callable

from figures import keep
from textual.app import App, ComposeResult
from textual.widget import Widget

from igdm_tui.widgets.curve import Curve
from igdm_tui.widgets.decimate import floats
from igdm_tui.widgets.line_chart import Line, LineChart

SERIES, POINTS, SIZE = 10, 10_000, (120, 30)
REPEATS = 25
GOAL_MS = 16.0


class ChartApp(App[None]):
    """One chart on the whole screen."""

    def __init__(self, chart: Widget) -> None:
        super().__init__()
        self.chart = chart

    def compose(self) -> ComposeResult:
        """The chart."""
        yield self.chart


def main() -> None:
    """Print the median of each way to draw."""
    walks = [walk(number) for number in range(SERIES)]
    times = asyncio.run(ours(walks))
    if importlib.util.find_spec("textual_plot"):
        times |= asyncio.run(textual_plot(walks))
    else:
        print("  textual-plot is not installed: no ratio (pip install textual-plot)")
    redraw = statistics.median(times["redraw, one point more in each"])
    for name, found in times.items():
        median = statistics.median(found)
        goal = f"   goal {GOAL_MS:.0f} ms" if found is times["redraw, one point more in each"] else ""
        keep(f"chart: {name}", median * 1000, "ms", better="lower", goal=GOAL_MS if goal else None)
        print(f"  {name:<34} {median * 1000:7.1f} ms   {median / redraw:6.1f} x redraw{goal}")


def walk(seed: int) -> "list[float]":
    """A noisy curve that falls."""
    chance = random.Random(seed)
    return [2 / (1 + step / 500) + chance.gauss(0, 0.2) + seed / 10 for step in range(POINTS)]


async def ours(walks: list[list[float]]) -> dict[str, list[float]]:
    """LineChart: drawn after growth, from nothing, with a moving average, and while the crosshair moves."""
    chart = LineChart("loss")
    async with ChartApp(chart).run_test(size=SIZE) as pilot:
        lines = [
            Line(f"run {n}", Curve(floats(range(POINTS)), floats(ys)), n, "ABCDEFGHIJ"[n]) for n, ys in enumerate(walks)
        ]
        chart.set_lines(lines)
        await pilot.pause()

        def grow() -> None:
            for line in lines:
                line.curve.extend([len(line.curve)], [line.curve.ys[-1]])

        def begin() -> None:
            chart.set_lines([Line(x.label, Curve(x.curve.xs[:], x.curve.ys[:]), x.colour, x.mark) for x in lines])

        def cross() -> None:
            chart.crosshair = (chart.crosshair or POINTS / 2) - 20

        found = {
            "redraw, one point more in each": measure(chart, grow),
            "crosshair": measure(chart, cross),
            "from nothing": measure(chart, begin),
        }
        chart.set_lines(lines)
        for line in lines:
            line.curve.smoothed(0.9)
        chart.smoothing = 0.9
        found["redraw with moving average"] = measure(chart, grow)
        return found


def measure(chart: LineChart, change: Callable[[], None]) -> list[float]:
    """Seconds of this thread from a change of the data to all lines of the picture; other programs do not count."""
    times = []
    for _ in range(REPEATS):
        began = time.thread_time()
        change()
        for y in range(chart.size.height):
            chart.render_line(y)
        times.append(time.thread_time() - began)
    return times


async def textual_plot(walks: list[list[float]]) -> dict[str, list[float]]:
    """The same curves in textual-plot, which draws everything in one method."""
    from textual_plot import PlotWidget

    plot = PlotWidget()
    async with ChartApp(plot).run_test(size=SIZE) as pilot:
        for ys in walks:
            plot.plot(list(range(POINTS)), ys)
        await pilot.pause()
        times = []
        for _ in range(5):
            began = time.thread_time()
            plot._render_plot()
            times.append(time.thread_time() - began)
        return {"textual-plot": times}
