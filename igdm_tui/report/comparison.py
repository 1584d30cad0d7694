"""Comparing runs: one line per run or per experiment, the best marked, only the settings that differ."""

import difflib
import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from core.spec.catalogue import METRICS
from core.spec.errors import IgdmError
from core.spec.identity import flatten
from igdm_tui.report.interval import wilson
from igdm_tui.report.significance import seed_interval
from igdm_tui.store.rows import EvaluationRow, RunRow

if TYPE_CHECKING:
    from igdm_tui.store.store import Store

# The columns of a table; CSV and JSON have every metric that was measured.
TABLE_METRICS = (
    "clean_accuracy", "pgd20_accuracy", "autoattack_accuracy",
    "gradient_distance", "gradient_distance_raw", "gradient_cosine",
)  # fmt: skip
SEED_KEYS = ("runtime.seed", "name")
LEAST_FOR_SECOND = 3  # of two values the other one needs no mark


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One measured number. std: sample standard deviation over n runs, None for one run.

    of: how many runs its line has, those without this number too.
    low, high: 95 % interval: over test images for an accuracy of a single run (Wilson), over seeds for several runs
    (Student).
    flags: reasons to doubt it, as the attack gave them, and seeds that count more than once in it; every table that
    leaves the program shows them.
    """

    value: float
    std: float | None = None
    n: int = 1
    of: int = 1
    low: float | None = None
    high: float | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A run, several runs of one experiment, or a teacher, which has no runs of its own."""

    label: str
    runs: tuple[RunRow, ...]
    cells: Mapping[str, Cell]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_teacher(self) -> bool:
        """True for the reference that students are compared with."""
        return not self.runs


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Lines with teachers last, metrics that somebody measured, in the catalogue's order.

    best: for each metric with a better direction, the positions in `lines` that have the best value; at least two
    lines must have been measured, and teachers do not compete. second: those of the next value, among three or more.
    differences: settings that are not the same in all lines, one value for each line that is no teacher.
    """

    lines: tuple[Line, ...]
    metrics: tuple[str, ...]
    best: Mapping[str, frozenset[int]]
    second: Mapping[str, frozenset[int]]
    differences: Mapping[str, tuple[Any, ...]]
    is_grouped: bool

    @property
    def students(self) -> tuple[Line, ...]:
        """Lines that stand for runs."""
        return tuple(line for line in self.lines if not line.is_teacher)

    @property
    def flags(self) -> tuple[str, ...]:
        """Every reason to doubt a number here, once; its place, counted from 1, is its footnote mark."""
        cells = [cell for line in self.lines for cell in line.cells.values()]
        return tuple(dict.fromkeys(flag for cell in cells for flag in cell.flags))


def compare_runs(
    runs: Sequence[RunRow],
    *,
    group: bool = False,
    evaluations: Mapping[str, Sequence[EvaluationRow]] | None = None,
) -> Comparison:
    """Compare runs in the order given. group: runs with one settings hash are one line, mean and deviation over seeds.

    evaluations: by run id, for intervals and flags.
    """
    known = evaluations or {}
    if group:
        by_hash: dict[str, list[RunRow]] = {}
        for run in runs:
            by_hash.setdefault(run.settings_hash or run.id, []).append(run)
        lines = [_group_line(members, known) for members in by_hash.values()]
        labels = told_apart([line.label for line in lines], [key[:8] for key in by_hash])
    else:
        lines = [_run_line(run, known.get(run.id, ())) for run in runs]
        labels = told_apart([run.name for run in runs], [f"s{run.seed}" for run in runs], [run.id for run in runs])
    lines = [replace(line, label=label) for line, label in zip(lines, labels, strict=True)]
    lines += _teacher_lines(runs)
    metrics = METRICS.in_order(name for line in lines for name in line.cells)
    return Comparison(
        lines=tuple(lines),
        metrics=metrics,
        best={name: winners for name in metrics if (winners := _ranked(lines, name, 1))},
        second={name: winners for name in metrics if (winners := _ranked(lines, name, 2))},
        differences=_differences([line.settings for line in lines if not line.is_teacher]),
        is_grouped=group,
    )


def told_apart(names: Sequence[str], *details: Sequence[str]) -> list[str]:
    """The names; those that several have with a detail behind: of the first kind that makes all differ, or the last.

    details: kinds of them, each with one for every name.
    """
    counts = Counter(names)
    found = list(names)
    for kind in details:
        found = [f"{name} {own}" if counts[name] > 1 else name for name, own in zip(names, kind, strict=True)]
        if len(set(found)) == len(found):
            break
    return found


def seeds_text(seeds: Sequence[object]) -> str:
    """ "3 seeds" of one run each; "2 seeds, 3 runs" where a seed was run again. seeds: one for each run."""
    count = len(set(seeds))
    said = f"{count} seed{'s' if count > 1 else ''}"
    return said if count == len(seeds) else f"{said}, {len(seeds)} runs"


def chosen_metrics(comparison: Comparison, text: str) -> tuple[str, ...]:
    """Metrics that somebody names with commas between them, in that order; none for an empty text.

    Raises: IgdmError for one that no run has, naming the nearest.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in comparison.metrics:
            near = difflib.get_close_matches(name, comparison.metrics, n=1)
            hint = f"did you mean {near[0]}?" if near else f"measured: {', '.join(comparison.metrics) or 'nothing yet'}"
            raise IgdmError(f"--metrics: no run has {name!r} ({hint})")
    return tuple(names)


