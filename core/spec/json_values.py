"""Values of events in JSON, which has no number that is not finite, and back, checked against annotations."""

import json
import math
import types
from typing import Any, get_args, get_origin

SIGNIFICANT_DIGITS = 8  # a float32 carries at most nine; losses are logged, not computed with
LARGE = 10.0**SIGNIFICANT_DIGITS  # counts from here on would lose digits


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


def are_ordinary(numbers: tuple[float, ...]) -> bool:
    """Whether a form makes of them what `plain` does: finite, and none so large that it would lose digits."""
    return sum(map(abs, numbers)) < LARGE  # false for nan


def form_of_numbers(names: tuple[str, ...]) -> str:
    """An object of JSON that ordinary numbers are put into with `%`, in the order of their names."""
    entries = (json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in names)
    return "{" + ",".join(f"{entry}:%.{SIGNIFICANT_DIGITS}g" for entry in entries) + "}"
