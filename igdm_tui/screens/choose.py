"""ChooseScreen: choose one or several of many things by typing a part of their names."""

from collections.abc import Sequence
from typing import NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from igdm_tui.keys import bindings
from igdm_tui.screens.opens_whole import OpensWhole
from igdm_tui.widgets.table import Column, Table
from igdm_tui.widgets.text import plain
from igdm_tui.widgets.text_field import TextField


class Choice(NamedTuple):
    """key: what is returned. label, note: harmless text."""

    key: str
    label: str
    note: str = ""


class ChooseInput(TextField):
    """A line in which a space is no letter: it marks."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Every other letter is typed."""
        return key != "space" and super().check_consume_key(key, character)


class ChooseScreen(OpensWhole, ModalScreen[list[str] | None]):
    """Answers with the chosen keys in the order of the list, or None when left with escape."""

    BINDINGS = bindings("choose")

    def __init__(self, title: str, choices: Sequence[Choice], chosen: Sequence[str] = (), *, several: bool) -> None:
        """title: harmless text. several: space marks; without it enter chooses the one under the cursor."""
        super().__init__()
        self.title_text, self.choices, self.several = title, list(choices), several
        self.chosen: dict[str, None] = dict.fromkeys(chosen)

    def compose(self) -> ComposeResult:
        """A title, a line to type in, the list, the keys."""
        keys = (
            "space mark   ctrl+up ctrl+down move   enter take   esc leave" if self.several else "enter take   esc leave"
        )
        with Vertical(id="dialog", classes="choose"):
            yield Static(self.title_text, markup=False, classes="title")
            yield ChooseInput(placeholder="type a part of a name", id="choose-text", compact=True)
            yield Table[Choice](self._columns(), key=lambda choice: choice.key, id="choose-list")
            yield Static(keys, markup=False, classes="hint")

    @property
    def table(self) -> Table[Choice]:
        """The list."""
        return self.query_one(Table)

    def on_mount(self) -> None:
        """Everything is listed, the chosen first."""
        self.table.can_focus, self.table.is_led = False, True
        self._list("")
        self.query_one(Input).focus()

    def _columns(self) -> list[Column[Choice]]:
        mark: Column[Choice] = Column(key="mark", title="", width=1, pinned=True, text=self._mark)
        return [
            *([mark] if self.several else []),
            Column(key="label", title="name", width=28, pinned=True, text=lambda c: c.label),
            Column(key="note", title="shows", width=20, widest=200, pinned=True, text=lambda c: c.note, tone=_dim),
        ]

    def _mark(self, choice: Choice) -> str:
        return "✓" if choice.key in self.chosen else ""

    def _list(self, text: str) -> None:
        words = text.casefold().split()
        fitting = [c for c in self.choices if all(w in f"{c.label} {c.note}".casefold() for w in words)]
        order = list(self.chosen)
        fitting.sort(  # the chosen first in their order, then what begins so; otherwise as they come
            key=lambda c: (
                order.index(c.key) if self.several and c.key in self.chosen else len(order),
                not c.label.casefold().startswith(text.strip().casefold()),
            )
        )
        self.table.empty = (f"Nothing is called {plain(text, 40)}",)
        self.table.set_rows(fitting)

    @on(Input.Changed, "#choose-text")
    def _typed(self, event: Input.Changed) -> None:
        self._list(event.value)
        self.table.action_first()

    def on_click(self, event: events.Click) -> None:
        """Two clicks do what enter does."""
        if event.chain == 2 and event.widget is self.table:
            self.action_take()

    def action_down(self) -> None:
        """Next choice."""
        self.table.action_down()

    def action_up(self) -> None:
        """Previous choice."""
        self.table.action_up()

    def action_page_down(self) -> None:
        """A page down."""
        self.table.action_page_down()

    def action_page_up(self) -> None:
        """A page up."""
        self.table.action_page_up()

    def action_mark(self) -> None:
        """Mark or unmark the choice under the cursor; a choice of one is taken."""
        choice = self.table.selected
        if choice is None:
            return
        if not self.several:
            self.action_take()
            return
        if choice.key in self.chosen:
            del self.chosen[choice.key]
        else:
            self.chosen[choice.key] = None
        self.table.refresh()
        self.table.action_down()

    def action_move(self, step: int) -> None:
        """Move a marked choice up or down among the marked ones."""
        choice, order = self.table.selected, list(self.chosen)
        if choice is None or choice.key not in self.chosen:
            return
        at = order.index(choice.key)
        to = min(max(at + step, 0), len(order) - 1)
        order.insert(to, order.pop(at))
        self.chosen = dict.fromkeys(order)
        self._list(self.query_one(Input).value)
        self.table.select(choice.key)

    def action_take(self) -> None:
        """Answer."""
        if self.several:
            self.dismiss(list(self.chosen))
        else:
            choice = self.table.selected
            self.dismiss(None if choice is None else [choice.key])

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


def _dim(choice: Choice) -> str:
    return "dim"
