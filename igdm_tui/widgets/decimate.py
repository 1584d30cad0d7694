"""From thousands of points to one lowest and one highest value per column of dots. Spikes always survive."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache

# One column of one stretch: its number, then the first, lowest, highest and last value that fall into it.
Column = tuple[int, float, float, float, float]
# Lowest and highest value of a half-open range of indices.
Extremes = Callable[[int, int], tuple[float, float]]


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
    xs: Sequence[float],
    ys: Sequence[float],
    stretch: tuple[int, int],
    x_range: tuple[float, float],
    columns: int,
    *,
    log: bool = False,
    extremes: Extremes | None = None,
    known: tuple[int, Sequence[Column]] | None = None,
) -> list[Column]:
    """The columns that one stretch of a line touches, from left to right; points outside `x_range` are left out.

    xs rise and are as long as ys. A column keeps its extremes and its ends, so a line through the result looks like a
    line through all points. log: columns are equally wide in the logarithm of x, whose range is above 0. extremes: a
    quicker way to the lowest and highest of a range than looking at all of it. known: where the stretch ended before it
    grew, and what this found then, for the same range and columns; only its last column is made again.
    """
    low, high = x_range
    beyond = math.nextafter(high, math.inf)
    start = bisect_left(xs, low, *stretch)
    end = bisect_left(xs, beyond, start, stretch[1])
    if end - start > 2 * columns:
        found = extremes or (lambda first, last: (min(ys[first:last]), max(ys[first:last])))
        borders = _borders(x_range, columns, log=log)
        if known and known[1] and bisect_left(xs, beyond, start, known[0]) - start > 2 * columns:
            last = known[1][-1][0]
            part = (bisect_left(xs, borders[last - 1], start, end) if last else start, end)
            return [*known[1][:-1], *_by_column(xs, ys, part, borders, found, last)]
        return _by_column(xs, ys, (start, end), borders, found)
    return _by_point(xs, ys, (start, end), x_range, columns, log=log)


@lru_cache(maxsize=64)
def _borders(x_range: tuple[float, float], columns: int, *, log: bool) -> list[float]:
    """Where each column but the last ends."""
    low, high = x_range
    if log:
        growth = math.log(high / low)
        return [low * math.exp((column + 1) / columns * growth) for column in range(columns - 1)]
    return [low + (column + 1) / columns * (high - low) for column in range(columns - 1)]


def _by_column(  # noqa: PLR0917 - the inner loop of every chart
    xs: Sequence[float],
    ys: Sequence[float],
    part: tuple[int, int],
    borders: Sequence[float],
    extremes: Extremes,
    first: int = 0,
) -> list[Column]:
    """Many points per column: cut the values at the column borders. first: the column in which they begin."""
    result = []
    start, end = part
    for column in range(first, len(borders) + 1):
        if start >= end:
            break
        border = end if column == len(borders) else bisect_left(xs, borders[column], start, end)
        if border > start:
            lowest, highest = extremes(start, border)
            result.append((column, ys[start], lowest, highest, ys[border - 1]))
            start = border
    return result


def _by_point(
    xs: Sequence[float],
    ys: Sequence[float],
    part: tuple[int, int],
    x_range: tuple[float, float],
    columns: int,
    *,
    log: bool,
) -> list[Column]:
    """Few points: most have a column of their own."""
    result: list[Column] = []
    low, high = x_range
    scale = columns / ((math.log(high / low) if log else high - low) or 1.0)
    for index in range(*part):
        along = math.log(xs[index] / low) if log else xs[index] - low
        column, value = min(int(along * scale), columns - 1), ys[index]
        if result and result[-1][0] == column:
            _, first, lowest, highest, _ = result[-1]
            result[-1] = (column, first, min(lowest, value), max(highest, value), value)
        else:
            result.append((column, value, value, value, value))
    return result


def value_range(stretches: Sequence[Sequence[Column]]) -> tuple[float, float] | None:
    """Lowest and highest value of all columns, None when there is none."""
    if not any(stretches):
        return None
    return (
        min(lowest for stretch in stretches for _, _, lowest, _, _ in stretch),
        max(highest for stretch in stretches for _, _, _, highest, _ in stretch),
    )


def floats(values: Sequence[float] = ()) -> "array[float]":
    """The form in which charts keep numbers: eight bytes each."""
    return array("d", values)
