"""What a run folder says of its Slurm job: which one it is, and what was last heard of it. Cheap to read."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.spec.atomic import replace_text
from core.spec.plain_files import read_json
from core.spec.run_folder import RunFolder

# States of squeue and sacct. The job itself says REQUEUED when it goes back into the queue, and ENDED.
WAITING = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT", "SUSPENDED"}
)
AT_WORK = frozenset({"RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "RESIZING", "STOPPED"})
ENDED = "ENDED"
GONE = "GONE"  # Slurm knows nothing of the job any more


@dataclass(frozen=True, kw_only=True, slots=True)
class SlurmJob:
    """The job of a run.

    job_id: "12", or "12_3" in an array; "" while it is being submitted. first_attempt: number of the run's attempt when
    the job has not been restarted yet. submitted_at: seconds since 1970. parameters: what was asked for.
    """

    job_id: str
    first_attempt: int
    submitted_at: float
    parameters: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class SlurmState:
    """What was last heard of a job: Slurm's state and its reason for it, at a moment in seconds since 1970."""

    state: str
    reason: str = ""
    at: float = 0.0

    @property
    def is_waiting(self) -> bool:
        """It has not begun, or will begin again."""
        return self.state in WAITING

    @property
    def is_over(self) -> bool:
        """Nothing more will come of it."""
        return self.state not in WAITING and self.state not in AT_WORK


def read_job(folder: RunFolder) -> SlurmJob | None:
    """The job a run was handed to; None for other runs."""
    content = _read(folder.slurm_json)
    try:
        return None if content is None else SlurmJob(**content)
    except TypeError:
        return None


def write_job(folder: RunFolder, job: SlurmJob) -> None:
    """Keep the job with its run."""
    replace_text(folder.slurm_json, json.dumps(asdict(job)) + "\n")


def read_state(folder: RunFolder) -> SlurmState | None:
    """What was last heard of the job; None for runs that never had one."""
    content = _read(folder.slurm_state_json)
    try:
        return None if content is None else SlurmState(**content)
    except TypeError:
        return None


def note_state(folder: RunFolder, state: str, reason: str = "") -> None:
    """Keep what was heard."""
    content = asdict(SlurmState(state=state, reason=reason, at=time.time()))
    replace_text(folder.slurm_state_json, json.dumps(content) + "\n")


def waits_in_slurm(folder: RunFolder) -> bool:
    """True when Slurm will start the run, or start it again: it waits in its queue and nobody asked for a stop."""
    state = read_state(folder)
    return state is not None and state.is_waiting and not folder.stop_mark.exists()


def was_started_by_slurm(folder: RunFolder, *, within_s: float) -> bool:
    """True when the job began (again) in the last `within_s` seconds: its worker may not have said who it is yet."""
    state = read_state(folder)
    return state is not None and state.state in AT_WORK and 0 <= time.time() - state.at < within_s


def is_open_in_slurm(folder: RunFolder) -> bool:
    """True while the run's job waits or is at work, as far as was heard."""
    state = read_state(folder)
    return state is not None and not state.is_over


def describe(folder: RunFolder) -> str:
    """The job in words: "job 12_3, PENDING (Priority)"; "" for runs without one."""
    job, state = read_job(folder), read_state(folder)
    if job is None or state is None:
        return ""
    reason = f" ({state.reason})" if state.reason and state.reason != "None" else ""
    return f"job {job.job_id or '?'}, {state.state}{reason}"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
