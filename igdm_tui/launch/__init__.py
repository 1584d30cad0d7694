"""From a RunConfig to a process: the run folder first, whole, then a detached worker that outlives every screen."""

from igdm_tui.launch.command import command_line
from igdm_tui.launch.create import create_run
from igdm_tui.launch.enqueue import enqueue
from igdm_tui.launch.process import require_resumable, resume_run, start_evaluation, start_worker
from igdm_tui.launch.stopping import stop_run

__all__ = [
    "command_line",
    "create_run",
    "enqueue",
    "require_resumable",
    "resume_run",
    "start_evaluation",
    "start_worker",
    "stop_run",
]
