"""Questions that are answered with words: one line, or a note of many."""

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static, TextArea

from core.spec.errors import IgdmError
from igdm_tui.keys import bindings
from igdm_tui.sanitise import sanitise
from igdm_tui.screens.opens_whole import OpensWhole
from igdm_tui.widgets.text import plain
from igdm_tui.widgets.text_field import TextField, TextPage


class AskScreen(OpensWhole, ModalScreen[str | None]):
    """A question with one line to answer in; enter answers, escape leaves."""

    BINDINGS = bindings("ask")

    def __init__(
        self,
        question: str,
        *,
        text: str = "",
        example: str = "",
        check: Callable[[str], object] = lambda text: None,
        words: tuple[str, ...] = (),
    ) -> None:
        """question: harmless text. check: raises IgdmError for an answer that will not do; words: to complete with."""
        super().__init__()
        self.question, self.text, self.example, self.check, self.words = question, text, example, check, words

    def compose(self) -> ComposeResult:
        """The question, the line, what is wrong with the answer."""
        suggester = SuggestFromList(self.words) if self.words else None
        with Vertical(id="dialog", classes="ask"):
            yield Static(self.question, markup=False)
            yield TextField(self.text, placeholder=self.example, id="answer", compact=True, suggester=suggester)
            yield Static("", markup=False, id="wrong")
            yield Static("enter take   esc leave", markup=False, classes="hint")

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()

    def problem(self, text: str) -> str:
        """What is wrong with an answer, "" when it will do."""
        try:
            self.check(text)
        except IgdmError as error:
            return plain(error, 200)
        return ""

    @on(Input.Changed, "#answer")
    def _typed(self, event: Input.Changed) -> None:
        self.query_one("#wrong", Static).update(self.problem(event.value))

    @on(Input.Submitted, "#answer")
    def _answered(self, event: Input.Submitted) -> None:
        if not self.problem(event.value):
            self.dismiss(event.value)

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


class NoteScreen(OpensWhole, ModalScreen[str | None]):
    """A note of any number of lines; ctrl+s keeps it, escape leaves it as it was."""

    BINDINGS = bindings("note")

    def __init__(self, title: str, text: str) -> None:
        """title: harmless text. text: from anywhere."""
        super().__init__()
        self.title_text, self.text = title, sanitise(text, longest=None)

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        with Vertical(id="dialog", classes="note"):
            yield Static(self.title_text, markup=False, classes="title")
            area = TextPage(self.text, id="note-text", compact=True, tab_behavior="focus")
            area.cursor_blink = False
            yield area
            yield Static("ctrl+s keep   esc leave", markup=False, classes="hint")

    def on_mount(self) -> None:
        """Type at once, at the end."""
        area = self.query_one(TextArea)
        area.focus()
        area.move_cursor(area.document.end)

    def action_keep(self) -> None:
        """Answer with the text."""
        self.dismiss(self.query_one(TextArea).text)

    def action_leave(self) -> None:
        """Leave the note as it was."""
        self.dismiss(None)
