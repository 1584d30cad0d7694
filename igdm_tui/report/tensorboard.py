"""Runs as TensorBoard event files: `tensorboard --logdir FOLDER` shows curves, results, settings and flags."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

from core.spec.atomic import replace_file
from core.spec.errors import IgdmError
from core.spec.identity import flatten
from igdm_tui.report import tfevents
from igdm_tui.report.escape import markdown_text
from igdm_tui.store.rows import EvaluationRow, RunRow
from igdm_tui.store.store import Store

READABLE = 0o644
UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
LONGEST_NAME = 60


def write_tensorboard(store: Store, runs: Sequence[RunRow], folder: Path) -> list[Path]:
    """One folder per run below `folder`, each with one event file; an earlier export of the same run is replaced.

    Raises: IgdmError when it cannot be written.
    """
    written = []
    for run in runs:
        path = folder / f"{_safe(run.name)}-{run.id}" / f"events.out.tfevents.{int(_began(run))}.{run.id}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, lambda file, run=run: file.writelines(event_records(store, run)))  # type: ignore[misc]
            path.chmod(READABLE)
        except OSError as error:
            raise IgdmError(f"{path}: {error.strerror or error} (choose another folder with --output)") from error
        written.append(path)
    return written


def event_records(store: Store, run: RunRow) -> Iterator[bytes]:
    """Every record of a run's file, in the order of steps.

    Tags: "train/loss" as logged per step, "epoch/loss" per epoch, "evaluation/final/autoattack_accuracy" at the last
    step. Wall times are the run's start plus the seconds it had worked: pauses between attempts are left out.
    """
    began = _began(run)
    yield tfevents.record(tfevents.version_event(began))
    yield tfevents.record(tfevents.settings_event(began, _settings(run)))
    said = []
    for order, (by, prefix) in enumerate((("step", "train"), ("epoch", "epoch"))):
        for step, (elapsed_s, values) in _points(store, run.id, by).items():
            said.append((step, order, elapsed_s, {f"{prefix}/{name}": value for name, value in values.items()}))
    said.sort(key=itemgetter(0, 1))
    for step, _, elapsed_s, tagged in said:
        yield tfevents.record(tfevents.scalars_event(began + elapsed_s, step, tagged))
    last = said[-1][0] if said else 0
    for row in store.evaluations(run.id):
        yield from _evaluation_records(row, began + run.elapsed_s, last)


def _evaluation_records(row: EvaluationRow, wall_time: float, step: int) -> Iterator[bytes]:
    tagged = {f"evaluation/{row.evaluation}/{name}": value for name, value in row.metrics.items()}
    yield tfevents.record(tfevents.scalars_event(wall_time, step, tagged))
    if row.flags:
        text = "\n".join(f"- {markdown_text(flag)}" for flag in row.flags)
        tag = f"evaluation/{row.evaluation}/{row.attack} flags"
        yield tfevents.record(tfevents.text_event(wall_time, step, tag, text))


def _points(store: Store, run_id: str, by: str) -> dict[int, tuple[float, dict[str, float]]]:
    """By step: seconds of the run, and the metrics said then."""
    points: dict[int, tuple[float, dict[str, float]]] = {}
    for metric in store.series_names(run_id)[by]:
        series = store.series(run_id, metric, by=by)
        for step, elapsed_s, value in zip(series.steps, series.elapsed_s, series.values, strict=True):
            points.setdefault(int(step), (elapsed_s, {}))[1][metric] = value
    return points


def _settings(run: RunRow) -> dict[str, tfevents.Setting]:
    """Settings as TensorBoard takes them: lists become text."""

    def plain(value: Any) -> tfevents.Setting:
        return value if isinstance(value, str | int | float) or value is None else json.dumps(value)

    return {key: plain(value) for key, value in flatten(run.settings).items()} | {"run": run.id}


def _began(run: RunRow) -> float:
    """Seconds since 1970; 0 for a run that never began."""
    try:
        return datetime.fromisoformat(run.started_at or run.created_at or "").timestamp()
    except ValueError:
        return 0.0


def _safe(name: str) -> str:
    """A name for a folder."""
    return UNSAFE.sub("-", name).strip("-.")[:LONGEST_NAME] or "run"
