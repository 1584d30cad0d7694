"""From thousands of points to one lowest and one highest value per column of dots. Spikes always survive."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence

# One column of one stretch: its number, then the first, lowest, highest and last value that fall into it.
Column = tuple[int, float, float, float, float]


def drawable_stretches(values: Sequence[float], *, positive: bool = False) -> list[tuple[int, int]]:
    """Half-open index ranges of consecutive finite values; what lies between is a gap in the line.

    positive: values of zero or below are gaps too, as a logarithmic axis cannot show them.
    """
    if not values:
        return []
    # NaN and infinities survive a sum, so one pass in C answers for most series.
    if math.isfinite(sum(values)) and (not positive or min(values) > 0):
        return [(0, len(values))]
    stretches, start = [], None
    for index, value in enumerate(values):
        if math.isfinite(value) and (not positive or value > 0):
            start = index if start is None else start
        elif start is not None:
            stretches.append((start, index))
            start = None
    if start is not None:
        stretches.append((start, len(values)))
    return stretches


def decimate(
    xs: Sequence[float], ys: Sequence[float], stretch: tuple[int, int], x_range: tuple[float, float], columns: int
) -> list[Column]:
    """The columns that one stretch of a line touches, from left to right; points outside `x_range` are left out.

    xs rise and are as long as ys. A column keeps its extremes and its ends, so a line through the result looks like a
    line through all points.
    """
    low, high = x_range
    start = bisect_left(xs, low, *stretch)
    end = bisect_left(xs, math.nextafter(high, math.inf), start, stretch[1])
    if end - start > 2 * columns:
        return _by_column(xs, ys, (start, end), x_range, columns)
    return _by_point(xs, ys, (start, end), x_range, columns)


def _by_column(
    xs: Sequence[float], ys: Sequence[float], part: tuple[int, int], x_range: tuple[float, float], columns: int
) -> list[Column]:
    """Many points per column: cut the values at the column borders and let `min` and `max` run in C."""
    result = []
    (start, end), (low, high) = part, x_range
    for column in range(columns):
        if start >= end:
            break
        limit = low + (column + 1) / columns * (high - low)
        border = end if column == columns - 1 else bisect_left(xs, limit, start, end)
        if border > start:
            values = ys[start:border]
            result.append((column, values[0], min(values), max(values), values[-1]))
            start = border
    return result


def _by_point(
    xs: Sequence[float], ys: Sequence[float], part: tuple[int, int], x_range: tuple[float, float], columns: int
) -> list[Column]:
    """Few points: most have a column of their own."""
    result: list[Column] = []
    low, high = x_range
    scale = columns / ((high - low) or 1.0)
    for index in range(*part):
        column, value = min(int((xs[index] - low) * scale), columns - 1), ys[index]
        if result and result[-1][0] == column:
            _, first, lowest, highest, _ = result[-1]
            result[-1] = (column, first, min(lowest, value), max(highest, value), value)
        else:
            result.append((column, value, value, value, value))
    return result


def value_range(values: Sequence[float], stretches: Sequence[tuple[int, int]]) -> tuple[float, float] | None:
    """Lowest and highest drawable value, None when there is none."""
    parts = [values if (start, end) == (0, len(values)) else values[start:end] for start, end in stretches]
    if not parts:
        return None
    return min(min(part) for part in parts), max(max(part) for part in parts)


def floats(values: Sequence[float] = ()) -> "array[float]":
    """The form in which charts keep numbers: eight bytes each."""
    return array("d", values)
