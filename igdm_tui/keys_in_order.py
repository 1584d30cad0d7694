"""KeysInOrder: a key does its work only when all that the key before it caused is done."""

from collections import deque
from collections.abc import Sequence
from functools import partial

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.timer import Timer

ROUNDS = 4  # a line tells its box, the box its screen, the screen moves the focus; and one to spare
PATIENCE_S = 1.0  # for a widget that takes its messages with it when it goes


class KeysInOrder(App[None]):
    """An app that a quick typist, or a program that types, does not confuse.

    Textual hands every key at once to what has the focus at that moment; only then do the keys before it, on their way
    through the queues of widgets, complete a word, open a dialog or move the focus. Letters would overtake them. Here a
    key waits for its turn: the one before it is followed through the queues from the focused widget out to the app, and
    so is what it caused.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[events.Event] = deque()
        self._turn = 0
        self._patience: Timer | None = None  # runs while a key is at work

    @property
    def keys_wait(self) -> bool:
        """A key is at work, others may wait for it."""
        return self._patience is not None

    async def on_event(self, event: events.Event) -> None:
        """Let a key wait while another is at work; anything else goes its way."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._patience is not None:
            self._waiting.append(event)
        else:
            await self._take(event)

    async def _take(self, event: events.Event) -> None:
        if not self.screen_stack:
            return  # the program ends
        self._turn += 1
        self._patience = self.set_timer(PATIENCE_S, partial(self._next, self._turn))
        await super().on_event(event)
        await self._follow(self._turn, ROUNDS)

    async def _follow(self, turn: int, rounds: int) -> None:
        """Go behind the key through each queue on its way; what it has caused is met in the next round."""
        if self.screen_stack:
            await self._pass(turn, rounds, (self.focused or self.screen).ancestors_with_self)

    async def _pass(self, turn: int, rounds: int, way: Sequence[DOMNode]) -> None:
        for place, node in enumerate(way):
            if node.call_later(self._pass, turn, rounds, way[place + 1 :]):
                return
        if rounds > 1:
            await self._follow(turn, rounds - 1)
        else:
            await self._next(turn)

    async def _next(self, turn: int) -> None:
        """The key at work is done, or has had its time: the next one, unless that has begun already."""
        if turn != self._turn or self._patience is None:
            return
        self._patience.stop()
        self._patience = None
        if self._waiting:
            await self._take(self._waiting.popleft())
