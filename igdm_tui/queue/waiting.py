"""Which runs wait in the queue, and why: what lists of runs ask. Cheap where there is no queue."""

import json
from functools import cached_property

from core.spec.home import Home
from igdm_tui.queue.tickets import QueueFolder, queued_ids

UNSUPERVISED = "waits; nobody looks after the queue (igdm queue start)"
JUST_QUEUED = "waits"


class WaitingRuns:
    """The queue of a home as it is when first asked.

    ids: of all runs that have a ticket, those that run too.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self.ids = queued_ids(home)

    def reason(self, run_id: str) -> str:
        """Why a run waits, in a few words; harmless text."""
        from igdm_tui.queue.tickets import read_ticket

        known = self._reasons.get(run_id, JUST_QUEUED)
        if known == "paused" or self.is_supervised:
            return known
        ticket = read_ticket(self._home, run_id)
        if ticket is not None and ticket.paused:
            return "paused"
        return "the queue is stopped" if QueueFolder.of(self._home).held.exists() else UNSUPERVISED

    @cached_property
    def is_supervised(self) -> bool:
        """Somebody looks after the queue."""
        from igdm_tui.queue.summon import is_supervised

        return is_supervised(self._home)

    @cached_property
    def _reasons(self) -> dict[str, str]:
        from igdm_tui.sanitise import sanitise_line

        try:
            content = json.loads(QueueFolder.of(self._home).state.read_text(encoding="utf-8"))
            return {str(run_id): sanitise_line(str(why)) for run_id, why in content["reasons"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}