def _run_line(run: RunRow, evaluations: Sequence[EvaluationRow]) -> Line:
    intervals, flags = accuracy_intervals(evaluations), metric_flags(evaluations)
    cells = {}
    for name, value in run.metrics.items():
        low, high = intervals.get(name, (None, None))
        cells[name] = Cell(value=value, low=low, high=high, flags=flags.get(name, ()))
    return Line(label=run.name, runs=(run,), cells=cells, settings=flatten(run.settings))


def accuracy_intervals(evaluations: Sequence[EvaluationRow]) -> dict[str, tuple[float, float]]:
    """95 % intervals of the run's accuracies whose counts are known."""
    return {
        name: interval
        for row in final_rows(evaluations)
        if (interval := accuracy_interval(row)) is not None
        for name in row.metrics
    }


def accuracy_interval(row: EvaluationRow) -> tuple[float, float] | None:
    """The 95 % interval of one measured accuracy; None for diagnostics and counts that make no sense."""
    if row.correct is None or not 0 <= row.correct <= row.examples > 0:
        return None
    return wilson(row.correct, row.examples)


def metric_flags(evaluations: Sequence[EvaluationRow]) -> dict[str, tuple[str, ...]]:
    """Reasons to doubt the run's numbers, by metric."""
    return {name: tuple(row.flags) for row in final_rows(evaluations) if row.flags for name in row.metrics}


def final_rows(evaluations: Sequence[EvaluationRow]) -> list[EvaluationRow]:
    """The measurements whose figures are the run's: of its last weights, with what later ones add to them."""
    return [row for row in evaluations if row.of_run]


def _group_line(members: Sequence[RunRow], evaluations: Mapping[str, Sequence[EvaluationRow]]) -> Line:
    cells = {}
    flags = _flags_by_seed(members, evaluations)
    for name in METRICS.in_order(name for run in members for name in run.metrics):
        measured = [run for run in members if name in run.metrics]
        values = [run.metrics[name] for run in measured]
        if values:
            std = statistics.stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else None
            low, high = seed_interval(values) or (None, None)
            if low is not None and high is not None and name in METRICS and METRICS[name].unit == "fraction":
                low, high = max(low, 0.0), min(high, 1.0)  # Student's interval does not know where fractions end
            mean, said = math.fsum(values) / len(values), (*flags.get(name, ()), *_repeats(measured))
            cells[name] = Cell(value=mean, std=std, n=len(values), of=len(members), low=low, high=high, flags=said)
    settings = {key: value for key, value in flatten(members[0].settings).items() if key not in SEED_KEYS}
    return Line(label=experiment_title(members[0]), runs=tuple(members), cells=cells, settings=settings)


