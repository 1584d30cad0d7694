"""What a figure says, without a word about where things stand: panels with axes and traces."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """Points of one run or experiment in one panel.

    kind: "line", "points", "bars" (xs are places of categories) or "fit" (a straight line, no entry in the legend).
    low, high: as long as ys, or empty; nan where unknown. They are drawn as a band, or with `whiskers` at each point.
    marks: as long as ys, or empty: a short text beside each point, as a footnote mark.
    number: its colour, dash and marker, the same in all panels.
    """

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    number: int = 0
    kind: str = "line"
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    whiskers: bool = False
    marks: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """One direction of a panel. percent: fractions are labelled as percent. categories: names at 0, 1, 2, ..."""

    title: str
    percent: bool = False
    log: bool = False
    categories: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One pair of axes. note: a short text inside, such as a correlation."""

    title: str
    x: Scale
    y: Scale
    traces: Sequence[Trace]
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Nothing in it can be drawn."""
        return not any(math.isfinite(value) for trace in self.traces for value in trace.ys)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One picture. notes: footnotes below it. name: for files and identifiers."""

    name: str
    title: str
    panels: Sequence[Panel]
    notes: Sequence[str] = ()
