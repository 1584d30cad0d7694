"""Metrics over time: points of many events, written in few statements, and what they change in the summary."""

import math
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from core.spec.catalogue import METRICS

AT_ONCE = 100  # points in one statement: half the time of one by one
POINT = "(?1, ?{}, ?{}, ?{}, ?{})"
ADD_POINT = f"INSERT OR REPLACE INTO points VALUES {POINT.format(2, 3, 4, 5)}"
ADD_POINTS = "INSERT OR REPLACE INTO points VALUES " + ", ".join(
    POINT.format(*range(4 * number + 2, 4 * number + 6)) for number in range(AT_ONCE)
)


class Block(NamedTuple):
    """What consecutive events said of the same metrics; `values` holds those of one event after those of the other."""

    names: tuple[str, ...]
    steps: list[int]
    epochs: list[int]
    elapsed_s: list[float]
    values: list[float]


class Points:
    """The new points of one run, inside a transaction of the caller. by: "step" or "epoch", how they are counted."""

    def __init__(self, connection: sqlite3.Connection, run: int) -> None:
        self._connection = connection
        self._run = run
        self._keys: dict[tuple[str, str], int] = {}
        self._blocks: dict[str, list[Block]] = {"step": [], "epoch": []}

    def add(self, by: str, step: int, epoch: int, elapsed_s: float, metrics: dict[str, float]) -> None:
        """Take what one event said. Raises: UnicodeEncodeError for a name that is none; nothing is taken then."""
        names, blocks = tuple(metrics), self._blocks[by]
        if not blocks or blocks[-1].names != names:
            for name in names:
                self._know(by, name)
            blocks.append(Block(names, [], [], [], []))
        block = blocks[-1]
        block.steps.append(step)
        block.epochs.append(epoch)
        block.elapsed_s.append(elapsed_s)
        block.values.extend(metrics.values())

    def write(self) -> None:
        """Everything taken, in its order; a step that is said again replaces the first."""
        for by, blocks in self._blocks.items():
            for block in blocks:
                for place, name in enumerate(block.names):
                    values = block.values[place :: len(block.names)]
                    self.summarise(by, name, block.steps, values)
                    self._write_series(self._keys[by, name], block, values)
            blocks.clear()

    def summarise(self, source: str, metric: str, steps: Sequence[int], values: Sequence[float]) -> None:
        """Fold new values into the newest and the best of a metric; the first of equals stays the best."""
        better = METRICS[metric].better if metric in METRICS else ""
        row = (self._run, metric, source)
        query = "SELECT best, best_step FROM summary WHERE run = ? AND metric = ? AND source = ?"
        found: tuple[float | None, int | None] = self._connection.execute(query, row).fetchone() or (None, None)
        best, best_step = found
        for step, value in zip(steps, values, strict=True) if better else ():
            ahead = best is None or (value > best if better == "higher" else value < best)
            if ahead and not math.isnan(value):
                best, best_step = value, step
        self._connection.execute(
            "INSERT OR REPLACE INTO summary VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*row, values[-1], steps[-1], best, best_step),
        )

    def _know(self, by: str, metric: str) -> None:
        """The key of a series, made when it is new."""
        if (by, metric) in self._keys:
            return
        metric.encode()  # a lone surrogate is no name
        row = (self._run, by, metric)
        self._connection.execute("INSERT OR IGNORE INTO series (run, by, metric) VALUES (?, ?, ?)", row)
        query = "SELECT key FROM series WHERE run = ? AND by = ? AND metric = ?"
        self._keys[by, metric] = int(self._connection.execute(query, row).fetchone()[0])

    def _write_series(self, key: int, block: Block, values: list[float]) -> None:
        """One row of four numbers a point, cut into statements."""
        row = [0.0] * (4 * len(values))
        row[::4], row[1::4], row[2::4], row[3::4] = block.steps, block.epochs, block.elapsed_s, values
        width = 4 * AT_ONCE
        whole = len(row) - len(row) % width
        for start in range(0, whole, width):
            self._connection.execute(ADD_POINTS, (key, *row[start : start + width]))
        rest = ((key, *row[start : start + 4]) for start in range(whole, len(row), 4))
        self._connection.executemany(ADD_POINT, rest)
