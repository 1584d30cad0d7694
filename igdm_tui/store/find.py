"""Which run is meant by what someone typed."""

import difflib
from typing import NamedTuple

from core.spec.errors import IgdmError
from core.spec.home import Home

LATEST = "latest"
MOST_NAMED = 5


class RunName(NamedTuple):
    """What a run may be called by."""

    id: str
    name: str


def find_run(names: list[RunName], reference: str, home: Home) -> str:
    """The id of the run meant by an id, a name, a unique start of an id, or "latest"; `names` newest first.

    Raises: IgdmError when none or several are meant, naming the nearest.
    """
    if not names:
        raise IgdmError(f"{home.path}: no runs here yet (start one with `igdm run configs/digits.toml`, or use --home)")
    if reference == LATEST:
        return names[0].id
    matches = [entry for entry in names if entry.id == reference]
    matches = matches or [entry for entry in names if entry.name == reference]
    matches = matches or [entry for entry in names if reference and entry.id.startswith(reference)]
    if len(matches) == 1:
        return matches[0].id
    if matches:
        shown = ", ".join(f"{entry.id} ({entry.name})" for entry in matches[:MOST_NAMED])
        more = f" and {len(matches) - MOST_NAMED} more" if len(matches) > MOST_NAMED else ""
        raise IgdmError(f"{reference!r} means {len(matches)} runs in {home.path}: {shown}{more} (give more of the id)")
    known = {word: entry for entry in reversed(names) for word in (entry.id, entry.name)}
    near = difflib.get_close_matches(reference, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise IgdmError(f"no run {reference!r} in {home.path} ({hint}`igdm ls` lists them)")
