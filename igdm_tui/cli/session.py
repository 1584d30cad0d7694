"""What every command gets from the options before it, and how commands answer."""

import json
import math
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.spec.home import Home
from igdm_tui.sanitise import sanitise

if TYPE_CHECKING:
    import typer

    from igdm_tui.store import RunRow, Store


@dataclass(frozen=True, slots=True)
class Session:
    """home: where runs are. words: the command as typed, kept with the runs it starts."""

    home: Home
    words: Sequence[str] = ()

    @classmethod
    def of(cls, context: "typer.Context") -> "Session":
        """The session of the running command."""
        session = context.obj
        assert isinstance(session, Session)
        return session

    def open_store(self) -> "Store":
        """The store, up to date.

        Raises: IgdmError, TryAgainError.
        """
        from igdm_tui.store import Store

        if self.home.slurm.is_dir():
            from igdm_tui.slurm.ask import refresh

            refresh(self.home)
        store = Store.open(self.home)
        store.ingest()
        return store

    def find(self, reference: str) -> "RunRow":
        """The run that is meant.

        Raises: IgdmError when none or several are.
        """
        with self.open_store() as store:
            return store.run(reference)


def say(*lines: str) -> None:
    """Talk: harmless lines on stderr."""
    for line in lines:
        print(sanitise(line), file=sys.stderr, flush=True)


def answer(text: str) -> None:
    """Data: text on stdout."""
    print(text, flush=True)


def answer_places(text: str) -> None:
    """Data with paths in it: as they are for a program that reads them, harmless on a terminal."""
    answer(sanitise(text) if sys.stdout.isatty() else text)


def answer_json(value: Any) -> None:
    """Data: JSON on stdout, in ASCII, so that nothing in a name can steer a terminal; laid out where a person reads it.

    One line is written far sooner, which is felt with a thousand runs.
    """
    indent = 2 if sys.stdout.isatty() else None
    try:
        answer(json.dumps(value, indent=indent, allow_nan=False))
    except ValueError:
        answer(json.dumps(_finite(value), indent=indent, allow_nan=False))


def terminal_width() -> int | None:
    """Cells of the terminal on stdout; None when stdout is no terminal."""
    if not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def talks_to_terminal() -> bool:
    """True when stderr is a terminal on which a display can move."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def wants_bold() -> bool:
    """True when stdout is a terminal that shows bold type and nobody asked for plain text."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def _finite(value: Any) -> Any:
    """The same with null for numbers that are not finite, because JSON has none."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
