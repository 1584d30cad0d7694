"""The paper's figures as plain tables, read from the store: what a plot of them would need, and nothing drawn.

`FIGURES` has them by name. Each takes the ids of runs, in the order they shall have, and gives rows of plain values.
Numbers come from the last weights of a run: the evaluation at its end, else the newest made later. Runs without the
measurements a figure needs have no rows; a note says which, and what to measure.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from core.spec.attack_names import radius_family
from core.spec.events import FINAL_EVALUATION
from igdm_tui.report.interval import wilson
from igdm_tui.store.rows import EvaluationRow, RunRow
from igdm_tui.store.store import Store

Value = str | int | float | None
LAST_WEIGHTS = "last.pt"
IDENTITY = ("run", "name", "method", "igdm_alpha", "seed")
LINEARITY, AUTOATTACK = "linearity_remainder", "autoattack_accuracy"
ALIGNMENT_METRICS = ("gradient_distance", "gradient_distance_raw", "gradient_cosine")
PERTURBATIONS = ("clean", "uniform", "adversarial")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """Least squares y = slope * x + intercept over n points. correlation: Pearson's r, in [-1, 1]."""

    x: str
    y: str
    n: int
    slope: float
    intercept: float
    correlation: float


@dataclass(frozen=True, kw_only=True, slots=True)
class FigureData:
    """One figure: rows of values under `columns`, fits through them, and what is not in them and why.

    source: the figure or table of the paper. Accuracies are fractions in [0, 1], radii pixel units of images in [0, 1].
    """

    name: str
    title: str
    source: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    fits: tuple[Fit, ...] = ()
    notes: tuple[str, ...] = field(default=())


def linearity(store: Store, run_ids: Sequence[str]) -> FigureData:
    """Share of the logits that a first-order expansion misses, after each epoch that measured it."""
    rows: list[tuple[Value, ...]] = []
    without = []
    for run in _runs(store, run_ids):
        series = store.series(run.id, LINEARITY, by="epoch")
        points = zip(series.epochs, series.values, strict=True)
        rows += [(*_identity(run), int(epoch), _finite(value)) for epoch, value in points]
        if not len(series):
            without.append(run.name)
    return FigureData(
        name="linearity",
        title="Local linearity by epoch",
        source="ICLR Fig. 2b",
        columns=(*IDENTITY, "epoch", LINEARITY),
        rows=tuple(rows),
        notes=_missing(without, "measured it during training (set evaluation.linearity_every = 1)"),
    )


def alignment(store: Store, run_ids: Sequence[str]) -> FigureData:
    """AutoAttack accuracy against GD and GC, one row per run, with a straight line through each pair."""
    rows: list[tuple[Value, ...]] = []
    without = []
    for run in _runs(store, run_ids):
        measured = _measured(store, run.id)
        attack, gradients = measured.get("autoattack"), measured.get("gradients")
        if attack is None or gradients is None or AUTOATTACK not in attack.metrics:
            without.append(run.name)
            continue
        values = [_finite(gradients.metrics.get(name)) for name in ALIGNMENT_METRICS]
        details = (_radius(attack), attack.examples, _flags(attack))
        rows.append((*_identity(run), _finite(attack.metrics[AUTOATTACK]), *values, *details))
    columns = (*IDENTITY, AUTOATTACK, *ALIGNMENT_METRICS, "epsilon", "examples", "flags")
    fits = [_fit(rows, columns, name, AUTOATTACK) for name in ALIGNMENT_METRICS]
    return FigureData(
        name="alignment",
        title="AutoAttack accuracy against gradient alignment",
        source="ICLR Fig. 3",
        columns=columns,
        rows=tuple(rows),
        fits=tuple(fit for fit in fits if fit),
        notes=_missing(without, "measured autoattack and gradients"),
    )


def epsilon(store: Store, run_ids: Sequence[str]) -> FigureData:
    """Accuracy against the radius, one row per run, attack and epsilon, with the 95 % Wilson interval.

    Everything measured on the last weights counts: pgd20 and pgd20-at-12 are two points of PGD-20, and so are
    evaluations made later with another epsilon. Accuracy on clean images is the point at 0 of each attack.
    """
    rows: list[tuple[Value, ...]] = []
    without = []
    for run in _runs(store, run_ids):
        points = _radius_points(store.evaluations(run.id))
        if len({radius for _, radius in points}) < 3:  # 0 and one more make no curve
            without.append(run.name)
        for family, entries in groupby(sorted(points), key=lambda key: key[0]):
            for _, radius in entries:
                rows.append((*_identity(run), family, radius, *_counted(points[family, radius])))
    return FigureData(
        name="epsilon",
        title="Accuracy against epsilon",
        source="arXiv v1 Fig. 5",
        columns=(*IDENTITY, "attack", "epsilon", "accuracy", "low", "high", "correct", "examples", "flags"),
        rows=tuple(rows),
        notes=_missing(without, "measured two radii or more (the suite sweep, or igdm eval --epsilon)"),
    )


