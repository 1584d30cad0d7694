"""How far each line of a comparison is from a chosen one, and whether that is more than chance."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.spec.catalogue import METRICS
from core.spec.errors import IgdmError
from igdm_tui.numbers import metric
from igdm_tui.report.comparison import TABLE_METRICS, Comparison, Line
from igdm_tui.report.significance import LEAST_PAIRS, mcnemar, paired_test
from igdm_tui.report.text_table import Column, text_table
from igdm_tui.report.verdicts import Verdicts
from igdm_tui.sanitise import sanitise_line

SMALLEST_P = 1e-4
RunVerdicts = Mapping[str, Mapping[str, Verdicts]]
"""By run id, then by metric."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Of one metric to the baseline's.

    value: this line's minus the baseline's, in the metric's unit. test: "McNemar" over test images, "paired t" over
    seeds, or "" with a note that says why there is none. p: two-sided. pairs: images or seeds that both have.
    gained, lost: images that only this one, only the baseline gets right. wilcoxon_p: of the same seeds.
    """

    value: float
    test: str = ""
    p: float | None = None
    pairs: int = 0
    gained: int = 0
    lost: int = 0
    wilcoxon_p: float | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """For scripts; what does not apply is absent."""
        content: dict[str, Any] = {"value": self.value if math.isfinite(self.value) else None}
        if self.test:
            content |= {"test": self.test, "p": self.p, "pairs": self.pairs}
        if self.test == "McNemar":
            content |= {"gained": self.gained, "lost": self.lost}
        if self.wilcoxon_p is not None:
            content["wilcoxon_p"] = self.wilcoxon_p
        return content | ({"note": self.note} if self.note else {})


@dataclass(frozen=True, kw_only=True, slots=True)
class Against:
    """Differences of every line to the line at `baseline`; none for itself and for teachers."""

    baseline: int
    differences: tuple[Mapping[str, Difference], ...]


def against(comparison: Comparison, baseline: int, verdicts: RunVerdicts) -> Against:
    """Differences to the line at that position. verdicts: what was kept per image, for runs that have it."""
    old = comparison.lines[baseline]
    differences = []
    for position, line in enumerate(comparison.lines):
        names = [name for name in comparison.metrics if name in line.cells and name in old.cells]
        own = position != baseline and not line.is_teacher and not old.is_teacher
        differences.append({name: _difference(name, old, line, verdicts) for name in names} if own else {})
    return Against(baseline=baseline, differences=tuple(differences))


def line_of(comparison: Comparison, run_id: str) -> int:
    """The position of the line that holds a run.

    Raises: IgdmError when it is in none.
    """
    for position, line in enumerate(comparison.lines):
        if any(run.id == run_id for run in line.runs):
            return position
    raise IgdmError(f"run {run_id} is not among those compared (name it too)")


def _difference(name: str, old: Line, new: Line, verdicts: RunVerdicts) -> Difference:
    value = new.cells[name].value - old.cells[name].value
    if len(old.runs) == 1 and len(new.runs) == 1:
        return _over_images(value, name, verdicts.get(old.runs[0].id, {}), verdicts.get(new.runs[0].id, {}))
    return _over_seeds(value, name, old, new)


def _over_images(value: float, name: str, old: Mapping[str, Verdicts], new: Mapping[str, Verdicts]) -> Difference:
    """One run against one run: the same images, image by image."""
    if name not in old or name not in new:
        kept = name.endswith("_accuracy") and not name.startswith("validation")
        return Difference(value=value, note="no verdicts per image were kept" if kept else "")
    reason = old[name].reason_not_comparable(new[name])
    if reason:
        return Difference(value=value, note=reason)
    found = mcnemar(old[name].robust, new[name].robust)
    return Difference(
        value=value, test="McNemar", p=found.p, pairs=len(new[name].robust), gained=found.gained, lost=found.lost
    )


def _over_seeds(value: float, name: str, old: Line, new: Line) -> Difference:
    """Several runs against several: pairs of equal seeds."""
    old_values = {run.seed: run.metrics[name] for run in old.runs if name in run.metrics}
    new_values = {run.seed: run.metrics[name] for run in new.runs if name in run.metrics}
    seeds = sorted(
        seed for seed in old_values.keys() & new_values.keys() if math.isfinite(old_values[seed] + new_values[seed])
    )
    if len(seeds) < LEAST_PAIRS:
        said = {0: "no common seed", 1: "1 common seed"}.get(len(seeds), f"{len(seeds)} common seeds")
        return Difference(value=value, pairs=len(seeds), note=f"{said}, {LEAST_PAIRS} are needed")
    found = paired_test([old_values[seed] for seed in seeds], [new_values[seed] for seed in seeds])
    return Difference(value=value, test="paired t", p=found.p, pairs=len(seeds), wilcoxon_p=found.wilcoxon_p)


def p_text(p: float) -> str:
    """0.41, 0.032, 0.0012, <0.0001."""
    if p < SMALLEST_P:
        return f"<{SMALLEST_P:.4f}"
    return f"{p:.2f}" if p >= 0.1 else (f"{p:.3f}" if p >= 0.01 else f"{p:.4f}")


def difference_text(name: str, difference: Difference | None) -> str:
    """ "+1.39 p=0.031 (12:4)": percent points for an accuracy; in brackets images gained and lost, or seeds."""
    if difference is None:
        return ""
    text = signed(name, difference.value)
    if difference.test == "McNemar" and difference.p is not None:
        return f"{text} p={p_text(difference.p)} ({difference.gained}:{difference.lost})"
    if difference.test and difference.p is not None:
        return f"{text} p={p_text(difference.p)} (n={difference.pairs})"
    return text


def signed(name: str, value: float) -> str:
    """A difference with its sign, in the unit of its metric: percent points for fractions."""
    if not math.isfinite(value):
        return metric(name, value)
    return ("+" if value >= 0 else "-") + metric(name, abs(value))


def against_text(comparison: Comparison, found: Against, *, width: int | None = None, bold: bool = False) -> str:
    """The differences as an aligned table, and what its signs mean."""
    names = [name for name in comparison.metrics if name in TABLE_METRICS]
    places = [place for place, entries in enumerate(found.differences) if entries]
    label = sanitise_line(comparison.lines[found.baseline].label)
    head = Column(
        title=f"minus {label}"[:44], cells=[comparison.lines[place].label for place in places], importance=1000
    )
    columns = [
        Column(
            title=METRICS[name].title,
            cells=[difference_text(name, found.differences[place].get(name)) for place in places],
            right=True,
            importance=900 - rank,
        )
        for rank, name in enumerate(names)
        if any(name in found.differences[place] for place in places)
    ]
    parts = [text_table([head, *columns], width=width, bold=bold)]
    tests = {entry.test for entries in found.differences for entry in entries.values() if entry.test}
    meanings = {
        "McNemar": "p: McNemar's exact test over the same test images (gained:lost)",
        "paired t": "p: paired t over n common seeds",
    }
    said = [meaning for test, meaning in meanings.items() if test in tests]
    notes = dict.fromkeys(
        f"no test for {METRICS[name].title}: {entry.note}"
        for entries in found.differences
        for name, entry in entries.items()
        if entry.note and name in names
    )
    return "\n".join([*parts, *said, *notes])


def against_json(comparison: Comparison, found: Against) -> dict[str, Any]:
    """The differences of each row that is no teacher, in the order of the rows; null for the baseline itself."""
    return {
        "baseline": [run.id for run in comparison.lines[found.baseline].runs],
        "differences_to_baseline": [
            {name: entry.to_json() for name, entry in entries.items()} if place != found.baseline else None
            for place, entries in enumerate(found.differences)
            if not comparison.lines[place].is_teacher
        ],
    }
