"""A short list of names of which some are picked."""

from collections.abc import Iterable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import var
from textual.screen import ModalScreen
from textual.widgets import Static

from igdm_tui.keys import bindings
from igdm_tui.widgets.text import plain


class PickScreen(ModalScreen["list[str] | None"]):
    """Answers with the picked names in their order in the list, or None when nothing is to change."""

    BINDINGS = bindings("pick")
    cursor: var[int] = var(0, init=False)

    def __init__(self, title: str, names: Sequence[str], picked: Iterable[str]) -> None:
        """picked: those that are marked at first; the cursor stands on the first of them."""
        super().__init__()
        self.heading, self.names, self.picked = title, tuple(names), set(picked)
        self.set_reactive(PickScreen.cursor, next((i for i, name in enumerate(names) if name in self.picked), 0))

    def compose(self) -> ComposeResult:
        """The names and how to pick."""
        with Vertical(id="dialog"):
            yield Static(f"{self.heading}\n", markup=False)
            yield Static(self._lines(), markup=False, id="names")
            yield Static("\nspace marks     enter takes the marked     esc leaves it", markup=False, classes="hint")

    def _lines(self) -> Content:
        lines = []
        for place, name in enumerate(self.names):
            box = "[x]" if name in self.picked else "[ ]"
            text = f"{'›' if place == self.cursor else ' '} {box} {plain(name) or '–'}"
            lines.append(Content.styled(text, "bold") if place == self.cursor else Content(text))
        return Content("\n").join(lines)

    def watch_cursor(self) -> None:
        """Draw the list again."""
        self._draw()

    def _draw(self) -> None:
        self.query_one("#names", Static).update(self._lines())

    def action_down(self) -> None:
        """The next name; after the last comes the first."""
        self.cursor = (self.cursor + 1) % len(self.names)

    def action_up(self) -> None:
        """The name before."""
        self.cursor = (self.cursor - 1) % len(self.names)

    def action_mark(self) -> None:
        """Mark or unmark the name under the cursor."""
        self.picked ^= {self.names[self.cursor]}
        self._draw()

    def action_accept(self) -> None:
        """Answer with the marked names; with the one under the cursor when none is."""
        marked = [name for name in self.names if name in self.picked]
        self.dismiss(marked or [self.names[self.cursor]])

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)
