"""The first and the last line of every screen."""

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from igdm_tui.keys import footer_keys
from igdm_tui.widgets.text import clip, fit


class TitleBar(Widget):
    """The name of the place, and what there is to say about it."""

    def __init__(self, place: str) -> None:
        """place: "Runs", "Launch", ..."""
        super().__init__()
        self.place, self.text = place, ""

    def set_text(self, text: str) -> None:
        """Harmless text beside the name."""
        if text != self.text:
            self.text = text
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The one line there is."""
        base, width = self.rich_style, self.size.width
        name = f" {self.place} "
        return Strip(
            [
                Segment(name, base + Style(bold=True, reverse=True)),
                Segment(fit(f"  {self.text}", width - len(name)), base),
            ]
        )


class KeyFooter(Widget):
    """The keys of the place that fit; `?` shows them all and is always there."""

    COMPONENT_CLASSES = {"footer--key"}  # noqa: RUF012

    def __init__(self, place: str) -> None:
        """place: whose keys, as the table of keys names it."""
        super().__init__()
        self.place = place

    def render_line(self, y: int) -> Strip:
        """The one line there is."""
        base, width = self.rich_style, self.size.width
        key_style = self.get_component_rich_style("footer--key")
        entries = footer_keys(self.place, long=True)
        if sum(cell_len(keys) + cell_len(label) + 3 for keys, label in entries) > width:
            entries = footer_keys(self.place)
        *entries, last = entries
        room = width - cell_len(" ".join(last)) - 2
        segments = [Segment(" ", base)]
        for keys, label in entries:
            text = f" {label}  "
            if cell_len(keys) + cell_len(text) <= room:
                segments += [Segment(keys, key_style), Segment(text, base)]
                room -= cell_len(keys) + cell_len(text)
        segments += [Segment(last[0], key_style), Segment(clip(f" {last[1]}", 10), base)]
        return Strip(segments).adjust_cell_length(width, base)
