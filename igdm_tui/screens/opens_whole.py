"""OpensWhole: a screen can be left before all of it is there, by a key that was typed ahead or by the program's end."""

from typing import TYPE_CHECKING

from textual import events

if TYPE_CHECKING:
    from textual.dom import DOMNode as Node
else:
    Node = object  # Textual takes styles and keys from the first of the bases that is a node: that is the screen's own


class OpensWhole(Node):
    """Goes before Screen or ModalScreen among the bases of a screen: one that is on its way out does nothing any more.

    Parts that it has not made by then are never made, and others are gone: who looks for them finds nothing.
    """

    @property
    def is_leaving(self) -> bool:
        """It is taken down, or the program ends."""
        return not (self.display and self.is_attached)

    async def on_event(self, event: events.Event) -> None:
        """Pass everything on but the beginning of a screen that ends."""
        if not (isinstance(event, events.Mount) and self.is_leaving):
            await super().on_event(event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key of a screen that ends does anything."""
        return False if self.is_leaving else super().check_action(action, parameters)
