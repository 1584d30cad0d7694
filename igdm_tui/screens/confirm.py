"""A question with yes or no, for what should not happen by a slip of the finger."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from igdm_tui.keys import bindings
from igdm_tui.screens.opens_whole import OpensWhole


class ConfirmScreen(OpensWhole, ModalScreen[bool]):
    """`y` or enter says yes, `n` or escape says no."""

    BINDINGS = bindings("confirm")

    def __init__(self, question: str) -> None:
        """question: harmless text of a few lines."""
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """The question and its two answers."""
        with Vertical(id="dialog"):
            yield Static(self.question, markup=False)
            yield Static("\ny yes     n no", markup=False, classes="hint")

    def action_yes(self) -> None:
        """Do it."""
        self.dismiss(True)

    def action_no(self) -> None:
        """Leave it."""
        self.dismiss(False)
