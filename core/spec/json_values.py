"""Values of events in JSON, which has no number that is not finite, and back, checked against annotations."""

import json
import math
import types
from functools import cache
from typing import Any, get_args, get_origin

SIGNIFICANT_DIGITS = 8  # a float32 carries at most nine; losses are logged, not computed with


def plain(value: Any) -> Any:
    """A value as JSON holds it: eight significant digits, text for numbers that are not finite."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return repr(value)
        return value if value == int(value) and abs(value) < 1e15 else float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value


def typed(value: Any, wanted: Any) -> Any:
    """Check a JSON value against a field's annotation; floats may come as integers or as "nan".

    Raises: TypeError for a value of another kind; ValueError for text that is no number.
    """
    options = get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    for option in options:
        origin = get_origin(option) or option
        if origin is float and isinstance(value, int | float | str) and not isinstance(value, bool):
            return float(value)
        if origin is dict and isinstance(value, dict):
            kind = get_args(option)[1]
            return value if kind is Any else {str(key): typed(entry, kind) for key, entry in value.items()}
        if origin is list and isinstance(value, list):
            return [typed(entry, get_args(option)[0]) for entry in value]
        if isinstance(origin, type) and isinstance(value, origin) and not (origin is int and isinstance(value, bool)):
            return value
    raise TypeError(f"{value!r} is not {wanted}")


@cache
def json_text(text: str) -> str:
    """Text as JSON, remembered: names come again and again."""
    return json.dumps(text, ensure_ascii=False)


def json_number(value: float) -> str:
    """A number as JSON, eight significant digits."""
    text = f"{value:.{SIGNIFICANT_DIGITS}g}"
    return text if "." in text and "e" not in text else json.dumps(plain(value))  # large counts, nan, inf
