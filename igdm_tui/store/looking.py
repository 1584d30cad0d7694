"""Looking at the files of all runs, twice a second if need be, without asking the disk about each of thousands.

A run that ended and has not changed for a while is settled. A quick look passes over most settled runs and takes them
in turn, so that each is looked at every five seconds; a full look takes all.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from core.spec.home import Home
from core.spec.plain_files import look_at
from core.spec.run_folder import EVENTS, LABELS, RUN_JSON, RunFolder

NO_CARD = "none"
TURNS = 10  # quick looks after which every settled run was looked at
LOOKS_UNTIL_SETTLED = 60


class OnDisk(NamedTuple):
    """What a run's files look like now."""

    folder: RunFolder
    size: int
    card: str


class Known(Protocol):
    """What the database holds of a run, as far as looking needs it."""

    @property
    def ended(self) -> str:
        """The newest terminal event, "" when none."""

    @property
    def folder_missing(self) -> int:
        """1 when somebody removed the folder."""


class Looking:
    """Remembers when a run was last seen to change."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._looks = 0
        self._changed_at: dict[str, int] = {}

    def look(self, known: Mapping[str, Known], *, full: bool) -> tuple[dict[str, OnDisk], list[str]]:
        """The files of the runs whose turn it is, by run, and the known runs whose folders are gone.

        known: what the database holds. A folder that holds no run is passed over.
        """
        self._looks += 1
        runs = self._home.runs
        present = _folder_names(runs)
        found: dict[str, OnDisk] = {}
        gone = [name for name, run in known.items() if name not in present and not run.folder_missing]
        for turn, name in enumerate(present):
            run = known.get(name)
            if not full and run is not None and self._is_settled(name, run) and (turn + self._looks) % TURNS:
                continue
            entry = files_of_run(RunFolder(runs / name))
            if entry is not None:
                found[name] = entry
            elif run is not None and not run.folder_missing:
                gone.append(name)
        return found, gone

    def changed(self, name: str) -> None:
        """A run had something new to read: it is looked at every time for a while."""
        self._changed_at[name] = self._looks

    def _is_settled(self, name: str, run: Known) -> bool:
        quiet = self._looks - self._changed_at.get(name, -LOOKS_UNTIL_SETTLED)
        return bool(run.ended) and quiet >= LOOKS_UNTIL_SETTLED


def files_of_run(folder: RunFolder) -> OnDisk | None:
    """Sizes and stamps of a run's files; None when the folder holds no run."""
    place = f"{folder.path}{os.sep}"  # texts: joining paths would cost more than asking the disk
    size, card = size_of(place + EVENTS), _card_stamp(place)
    return OnDisk(folder, size, card) if card != NO_CARD or size or folder.config.exists() else None


def size_of(path: Path | str) -> int:
    """Bytes of a plain file, 0 when there is none."""
    status = look_at(path)
    return status.st_size if status else 0


def _folder_names(runs: Path) -> dict[str, None]:
    """Names of complete run folders, in the order of the disk."""
    try:
        with os.scandir(runs) as entries:
            return {e.name: None for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)}
    except FileNotFoundError:
        return {}


def _card_stamp(folder: str) -> str:
    """Changes whenever run.json or labels.json is replaced."""
    card, labels = _stamp(folder + RUN_JSON), _stamp(folder + LABELS)
    return card if labels == NO_CARD else f"{card} {labels}"


def _stamp(path: str) -> str:
    """Changes whenever a file is replaced."""
    status = look_at(path)
    return f"{status.st_size}-{status.st_mtime_ns}" if status else NO_CARD
