"""One run as text: where it stands, what was measured, what was said, how it was set."""

import time
from collections.abc import Sequence

from core.spec.catalogue import METRICS
from core.spec.identity import flatten
from core.spec.run_folder import RunFolder
from igdm_tui.numbers import NOTHING, age, duration, metric
from igdm_tui.report.comparison import accuracy_intervals
from igdm_tui.report.evaluation_text import history_text
from igdm_tui.report.formats import setting_text
from igdm_tui.report.text_table import Column, text_table
from igdm_tui.sanitise import sanitise, sanitise_line
from igdm_tui.slurm.records import describe
from igdm_tui.store.rows import EvaluationRow, JudgementRow, RunRow


def run_text(
    run: RunRow,
    evaluations: Sequence[EvaluationRow],
    warnings: Sequence[str],
    *,
    judgements: Sequence[JudgementRow] = (),
    bold: bool = False,
) -> str:
    """Everything a person wants to know about a run, as harmless text. judgements: the history of its evaluations."""
    parts = [_head(run)]
    if run.metrics or run.teacher_metrics:
        parts.append(results_table(run, evaluations, bold=bold))
    if judgements:
        parts.append(history_text(judgements, bold=bold))
    notes = [
        f"flag: {row.attack}{'' if row.of_run else f' ({row.evaluation})'}: {flag}"
        for row in evaluations
        for flag in row.flags
    ]
    notes += [f"warning: {warning}" for warning in warnings]
    if run.error:
        notes.append(f"error: {run.error}")
    if notes:
        parts.append("\n".join(sanitise(note) for note in notes))
    changed = _changed_settings(run)
    if changed:
        columns = [
            Column(title="setting", cells=list(changed)),
            Column(title="value", cells=[setting_text(key, value) for key, value in changed.items()]),
        ]
        parts.append(text_table(columns, bold=bold))
    return "\n\n".join(parts)


def results_table(
    run: RunRow, evaluations: Sequence[EvaluationRow], *, bold: bool = False, only: Sequence[str] = ()
) -> str:
    """Every metric, or `only` some, with its 95 % interval where the counts are known, and the teacher's own."""
    intervals = accuracy_intervals(evaluations)
    names = list(METRICS.in_order((*run.metrics, *run.teacher_metrics)))
    names += [name for name in run.metrics if name not in METRICS]
    names = [name for name in names if name in only] or names
    titles = [METRICS[name].title if name in METRICS else name for name in names]
    units = [" %" if name in METRICS and METRICS[name].unit == "fraction" else "" for name in names]
    columns = [
        Column(title="", cells=[f"{title}{unit}" for title, unit in zip(titles, units, strict=True)]),
        Column(title="value", cells=[metric(name, run.metrics.get(name)) for name in names], right=True),
    ]
    if intervals:
        columns.append(Column(title="95 % interval", cells=[_interval(intervals.get(name)) for name in names]))
    if run.teacher_metrics:
        cells = [metric(name, run.teacher_metrics.get(name)) for name in names]
        columns.append(Column(title="teacher", cells=cells, right=True))
    return text_table(columns, bold=bold)


def _head(run: RunRow) -> str:
    doing = f", {run.stage}" if run.stage else ""
    entries = {
        "run": f"{run.id}  {run.name}",
        "status": f"{run.status}{doing}",
        "epoch": f"{run.epoch}/{run.epochs}" if run.epochs else NOTHING,
        "time": f"{duration(run.elapsed_s)}, started {age(run.started_at, time.time())} ago",
        "what": f"{run.method}, IGDM alpha {run.igdm_alpha:g}, {run.teacher} to {run.student}, {run.dataset}",
        "seed": f"{run.seed}   settings {run.settings_hash}",
        "device": f"{run.device or NOTHING}, attempt {run.attempt}",
        "folder": f"{run.folder}{' (missing)' if run.folder_missing else ''}",
    }
    if run.started_at is None:
        entries["time"] = NOTHING
    slurm = describe(RunFolder(run.folder))
    if slurm:
        entries["slurm"] = slurm
    return "\n".join(f"{key:<7} {sanitise_line(text)}" for key, text in entries.items())


def _interval(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f"{bounds[0] * 100:.1f} to {bounds[1] * 100:.1f}"


def _changed_settings(run: RunRow) -> dict[str, object]:
    """Settings that are not at their default."""
    from core.spec.config import RunConfig

    defaults = flatten(RunConfig().model_dump(mode="json"))
    return {key: value for key, value in flatten(run.settings).items() if defaults.get(key) != value}
