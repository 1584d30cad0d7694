"""What screens and commands may ask of experiments.db. Short reads; only `series` reads points."""

import json
import math
import sqlite3
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from core.spec.home import Home
from core.spec.run_folder import RunFolder
from igdm_tui.numbers import moment
from igdm_tui.queue.waiting import WaitingRuns
from igdm_tui.store.find import RunName
from igdm_tui.store.rows import EvaluationRow, JudgementRow, RunRow, Series, StageRow, TeacherRow, read_settings
from igdm_tui.store.status import Teaching, derive_status, progress_share, stage_text

MOST_WARNINGS = 500
ROWS_AT_ONCE = 2000
MOST_CURVE_POINTS = 1000
NEWEST_FIRST = "ORDER BY created_at DESC, id DESC"
# What is said later in this list replaces what is said earlier, metric by metric.
SUMMARY_ORDER = "CASE source WHEN 'step' THEN 0 WHEN 'epoch' THEN 1 WHEN 'later' THEN 2 ELSE 3 END"
NEWEST_EVALUATION = "(SELECT evaluation FROM evaluations WHERE run = runs.key ORDER BY position DESC LIMIT 1)"
STAGE_COLUMNS = (
    "evaluation, stage_progress.attack, stage, stage_number, num_stages, batch, batches, robust, examples, seconds"
)


def names(connection: sqlite3.Connection) -> list[RunName]:
    """Ids and names, newest first."""
    return [RunName(*row) for row in connection.execute(f"SELECT id, name FROM runs {NEWEST_FIRST}")]


def restless(connection: sqlite3.Connection) -> set[str]:
    """Runs whose state may change without a new event, because a process may have started or died."""
    rows = connection.execute("SELECT id FROM runs WHERE (ended != 'finished' OR phase != '') AND NOT folder_missing")
    return {run_id for (run_id,) in rows}


def runs(
    connection: sqlite3.Connection, home: Home, *, now: float, run_ids: Collection[str] | None = None
) -> list[RunRow]:
    """All runs newest first, or some. `now` in seconds since 1970: a running run's time goes on between its events."""
    metrics: dict[int, dict[str, float]] = {}
    some = "IN (SELECT value FROM json_each(?))"
    of_run, of_id, values = "", "", tuple[str, ...]()
    if run_ids is not None:
        of_run, of_id = f"WHERE run IN (SELECT key FROM runs WHERE id {some})", f"WHERE id {some}"
        values = (json.dumps(list(run_ids)),)
    query = f"SELECT run, metric, last FROM summary {of_run} ORDER BY {SUMMARY_ORDER}"
    for key, metric, last in connection.execute(query, values):
        metrics.setdefault(key, {})[metric] = _real(last)
    query = f"SELECT run, state, epoch, epochs, cached, metrics FROM run_teachers {of_run}"
    teachers = {
        key: (Teaching(state, epoch, epochs, bool(cached)), json.loads(found) if state == "ready" else {})
        for key, state, epoch, epochs, cached, found in connection.execute(query, values)
    }
    cursor = connection.execute(f"SELECT * FROM runs {of_id} {NEWEST_FIRST}", values)
    columns = [column[0] for column in cursor.description]
    nothing: tuple[Teaching, dict[str, float]] = (Teaching(), {})
    queue, folders = WaitingRuns(home), home.runs
    result = []
    for row in cursor:
        run = dict(zip(columns, row, strict=True))
        result.append(
            _run_row(run, folders, now, metrics.get(run["key"], {}), teachers.get(run["key"], nothing), queue=queue)
        )
    return result


