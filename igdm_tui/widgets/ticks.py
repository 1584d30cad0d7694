"""Where the marks of an axis stand and what is written beside them: steps of 1, 2 or 5 times a power of ten."""

import math
from collections.abc import Callable
from dataclasses import dataclass

SNAPS = 10  # a range grows in tenths of itself
LARGEST = 1e300  # beyond it the width of an axis is no number


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values with its ticks.

    low, high: what the axis spans, in data units, low < high; both above 0 when `log`.
    ticks: (value, label) from low to high.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies between low (0) and high (1); outside for values outside."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def rows(self, count: int) -> Callable[[float], int]:
        """What turns a value into one of `count` rows, 0 at the low end; values outside go to the nearest."""
        if self.log or max(abs(self.low), abs(self.high)) >= LARGEST:
            return lambda value: min(max(int(self.place(value) * (count - 1) + 0.5), 0), count - 1)
        low, scale, last = self.low, (count - 1) / (self.high - self.low), count - 1

        def to_row(value: float) -> int:
            row = int((value - low) * scale + 0.5)
            return row if 0 <= row <= last else (0 if row < 0 else last)

        return to_row


def linear_axis(low: float, high: float, most_ticks: int, *, percent: bool = False, snap: bool = True) -> Axis:
    """An axis over at least [low, high] with as many ticks as fit, `most_ticks` (2 or more) at most.

    snap: widen the range to round numbers, so that it stands still while values arrive. percent: label fractions as
    percent, without the sign.
    """
    low, high = max(low, -LARGEST), min(high, LARGEST)
    if not high > low:
        margin = abs(low) * 0.05 or 0.5
        low, high = low - margin, high + margin
    step = nice_step((high - low) / SNAPS)
    if snap:
        low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    first, last = _between(low, high, step)
    while last - first + 1 > max(most_ticks, 2):
        step = nice_step(step * 1.01)
        first, last = _between(low, high, step)
    scale = 100 if percent else 1
    ticks = tuple((i * step, _label(i * step * scale, step * scale)) for i in range(first, last + 1))
    return Axis(low, high, ticks)


def log_axis(low: float, high: float, most_ticks: int, *, percent: bool = False) -> Axis:
    """A logarithmic axis over [low, high], both above 0: ticks at powers of ten, or 1-2-5 when those are few.

    percent: label fractions as percent, without the sign.
    """
    if not high > low:
        low, high = low / 2, high * 2
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for multiples in ((1, 2, 5), (1,)):
        values = [m * 10.0**e for e in range(first, last + 1) for m in multiples]
        inside = [value for value in values if low <= value * (1 + 1e-9) and value <= high * (1 + 1e-9)]
        if len(inside) <= max(most_ticks, 2):
            break
    every = math.ceil(len(inside) / max(most_ticks, 2)) or 1
    scale = 100 if percent else 1
    return Axis(low, high, tuple((value, f"{value * scale:g}") for value in inside[::every]), log=True)


def _between(low: float, high: float, step: float) -> tuple[int, int]:
    """The first and last multiple of `step` in [low, high]."""
    return math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least `least` (above 0)."""
    power = 10.0 ** math.floor(math.log10(least))
    for multiple in (1, 2, 5):
        if multiple * power >= least * (1 - 1e-9):
            return multiple * power
    return 10 * power


def _label(value: float, step: float) -> str:
    """A tick in as many decimals as its step needs; thousands as k, millions as M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if step >= size / 10 and abs(value) >= size:
            return f"{value / size:g}{unit}"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals > 6 or abs(value) >= 1e9:
        return f"{value:.3g}"
    return f"{value + 0.0:.{decimals}f}"
