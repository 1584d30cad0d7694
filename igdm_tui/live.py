"""What happens away from the screen: one thread that follows all runs, and one that answers what screens ask."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from textual.message import Message

from core.spec.errors import IgdmError
from core.spec.home import Home

if TYPE_CHECKING:
    from igdm_tui.store import RunRow, Store

Answer = TypeVar("Answer")
POLL_S = 0.5
LIVENESS_S = 1.0  # with POLL_S and the time a look takes, a dead worker is seen within two seconds
COMPLETE_S = 60.0  # after which every row is read again, in case somebody else rebuilt the database
ELAPSED_S = 5.0
RETRY_S = 2.0


class RunsChanged(Message):
    """Runs have changed, or a worker has died, for which is looked every second.

    rows: all runs, newest first. revisions: by run id, how often its data have changed since the program began; counts
    are not lost when a newer message replaces this one.
    """

    def __init__(self, rows: "Sequence[RunRow]", revisions: Mapping[str, int]) -> None:
        self.rows, self.revisions = rows, revisions
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest state is worth drawing."""
        return isinstance(message, RunsChanged)


class FollowingFailed(Message):
    """Runs cannot be read at the moment; the thread tries again."""

    def __init__(self, error: str) -> None:
        self.error = error
        super().__init__()


async def in_thread(action: Callable[[], Answer]) -> Answer:
    """What `action` returns, from a thread that leaving the program does not wait for.

    Raises: whatever it raises.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Answer] = loop.create_future()

    def tell(deliver: Callable[[], None]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: None if future.done() else deliver())

    def act() -> None:
        try:
            answer = action()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            failed = error
            tell(lambda: future.set_exception(failed))
        else:
            tell(lambda: future.set_result(answer))

    threading.Thread(target=act, name="igdm-action", daemon=True).start()
    return await future


def _database_of(home: Home) -> tuple[bool, int]:
    """What a store opened now would use: the store of a home without runs is in memory, a deleted file is another.

    When it changes, an open store is out of date.
    """
    try:
        return True, home.database.stat().st_ino
    except FileNotFoundError:
        return home.runs.is_dir(), 0


def _has_moved(before: "RunRow | None", now: "RunRow") -> bool:
    """Whether a row says something else. That time goes by is worth drawing only now and then."""
    if before is None or now.elapsed_s - before.elapsed_s >= ELAPSED_S:
        return True
    return replace(before, elapsed_s=now.elapsed_s) != now


class Follower(threading.Thread):
    """Reads new events of all runs into the database twice a second and posts what came of it."""

    def __init__(self, home: Home, post: Callable[[Message], object]) -> None:
        super().__init__(name="igdm-follower", daemon=True)
        self._home, self._post = home, post
        self._stop_asked, self._woken = threading.Event(), threading.Event()
        self._revisions: dict[str, int] = {}
        self._queue_trouble = ""

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self._stop_asked.set()
        self._woken.set()

    def wake(self) -> None:
        """Look now instead of at the next half second: something was launched or stopped."""
        self._woken.set()

    def run(self) -> None:
        """Follow until asked to stop; a failure is told once and tried again."""
        told = ""
        while not self._stop_asked.is_set():
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - the thread must outlive a busy or damaged database
                text = str(error) if isinstance(error, IgdmError) else f"{type(error).__name__}: {error}"
                if text != told:
                    told = text
                    self._post(FollowingFailed(text))
                self._stop_asked.wait(RETRY_S)

    def _follow(self) -> None:
        """Open the store, show what it holds at once, then keep it up to date; and the queue looked after."""
        from igdm_tui.slurm.ask import refresh
        from igdm_tui.store import Store

        store = Store.open(self._home)
        opened = _database_of(self._home)
        try:
            rows = {row.id: row for row in store.runs()}
            self._tell(rows, set())
            quiet_s, complete_s = 0.0, 0.0
            while not self._stop_asked.is_set() and _database_of(self._home) == opened:
                woken = self._woken.is_set()
                self._woken.clear()
                changed = store.ingest(full=woken or not complete_s)
                if changed or quiet_s >= LIVENESS_S or woken:
                    everything = complete_s >= COMPLETE_S
                    fresh = store.runs(None if everything else changed | store.restless())
                    moved = {row.id: row for row in fresh if _has_moved(rows.get(row.id), row)}
                    if changed or woken or moved:
                        rows |= moved
                        for run_id in changed - {row.id for row in fresh}:
                            rows.pop(run_id, None)  # it is no longer in the database
                        self._tell(rows, changed)
                    quiet_s, complete_s = 0.0, 0.0 if everything else complete_s
                    self._look_after_queue()
                    if self._home.slurm.is_dir():  # in a thread of its own: a cluster may take its time to answer
                        threading.Thread(target=refresh, args=(self._home,), name="igdm-slurm", daemon=True).start()
                self._woken.wait(POLL_S)
                quiet_s, complete_s = quiet_s + POLL_S, complete_s + POLL_S
        finally:
            store.close()

    def _look_after_queue(self) -> None:
        """Whoever finds the supervisor dead starts it again; where that cannot be, it is told once."""
        from igdm_tui.queue.summon import ensure_supervisor

        try:
            ensure_supervisor(self._home)
        except (IgdmError, OSError) as error:
            if str(error) != self._queue_trouble:
                self._queue_trouble = str(error)
                self._post(FollowingFailed(f"the queue: {error}"))

    def _tell(self, rows: "Mapping[str, RunRow]", changed: set[str]) -> None:
        for run_id in changed:
            self._revisions[run_id] = self._revisions.get(run_id, 0) + 1
        newest_first = sorted(rows.values(), key=lambda row: (row.created_at or "", row.id), reverse=True)
        self._post(RunsChanged(newest_first, dict(self._revisions)))


class Reader:
    """Answers questions to the store in a thread of its own, so that the screen never waits for a disk."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="igdm-reader")
        self._store: Store | None = None
        self._opened = (False, 0)

    async def ask(self, question: "Callable[[Store], Answer]") -> Answer:
        """What `question` returns, asked in the reader's thread.

        Raises: whatever it raises.
        """
        return await asyncio.wrap_future(self._pool.submit(self._answer, question))

    def _answer(self, question: "Callable[[Store], Answer]") -> Answer:
        from igdm_tui.store import Store

        if self._store is not None and _database_of(self._home) != self._opened:
            self._close()
        if self._store is None:
            self._store = Store.open(self._home)
            self._opened = _database_of(self._home)
        return question(self._store)

    def close(self) -> None:
        """Close the store, in the thread that opened it, after the questions that wait."""
        self._pool.submit(self._close)
        self._pool.shutdown(wait=False)

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
