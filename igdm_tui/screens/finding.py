"""Finding words in the lists of a screen with panes."""

from typing import ClassVar

from textual import on
from textual.widgets import Input

from igdm_tui.screens.base import PlaceScreen
from igdm_tui.widgets.lines import Lines
from igdm_tui.widgets.pane_tabs import PaneTabs
from igdm_tui.widgets.text import plain


class FindingScreen(PlaceScreen):
    """A screen with a field `#find`; its class -finding shows it.

    LISTS: panes that are lists, the first of them searched where another kind of pane is shown.
    """

    LISTS: ClassVar[tuple[str, ...]] = ()
    pane: str
    _found_in: Lines | None = None

    def action_pane(self, pane: str) -> None:
        """Show a pane."""
        raise NotImplementedError

    @property
    def _searched(self) -> Lines | None:
        """The list that is shown: the one with the keys, else that of the pane."""
        if isinstance(self.focused, Lines):
            return self.focused
        return self.query_one(f"#{self.pane}", Lines) if self.pane in self.LISTS else None

    def action_find(self) -> None:
        """Ask for words; on curves, in the log."""
        if self._searched is None:
            self.action_pane(self.LISTS[0])
        self._found_in = self._searched
        self.add_class("-finding")
        field = self.query_one("#find", Input)
        field.value = ""
        field.focus()

    @on(Input.Submitted, "#find")
    def _find(self, message: Input.Submitted) -> None:
        self._end_finding()
        if self._found_in is not None:
            self._say_found(self._found_in, message.value, 1)

    def _end_finding(self) -> None:
        self.remove_class("-finding")
        if self._found_in is not None:
            self._found_in.focus()

    def action_find_next(self, step: int) -> None:
        """The next line that holds the words, or the one before."""
        lines = self._searched
        if lines is not None and lines.words:
            self._say_found(lines, lines.words, step)

    def _say_found(self, lines: Lines, words: str, step: int) -> None:
        number, count = lines.find(words, step)
        if words:
            self.query_one(PaneTabs).say(f"{plain(words, 20)}: {number}/{count}" if count else "not found")
        else:
            self.query_one(PaneTabs).say("")
