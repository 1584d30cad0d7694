"""Text fields to type in. What is put or pasted there, or offered to go on with, cannot steer a terminal."""

from textual.widgets import Input, TextArea
from textual.widgets.text_area import Edit, EditResult

from igdm_tui.sanitise import sanitise, sanitise_line


class TextField(Input):
    """One line to type in."""

    def validate_value(self, text: str) -> str:
        """The harmless part of a text."""
        return sanitise_line(text)

    def validate__suggestion(self, text: str) -> str:
        """The same for what is shown behind the cursor; without it right arrow would take what nobody sees."""
        return sanitise_line(text)


class TextPage(TextArea):
    """Lines to type in."""

    def edit(self, edit: Edit) -> EditResult:
        """Put in only what is harmless."""
        edit.text = sanitise(edit.text, longest=None)
        return super().edit(edit)
