"""Figures by name: their data from the store, and the picture that is drawn of it."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.spec.attack_names import attack_entry
from core.spec.catalogue import METRICS
from core.spec.errors import IgdmError
from igdm_tui.report.comparison import experiment_title, seeds_text, told_apart
from igdm_tui.report.curve_data import CHOSEN, CURVES, curves
from igdm_tui.report.drawing.figure import Figure, Panel, Scale, Trace
from igdm_tui.report.drawing.panel import LONG
from igdm_tui.report.figure_data import FIGURES, PERTURBATIONS, FigureData, Fit, Value
from igdm_tui.store.rows import RunRow
from igdm_tui.store.store import Store

NAMES = (*CURVES, CHOSEN, *FIGURES)
"""Every figure: curves first, then those of the papers."""
SHADE_NOTE = f"lines of more than {LONG:,} points: means over three pixels, shaded from the lowest to the highest value"
PERTURBATION_TITLES = {"clean": "no perturbation", "uniform": "uniform noise", "adversarial": "adversarial"}
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Labels:
    """What runs are called in a figure, and their colours: the same for all seeds of a group.

    by_run: label by run id. order: labels in the order of their colours.
    """

    by_run: Mapping[str, str]
    order: tuple[str, ...]

    def number(self, label: str) -> int:
        """The colour of a label."""
        return self.order.index(label)


def figure_data(
    store: Store, name: str, runs: Sequence[RunRow], *, metrics: Sequence[str] = (), by: str = "epoch"
) -> FigureData:
    """The numbers of a figure. metrics, by: for curves.

    Raises: IgdmError for a name or a metric that is none.
    """
    ids = [run.id for run in runs]
    if name in FIGURES:
        return FIGURES[name](store, ids)
    if name not in NAMES:
        raise IgdmError(f"no figure {name!r} (there are: {', '.join(NAMES)})")
    return curves(store, ids, name, metrics=metrics, by=by)


def labels_of(runs: Sequence[RunRow], *, group: bool) -> Labels:
    """Runs by their names, or experiments by theirs; equal names get a seed, an id or a hash."""
    own = {(run.settings_hash or run.id) if group else run.id: run for run in runs}
    names = [experiment_title(run) if group else run.name for run in own.values()]
    details = [[key[:8] for key in own]] if group else [[f"s{run.seed}" for run in own.values()], list(own)]
    unique = dict(zip(own, told_apart(names, *details), strict=True))
    keys = {run.id: (run.settings_hash or run.id) if group else run.id for run in runs}
    return Labels({run_id: unique[key] for run_id, key in keys.items()}, tuple(dict.fromkeys(unique.values())))


def figure_of(data: FigureData, labels: Labels) -> Figure:
    """The picture of a figure's numbers. Runs that share a label are drawn as their mean, with one deviation around."""
    rows = [dict(zip(data.columns, row, strict=True)) for row in data.rows]
    flags = _Flags(labels)
    if data.name == "alignment":
        panels = _alignment(rows, labels, data.fits, flags)
    elif data.name == "epsilon":
        panels = _epsilon(rows, labels, flags)
    elif data.name == "pointwise":
        panels = _pointwise(rows, labels)
    elif data.name == "linearity":
        panels = [_linearity(rows, labels)]
    else:
        panels = _curves(rows, labels)
    where = f" ({data.source})" if data.source else ""
    is_long = any(len(trace.ys) > LONG for panel in panels for trace in panel.traces)
    notes = [*flags.notes(), *([SHADE_NOTE] if is_long else []), *data.notes]
    return Figure(name=data.name, title=f"{data.title}{where}", panels=panels, notes=notes)


