"""The keys of a screen, written from the same table that binds them."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from igdm_tui.keys import bindings, help_sections
from igdm_tui.screens.opens_whole import OpensWhole
from igdm_tui.widgets.lines import Lines, TonedLine
from igdm_tui.widgets.text import fit

KEYS_WIDTH = 12


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
            lines = Lines(id="help")
            lines.border_title = f"Keys: {self.place.capitalize()}"
            lines.border_subtitle = "esc closes · shift+drag selects text"
            lines.set_lines(help_lines(self.place))
            yield lines

    async def action_dismiss(self, result: None = None) -> None:
        """Back to the screen below."""
        self.dismiss(result)


def help_lines(place: str) -> list[TonedLine]:
    """Sections of (key, sentence)."""
    lines: list[TonedLine] = []
    for title, entries in help_sections(place):
        lines.append([(title, "title")])
        lines += [[(f"  {fit(keys, KEYS_WIDTH)}", "best"), (sentence, "")] for keys, sentence in entries]
        lines.append([("", "")])
    return lines[:-1]
