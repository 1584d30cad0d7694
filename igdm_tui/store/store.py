"""Store: the one door to experiments.db, for screens and commands."""

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from functools import wraps
from types import TracebackType
from typing import ParamSpec, TypeVar

from core.spec.home import Home
from igdm_tui.store import queries
from igdm_tui.store.connection import database_error, open_database
from igdm_tui.store.find import find_run
from igdm_tui.store.ingest import Ingest
from igdm_tui.store.rows import EvaluationRow, JudgementRow, RunRow, Series, StageRow, TeacherRow

P = ParamSpec("P")
R = TypeVar("R")


def _speaks_plainly(method: Callable[P, R]) -> Callable[P, R]:
    """SQLite's errors become ours: what, where, what to do. For methods of Store."""

    @wraps(method)
    def translated(*arguments: P.args, **keywords: P.kwargs) -> R:
        try:
            return method(*arguments, **keywords)
        except sqlite3.Error as error:
            store = arguments[0]
            assert isinstance(store, Store)
            raise database_error(error, store.home.database) from error

    return translated


class Store:
    """All runs of a home. A Store belongs to one thread; open one for each.

    Every method raises TryAgainError when the database is locked for ten seconds, IgdmError when it is damaged.
    """

    def __init__(self, home: Home, connection: sqlite3.Connection) -> None:
        self.home = home
        self._connection = connection
        self._ingest = Ingest(home, connection)

    @classmethod
    def open(cls, home: Home) -> "Store":
        """Open the database of a home, making or migrating it.

        A folder without any run gets none: the answers are then empty and nothing is written.
        Raises: IgdmError when the home is missing, the database is damaged or from a newer version; TryAgainError.
        """
        return cls(home, open_database(home))

    @_speaks_plainly
    def ingest(self, *, full: bool = True) -> set[str]:
        """Read what all runs have said since; the ids of runs that changed since this Store's last call.

        full: look at every run; without it, for whoever looks twice a second, settled ones are looked at in turn.
        """
        return self._ingest.run(full=full)

    @_speaks_plainly
    def forget(self, run_id: str) -> None:
        """Take out a run whose folder its maker has removed again; nothing while the folder is there."""
        self._ingest.forget(run_id)

    @_speaks_plainly
    def runs(self, run_ids: Collection[str] | None = None) -> list[RunRow]:
        """All runs, newest first; or those with these ids."""
        return queries.runs(self._connection, self.home, now=time.time(), run_ids=run_ids)

    @_speaks_plainly
    def restless(self) -> set[str]:
        """Ids of runs whose state may change without a new event: all that have not finished."""
        return queries.restless(self._connection)

    @_speaks_plainly
    def run(self, reference: str) -> RunRow:
        """The run meant by an id, a unique start of an id, a name, or "latest".

        Raises: IgdmError when none or several are meant, naming the nearest.
        """
        rows = self.runs((reference,))  # what screens ask: takes no longer for a home of many runs
        if not rows:
            rows = self.runs((find_run(queries.names(self._connection), reference, self.home),))
        return rows[0]

    @_speaks_plainly
    def series(self, run_id: str, metric: str, *, by: str = "step", after: int = 0) -> Series:
        """A metric over time, as logged per step or per epoch (`by`); empty when there is none.

        after: only points of later steps, for who has the others.
        """
        return queries.series(self._connection, run_id, metric, by, after)

    @_speaks_plainly
    def series_names(self, run_id: str) -> dict[str, tuple[str, ...]]:
        """Names of the metrics that have a series: {"step": (...), "epoch": (...)}."""
        return queries.series_names(self._connection, run_id)

    @_speaks_plainly
    def small_curves(self, run_ids: Sequence[str], metrics: Sequence[str]) -> dict[str, tuple[float, ...]]:
        """By run id, values over epochs of the first of these metrics that the run has; for the runs in sight."""
        return queries.small_curves(self._connection, run_ids, metrics)

    @_speaks_plainly
    def stages(self, run_id: str) -> list[StageRow]:
        """Where each stage of each attack of the newest evaluation stands, in the order they began."""
        return queries.stages(self._connection, run_id)

    @_speaks_plainly
    def stage_history(self, run_id: str) -> list[StageRow]:
        """Every report of the attacks of the newest evaluation, in order: the curve of robust images falling."""
        return queries.stage_history(self._connection, run_id)

    @_speaks_plainly
    def evaluations(self, run_id: str) -> list[EvaluationRow]:
        """Every complete measurement, in the order of their end."""
        return queries.evaluations(self._connection, run_id)

    @_speaks_plainly
    def judgements(self, run_id: str) -> list[JudgementRow]:
        """Every evaluation of a run's checkpoints, in the order of their beginning, with what each measured."""
        return queries.judgements(self._connection, self.home, run_id)

    @_speaks_plainly
    def teacher(self, run_id: str) -> TeacherRow | None:
        """How the run's teacher stands; None when the run has said nothing about one."""
        return queries.teacher(self._connection, run_id)

    @_speaks_plainly
    def warnings(self, run_id: str) -> list[str]:
        """What the user should know: the run's own warnings, and lines of its event file that cannot be read."""
        return queries.warnings(self._connection, run_id)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