class _Flags:
    """Reasons to doubt a point, numbered as they come; the number stands beside the point."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._texts: list[str] = []

    def mark(self, row: Row) -> str:
        """The footnote mark of a row, "" for one without a flag."""
        if not row.get("flags"):
            return ""
        text = f"{self._labels.by_run[str(row['run'])]}, seed {row['seed']}: {row['flags']}"
        if text not in self._texts:
            self._texts.append(text)
        return str(self._texts.index(text) + 1)

    def notes(self) -> list[str]:
        """The footnotes."""
        return [f"{number} {text}" for number, text in enumerate(self._texts, 1)]


def _curves(rows: Sequence[Row], labels: Labels) -> list[Panel]:
    """A panel per metric."""
    panels = []
    for name in dict.fromkeys(str(row["metric"]) for row in rows):
        own = [row for row in rows if row["metric"] == name]
        by = str(own[0]["by"])
        panels.append(
            Panel(title=_title(name), x=Scale(title=by), y=_scale(name), traces=_lines(own, labels, by, "value"))
        )
    return panels


def _linearity(rows: Sequence[Row], labels: Labels) -> Panel:
    name = "linearity_remainder"
    traces = _lines(rows, labels, "epoch", name)
    return Panel(title="Taylor remainder", x=Scale(title="epoch"), y=Scale(title="share of the output"), traces=traces)


def _alignment(rows: Sequence[Row], labels: Labels, fits: Sequence[Fit], flags: _Flags) -> list[Panel]:
    """AutoAttack accuracy against GD and against GC: a point per run, the regression through all of them."""
    panels = []
    for name in ("gradient_distance", "gradient_cosine"):
        traces = [
            Trace(
                label=label,
                kind="points",
                number=labels.number(label),
                xs=_numbers(own, name),
                ys=_numbers(own, "autoattack_accuracy"),
                marks=[flags.mark(row) for row in own],
            )
            for label, own in _by_label(rows, labels)
        ]
        fit = next((fit for fit in fits if fit.x == name), None)
        note = ""
        if fit is not None:
            across = [x for trace in traces for x in trace.xs if math.isfinite(x)]
            ends = [min(across), max(across)]
            traces.append(Trace(label="fit", kind="fit", xs=ends, ys=[fit.slope * x + fit.intercept for x in ends]))
            note = f"r = {fit.correlation:.2f}, n = {fit.n}"
        y = _scale("autoattack_accuracy")
        panels.append(Panel(title=f"AA against {_title(name)}", x=_scale(name), y=y, traces=traces, note=note))
    return panels


def _epsilon(rows: Sequence[Row], labels: Labels, flags: _Flags) -> list[Panel]:
    """A panel per attack: accuracy against the radius, with 95 % intervals of single runs."""
    panels = []
    for attack in dict.fromkeys(str(row["attack"]) for row in rows):
        own = [{**row, "radius": _number(row["epsilon"]) * 255} for row in rows if row["attack"] == attack]
        traces = _lines(own, labels, "radius", "accuracy", flags=flags, bounds=("low", "high"))
        y = Scale(title="accuracy %", percent=True)
        panels.append(Panel(title=_family_title(attack), x=Scale(title="epsilon in 1/255"), y=y, traces=traces))
    return panels


def _pointwise(rows: Sequence[Row], labels: Labels) -> list[Panel]:
    """Bars: distance of outputs without, with uniform, with adversarial perturbation."""
    panels = []
    for outputs in dict.fromkeys(str(row["outputs"]) for row in rows):
        own = [row for row in rows if row["outputs"] == outputs]
        traces = []
        for label, members in _by_label(own, labels):
            means = [_mean(_numbers(members, where)) for where in PERTURBATIONS]
            places = [float(place) for place in range(len(PERTURBATIONS))]
            traces.append(Trace(label=label, kind="bars", number=labels.number(label), xs=places, ys=means))
        x = Scale(title="input", categories=tuple(PERTURBATION_TITLES.values()))
        panels.append(Panel(title=f"of {outputs}", x=x, y=Scale(title="mean L2 distance"), traces=traces))
    return panels


def _lines(
    rows: Sequence[Row], labels: Labels, x: str, y: str, *, flags: "_Flags | None" = None, bounds: tuple[str, ...] = ()
) -> list[Trace]:
    """A line per label: a run's own points, or mean and sample deviation over the runs that have a point."""
    traces = []
    for label, own in _by_label(rows, labels):
        number = labels.number(label)
        if len({row["run"] for row in own}) == 1:
            low, high = [_numbers(own, name) for name in bounds] or ([], [])
            marks = [flags.mark(row) for row in own] if flags else []
            xs, ys = _numbers(own, x), _numbers(own, y)
            traces.append(
                Trace(label=label, number=number, xs=xs, ys=ys, low=low, high=high, whiskers=bool(bounds), marks=marks)
            )
            continue
        places: dict[float, list[Row]] = {}
        for row in own:
            places.setdefault(_number(row[x]), []).append(row)
        xs = sorted(places)
        values = [[_number(row[y]) for row in places[place]] for place in xs]
        means, spreads = [_mean(entry) for entry in values], [_deviation(entry) for entry in values]
        marks = [",".join(filter(None, map(flags.mark, places[place]))) for place in xs] if flags else []
        low = [mean - spread for mean, spread in zip(means, spreads, strict=True)]
        high = [mean + spread for mean, spread in zip(means, spreads, strict=True)]
        seeds = {row["run"]: row["seed"] for row in own}
        said = f"{label} (mean ± std, {seeds_text(list(seeds.values()))})"
        traces.append(Trace(label=said, number=number, xs=xs, ys=means, low=low, high=high, marks=marks))
    return traces


def _by_label(rows: Sequence[Row], labels: Labels) -> Iterable[tuple[str, list[Row]]]:
    for label in labels.order:
        own = [row for row in rows if labels.by_run[str(row["run"])] == label]
        if own:
            yield label, own


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return math.fsum(known) / len(known) if known else math.nan


def _deviation(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return statistics.stdev(known) if len(known) > 1 else math.nan


def _numbers(rows: Sequence[Row], key: str) -> list[float]:
    return [_number(row[key]) for row in rows]


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _title(name: str) -> str:
    return METRICS[name].title if name in METRICS else name


def _family_title(attack: str) -> str:
    try:
        return attack_entry(attack).title
    except KeyError:
        return attack


def _scale(name: str) -> Scale:
    percent = name in METRICS and METRICS[name].unit == "fraction"
    return Scale(title=f"{_title(name)} %" if percent else _title(name), percent=percent)
