"""The charts of a run: the same moment and the same part of it on all of them."""

from collections.abc import Iterator

from textual import on
from textual.containers import Container

from igdm_tui.widgets.line_chart import LineChart

CHARTS = {
    "losses": ("loss", False),
    "accuracies": ("validation", True),
    "gradient_distance": ("GD (lower is better)", False),
    "gradient_cosine": ("GC (higher is better)", False),
    "rate": ("learning rate", False),
    "pace": ("images per second", False),
}


def run_charts() -> Iterator[LineChart]:
    """The charts without their curves, by name."""
    for name, (title, percent) in CHARTS.items():
        x_title = "step" if name == "losses" else "epoch"
        yield LineChart(title, x_title=x_title, percent=percent, note="reading …", id=name)


class RunCharts(Container):
    """Holds them. steps_per_epoch: 0 until it is known."""

    steps_per_epoch: float = 0.0

    @on(LineChart.Crossed)
    def _cross_all(self, message: LineChart.Crossed) -> None:
        """All charts read at the same moment of the run."""
        for chart, factor in self._along(message.chart):
            if message.x is None or factor:
                chart.crosshair = message.x and message.x * factor

    @on(LineChart.Windowed)
    def _window_all(self, message: LineChart.Windowed) -> None:
        """All charts show the same part of the run."""
        for chart, factor in self._along(message.chart):
            if message.window is None or factor:
                chart.show_window(message.window and (message.window[0] * factor, message.window[1] * factor))

    def _along(self, chart: LineChart) -> list[tuple[LineChart, float]]:
        """The other charts of the run, and what turns one's x into theirs, 0 where nothing does.

        Epochs and steps are turned into each other; seconds are not, and those of an attack are not those of the run.
        """
        steps = self.steps_per_epoch
        factors = {("step", "epoch"): 1 / steps, ("epoch", "step"): steps} if steps else {}
        charts = list(self.query(LineChart))
        x = chart.x_title
        return [(o, 1.0 if o.x_title == x else factors.get((x, o.x_title), 0.0)) for o in charts if o is not chart]
