"""What can be done with the runs that are marked, or with those under the cursor: keys of the Runs screen."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from core.spec.errors import IgdmError
from core.spec.run_folder import RunFolder
from igdm_tui.live import in_thread
from igdm_tui.screens.base import RESUMABLE, PlaceScreen
from igdm_tui.screens.runs_table import RunTable
from igdm_tui.store.labels import Labels, change_labels
from igdm_tui.widgets.text import plain

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

MOST_NAMED = 5
USUAL_SEEDS = 3
RETRIED = ("failed", "stopped", "lost")


class SelectionScreen(PlaceScreen):
    """A place with a table of runs: marks first, else the run or the group under the cursor."""

    @property
    def table(self) -> RunTable:
        """The table of runs."""
        return self.query_one(RunTable)

    def targets(self) -> "list[RunRow]":
        """The marked runs, hidden ones too; without marks those of the line under the cursor."""
        marked = self.table.marked
        if marked:
            return [row for row in self.igdm.rows or () if row.id in marked]
        return list(self.table.selected_runs)

    def action_compare(self) -> None:
        """Compare the marked runs in the order of the table, one mark with the cursor, no mark: the group."""
        from igdm_tui.screens.compare import CompareScreen

        wanted = set(self.table.marked) or {row.id for row in self.table.selected_runs}
        if len(wanted) == 1 and self.table.marked:
            wanted |= {row.id for row in self.table.selected_runs}
        chosen = [row.id for row in self.table.runs if row.id in wanted]
        chosen += [row.id for row in self.igdm.rows or () if row.id in wanted and row.id not in chosen]
        if len(chosen) < 2:
            self.igdm.say("Mark two or more runs with space, then press c.")
            return
        self.app.push_screen(CompareScreen(chosen))

    def action_export(self) -> None:
        """Write a table, a figure or a report of these runs to a file."""
        self.export_runs([row.id for row in self.targets()])

    def action_clone(self) -> None:
        """Take the selected run's settings into the form."""
        if self.table.selected is not None:
            self.clone_run(self.table.selected.row)

    def action_stop(self) -> None:
        """Stop runs after a checkpoint, asking first."""
        rows = self.targets()
        if len(rows) == 1:
            self.stop_run(rows[0])
            return
        self._ask_all(
            [row for row in rows if row.status == "running"], "stop", "stopped", "Each saves a checkpoint first."
        )

    def action_resume(self) -> None:
        """Go on with runs from their last checkpoint."""
        rows = self.targets()
        if len(rows) == 1:
            self.resume_run(rows[0])
            return
        self._ask_all(
            [row for row in rows if row.status in RESUMABLE],
            "resume",
            "going on",
            "All start at once; R puts them into the queue.",
        )

    def action_retry(self) -> None:
        """Let runs that failed, were stopped or are lost wait in the queue for a free device."""
        rows = [row for row in self.targets() if row.status in RETRIED]
        if rows:
            self._do_all(rows, "retry", _retry, f"{named(rows)}: back in the queue")
        elif self.targets():
            self.igdm.say("Nothing to retry: no run here has failed, was stopped or is lost.")

    def action_archive(self) -> None:
        """Put runs away, or bring them back when all are away."""
        rows = self.targets()
        archived = not all(row.archived for row in rows)
        ready = [row for row in rows if row.status != "running" or not archived]
        if rows and not ready:
            self.igdm.say("A running run is not archived: stop it first.")
        elif ready:
            done = "archived; A shows them" if archived else "back in the list"
            self._label(ready, lambda labels: replace(labels, archived=archived), done)

    def action_tags(self) -> None:
        """Give tags to runs, or take some away."""
        from igdm_tui.screens.ask import AskScreen

        rows = self.targets()
        if not rows:
            return
        there = list(dict.fromkeys(tag for row in rows for tag in row.tags))
        known = tuple(dict.fromkeys(tag for row in self.igdm.rows or () for tag in row.tags))
        now = f"now: {plain(' '.join(there), 60)}" if there else "no tags yet"
        question = f"Tags of {named(rows)}, {now}\nwords are added, those with - before them are taken away"

        def answered(text: str | None) -> None:
            if text:
                add, remove = tag_words(text)
                self._label(rows, lambda labels: labels.with_tags(add=add, remove=remove), "tagged")

        def check(text: str) -> None:
            Labels().with_tags(add=tag_words(text)[0])

        self.ask(AskScreen(question, example="paper -old", check=check, words=known), answered)

    def action_note(self) -> None:
        """Write a note about the run under the cursor, or about all that are marked."""
        from igdm_tui.screens.ask import NoteScreen

        rows = self.targets()
        if not rows:
            return
        notes = list(dict.fromkeys(row.note for row in rows if row.note))
        if len(notes) > 1:
            self.igdm.say("These runs have different notes: write them one by one.")
            return

        def answered(text: str | None) -> None:
            if text is not None:
                self._label(rows, lambda labels: labels.with_note(text), "noted")

        self.ask(NoteScreen(f"Note about {named(rows)}", notes[0] if notes else ""), answered)

    def action_seeds(self) -> None:
        """Put the experiment under the cursor into the queue with more seeds: asks which."""
        from igdm_tui.launch.cloning import missing_seeds
        from igdm_tui.screens.ask import AskScreen

        entry = self.table.selected
        if entry is None:
            return
        row = entry.row
        same = [other for other in self.igdm.rows or () if other.settings_hash == row.settings_hash]
        there = sorted({other.seed for other in same} | {row.seed})
        wanted = missing_seeds(same or [row], max(USUAL_SEEDS, len(there) + 1))

        def check(text: str) -> None:
            double = [seed for seed in seed_numbers(text) if seed in there]
            if double:
                raise IgdmError(f"seed {double[0]} is there already (a failed run is resumed with r)")

        def answered(text: str | None) -> None:
            if text:
                self.begin(partial(self._launch_seeds, row, seed_numbers(text)), "seeds")

        question = f"More seeds of {plain(row.name, 50)}\nthere: {', '.join(map(str, there))}. They wait in the queue:"
        text = ",".join(map(str, wanted))
        self.ask(AskScreen(question, text=text, example="3,4 or 3-7", check=check), answered)

    async def _launch_seeds(self, row: "RunRow", seeds: Sequence[int]) -> None:
        started: list[str] = []
        try:
            for seed in seeds:
                started.append(await in_thread(partial(_start_seed, self.igdm.home, row, seed)))
        except (IgdmError, OSError) as error:
            self.igdm.say(f"{error}", title=f"Launched {len(started)} of {len(seeds)}", severity="error")
        if started:
            done = ", ".join(map(str, seeds[: len(started)]))
            self.igdm.say(f"{plain(row.name, 60)}: seed {done} waits in the queue for a free device")
        self.igdm.follower.wake()

    def _ask_all(self, rows: "Sequence[RunRow]", verb: str, done: str, more: str) -> None:
        """Ask, then do something to several runs at once."""
        from igdm_tui.screens.confirm import ConfirmScreen

        if not rows:
            self.igdm.say(f"None of these runs can be {'stopped' if verb == 'stop' else 'resumed'}.")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._do_all(rows, verb, _ACTIONS[verb], f"{len(rows)} runs {done}")

        names = "\n".join(f"  {plain(row.name, 60)}" for row in rows[:MOST_NAMED])
        rest = f"\n  and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
        self.ask(ConfirmScreen(f"{verb.capitalize()} {len(rows)} runs?\n{names}{rest}\n{more}"), answered)

    def _label(self, rows: "Sequence[RunRow]", change: Callable[[Labels], Labels], done: str) -> None:
        self._do_all(rows, "label", lambda folder: change_labels(folder, change), f"{named(rows)}: {done}")

    def _do_all(self, rows: "Sequence[RunRow]", verb: str, action: Callable[[RunFolder], object], said: str) -> None:
        """Do something slow to runs, each in a thread; one toast says what came of it, one each what did not."""

        async def work() -> None:
            actions = [in_thread(partial(action, RunFolder(row.folder))) for row in rows]
            results = await asyncio.gather(*actions, return_exceptions=True)
            failed = [(row, r) for row, r in zip(rows, results, strict=True) if isinstance(r, BaseException)]
            for row, error in failed[:MOST_NAMED]:
                self.igdm.say(f"{error}", title=f"Could not {verb} {plain(row.name, 40)}", severity="error")
            if not failed:
                self.igdm.say(said)
            self.igdm.follower.wake()

        self.app.run_worker(work, group=f"{verb}-runs", exit_on_error=False)  # type: ignore[arg-type]


