"""FilterLine: a filter typed with its mistakes pointed at and its words completed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from igdm_tui.keys import bindings
from igdm_tui.store.filter import Filter, FilterError, parse_filter
from igdm_tui.store.filter_completion import complete
from igdm_tui.store.filter_keys import Vocabulary
from igdm_tui.widgets.text import plain
from igdm_tui.widgets.text_field import TextField

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

LABEL = "filter"
EXAMPLE = "method=adaad and igdm.alpha>0 and has:autoattack_accuracy"
NO_FILTER = Filter("", lambda row: True, frozenset())


class _Words(Suggester):
    """The likeliest way to go on, shown dim behind the cursor; right arrow or tab takes it."""

    def __init__(self, vocabulary: Callable[[], Vocabulary]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._vocabulary = vocabulary

    async def get_suggestion(self, value: str) -> str | None:
        """The text with its last word completed, where that only adds letters."""
        completion = complete(value, self._vocabulary())
        begun = value[completion.start :]
        word = next((word for word in completion.words if word.startswith(begun)), None)
        return None if word is None or not begun else value[: completion.start] + word


class FilterInput(TextField):
    """The line itself."""

    BINDINGS = bindings("filter")

    def action_complete(self) -> None:
        """Take the first of the offered words."""
        line = self.query_ancestor(FilterLine)
        completion = complete(self.value, line.vocabulary)
        if completion.words and self.cursor_position == len(self.value):
            self.value = self.value[: completion.start] + completion.words[0]
            self.cursor_position = len(self.value)


class FilterLine(Vertical):
    """One line to type in, and below it, while there is something to say, what is wrong or how it may go on."""

    class Changed(Message):
        """Another filter is meant. The last one that was understood holds while a new one is wrong."""

        def __init__(self, found: Filter) -> None:
            self.filter = found
            super().__init__()

    class Left(Message):
        """Typing has ended."""

    def __init__(self, *, id: str | None = None) -> None:
        """A hidden line without a filter."""
        super().__init__(id=id, classes="hidden")
        self.filter = NO_FILTER
        self.problem: FilterError | None = None
        self._rows: Sequence[RunRow] = ()
        self._vocabulary: Vocabulary | None = None
        self._marker: str = ""

    def compose(self) -> ComposeResult:
        """The line and what is said about it."""
        with Horizontal(id="filter-line"):
            yield Static(LABEL, markup=False, id="filter-label")
            yield FilterInput(
                placeholder=EXAMPLE, id="filter-text", compact=True, suggester=_Words(lambda: self.vocabulary)
            )
        yield Static("", markup=False, id="filter-said", classes="hidden")

    @property
    def text(self) -> str:
        """What is typed, understood or not."""
        return self.query_one(FilterInput).value if self.is_mounted else ""

    @property
    def vocabulary(self) -> Vocabulary:
        """Words of the runs there are; made when the first is asked for."""
        if self._vocabulary is None:
            self._vocabulary = Vocabulary(self._rows)
        return self._vocabulary

    def set_rows(self, rows: "Sequence[RunRow]") -> None:
        """There are other runs now: other words, and a filter may be understood that was not."""
        self._rows, self._vocabulary = rows, None
        if self.filter.text != self.text.strip() or self.problem is not None:
            self._understand(tell=False)

    def set_text(self, text: str) -> None:
        """Put a filter there as if it had been typed."""
        self.query_one(FilterInput).value = text
        self._understand(tell=False)
        self.show_or_hide()

    def open(self) -> None:
        """Show the line and type in it."""
        self.remove_class("hidden")
        self.query_one(FilterInput).focus()
        self._say()

    def close(self) -> None:
        """End the filter and hide the line."""
        self.set_text("")
        self.post_message(self.Changed(self.filter))

    def show_or_hide(self) -> None:
        """A line without text is hidden unless somebody types there."""
        self.set_class(not self.text and not self.query_one(FilterInput).has_focus, "hidden")
        self._say()

    @on(Input.Changed, "#filter-text")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._understand(tell=True)
        self._say()

    @on(Input.Submitted, "#filter-text")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left())

    def on_descendant_blur(self) -> None:
        """What may come next is said only while typing."""
        self.call_after_refresh(self.show_or_hide)

    def _understand(self, *, tell: bool) -> None:
        before = self.filter
        try:
            self.filter, self.problem = parse_filter(self.text, self.vocabulary), None
        except FilterError as error:
            self.problem = error
        if tell and self.filter is not before:
            self.post_message(self.Changed(self.filter))

    def _say(self) -> None:
        """A mistake, or ways to go on while somebody types."""
        line, said = self.query_one(FilterInput), self.query_one("#filter-said", Static)
        words = complete(self.text, self.vocabulary).words if line.has_focus else []
        problem = self.problem
        if problem is not None and not (line.has_focus and problem.is_unfinished and words):
            offset = line.content_region.x - said.content_region.x + problem.start - line.scroll_offset.x
            marker = " " * max(offset, 0) + "^" * (problem.end - problem.start)
            text = f"{marker} {plain(problem.reason)} ({plain(problem.advice)})"
            room = said.content_size.width or self.size.width
            if len(text) > room:
                text = f"{marker[:room]}\n{plain(problem.reason)} ({plain(problem.advice)})"
            said.update(Content.styled(text, "$text-error"))
        else:
            said.update(Content.styled("  ".join(plain(word, 30) for word in words), "$foreground 60%"))
        said.set_class(problem is None and not words, "hidden")
