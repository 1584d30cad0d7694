"""PaneTabs: the numbered names of a screen's panes in one line."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget


class PaneTabs(Widget):
    """1 Curves  2 Attack ... with the shown one marked."""

    COMPONENT_CLASSES = {"tabs--on", "tabs--off"}  # noqa: RUF012

    def __init__(self, panes: Sequence[str]) -> None:
        """panes: their names, in the order of their keys from 1."""
        super().__init__()
        self.panes, self.shown, self.said = tuple(panes), "", ""

    def show(self, pane: str) -> None:
        """Mark this one."""
        self.shown = pane
        self.refresh()

    def say(self, text: str) -> None:
        """A few harmless words at the right end."""
        self.said = text
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The one line there is."""
        on, off = self.get_component_rich_style("tabs--on"), self.get_component_rich_style("tabs--off")
        names = [f" {number} {pane.capitalize()} " for number, pane in enumerate(self.panes, 1)]
        said = f"  {self.said}" if self.said else ""
        has_room = sum(map(len, names)) + len(names) + 1 + cell_len(said) <= self.size.width
        segments = [Segment(" ", off)]
        for pane, name in zip(self.panes, names, strict=True):
            segments += [Segment(name, on if pane == self.shown else off), Segment(" " if has_room else "", off)]
        segments.append(Segment(said, off))
        return Strip(segments).adjust_cell_length(self.size.width, off)
