"""Asking Slurm how jobs stand, seldom, and keeping the answer in the run folders."""

import getpass
import shutil
import subprocess
import time
from contextlib import suppress

from core.spec.home import Home
from core.spec.run_folder import RunFolder, run_folders
from igdm_tui.slurm.records import ENDED, GONE, SlurmState, is_open_in_slurm, note_state, read_job, read_state

ASK_EVERY_S = 3.0
ANSWER_S = 10.0
SETTLE_S = 30.0  # a job that was just submitted or requeued may be missing from the list for a moment


def refresh(home: Home) -> None:
    """Bring what is known of the open jobs of a home up to date. No Slurm, or no answer: nothing changes."""
    if not home.slurm.is_dir() or _asked_lately(home) or shutil.which("squeue") is None:
        return
    open_runs = {}
    for folder in run_folders(home):
        job = read_job(folder)
        if job is not None and job.job_id and is_open_in_slurm(folder):
            open_runs[job.job_id] = folder
    if not open_runs:
        return
    found = ask_slurm()
    if found is None:
        return
    for job_id, folder in open_runs.items():
        _note(folder, found.get(job_id) or _after_its_end(job_id, folder))


def ask_slurm() -> dict[str, SlurmState] | None:
    """Every job of this user that Slurm lists, by id ("12", or "12_3" in an array); None when it does not answer."""
    lines = _lines(
        ["squeue", "--noheader", "--array", "--states=all", f"--user={getpass.getuser()}", "--format=%i|%T|%r"]
    )
    if lines is None:
        return None
    fields = [line.split("|", 2) for line in lines if line.count("|") >= 2]
    return {job_id.strip(): SlurmState(state=state, reason=reason.strip()) for job_id, state, reason in fields}


def _after_its_end(job_id: str, folder: RunFolder) -> SlurmState | None:
    """What accounting says of a job that is listed no more; GONE where there is no accounting. None: too early."""
    state = read_state(folder)
    if state is not None and time.time() - state.at < SETTLE_S:
        return None
    lines = _lines(["sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job_id}", "--format=State"])
    word = lines[-1].split()[0] if lines and lines[-1].split() else GONE
    return SlurmState(state=word)


def _note(folder: RunFolder, found: SlurmState | None) -> None:
    """Keep an answer that is news. What the job says of its own end counts more than a list that lags behind."""
    before = read_state(folder)
    if found is None or before is None or before.state == ENDED:
        return
    if (found.state, found.reason) != (before.state, before.reason):
        note_state(folder, found.state, found.reason)


def _asked_lately(home: Home) -> bool:
    """True when somebody asked a moment ago; else it is noted that somebody does now."""
    mark = home.slurm / ".asked"
    with suppress(FileNotFoundError):  # nobody ever asked
        if 0 <= time.time() - mark.stat().st_mtime < ASK_EVERY_S:
            return True
    try:
        mark.touch(mode=0o600)
    except OSError:
        return False  # a home that may only be read can still be shown
    return False


def _lines(command: list[str]) -> list[str] | None:
    """What a command prints; None when it is missing, fails or takes too long."""
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWER_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.splitlines()
