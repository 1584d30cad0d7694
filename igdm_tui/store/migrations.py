"""The form of experiments.db: a numbered list of small steps. Append only: a step that was released never changes.

`PRAGMA user_version` counts the steps a database has seen. Each runs through sqlite-utils on our own connection, all
of them in one transaction.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def runs(db: "Database") -> None:
    """One row per run: who it is, where it stands, and how far its files were read.

    ended: "", "finished", "failed" or "stopped" by the last such event. before_s: seconds of earlier attempts.
    attempt_m, last_m: monotonic clock at the attempt's start (NULL between attempts) and at the newest event; last_t:
    wall clock of that. phase: "", "starting", "teacher", "training" or "evaluation".
    position: bytes of events.jsonl that were read. card: size and time of run.json and labels.json as they were read.
    """
    db["runs"].create(
        {
            "key": int, "id": str, "name": str, "settings_hash": str, "seed": int, "dataset": str, "teacher": str,
            "student": str, "method": str, "igdm_alpha": float, "created_at": str, "settings": str,
            "started_t": float, "attempt": int, "device": str, "epochs": int, "steps_per_epoch": int,
            "epoch": int, "step": int, "phase": str, "attack": str, "attack_stage": str, "attack_progress": float,
            "ended": str, "error": str, "before_s": float, "attempt_m": float, "last_m": float, "last_t": float,
            "folder_missing": int, "position": int, "card": str,
        },
        pk="key",
        defaults={
            "name": "", "settings_hash": "", "seed": 0, "dataset": "", "teacher": "", "student": "", "method": "",
            "igdm_alpha": 0.0, "settings": "{}", "attempt": 0, "device": "", "epochs": 0, "steps_per_epoch": 0,
            "epoch": 0, "step": 0, "phase": "", "attack": "", "attack_stage": "", "attack_progress": 0.0, "ended": "",
            "error": "", "before_s": 0.0, "folder_missing": 0, "position": 0, "card": "",
        },
        not_null={"id", "ended", "position", "card"},
    )  # fmt: skip
    db["runs"].create_index(["id"], unique=True)


def series(db: "Database") -> None:
    """Metrics over time. One row of `series` per run, rhythm and metric; its points lie together, in order.

    by: "step" or "epoch", how often it is said. A value that is not a number is NULL.
    summary: the newest and the best value of each metric, so that listing runs never reads points;
    source: "step", "epoch" or "evaluation".
    """
    db["series"].create(
        {"key": int, "run": int, "by": str, "metric": str},
        pk="key",
        not_null={"run", "by", "metric"},
        foreign_keys=[("run", "runs", "key")],
    )
    db["series"].create_index(["run", "by", "metric"], unique=True)
    db.execute(
        "CREATE TABLE points (series INTEGER NOT NULL, step INTEGER NOT NULL, epoch INTEGER NOT NULL,"
        " elapsed_s REAL NOT NULL, value REAL, PRIMARY KEY (series, step)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE summary (run INTEGER NOT NULL REFERENCES runs (key), metric TEXT NOT NULL, source TEXT NOT NULL,"
        " last REAL, last_step INTEGER NOT NULL, best REAL, best_step INTEGER, PRIMARY KEY (run, metric, source))"
        " WITHOUT ROWID"
    )


def evaluations(db: "Database") -> None:
    """What attacks report and measure. `position` is the place of the event in its file: an order for all times."""
    db["evaluations"].create(
        {
            "run": int, "evaluation": str, "position": int, "checkpoint": str, "attacks": str, "num_examples": int,
            "epsilon": float, "finished_t": float,
        },
        pk=("run", "evaluation"),
        foreign_keys=[("run", "runs", "key")],
    )  # fmt: skip
    db["stage_progress"].create(
        {
            "run": int, "evaluation": str, "attack": str, "stage": str, "batch": int, "position": int,
            "stage_number": int, "num_stages": int, "batches": int, "robust": int, "examples": int, "seconds": float,
        },
        pk=("run", "evaluation", "attack", "stage", "batch"),
        foreign_keys=[("run", "runs", "key")],
    )  # fmt: skip
    db["measurements"].create(
        {
            "run": int, "evaluation": str, "attack": str, "position": int, "metrics": str, "correct": int,
            "examples": int, "seconds": float, "seed": int, "parameters": str, "flags": str, "package": str,
            "finished_t": float,
        },
        pk=("run", "evaluation", "attack"),
        foreign_keys=[("run", "runs", "key")],
    )  # fmt: skip


def teachers_and_warnings(db: "Database") -> None:
    """How the teacher of a run stands, and what the user should know. A warning about run.json has position -1."""
    db["run_teachers"].create(
        {
            "run": int, "recipe_hash": str, "state": str, "epoch": int, "epochs": int, "cached": int, "metrics": str,
        },
        pk="run",
        foreign_keys=[("run", "runs", "key")],
    )  # fmt: skip
    db["warnings"].create(
        {"run": int, "position": int, "message": str},
        pk=("run", "position"),
        foreign_keys=[("run", "runs", "key")],
    )


def labels(db: "Database") -> None:
    """What labels.json of a run says. tags: a JSON list of words. `card` stamps both files from here on."""
    db["runs"].add_column("tags", str, not_null_default="[]")
    db["runs"].add_column("note", str, not_null_default="")
    db["runs"].add_column("archived", int, not_null_default=0)


def evaluations_after_the_run(db: "Database") -> None:
    """Evaluations of a run that has ended, and which measurements are the run's own figures.

    runs.evaluating: the evaluation whose process has said it began and not that it ended. evaluations.error: why it
    failed, "" otherwise. measurements.of_run: 1 where its metrics stand for the run in listings and comparisons.
    """
    db["runs"].add_column("evaluating", str, not_null_default="")
    db["evaluations"].add_column("batch_size", int, not_null_default=0)
    db["evaluations"].add_column("device", str, not_null_default="")
    db["evaluations"].add_column("error", str, not_null_default="")
    db["measurements"].add_column("of_run", int, not_null_default=0)
    db.execute("UPDATE measurements SET of_run = 1 WHERE evaluation = 'final'")


MIGRATIONS: tuple[Callable[["Database"], None], ...] = (
    runs,
    series,
    evaluations,
    teachers_and_warnings,
    labels,
    evaluations_after_the_run,
)
VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, path: Path, *, to: int = VERSION) -> None:
    """Bring a database to this program's version; nothing happens to one that is there already.

    `path` is for messages. `to`: stop at an older version, for tests.
    Raises: sqlite3.Error; the database is then as it was.
    """
    from sqlite_utils import Database

    connection.execute("BEGIN IMMEDIATE")
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])  # another program may have been faster
        database = Database(connection)
        for step in MIGRATIONS[version:to]:
            step(database)
        connection.execute(f"PRAGMA user_version = {max(version, to)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
