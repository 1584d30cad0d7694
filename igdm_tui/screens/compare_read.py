"""What the Compare screen reads, in the reader's thread: results, verdicts per image, curves, radii."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.spec.attack_names import ATTACKS
from core.spec.published_results import PublishedMatch
from igdm_tui.curves import Piece, Wanted, mean_and_band, read_pieces, rhythm
from igdm_tui.palette import run_letter
from igdm_tui.report.baseline import Against, Difference, against
from igdm_tui.report.comparison import Comparison, Line, compare_runs
from igdm_tui.report.published import published_matches
from igdm_tui.report.verdicts import Verdicts, verdicts_of_run
from igdm_tui.widgets.curve import Curve
from igdm_tui.widgets.decimate import floats

if TYPE_CHECKING:
    from igdm_tui.store import EvaluationRow, RunRow, Store

# Losses come last: those of different methods are different quantities.
FIRST_METRICS = (
    "validation_pgd_accuracy", "validation_clean_accuracy", "gradient_cosine", "gradient_distance",
    "loss", "ad_loss", "igdm_loss",
)  # fmt: skip
LEVELS = 255
DEVIATION, INTERVAL = "± std", "95 % interval"
TESTED = frozenset(entry.metric for entry in ATTACKS.values() if entry.is_accuracy)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the comparison. number: gives its letter and its colour, -1 for a teacher, which has neither."""

    line: Line
    number: int

    @property
    def key(self) -> str:
        """What stays the same when its numbers change."""
        return self.line.runs[0].id if self.line.runs else self.line.label

    @property
    def letter(self) -> str:
        """A, B, ...; nothing for a teacher."""
        return run_letter(self.number) if self.number >= 0 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Results of all entries, and their differences to the baseline; None when nothing can be compared with another.

    published: what papers print, by the position of the entry it belongs to.
    """

    comparison: Comparison
    entries: tuple[Entry, ...]
    against: Against | None
    published: Mapping[int, PublishedMatch]

    @property
    def baseline(self) -> Entry:
        """The entry that the others are held against."""
        return self.entries[self.against.baseline if self.against else 0]

    def difference(self, entry: Entry, metric: str) -> Difference | None:
        """Of an entry to the baseline; None for the baseline itself, for teachers, and where one has no value."""
        if self.against is None:
            return None
        return self.against.differences[self.entries.index(entry)].get(metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A curve with what lies around it, None for nothing. around: what that is, DEVIATION or INTERVAL or both."""

    curve: Curve
    band: tuple[Curve, Curve] | None
    around: frozenset[str] = frozenset()


