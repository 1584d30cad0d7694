"""One line of a form: label, control, and what is wrong with it while it is typed."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input

from igdm_tui.keys import bindings
from igdm_tui.widgets.text import clip, fit, plain
from igdm_tui.widgets.text_field import TextField

LABEL_WIDTH, CONTROL_WIDTH = 22, 24
BAR = "|"  # between the values of a field that has several


class Choice(Widget, can_focus=True):
    """One of a few names: right and left go through them."""

    BINDINGS = bindings("choice")
    value: reactive[str] = reactive("", init=False)

    class Changed(Message):
        """Another name is chosen."""

        def __init__(self, choice: "Choice") -> None:
            self.choice = choice
            super().__init__()

        @property
        def control(self) -> "Choice":
            """The sender."""
            return self.choice

    class SeveralAsked(Message):
        """Somebody wants several of the names at once."""

        def __init__(self, choice: "Choice") -> None:
            self.choice = choice
            super().__init__()

    def __init__(self, choices: Sequence[str], value: str, *, several: bool = False, id: str | None = None) -> None:
        """A value that is none of the choices is shown as it is, until another is chosen.

        several: some of them may be chosen from a list.
        """
        super().__init__(id=id)
        self.choices, self.several = tuple(choices), several
        self.set_reactive(Choice.value, value)

    def watch_value(self) -> None:
        """Tell the form."""
        self.post_message(self.Changed(self))

    def action_next(self) -> None:
        """The next name; after the last comes the first."""
        self._go(1)

    def action_previous(self) -> None:
        """The previous name."""
        self._go(-1)

    def _go(self, step: int) -> None:
        at = self.choices.index(self.value) if self.value in self.choices else -1
        self.value = self.choices[(at + step) % len(self.choices)]

    def action_several(self) -> None:
        """Ask the screen to let some of the names be chosen: one run for each."""
        if self.several:
            self.post_message(self.SeveralAsked(self))

    def on_click(self) -> None:
        """A click goes on, as right does."""
        self.action_next()

    def render_line(self, y: int) -> Strip:
        """The name between arrows."""
        width = self.size.width
        text = f"‹ {fit(plain(self.value) or '–', max(width - 4, 1))} ›"
        return Strip([Segment(clip(text, width), self.rich_style)]).adjust_cell_length(width, self.rich_style)


class NameInput(TextField):
    """A text that may well be one of a few known names: space, which no name contains, goes through them."""

    BINDINGS = bindings("name")

    def __init__(self, names: Sequence[str], value: str) -> None:
        """names: offered one after the other, and to complete what is typed."""
        super().__init__(value, compact=True, suggester=SuggestFromList(names))
        self.names = tuple(names)

    def action_next_name(self) -> None:
        """The next known name; after the last comes the first."""
        at = self.names.index(self.value) if self.value in self.names else -1
        self.value = self.names[(at + 1) % len(self.names)]
        self.action_end()


class FormHeading(Widget):
    """The title of a section."""

    def __init__(self, title: str) -> None:
        """title: plain text."""
        super().__init__()
        self.title = title

    def render(self) -> str:
        """The title."""
        return self.title


class Form(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The rows. It keeps their styles, because a style of its own for each row would make the form slow to open."""

    COMPONENT_CLASSES = {"form--label", "form--focus", "form--wrong", "form--note"}  # noqa: RUF012

    def on_resize(self) -> None:
        """What stands below grows and shrinks: the field with the keys stays in sight."""
        focused = self.screen.focused
        if focused is not None and self in focused.ancestors:
            self.call_after_refresh(focused.scroll_visible, animate=False)

    def row_style(self, name: str) -> Style:
        """How a "label", a label with the "focus", what is "wrong" or a "note" looks, without a background."""
        full = self.get_component_rich_style(f"form--{name}")
        return Style(color=full.color, bold=full.bold or None)


class FormRow(Widget):
    """A label, a control, and a note or what is wrong. Drawn by itself, so that sixty of them stay quick."""

    class Edited(Message):
        """The text of a row has changed."""

        def __init__(self, row: "FormRow") -> None:
            self.row = row
            super().__init__()

    def __init__(
        self,
        key: str,
        label: str,
        *,
        text: str,
        choices: Sequence[str] = (),
        names: Sequence[str] = (),
        several: bool = False,
    ) -> None:
        """key: what the row is called. choices: names to choose from. names: a text field that offers them.

        Without either it is a plain text field. several: some choices may be chosen at once.
        """
        super().__init__()
        self.key, self.label, self.problem, self.note = key, label, "", ""
        self.control: Choice | Input
        if choices:
            self.control = Choice(choices, text, several=several)
        else:
            self.control = NameInput(names, text) if names else TextField(text, compact=True)

    def compose(self) -> ComposeResult:
        """The control; the rest is drawn."""
        yield self.control

    @property
    def text(self) -> str:
        """What stands in the control."""
        return self.control.value

    @text.setter
    def text(self, text: str) -> None:
        self.control.value = text

    def show(self, problem: str, note: str) -> None:
        """Say what is wrong, or else a note."""
        if (problem, note) != (self.problem, self.note):
            self.problem, self.note = problem, note
            self.refresh()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The form hears it from the row."""
        event.stop()
        self.post_message(self.Edited(self))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """The form hears it from the row."""
        event.stop()
        self.post_message(self.Edited(self))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The label shows which field has the keys."""
        self.refresh()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """The label shows which field has the keys."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Label on the left, note on the right; the control covers the middle."""
        base, width = self.rich_style, self.size.width
        focused = self.control.has_focus
        label_style = self._style("wrong" if self.problem else ("focus" if focused else "label"))
        mark = "✗" if self.problem else ("›" if focused else " ")
        label = fit(f"{mark} {self.label}", LABEL_WIDTH)
        rest = max(width - LABEL_WIDTH - CONTROL_WIDTH - 2, 0)
        side = Segment(fit(plain(self.problem or self.note), rest), self._style("wrong" if self.problem else "note"))
        return Strip([Segment(label, label_style), Segment(" " * (CONTROL_WIDTH + 2), base), side])

    def _style(self, name: str) -> Style:
        return self.rich_style + self.form.row_style(name)

    @property
    def form(self) -> Form:
        """The form this row stands in."""
        return next(node for node in self.ancestors if isinstance(node, Form))