def pointwise(store: Store, run_ids: Sequence[str]) -> FigureData:
    """Mean distance of student and teacher outputs at x, x with uniform noise and x under attack."""
    rows: list[tuple[Value, ...]] = []
    without = []
    for run in _runs(store, run_ids):
        measured = _measured(store, run.id).get("pointwise")
        if measured is None:
            without.append(run.name)
            continue
        for outputs, ending in (("probabilities", ""), ("logits", "_logits")):
            values = [_finite(measured.metrics.get(f"pointwise_{where}{ending}")) for where in PERTURBATIONS]
            attack = str(measured.parameters.get("adversarial", ""))
            rows.append((*_identity(run), outputs, *values, attack, _radius(measured), measured.examples))
    return FigureData(
        name="pointwise",
        title="Point-wise distance of student and teacher",
        source="ICLR Table 5",
        columns=(*IDENTITY, "outputs", *PERTURBATIONS, "attack", "epsilon", "examples"),
        rows=tuple(rows),
        notes=_missing(without, "measured pointwise"),
    )


FIGURES: Mapping[str, Callable[[Store, Sequence[str]], FigureData]] = {
    "linearity": linearity,
    "alignment": alignment,
    "epsilon": epsilon,
    "pointwise": pointwise,
}


def _runs(store: Store, run_ids: Sequence[str]) -> Iterator[RunRow]:
    return (store.run(run_id) for run_id in run_ids)


def _identity(run: RunRow) -> tuple[Value, ...]:
    return run.id, run.name, run.method, run.igdm_alpha, run.seed


def _of_last_weights(rows: Sequence[EvaluationRow]) -> list[EvaluationRow]:
    """Measurements of the last weights; what counts most comes last: later ones, then that of the run's end.

    The weights at the end of a run are those of its final evaluation: a run that measures a file has its name there.
    """
    own = (row.checkpoint for row in rows if row.evaluation == FINAL_EVALUATION and row.checkpoint)
    last = next(own, LAST_WEIGHTS)
    kept = [row for row in rows if row.checkpoint in ("", last)]
    return sorted(kept, key=lambda row: (row.of_run, row.evaluation == FINAL_EVALUATION))


def _measured(store: Store, run_id: str) -> dict[str, EvaluationRow]:
    return {row.attack: row for row in _of_last_weights(store.evaluations(run_id))}


def _radius_points(rows: Sequence[EvaluationRow]) -> dict[tuple[str, float], EvaluationRow]:
    """Measurements by family of attacks and radius; those on clean images stand at radius 0 of every family."""
    points: dict[tuple[str, float], EvaluationRow] = {}
    clean = None
    for row in _of_last_weights(rows):
        family, radius = radius_family(row.attack), _radius(row)
        if row.attack == "clean":
            clean = row
        elif family and radius is not None and row.correct is not None:
            points[family, radius] = row
    if clean is not None:
        points |= {(family, 0.0): clean for family, _ in list(points)}
    return points


def _counted(row: EvaluationRow) -> tuple[Value, ...]:
    correct = row.correct or 0
    low, high = wilson(correct, row.examples)
    return correct / row.examples, low, high, correct, row.examples, _flags(row)


def _radius(row: EvaluationRow) -> float | None:
    radius = row.parameters.get("epsilon")
    return float(radius) if isinstance(radius, int | float) else None


def _flags(row: EvaluationRow) -> str:
    return "; ".join(row.flags)


def _fit(rows: Sequence[tuple[Value, ...]], columns: Sequence[str], x: str, y: str) -> Fit | None:
    """The line through the rows that have both values; None where two points or their spread are missing."""
    at_x, at_y = columns.index(x), columns.index(y)
    pairs = [(row[at_x], row[at_y]) for row in rows]
    known = [(a, b) for a, b in pairs if isinstance(a, int | float) and isinstance(b, int | float)]
    across, up = [a for a, _ in known], [b for _, b in known]
    if len(set(across)) < 2:
        return None
    line = statistics.linear_regression(across, up)
    correlation = statistics.correlation(across, up) if len(set(up)) > 1 else 0.0
    return Fit(x=x, y=y, n=len(known), slope=line.slope, intercept=line.intercept, correlation=correlation)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _missing(names: Sequence[str], advice: str) -> tuple[str, ...]:
    return (f"left out, because they have not {advice}: {', '.join(names)}",) if names else ()