def named(rows: "Sequence[RunRow]") -> str:
    """The name of one run, or how many there are."""
    return plain(rows[0].name, 50) if len(rows) == 1 else f"{len(rows)} runs"


def tag_words(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tags to add and to take away from "paper +v2 -old"."""
    words = text.replace(",", " ").split()
    remove = tuple(word[1:] for word in words if word.startswith("-"))
    return tuple(word.removeprefix("+") for word in words if not word.startswith("-")), remove


def seed_numbers(text: str) -> list[int]:
    """Seeds from "3,4 7-9", each once.

    Raises: IgdmError for anything else.
    """
    found: list[int] = []
    for word in text.replace(",", " ").split():
        first, dash, last = word.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(word) > 20:
            raise IgdmError(f"{word!r} is no seed (write 3,4 or 3-7)")
        seeds = range(int(first), int(last or first) + 1)
        if not seeds or len(seeds) > 100:
            raise IgdmError(f"{word!r} means {len(seeds)} seeds (1 to 100 at once)")
        found += seeds
    return list(dict.fromkeys(found))


def _start_seed(home: object, row: "RunRow", seed: int) -> str:
    from core.spec.home import Home
    from igdm_tui.launch import enqueue
    from igdm_tui.launch.cloning import clone_config

    assert isinstance(home, Home)
    command = ["igdm", "clone", row.id, "--seed", str(seed)]
    return enqueue(clone_config(row, seed=seed), home, command).run_id


def _stop(folder: RunFolder) -> None:
    from igdm_tui.launch import stop_run

    stop_run(folder)


def _resume(folder: RunFolder) -> None:
    from igdm_tui.launch import resume_run

    resume_run(folder)


def _retry(folder: RunFolder) -> None:
    from igdm_tui.queue.control import put
    from igdm_tui.queue.summon import ensure_supervisor

    put(folder)
    ensure_supervisor(folder.home)


_ACTIONS: dict[str, Callable[[RunFolder], object]] = {"stop": _stop, "resume": _resume}
