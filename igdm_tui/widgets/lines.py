"""Lines: a pane of many lines with vim's keys, drawn only where it is looked at. Base of the log and the settings."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from igdm_tui.keys import bindings

# One line: pieces of harmless text with a tone: "", "dim", "title", "bar", "bad" or "best".
TonedLine = Sequence[tuple[str, str]]


class Lines(ScrollView, can_focus=True):
    """Shows lines; scrolls with arrows and hjkl, g, G, ctrl+d and ctrl+u."""

    COMPONENT_CLASSES = {"lines--dim", "lines--title", "lines--bar", "lines--bad", "lines--found"}  # noqa: RUF012
    BINDINGS = bindings("lines")

    def __init__(self, *, id: str | None = None, empty: str = "") -> None:
        """An empty pane. empty: what it says while there is nothing."""
        super().__init__(id=id)
        self.empty = empty
        self._lines: list[TonedLine] = []
        self.words = ""  # what is searched for
        self.found = -1  # the line that was found last

    @property
    def text(self) -> str:
        """All lines as plain text."""
        return "\n".join("".join(piece for piece, _ in line) for line in self._lines)

    def set_lines(self, lines: Sequence[TonedLine]) -> None:
        """Show these instead."""
        if self._lines and self._lines == list(lines):
            return
        self._lines = list(lines)
        width = max((sum(cell_len(piece) for piece, _ in line) for line in self._lines), default=0)
        self.virtual_size = Size(max(width, cell_len(self.empty)), max(len(self._lines), 1))
        self.refresh()

    def find(self, words: str, step: int = 1) -> tuple[int, int]:
        """Go to the next line (the previous with step -1) that holds the words, whatever their case, and round the end.

        Returns its number among those that do, from 1, and how many do: (0, 0) for none.
        """
        if words != self.words:
            self.words, self.found = words, self.scroll_offset.y - 1
        texts = ["".join(piece for piece, _ in line).casefold() for line in self._lines]
        places = [place for place, text in enumerate(texts) if words and words.casefold() in text]
        self.refresh()
        if not places:
            return 0, 0
        later = [place for place in places if (place > self.found if step > 0 else place < self.found)]
        self.found = (later[0] if step > 0 else later[-1]) if later else places[0 if step > 0 else -1]
        self.scroll_to(y=max(self.found - self.size.height // 2, 0), animate=False)
        return places.index(self.found) + 1, len(places)

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        scroll_x, scroll_y = self.scroll_offset
        width, base = self.size.width, self.rich_style
        if not self._lines and y == 0:
            return Strip([Segment(self.empty, self._tone("dim"))]).adjust_cell_length(width, base)
        if scroll_y + y >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[scroll_y + y]
        strip = Strip([Segment(piece, self._tone(tone)) for piece, tone in line])
        if self.words and self.words.casefold() in "".join(piece for piece, _ in line).casefold():
            over = self.get_component_rich_style("lines--found")
            strip = strip.apply_style(over + Style(reverse=scroll_y + y == self.found))
        return strip.crop_extend(scroll_x, scroll_x + width, base)

    def _tone(self, tone: str) -> Style:
        if not tone:
            return self.rich_style
        if tone == "best":
            return self.rich_style + Style(bold=True)
        return self.get_component_rich_style(f"lines--{tone}")
