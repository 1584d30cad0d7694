"""Lines of JSON as Python values, the quick way for one line and the quick way for millions."""

import json
import sys
from collections.abc import Callable
from typing import Any

MANY_BYTES = 4 << 20  # from here on pydantic's parser, half as long a line, makes up for its import

_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def parser_for(size: int) -> Callable[[bytes], Any]:
    """What reads a line, when `size` bytes of lines are to be read.

    Whichever it is, it returns what `json.loads` would. It raises ValueError, UnicodeDecodeError among them, or
    RecursionError.
    """
    return _parse_many() if size >= MANY_BYTES or "pydantic_core" in sys.modules else parse_one


def parse_one(line: bytes) -> Any:
    """`json.loads` without its search for encodings and blanks, which takes half of its time on short lines."""
    text = line.decode()
    try:
        body, end = _scan(text, 0)
    except (StopIteration, ValueError):
        return json.loads(text)
    return body if end == len(text) else json.loads(text)


def _parse_many() -> Callable[[bytes], Any]:
    from pydantic_core import from_json

    def parse(line: bytes) -> Any:
        try:
            return from_json(line)
        except ValueError:  # also of lines that the standard library takes: lone surrogates, deep nesting
            return json.loads(line.decode())

    return parse
