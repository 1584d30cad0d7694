"""A configuration becomes a run that waits for a device."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.spec.home import Home
from core.spec.run_folder import RunFolder

if TYPE_CHECKING:
    from core.spec.config import RunConfig


def enqueue(
    config: "RunConfig",
    home: Home,
    command: Sequence[str],
    *,
    priority: int = 0,
    max_attempts: int | None = None,
    paused: bool = False,
) -> RunFolder:
    """Make the run folder and its ticket, and see to it that a supervisor looks after it.

    A number of CPU threads that was left open is chosen now and kept with the run, so that every attempt computes alike
    and several workers do not take each other's cores. priority: higher goes first. max_attempts: as a ticket's.
    Raises: as `create_run`; TryAgainError when the queue is busy for ten seconds.
    """
    from igdm_tui.launch.create import create_run
    from igdm_tui.queue.control import put
    from igdm_tui.queue.summon import ensure_supervisor, require_locks

    require_locks(home.ensure())
    folder = create_run(home, with_threads(config), command)
    put(folder, priority=priority, max_attempts=max_attempts, paused=paused)
    ensure_supervisor(home)
    return folder


def with_threads(config: "RunConfig") -> "RunConfig":
    """The configuration with a sane number of threads where none is chosen."""
    from igdm_tui.queue.settings import read_settings, sane_threads

    if config.runtime.threads:
        return config
    runtime = config.runtime.model_copy(update={"threads": sane_threads(read_settings().cores)})
    return config.model_copy(update={"runtime": runtime})