def _run_row(
    run: dict[str, Any],
    runs: Path,
    now: float,
    metrics: dict[str, float],
    teacher: tuple[Teaching, dict[str, float]],
    *,
    queue: WaitingRuns,
) -> RunRow:
    folder = RunFolder(runs / run["id"])
    teaching, teacher_metrics = teacher
    has_ticket = run["id"] in queue.ids
    status = derive_status(folder, run["ended"], run["attempt"], run["position"], has_ticket=has_ticket)
    is_running = status == "running"
    elapsed_s = run["before_s"]
    if run["attempt_m"] is not None:
        elapsed_s += max(run["last_m"] - run["attempt_m"], 0.0)
        if is_running and not _is_silent(folder, run["attempt"]):
            elapsed_s += max(now - run["last_t"], 0.0)
    stage = stage_text(
        run["phase"],
        teaching,
        epoch=run["epoch"],
        epochs=run["epochs"],
        attack=run["attack"],
        stage=run["attack_stage"],
    )
    progress = progress_share(
        phase=run["phase"], ended=run["ended"], epoch=run["epoch"], epochs=run["epochs"], step=run["step"],
        steps_per_epoch=run["steps_per_epoch"], attack=run["attack"], attack_progress=run["attack_progress"],
        attacks=partial(_attacks, run["settings"]), teaching=teaching,
    )  # fmt: skip
    if is_running:
        shown = (not run["ended"] and stage) or "starting"
    else:
        shown = queue.reason(run["id"]) if status == "queued" and has_ticket else _evaluating(run, folder)
    return RunRow(
        id=run["id"],
        name=run["name"],
        status=status,
        settings_hash=run["settings_hash"],
        seed=run["seed"],
        dataset=run["dataset"],
        teacher=run["teacher"],
        student=run["student"],
        method=run["method"],
        igdm_alpha=run["igdm_alpha"],
        created_at=run["created_at"] or None,
        started_at=moment(run["started_t"]),
        elapsed_s=elapsed_s,
        epoch=run["epoch"],
        epochs=run["epochs"],
        stage=shown,
        progress=progress,
        settings_text=run["settings"],
        metrics=metrics,
        teacher_metrics=teacher_metrics,
        error=run["error"],
        device=run["device"],
        attempt=run["attempt"],
        folder=folder.path,
        folder_missing=bool(run["folder_missing"]),
        tags=tuple(json.loads(run["tags"])) if run["tags"] != "[]" else (),
        note=run["note"],
        archived=bool(run["archived"]),
    )


def _is_silent(folder: RunFolder, attempt: int) -> bool:
    """True while a newer attempt has said nothing: the newest event is of one that was killed, maybe long ago."""
    worker = folder.read_worker()
    return worker is not None and worker[1] > attempt


def _attacks(settings_text: str) -> Any:
    """The attacks of a run's own evaluation, as its settings say them."""
    return (read_settings(settings_text).get("evaluation") or {}).get("attacks")


def _evaluating(run: dict[str, Any], folder: RunFolder) -> str:
    """What an evaluation after the run does now, while its process lives."""
    if not run["evaluating"] or folder.read_evaluating() != run["evaluating"]:
        return ""
    attack, stage = run["attack"], run["attack_stage"]
    return " ".join(["evaluating", *([attack] if attack else []), *([stage] if stage not in ("", attack) else [])])


def series(connection: sqlite3.Connection, run_id: str, metric: str, by: str, after: int = 0) -> Series:
    """One metric over time, or its points after a step."""
    query = (
        "SELECT step, epoch, elapsed_s, value FROM points WHERE series = (SELECT series.key FROM series"
        " JOIN runs ON runs.key = series.run WHERE runs.id = ? AND by = ? AND metric = ?) AND step > ? ORDER BY step"
    )
    found = Series()
    cursor = connection.execute(query, (run_id, by, metric, after))
    while rows := cursor.fetchmany(ROWS_AT_ONCE):  # in small parts: a reader must not keep the screen from its turn
        steps, epochs, elapsed_s, values = zip(*rows, strict=True)
        found.steps.extend(steps)
        found.epochs.extend(epochs)
        found.elapsed_s.extend(elapsed_s)
        found.values.extend([math.nan if value is None else value for value in values])
    return found


def small_curves(
    connection: sqlite3.Connection, run_ids: Sequence[str], metrics: Sequence[str]
) -> dict[str, tuple[float, ...]]:
    """The newest epochs of the first of `metrics` that each run has: a few rows of points for a few runs."""
    query = (
        "SELECT series.key FROM series JOIN runs ON runs.key = series.run"
        " WHERE runs.id = ? AND by = 'epoch' AND metric = ?"
    )
    points = "SELECT value FROM points WHERE series = ? ORDER BY step DESC LIMIT ?"
    curves = {}
    for run_id in run_ids:
        for metric in metrics:
            found = connection.execute(query, (run_id, metric)).fetchone()
            if found is not None:
                values = connection.execute(points, (found[0], MOST_CURVE_POINTS)).fetchall()
                curves[run_id] = tuple(_real(value) for (value,) in reversed(values))
                break
    return curves


def series_names(connection: sqlite3.Connection, run_id: str) -> dict[str, tuple[str, ...]]:
    """Names of the metrics that have a series, in the order they were first said."""
    query = "SELECT by, metric FROM series JOIN runs ON runs.key = series.run WHERE id = ? ORDER BY series.key"
    rows = connection.execute(query, (run_id,)).fetchall()
    return {kind: tuple(metric for by, metric in rows if by == kind) for kind in ("step", "epoch")}


