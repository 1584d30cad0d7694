"""Showing, sorting and filtering thousands of runs, beside Textual's DataTable with the same cells.

CPU seconds, which a busy machine changes little, of everything an act makes the program do, drawing included.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import DataTable

from core.spec.config import RunConfig
from igdm_tui.screens.runs_columns import mean_text
from igdm_tui.screens.runs_entries import Entry
from igdm_tui.screens.runs_table import RunTable
from igdm_tui.store.filter import filtered
from igdm_tui.store.rows import RunRow

SIZE = (160, 48)
SEEDS = 4
TEXT = "method=adaad and igdm.alpha>0 and has:autoattack_accuracy"


def main(*, runs: int = 5000, repeats: int = 5) -> None:
    """Showing and sorting thousands of runs, beside Textual's DataTable with the same cells."""
    rows = many_rows(runs)
    found = asyncio.run(_table_times(rows, repeats))
    theirs = statistics.median(found["DataTable, show"])
    their_sort = statistics.median(found["DataTable, sort"])
    goals = {"show": 0.1, "show, a line per run": 0.1, "sort by a metric": 0.1, "sort by name": 0.1}
    for name, times in found.items():
        median = statistics.median(times)
        beside = their_sort if "sort" in name else theirs
        goal = f"   goal {goals[name]:.2f} s" if name in goals else ""
        ratio = (
            f"{beside / median:7.1f} x quicker than DataTable"
            if "DataTable" not in name and "filter" not in name
            else ""
        )
        print(f"  {name:<32} {median:7.3f} s {ratio}{goal}")


async def _table_times(rows: list[RunRow], repeats: int) -> dict[str, list[float]]:
    ours, theirs = OurTable(), TheirTable()
    times: dict[str, list[float]] = {}

    async with ours.run_test(size=SIZE) as pilot:
        table = ours.query_one(RunTable)
        for turn in range(repeats):
            for name, by in (("show", ("experiment",)), ("show, a line per run", ())):
                table.group_by = by
                await keep(times, name, pilot, table, partial(table.set_runs, list(rows)))
            for name, key in (("sort by a metric", "autoattack_accuracy"), ("sort by name", "name")):
                await keep(times, name, pilot, table, partial(table.sort_by, key, reverse=turn % 2 == 0))
            began = time.process_time()
            filtered(rows, TEXT)
            times.setdefault("filter of three conditions", []).append(time.process_time() - began)
    async with theirs.run_test(size=SIZE) as pilot:
        grid: DataTable[str] = theirs.query_one(DataTable)
        for turn in range(min(repeats, 3)):
            grid.clear()
            await keep(times, "DataTable, show", pilot, grid, partial(grid.add_rows, texts_of(rows)))
            await keep(times, "DataTable, sort", pilot, grid, partial(grid.sort, "8", reverse=turn % 2 == 0))
    return times


async def keep(
    times: dict[str, list[float]], name: str, pilot: Pilot[None], widget: Widget, act: Callable[[], object]
) -> None:
    """CPU seconds until an act is done, everything it put off too, and every line in sight is rendered again."""
    await pilot.pause()
    began = time.process_time()
    act()
    await pilot.pause()
    for y in range(widget.size.height):
        widget.render_line(y)
    times.setdefault(name, []).append(time.process_time() - began)


class OurTable(App[None]):
    """The table of the Runs screen alone."""

    def compose(self) -> ComposeResult:
        yield RunTable()


class TheirTable(App[None]):
    """Textual's own with twelve columns."""

    def compose(self) -> ComposeResult:
        grid: DataTable[str] = DataTable()
        for number in range(12):
            grid.add_column(f"c{number}", key=str(number))
        yield grid


def texts_of(rows: list[RunRow]) -> list[list[str]]:
    """Twelve cells of each run."""
    names = ("clean_accuracy", "pgd20_accuracy", "autoattack_accuracy", "gradient_distance", "gradient_cosine")
    entries = [Entry(row, row.id) for row in rows]
    return [
        [
            e.row.status, e.row.name, e.row.method, f"{e.row.igdm_alpha:g}", e.row.student, str(e.row.seed),
            str(e.row.epoch),
            *(mean_text(e, name) for name in names),
        ]
        for e in entries
    ]  # fmt: skip


def many_rows(count: int) -> list[RunRow]:
    """Finished runs, four seeds of each experiment, as the store gives them."""
    rows = []
    for number in range(count):
        experiment, seed = divmod(number, SEEDS)
        alpha = float(experiment % 50)
        settings: dict[str, Any] = RunConfig().model_dump(mode="json") if not rows else dict(rows[0].settings)
        settings["igdm"] = settings["igdm"] | {"alpha": alpha}
        settings["optim"] = settings["optim"] | {"learning_rate": 0.1 / (1 + experiment // 50)}
        metrics = {
            name: (number * step % 997) / 997
            for name, step in (("clean_accuracy", 7), ("pgd20_accuracy", 11), ("autoattack_accuracy", 13),
                               ("gradient_distance", 17), ("gradient_cosine", 19), ("loss", 23))
        }  # fmt: skip
        rows.append(
            RunRow(
                id=f"r{number:07d}", name=f"adaad+igdm{alpha:g} resnet16 s{seed}", status="finished",
                settings_hash=f"{experiment:012d}", seed=seed, dataset="digits", teacher="resnet32",
                student="resnet16", method="adaad", igdm_alpha=alpha,
                created_at=f"2026-01-{1 + number % 28:02d}T00:00:00.000Z", started_at=None, elapsed_s=60.0 + number,
                epoch=30, epochs=30, stage="", progress=1.0, settings_text=json.dumps(settings), metrics=metrics,
                teacher_metrics={}, error="", device="cpu", attempt=1, folder=Path("runs") / str(number),
            )
        )  # fmt: skip
    return rows
