"""What a line of an event file may hold before it becomes rows, and what a person hears about one that may not."""

import json
from typing import Any

from core.spec.events import BadLineError

LARGEST_INTEGER = 2**53
LATEST_MOMENT = 1e11  # seconds since 1970: the year 5138


def check_storable(value: Any) -> None:
    """Refuse what SQLite cannot keep: whole numbers beyond 2**53 and text with lone surrogates.

    Raises: BadLineError; UnicodeEncodeError, which is a ValueError too.
    """
    if isinstance(value, dict):
        for key, entry in value.items():
            key.encode()
            check_storable(entry)
    elif isinstance(value, list):
        for entry in value:
            check_storable(entry)
    elif isinstance(value, str):
        value.encode()
    elif isinstance(value, int) and not -LARGEST_INTEGER < value < LARGEST_INTEGER:
        raise BadLineError("a whole number is out of range")


def check_clocks(t: Any, m: Any) -> None:
    """Refuse times that are none; false for nan too."""
    if type(t) not in (float, int) or type(m) not in (float, int):
        raise BadLineError("t and m must be numbers")
    if not (0 <= t < LATEST_MOMENT and 0 <= m < LATEST_MOMENT):
        raise BadLineError("t or m is out of range")


def number(value: Any) -> float:
    """A metric that did not come as a float: a whole number, or "nan", "inf", "-inf"."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadLineError(f"{value!r} is not a number")
    return float(value)


def reason(line: bytes, position: int, error: Exception) -> str:
    """What a person can do with a line that cannot be read."""
    if isinstance(error, BadLineError) and str(error).startswith("KeyError") and b'"type"' in line:
        name = json.loads(line).get("type")
        return f"unknown event {name!r:.60}: written by a newer igdm-tui? (upgrade to see it)"
    kind = "" if isinstance(error, BadLineError) else f"{type(error).__name__}: "
    return f"events.jsonl: the line at byte {position} cannot be read and was skipped: {kind}{error!s:.200}"
