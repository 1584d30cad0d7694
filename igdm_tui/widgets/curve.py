"""Curve: the points of one line, growing at its end. What was summarised once is never looked at again."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from igdm_tui.widgets.decimate import Column, decimate, drawable_stretches, floats, value_range

BLOCK = 64  # points whose lowest and highest are kept, so that drawing 100,000 points reads a few thousand


@dataclass(frozen=True, slots=True)
class Decimated:
    """What a drawing needs of a curve, for one view and so many columns.

    parts: half-open ranges of indices without a gap. found: the columns of each. span: lowest and highest of them all,
    None without any.
    """

    parts: list[tuple[int, int]]
    found: list[list[Column]]
    span: tuple[float, float] | None

    @property
    def stretches(self) -> list[list[Column]]:
        """The columns of the parts that are in view."""
        return [columns for columns in self.found if columns]


class Curve:
    """Rising, finite xs and as many ys, NaN and infinities being gaps. Belongs to one thread at a time."""

    __slots__ = ("_highs", "_lows", "_smooth", "_stretches", "xs", "ys")

    def __init__(self, xs: Sequence[float] = (), ys: Sequence[float] = ()) -> None:
        """A curve of these points; arrays are kept as they are, not copied."""
        self.xs = xs if isinstance(xs, array) else floats(xs)
        self.ys = ys if isinstance(ys, array) else floats(ys)
        self._lows, self._highs = floats(), floats()
        self._stretches: dict[bool, tuple[int, list[tuple[int, int]]]] = {}
        self._smooth: dict[float, tuple[float, Curve]] = {}
        self._summarise()

    def __len__(self) -> int:
        return len(self.ys)

    def extend(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        """Add points behind the last one; a smoothed curve that was asked for grows along."""
        self.xs.extend(xs)
        self.ys.extend(ys)
        self._summarise()
        for weight, (_, curve) in list(self._smooth.items()):
            self._grow_smooth(weight, curve)

    def _summarise(self) -> None:
        """Lowest and highest of each block that is full now."""
        for start in range(len(self._lows) * BLOCK, len(self.ys) - BLOCK + 1, BLOCK):
            block = self.ys[start : start + BLOCK]
            self._lows.append(min(block))
            self._highs.append(max(block))

    def extremes(self, start: int, end: int) -> tuple[float, float]:
        """Lowest and highest value of the indices from start to before end; all of them must be finite."""
        first, last = -(-start // BLOCK), end // BLOCK
        if last <= first:
            part = self.ys[start:end]
            return min(part), max(part)
        edges = self.ys[start : first * BLOCK] + self.ys[last * BLOCK : end]
        return min(self._lows[first:last] + edges), max(self._highs[first:last] + edges)

    def stretches(self, *, positive: bool = False) -> list[tuple[int, int]]:
        """Half-open ranges of indices without a gap; positive: values of zero and below are gaps too."""
        known, found = self._stretches.get(positive, (0, []))
        if known < len(self.ys):
            added = [(a + known, b + known) for a, b in drawable_stretches(self.ys[known:], positive=positive)]
            if found and added and found[-1][1] == added[0][0]:
                added[0] = (found.pop()[0], added[0][1])
            self._stretches[positive] = (len(self.ys), [*found, *added])
        return self._stretches.get(positive, (0, []))[1]

    def columns(
        self,
        view: tuple[float, float],
        columns: int,
        *,
        log_x: bool = False,
        log_y: bool = False,
        before: Decimated | None = None,
    ) -> Decimated:
        """What a drawing of `columns` columns needs of the part with x in `view`, stretch by stretch.

        before: the same answer when the curve was shorter; most of it is taken over.
        """
        if log_x and view[0] <= 0:
            raise ValueError(f"a logarithmic axis cannot begin at {view[0]}")
        parts = list(self.stretches(positive=log_y))
        if before is not None and before.parts == parts:
            return before
        old = list(zip(before.parts, before.found, strict=True)) if before is not None else []
        found, fresh = [], []
        for place, part in enumerate(parts):
            (start, end), known = old[place] if place < len(old) else ((-1, -1), [])
            if (start, end) == part:
                found.append(known)
                continue
            columns_known = (end, known) if start == part[0] else None
            found.append(
                decimate(self.xs, self.ys, part, view, columns, log=log_x, extremes=self.extremes, known=columns_known)
            )
            first = bisect_left(found[-1], known[-1][0] - 1, key=itemgetter(0)) if known and columns_known else 0
            fresh.append(found[-1][first:])
        spans = [span for span in (value_range(fresh), before.span if before is not None else None) if span is not None]
        span = (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None
        return Decimated(parts, found, span)

    def at(self, x: float) -> tuple[float, float] | None:
        """The point nearest to an x, None without points."""
        if not self.xs:
            return None
        right = bisect_left(self.xs, x)
        near = [index for index in (right - 1, right) if 0 <= index < min(len(self.xs), len(self.ys))]
        index = min(near, key=lambda place: abs(self.xs[place] - x)) if near else len(self.ys) - 1
        return self.xs[index], self.ys[index]

    def smoothed(self, weight: float) -> "Curve":
        """The exponential moving average with this weight of the past in [0, 1); without bias at the start.

        Each point is sum w^k y / sum w^k over itself and the points before it. A value that is not finite stays a gap
        and does not count. Reads all points the first time, only new ones later.
        """
        if not weight:
            return self
        if weight not in self._smooth:
            self._grow_smooth(weight, Curve(self.xs))
        return self._smooth[weight][1]

    def has_smoothed(self, weight: float) -> bool:
        """True when `smoothed` answers at once with something else than the curve itself."""
        return weight in self._smooth

    def _grow_smooth(self, weight: float, curve: "Curve") -> None:
        done = len(curve.ys)
        total = self._smooth[weight][0] if weight in self._smooth else 0.0
        share = 1 - weight ** sum(end - start for start, end in curve.stretches())
        values = floats()
        for value in self.ys[done:]:
            if math.isfinite(value):
                total = weight * total + (1 - weight) * value
                share = weight * share + (1 - weight)
                values.append(total / share)
            else:
                values.append(value)
        curve.ys.extend(values)
        curve._summarise()
        self._smooth[weight] = (total, curve)