def stages(connection: sqlite3.Connection, run_id: str) -> list[StageRow]:
    """The newest report of each stage of the newest evaluation, in the order they began."""
    latest: dict[tuple[str, str], StageRow] = {}
    for row in stage_history(connection, run_id):
        latest[row.attack, row.stage] = row
    return list(latest.values())


def stage_history(connection: sqlite3.Connection, run_id: str) -> list[StageRow]:
    """Every report of the newest evaluation, in order."""
    query = (
        f"SELECT {STAGE_COLUMNS} FROM stage_progress JOIN runs ON runs.key = run WHERE id = ?"
        f" AND evaluation = {NEWEST_EVALUATION} ORDER BY stage_progress.position"
    )
    return [
        StageRow(
            evaluation=evaluation, attack=attack, stage=stage, stage_number=stage_number, num_stages=num_stages,
            batch=batch, batches=batches, robust=robust, examples=examples, seconds=_real(seconds),
        )
        for (
            evaluation, attack, stage, stage_number, num_stages, batch, batches, robust, examples, seconds
        ) in connection.execute(query, (run_id,))
    ]  # fmt: skip


def evaluations(connection: sqlite3.Connection, run_id: str) -> list[EvaluationRow]:
    """Every complete measurement, in the order of their end."""
    query = (
        "SELECT measurements.*, evaluations.checkpoint AS checkpoint FROM measurements LEFT JOIN evaluations"
        " USING (run, evaluation) WHERE measurements.run = (SELECT key FROM runs WHERE id = ?)"
        " ORDER BY measurements.position"
    )
    cursor = connection.execute(query, (run_id,))
    columns = [column[0] for column in cursor.description]
    result = []
    for values in cursor:
        row = dict(zip(columns, values, strict=True))
        result.append(
            EvaluationRow(
                evaluation=row["evaluation"],
                attack=row["attack"],
                metrics=json.loads(row["metrics"]),
                correct=row["correct"],
                examples=row["examples"],
                seconds=_real(row["seconds"]),
                seed=row["seed"],
                parameters=json.loads(row["parameters"]),
                flags=json.loads(row["flags"]),
                package=row["package"],
                finished_at=moment(row["finished_t"]) or "",
                of_run=bool(row["of_run"]),
                checkpoint=row["checkpoint"] or "",
            )
        )
    return result


def judgements(connection: sqlite3.Connection, home: Home, run_id: str) -> list[JudgementRow]:
    """Every evaluation that began or failed, in the order of their beginning."""
    measured = evaluations(connection, run_id)
    alive = RunFolder(home.runs / run_id).read_evaluating()
    query = (
        "SELECT evaluation, checkpoint, attacks, num_examples, epsilon, batch_size, evaluations.device, finished_t,"
        " evaluations.error FROM evaluations JOIN runs ON runs.key = run WHERE id = ? ORDER BY evaluations.position"
    )
    result = []
    for row in connection.execute(query, (run_id,)):
        name, checkpoint, attacks, num_examples, epsilon, batch_size, device, finished_t, error = row
        state = "finished" if finished_t is not None else "failed" if error else "unfinished"
        result.append(
            JudgementRow(
                evaluation=name,
                state="running" if name == alive and state == "unfinished" else state,
                checkpoint=checkpoint or "",
                attacks=tuple(json.loads(attacks)),
                num_examples=num_examples or 0,
                epsilon=_real(epsilon),
                batch_size=batch_size,
                device=device,
                finished_at=moment(finished_t),
                error=error,
                measurements=tuple(entry for entry in measured if entry.evaluation == name),
            )
        )
    return result


def teacher(connection: sqlite3.Connection, run_id: str) -> TeacherRow | None:
    """How the run's teacher stands."""
    query = (
        "SELECT recipe_hash, state, run_teachers.epoch, run_teachers.epochs, cached, metrics FROM run_teachers"
        " JOIN runs ON runs.key = run WHERE id = ?"
    )
    row = connection.execute(query, (run_id,)).fetchone()
    if row is None:
        return None
    recipe_hash, state, epoch, epochs, cached, metrics = row
    return TeacherRow(
        recipe_hash=recipe_hash,
        state=state,
        epoch=epoch,
        epochs=epochs,
        cached=bool(cached),
        metrics=json.loads(metrics),
    )


def warnings(connection: sqlite3.Connection, run_id: str) -> list[str]:
    """Everything the user should know about a run, in order, at most 500."""
    query = "SELECT message FROM warnings JOIN runs ON runs.key = run WHERE id = ? ORDER BY warnings.position LIMIT ?"
    return [message for (message,) in connection.execute(query, (run_id, MOST_WARNINGS))]


def _real(value: float | None) -> float:
    """SQLite has no nan: it comes back as NULL."""
    return math.nan if value is None else value