class VerdictShelf:
    """Verdicts per image of each run, read again when the run has said something. For the reader's thread."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, dict[str, Verdicts]]] = {}

    def read(
        self,
        runs: "Sequence[RunRow]",
        revisions: Mapping[str, int],
        evaluations: "Mapping[str, Sequence[EvaluationRow]]",
    ) -> dict[str, dict[str, Verdicts]]:
        """By run id."""
        for run in runs:
            revision = revisions.get(run.id, 0)
            if self._kept.get(run.id, (-1, {}))[0] != revision:
                self._kept[run.id] = (revision, verdicts_of_run(run.folder, run.settings, evaluations[run.id]))
        return {run.id: self._kept[run.id][1] for run in runs}


def read_comparison(
    store: "Store",
    runs: "Sequence[RunRow]",
    shelf: VerdictShelf,
    revisions: Mapping[str, int],
    *,
    group: bool,
    baseline: str,
) -> Reading:
    """Compare runs or groups of them.

    baseline: a run of the line that the others are held against; "" for the first that was evaluated.
    """
    evaluations = {run.id: store.evaluations(run.id) for run in runs}
    comparison = compare_runs(runs, group=group, evaluations=evaluations)
    students = len(comparison.students)
    entries = tuple(Entry(line, n if n < students else -1) for n, line in enumerate(comparison.lines))
    measured = next((n for n, e in enumerate(entries[:students]) if TESTED.intersection(e.line.cells)), 0)
    place = next((n for n, e in enumerate(entries) if any(run.id == baseline for run in e.line.runs)), measured)
    found = against(comparison, place, shelf.read(runs, revisions, evaluations)) if students > 1 else None
    return Reading(comparison=comparison, entries=entries, against=found, published=published_matches(comparison))


def metrics_over(store: "Store", run_ids: Sequence[str], x: str) -> list[str]:
    """Names that at least one of the runs has over that x, the most telling ones first."""
    names = [store.series_names(run_id) for run_id in run_ids]
    found = dict.fromkeys(metric for own in names for by in ("epoch", "step") for metric in own[by])
    usable = [name for name in found if any(rhythm(own, name, x) for own in names)]
    return sorted(usable, key=lambda name: FIRST_METRICS.index(name) if name in FIRST_METRICS else len(FIRST_METRICS))


def wanted_curves(store: "Store", runs: "Sequence[RunRow]", metric: str, x: str) -> list[Wanted]:
    """One for each run that has the metric."""
    found = [(run, rhythm(store.series_names(run.id), metric, x)) for run in runs]
    return [Wanted(run.id, run.attempt, metric, by, x) for run, by in found if by]


def read_curves(store: "Store", known: Mapping[Wanted, int], wanted: Sequence[Wanted]) -> dict[Wanted, Piece]:
    """What is new in the curves of single runs."""
    return read_pieces(store, {key: known.get(key, 0) for key in wanted})


def read_group_curve(store: "Store", runs: "Sequence[RunRow]", metric: str, x: str) -> Band | None:
    """Mean ± std of those of a group's runs that have the metric."""
    wanted = wanted_curves(store, runs, metric, x)
    series = [store.series(key.run_id, metric, by=key.by) for key in wanted]
    series = [one for one in series if len(one)]
    if not series:
        return None
    curve, band = mean_and_band(series, x)
    return Band(curve=curve, band=band if len(series) > 1 else None) if len(curve) else None


def read_radii(store: "Store", entries: Sequence[Entry]) -> dict[str, dict[str, Band]]:
    """By family of attacks, then by entry: accuracy over epsilon in 1/255, with Wilson's interval or ± std."""
    from igdm_tui.report.figure_data import epsilon

    ids = [run.id for entry in entries for run in entry.line.runs]
    data = epsilon(store, ids)
    at = {name: data.columns.index(name) for name in ("run", "attack", "epsilon", "accuracy", "low", "high")}
    families = dict.fromkeys(str(row[at["attack"]]) for row in data.rows)
    found: dict[str, dict[str, Band]] = {}
    for family in families:
        own = [row for row in data.rows if row[at["attack"]] == family]
        for entry in entries:
            points: dict[float, list[tuple[float, float, float]]] = {}
            for row in own:
                if any(run.id == row[at["run"]] for run in entry.line.runs):
                    values = [float(row[at[name]] or 0.0) for name in ("accuracy", "low", "high")]
                    points.setdefault(float(row[at["epsilon"]] or 0.0), []).append((values[0], values[1], values[2]))
            if len(points) > 1:
                found.setdefault(family, {})[entry.key] = _over_radii(points)
    return found


def family_title(family: str) -> str:
    """How an attack is called."""
    return ATTACKS[family].title if family in ATTACKS else family


def around_title(bands: Iterable[Band]) -> str:
    """What lies around the curves: "± std", "95 % interval", or both where some points are of a single run."""
    found = frozenset[str]().union(*(band.around for band in bands))
    return " or ".join(kind for kind in (DEVIATION, INTERVAL) if kind in found)


def _over_radii(points: Mapping[float, Sequence[tuple[float, float, float]]]) -> Band:
    radii = sorted(points)
    xs, means, lows, highs = floats([radius * LEVELS for radius in radii]), floats(), floats(), floats()
    for radius in radii:
        values = [accuracy for accuracy, _, _ in points[radius]]
        mean = statistics.fmean(values)
        spread = statistics.stdev(values) if len(values) > 1 else math.nan
        low, high = (mean - spread, mean + spread) if len(values) > 1 else points[radius][0][1:]
        means.append(mean)
        lows.append(low)
        highs.append(high)
    around = frozenset(DEVIATION if len(points[radius]) > 1 else INTERVAL for radius in radii)
    return Band(curve=Curve(xs, means), band=(Curve(xs, lows), Curve(xs, highs)), around=around)
