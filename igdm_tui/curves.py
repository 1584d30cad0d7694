"""Curves of runs that go on: read once, then only what came after. One shelf for each screen that draws some."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from igdm_tui.widgets.curve import Curve
from igdm_tui.widgets.decimate import floats

if TYPE_CHECKING:
    from igdm_tui.store import Series, Store

X_TITLES = {"epoch": "epoch", "step": "step", "time": "seconds"}


class Wanted(NamedTuple):
    """One curve. by: "step" or "epoch", the rhythm it was logged in. x: "epoch", "step" or "time", what it runs over.

    attempt: of the run; after a resume steps may have been said again with other values.
    """

    run_id: str
    attempt: int
    metric: str
    by: str
    x: str


class Piece(NamedTuple):
    """The points of a curve after those that were known, and its last step."""

    curve: Curve
    last_step: int


class CurveShelf:
    """Curves by what was wanted. Belongs to the screen's thread; `read_pieces` is for the reader's."""

    def __init__(self) -> None:
        self._curves: dict[Wanted, Piece] = {}

    def known(self, wanted: Sequence[Wanted]) -> dict[Wanted, int]:
        """For each curve, the step up to which it is here; others are forgotten."""
        self._curves = {key: piece for key, piece in self._curves.items() if key in set(wanted)}
        return {key: self._curves[key].last_step if key in self._curves else 0 for key in wanted}

    def add(self, pieces: Mapping[Wanted, Piece]) -> dict[Wanted, Curve]:
        """Put new points behind the known ones; all curves that have any."""
        for key, piece in pieces.items():
            known = self._curves.get(key)
            if known is None:
                self._curves[key] = piece
            else:
                known.curve.extend(piece.curve.xs, piece.curve.ys)
                self._curves[key] = Piece(known.curve, max(piece.last_step, known.last_step))
        return {key: piece.curve for key, piece in self._curves.items() if len(piece.curve)}


def read_pieces(store: "Store", known: Mapping[Wanted, int]) -> dict[Wanted, Piece]:
    """What came after the known steps. For the reader's thread: the first reading of a long run takes a while."""
    pieces = {}
    for key, after in known.items():
        series = store.series(key.run_id, key.metric, by=key.by, after=after)
        curve = Curve(xs_of(series, key.x), series.values)
        curve.stretches()
        pieces[key] = Piece(curve, int(series.steps[-1]) if len(series) else after)
    return pieces


def xs_of(series: "Series", x: str) -> Sequence[float]:
    """Epochs, steps or seconds of a series."""
    return {"epoch": series.epochs, "step": series.steps, "time": series.elapsed_s}[x]


def rhythm(names: Mapping[str, Sequence[str]], metric: str, x: str) -> str | None:
    """In which rhythm a run has a metric over that x: the finer one over steps and time. None when it has none."""
    order = ("epoch", "step") if x == "epoch" else ("step", "epoch")
    return next((by for by in order if metric in names[by]), None)


def mean_and_band(series: "Sequence[Series]", x: str) -> tuple[Curve, tuple[Curve, Curve]]:
    """Mean of several runs where all of them have a step, and mean ± sample standard deviation around it.

    The x of a point is the mean over runs too: seconds differ. A value that is not finite in one run is a gap.
    """
    by_step = [dict(zip(one.steps, zip(xs_of(one, x), one.values, strict=True), strict=True)) for one in series]
    steps = sorted(set(by_step[0]).intersection(*by_step[1:]))
    xs, means, lows, highs = floats(), floats(), floats(), floats()
    for step in steps:
        found = [points[step] for points in by_step]
        values = [value for _, value in found]
        is_finite = all(map(math.isfinite, values))
        mean = statistics.fmean(values) if is_finite else math.nan
        spread = statistics.stdev(values) if is_finite and len(values) > 1 else 0.0 if is_finite else math.nan
        xs.append(statistics.fmean(x for x, _ in found))
        means.append(mean)
        lows.append(mean - spread)
        highs.append(mean + spread)
    return Curve(xs, means), (Curve(xs, lows), Curve(xs, highs))