def _flags_by_seed(
    members: Sequence[RunRow], evaluations: Mapping[str, Sequence[EvaluationRow]]
) -> dict[str, tuple[str, ...]]:
    """Reasons to doubt the mean over some runs, by metric: those of each run, with its seed where there are several."""
    found: dict[str, list[str]] = {}
    for run in members:
        where = f"seed {run.seed}: " if len(members) > 1 else ""
        for name, flags in metric_flags(evaluations.get(run.id, ())).items():
            found.setdefault(name, []).extend(f"{where}{flag}" for flag in flags)
    return {name: tuple(dict.fromkeys(flags)) for name, flags in found.items()}


def _repeats(measured: Sequence[RunRow]) -> tuple[str, ...]:
    """Seeds that several of the runs have: their deviation is not over seeds alone."""
    counts = Counter(run.seed for run in measured)
    return tuple(f"seed {seed} was run {n} times, and counts as often" for seed, n in counts.items() if n > 1)


def experiment_title(run: RunRow) -> str:
    """What a run is called without its seed: its given name, or method, IGDM weight and student."""
    if run.settings.get("name"):
        return run.name
    igdm = f"+igdm{run.igdm_alpha:g}" if run.igdm_alpha else ""
    return f"{run.method}{igdm} {run.student}"


def _teacher_lines(runs: Sequence[RunRow]) -> list[Line]:
    """Each teacher once, with its own accuracies."""
    found: dict[str, Line] = {}
    for run in runs:
        if run.teacher_metrics:
            recipe = json.dumps([run.settings.get("teacher"), run.settings.get("data"), run.teacher_metrics])
            cells = {name: Cell(value=value) for name, value in run.teacher_metrics.items()}
            found.setdefault(recipe, Line(label=f"teacher {run.teacher}", runs=(), cells=cells))
    return list(found.values())


def comparison_of(store: "Store", runs: Sequence[RunRow], *, group: bool) -> Comparison:
    """The comparison of some runs with all that the store knows of their evaluations."""
    evaluations = {run.id: store.evaluations(run.id) for run in runs}
    return compare_runs(runs, group=group, evaluations=evaluations)


def ranks(values: Sequence[float | None], better: str) -> list[int]:
    """1 at the best values, 2 at the second best, 0 elsewhere; better is "higher", "lower" or "".

    Among fewer than two nothing is best, among fewer than three nothing is second.
    """
    known = [value for value in values if value is not None and not math.isnan(value)]
    if len(known) < 2 or not better:
        return [0] * len(values)
    order = sorted(set(known), reverse=better == "higher")[: 2 if len(known) >= LEAST_FOR_SECOND else 1]
    return [order.index(value) + 1 if value in order else 0 for value in values]


def _ranked(lines: Sequence[Line], metric: str, rank: int) -> frozenset[int]:
    """Positions of the lines with a rank in a metric; teachers do not compete."""
    values = [line.cells[metric].value if metric in line.cells and not line.is_teacher else None for line in lines]
    found = ranks(values, METRICS[metric].better)
    return frozenset(position for position, own in enumerate(found) if own == rank)


def _differences(settings: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Dotted keys whose values differ. A run made before a setting was known went by its default."""
    if any(entry.keys() != settings[0].keys() for entry in settings):
        from core.spec.config import RunConfig

        defaults = flatten(RunConfig().model_dump(mode="json"))
        settings = [{**defaults, **entry} for entry in settings]
    keys = dict.fromkeys(key for entry in settings for key in entry)
    values = {key: tuple(entry.get(key) for entry in settings) for key in keys}
    return {key: found for key, found in values.items() if any(value != found[0] for value in found)}
