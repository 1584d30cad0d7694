"""What the Runs screen says in words: which runs a search means, the selected line, and why nothing is listed."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from igdm_tui.numbers import NOTHING, duration
from igdm_tui.screens.runs_columns import mean_text
from igdm_tui.screens.runs_entries import STATUS_ORDER, Entry
from igdm_tui.widgets.run_table import LISTED_METRICS, metric_text, seconds_left
from igdm_tui.widgets.text import plain

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

DIM = "$foreground 60%"
MOST_SEEDS = 40  # of a group are looked at; fewer fill their place


def matches(row: "RunRow", search: str) -> bool:
    """Every word of `search` stands somewhere in what is known of the run; case does not matter."""
    if not search:
        return True
    alpha = f"alpha={row.igdm_alpha:g}"
    known = (row.id, row.name, row.status, row.method, row.student, row.teacher, row.dataset, f"seed={row.seed}", alpha)
    text = " ".join((*known, *row.tags, row.note)).casefold()
    return all(word in text for word in search.casefold().split())


def _run_lines(row: "RunRow", warnings: Sequence[str]) -> list[tuple[str, str]]:
    alpha = f"IGDM alpha {row.igdm_alpha:g}" if row.igdm_alpha else "no IGDM"
    what = f"{row.id}  {plain(row.method)}, {alpha}, {plain(row.student)} from {plain(row.teacher) or 'no teacher'}, "
    what += f"{plain(row.dataset)}, seed {row.seed}"
    teacher = row.teacher_metrics
    left = seconds_left(row)
    took = f"{duration(row.elapsed_s)} gone" if row.status == "running" else f"took {duration(row.elapsed_s)}"
    numbers = [
        took,
        f"{duration(left)} left" if left is not None else "",
        f"epoch {row.epoch}/{row.epochs}" if row.epochs else "",
    ]
    numbers.append(f"loss {metric_text('loss', row.metrics.get('loss'))}" if "loss" in row.metrics else "")
    if teacher:
        numbers.append(
            f"teacher clean {metric_text('clean_accuracy', teacher.get('clean_accuracy'))}"
            f" PGD-20 {metric_text('pgd20_accuracy', teacher.get('pgd20_accuracy'))}"
        )
    numbers.append(f"on {plain(row.device)}" if row.device else "")
    numbers.append(f"attempt {row.attempt}" if row.attempt and row.attempt > 1 else "")
    if row.tags:
        numbers.insert(0, plain(" ".join(f"#{tag}" for tag in row.tags), 60))
    lines = [(what, ""), (" · ".join(n for n in numbers if n) or NOTHING, DIM)]
    if row.error:
        lines.append((f"✗ {plain(row.error)}", "$text-error"))
    elif row.status == "lost":
        lines.append(("✗ its worker is gone without a word; r goes on from the last checkpoint", "$text-error"))
    elif warnings:
        more = f" (and {len(warnings) - 1} more)" if len(warnings) > 1 else ""
        lines.append((f"! {plain(warnings[-1])}{more}", "$text-warning"))
    elif row.note:
        lines.append((f"note: {plain(row.note)}", "$text-accent"))
    return lines


def detail_lines(entry: Entry, warnings: Sequence[str]) -> list[tuple[str, str]]:
    """Three lines about a run: what it is, how it stands, and what is wrong, noted or to be careful about."""
    return _group_lines(entry) if entry.is_group else _run_lines(entry.row, warnings)


def _group_lines(entry: Entry) -> list[tuple[str, str]]:
    """Three lines about a group: how its runs stand, its means, and what is wrong with one of them."""
    from core.spec.catalogue import METRICS

    counts = Counter(run.status for run in entry.members)
    stands = ", ".join(f"{counts[status]} {status}" for status in STATUS_ORDER if counts[status])
    seeds = ", ".join(map(str, sorted(run.seed for run in entry.members)[:MOST_SEEDS]))
    lines = [(f"{entry.label}: {len(entry.members)} runs, {stands}; seeds {plain(seeds, 60)}", "")]
    means = [
        f"{METRICS[name].title} {mean_text(entry, name)}" for name in LISTED_METRICS if entry.mean(name) is not None
    ]
    text = f"mean ± std over {entry.finished} finished: {' · '.join(means)}" if means else "none is finished yet"
    lines.append((text, DIM))
    wrong = next((run for run in entry.members if run.status in ("failed", "lost")), None)
    if wrong is not None:
        lines.append(
            (f"✗ seed {wrong.seed}: {plain(wrong.error) or 'its worker is gone without a word'}", "$text-error")
        )
    else:
        lines.append(("enter unfolds it, m launches more seeds", DIM))
    return lines


def empty_lines(runs: int, home: Path, search: str, filter_text: str) -> tuple[str, ...]:
    """What stands there instead of runs, and what to do."""
    if not runs:
        return (
            f"No runs yet in {plain(home)}",
            "",
            "Press n to describe and launch the first one.",
            "",
            "In a shell the same is:  igdm run configs/digits.toml",
        )
    if search:
        return (f"No run has all of these words: {plain(search)}", "", "esc ends the search.")
    if filter_text:
        return (f"No run fits the filter: {plain(filter_text)}", "", "f changes it, esc ends it.")
    return ("All runs are archived.", "", "A shows them.")
