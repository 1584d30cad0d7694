"""Everything the store knows of runs, for keeping and for other programs: JSON of whole runs, long tables as CSV."""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from core.spec.errors import IgdmError
from core.spec.run_folder import RunFolder
from igdm_tui.report.escape import csv_text
from igdm_tui.report.figure_data import FigureData
from igdm_tui.report.interval import wilson
from igdm_tui.store.rows import EvaluationRow, RunRow
from igdm_tui.store.store import Store

ARCHIVE_VERSION = 1
SERIES_COLUMNS = ("run", "name", "seed", "by", "metric", "step", "epoch", "elapsed_s", "value")
EVALUATION_COLUMNS = (
    "run", "name", "seed", "evaluation", "attack", "metric", "value", "correct", "examples", "low", "high", "seconds",
    "attack_seed", "package", "parameters", "flags", "finished_at",
)  # fmt: skip
ROWS_AT_ONCE = 5_000


def run_archive(store: Store, run: RunRow) -> dict[str, Any]:
    """One run, complete: what `igdm show --json` gives, its evaluations, every logged number, where it comes from.

    Numbers that are not finite are the texts "nan", "inf", "-inf", as in events.jsonl.
    """
    provenance = {key: value for key, value in run_card(run).items() if key not in ("settings", "id", "name")}
    content: dict[str, Any] = _plain(
        run.to_json()
        | {
            "metrics": run.metrics,
            "created_at": run.created_at,
            "epoch": run.epoch,
            "epochs": run.epochs,
            "error": run.error,
            "device": run.device,
            "attempt": run.attempt,
            "teacher_metrics": run.teacher_metrics,
            "evaluations": [_evaluation_json(row) for row in store.evaluations(run.id)],
            "warnings": store.warnings(run.id),
            "series": {
                by: {metric: _series_json(store, run.id, metric, by) for metric in names}
                for by, names in store.series_names(run.id).items()
            },
            "provenance": provenance,
        }
    )
    return content


def archive(store: Store, runs: Sequence[RunRow]) -> dict[str, Any]:
    """Several runs, with the version of this form."""
    return {"archive_version": ARCHIVE_VERSION, "runs": [run_archive(store, run) for run in runs]}


def series_csv(store: Store, runs: Sequence[RunRow]) -> Iterator[str]:
    """Every logged number of the runs, one per line, in pieces: there may be millions."""

    def rows() -> Iterator[Sequence[Any]]:
        for run in runs:
            for by, names in store.series_names(run.id).items():
                for metric in names:
                    series = store.series(run.id, metric, by=by)
                    before = (run.id, csv_text(run.name), run.seed, by, csv_text(metric))
                    points = zip(series.steps, series.epochs, series.elapsed_s, series.values, strict=True)
                    for step, epoch, elapsed_s, value in points:
                        yield (*before, int(step), int(epoch), round(elapsed_s, 3), value)

    return csv_pieces(SERIES_COLUMNS, rows())


def evaluations_csv(store: Store, runs: Sequence[RunRow]) -> Iterator[str]:
    """Every measurement of every evaluation of the runs, one metric per line, with its flags."""

    def rows() -> Iterator[Sequence[Any]]:
        for run in runs:
            for row in store.evaluations(run.id):
                counted = row.correct is not None and 0 <= row.correct <= row.examples > 0
                low, high = wilson(row.correct or 0, row.examples) if counted else ("", "")
                for metric, value in row.metrics.items():
                    bounds = (low, high) if metric.endswith("_accuracy") else ("", "")
                    correct = "" if row.correct is None else row.correct
                    yield (
                        run.id, csv_text(run.name), run.seed, csv_text(row.evaluation), csv_text(row.attack),
                        csv_text(metric), value, correct, row.examples, *bounds, row.seconds, row.seed,
                        csv_text(row.package), csv_text(json.dumps(_plain(row.parameters))),
                        csv_text("; ".join(row.flags)), row.finished_at,
                    )  # fmt: skip

    return csv_pieces(EVALUATION_COLUMNS, rows())


def figure_csv(data: FigureData) -> Iterator[str]:
    """The rows of a figure."""
    rows = ([csv_text(value) if isinstance(value, str) else value for value in row] for row in data.rows)
    return csv_pieces(data.columns, rows)


def figure_json(data: FigureData) -> dict[str, Any]:
    """The rows of a figure with its fits and notes."""
    fits = [
        {"x": fit.x, "y": fit.y, "n": fit.n, "slope": fit.slope, "intercept": fit.intercept, "r": fit.correlation}
        for fit in data.fits
    ]
    rows = [dict(zip(data.columns, row, strict=True)) for row in data.rows]
    head = {"figure": data.name, "title": data.title, "source": data.source}
    content: dict[str, Any] = _plain(head | {"rows": rows, "fits": fits, "notes": list(data.notes)})
    return content


def csv_pieces(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A CSV text in pieces. Text in `rows` has been through `csv_text`; numbers stay as they are."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for number, row in enumerate(rows, 1):
        writer.writerow(row)
        if number % ROWS_AT_ONCE == 0:
            yield file.getvalue()
            file.seek(0)
            file.truncate()
    yield file.getvalue()


def _series_json(store: Store, run_id: str, metric: str, by: str) -> dict[str, list[Any]]:
    series = store.series(run_id, metric, by=by)
    return {
        "step": [int(step) for step in series.steps],
        "epoch": [int(epoch) for epoch in series.epochs],
        "elapsed_s": [round(seconds, 3) for seconds in series.elapsed_s],
        "value": list(series.values),
    }


def _evaluation_json(row: EvaluationRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def run_card(run: RunRow) -> dict[str, Any]:
    """run.json; nothing when it is damaged or gone: the store has said so in the run's warnings."""
    try:
        card = RunFolder(run.folder).read_run_json()
    except (IgdmError, OSError):
        return {}
    return card if isinstance(card, dict) else {}


def _plain(value: Any) -> Any:
    """The same for JSON, which has no nan and no infinities."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
