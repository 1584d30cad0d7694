"""Evaluations of a run as text and JSON: when, of what, with which parameters, every accuracy with its interval."""

import math
from collections.abc import Sequence
from typing import Any

from core.spec.attack_names import attack_entry, check_attack_name
from core.spec.catalogue import METRICS
from core.spec.rational import rational_text
from igdm_tui.numbers import NOTHING, duration, metric
from igdm_tui.report.comparison import accuracy_interval
from igdm_tui.report.text_table import Column, text_table
from igdm_tui.store.rows import EvaluationRow, JudgementRow


def history_text(judgements: Sequence[JudgementRow], *, bold: bool = False) -> str:
    """One line per evaluation, then every measurement that is not among the run's own figures."""
    parts = [text_table(_history_columns(judgements), bold=bold)]
    others = [row for judgement in judgements for row in judgement.measurements if not row.of_run]
    if others:
        parts.append(text_table(measurement_columns(others, with_evaluation=True), bold=bold))
    return "\n\n".join(parts)


def judgement_text(judgement: JudgementRow, *, bold: bool = False) -> str:
    """One evaluation: its line, its measurements, its flags."""
    parts = [
        text_table(_history_columns([judgement]), bold=bold),
        text_table(measurement_columns(judgement.measurements, with_evaluation=False), bold=bold),
    ]
    flags = [f"flag: {row.attack}: {flag}" for row in judgement.measurements for flag in row.flags]
    return "\n\n".join([*parts, *(["\n".join(flags)] if flags else [])])


def measurement_columns(rows: Sequence[EvaluationRow], *, with_evaluation: bool) -> list[Column]:
    """A line for each metric of each measurement."""
    lines = [(row, name) for row in rows for name in row.metrics]
    columns = [
        Column(title="attack", cells=[_title(row, name) for row, name in lines], importance=1000),
        Column(title="value", cells=[metric(name, row.metrics[name]) for row, name in lines], right=True),
        Column(title="95 % interval", cells=[_interval(row) for row, _ in lines]),
        Column(title="images", cells=[str(row.examples) for row, _ in lines], right=True),
        Column(title="seed", cells=[str(row.seed) for row, _ in lines], right=True),
        Column(title="time", cells=[duration(row.seconds) for row, _ in lines], right=True),
        Column(title="by", cells=[row.package or "igdm-tui" for row, _ in lines]),
    ]
    if with_evaluation:
        columns.insert(0, Column(title="evaluation", cells=[row.evaluation for row, _ in lines], importance=1000))
    return columns


def judgement_json(run_id: str, judgement: JudgementRow) -> dict[str, Any]:
    """One evaluation for scripts: accuracies as fractions with their interval, absent when not measured."""
    return {
        "run": run_id,
        "evaluation": judgement.evaluation,
        "status": judgement.state,
        "error": judgement.error,
        "checkpoint": judgement.checkpoint,
        "attacks": list(judgement.attacks),
        "num_examples": judgement.num_examples,
        "epsilon": _finite(judgement.epsilon),
        "batch_size": judgement.batch_size,
        "device": judgement.device,
        "finished_at": judgement.finished_at,
        "seconds": judgement.seconds,
        "metrics": {name: _finite(value) for row in judgement.measurements for name, value in row.metrics.items()},
        "measurements": [_measurement_json(row) for row in judgement.measurements],
    }


def _measurement_json(row: EvaluationRow) -> dict[str, Any]:
    interval = accuracy_interval(row)
    return {
        "attack": row.attack,
        "metrics": {name: _finite(value) for name, value in row.metrics.items()},
        "correct": row.correct,
        "examples": row.examples,
        "interval": None if interval is None else list(interval),
        "seconds": row.seconds,
        "seed": row.seed,
        "parameters": row.parameters,
        "flags": row.flags,
        "package": row.package,
        "finished_at": row.finished_at,
        "of_run": row.of_run,
    }


def _history_columns(judgements: Sequence[JudgementRow]) -> list[Column]:
    return [
        Column(title="evaluation", cells=[row.evaluation for row in judgements]),
        Column(title="state", cells=[f"{row.state}: {row.error}" if row.error else row.state for row in judgements]),
        Column(title="when", cells=[_when(row) for row in judgements]),
        Column(title="checkpoint", cells=[row.checkpoint for row in judgements]),
        Column(title="images", cells=[str(row.num_examples or NOTHING) for row in judgements], right=True),
        Column(title="epsilon", cells=[_epsilon(row) for row in judgements], right=True),
        Column(title="batch", cells=[str(row.batch_size or NOTHING) for row in judgements], right=True),
        Column(title="time", cells=[duration(row.seconds) for row in judgements], right=True),
        Column(title="attacks", cells=[" ".join(row.attacks) for row in judgements]),
    ]


def _when(row: JudgementRow) -> str:
    """UTC, to the minute."""
    return row.finished_at[:16].replace("T", " ") if row.finished_at else NOTHING


def _epsilon(row: JudgementRow) -> str:
    return NOTHING if math.isnan(row.epsilon) else rational_text(row.epsilon)


def _title(row: EvaluationRow, name: str) -> str:
    """An accuracy by its attack, with its unit; another metric by its own name."""
    entry = METRICS.get(name)
    known = row.correct is not None and check_attack_name(row.attack) is None
    title = attack_entry(row.attack).title if known else entry.title if entry else name
    return f"{title} %" if entry and entry.unit == "fraction" else title


def _interval(row: EvaluationRow) -> str:
    interval = accuracy_interval(row)
    return "" if interval is None else f"{interval[0] * 100:.1f} to {interval[1] * 100:.1f}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
