"""The keys of a screen, written from the same table that binds them."""

from textwrap import wrap

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from igdm_tui.keys import bindings, help_sections
from igdm_tui.screens.opens_whole import OpensWhole
from igdm_tui.widgets.lines import Lines, TonedLine
from igdm_tui.widgets.text import fit

WIDTH = 72  # cells of the list where there is room
SCROLLBAR = 1
KEYS_WIDTH = 12
LEAST_WIDTH = 20  # cells of a sentence


class HelpScreen(OpensWhole, ModalScreen[None]):
    """Read, scroll, close with escape."""

    BINDINGS = bindings("help")

    def __init__(self, place: str) -> None:
        """place: whose keys, as the table of keys names it."""
        super().__init__()
        self.place = place

    def compose(self) -> ComposeResult:
        """One list, scrolled where it is longer than the screen."""
        with Vertical(id="dialog", classes="help"):
            lines = HelpLines(self.place)
            lines.border_title = f"Keys: {self.place.capitalize()}"
            lines.border_subtitle = "esc closes · shift+drag selects text"
            yield lines

    async def action_dismiss(self, result: None = None) -> None:
        """Back to the screen below."""
        self.dismiss(result)


class HelpLines(Lines):
    """The list: its sentences are broken where it ends."""

    def __init__(self, place: str) -> None:
        """place: whose keys."""
        super().__init__(id="help")
        self.place = place
        self.set_lines(help_lines(place, WIDTH - SCROLLBAR))

    def on_resize(self, event: events.Resize) -> None:
        """Break the sentences again."""
        self.set_lines(help_lines(self.place, self.size.width - SCROLLBAR))


def help_lines(place: str, width: int) -> list[TonedLine]:
    """Sections of (key, sentence); a sentence goes on below itself where it is longer than its line."""
    most = max(width - KEYS_WIDTH - 2, LEAST_WIDTH)
    lines: list[TonedLine] = []
    for title, entries in help_sections(place):
        lines.append([(title, "title")])
        for keys, sentence in entries:
            first, *others = wrap(sentence, most)
            lines.append([(f"  {fit(keys, KEYS_WIDTH)}", "best"), (first, "")])
            lines += [[(" " * (KEYS_WIDTH + 2), ""), (other, "")] for other in others]
        lines.append([("", "")])
    return lines[:-1]
