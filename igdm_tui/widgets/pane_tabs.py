"""PaneTabs: the numbered names of a screen's panes in one line."""

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget


class PaneTabs(Widget):
    """1 Curves  2 Attack ... with the shown one marked."""

    COMPONENT_CLASSES = {"tabs--on", "tabs--off"}  # noqa: RUF012

    def __init__(self, panes: Sequence[str]) -> None:
        """panes: their names, in the order of their keys from 1."""
        super().__init__()
        self.panes, self.shown = tuple(panes), ""

    def show(self, pane: str) -> None:
        """Mark this one."""
        self.shown = pane
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The one line there is."""
        on, off = self.get_component_rich_style("tabs--on"), self.get_component_rich_style("tabs--off")
        segments = [Segment(" ", off)]
        for number, pane in enumerate(self.panes, 1):
            segments += [
                Segment(f" {number} {pane.capitalize()} ", on if pane == self.shown else off),
                Segment(" ", off),
            ]
        return Strip(segments).adjust_cell_length(self.size.width, off)
