"""What runs inside a Slurm job: one worker, and the way back into the queue when the cluster wants its node.

Slurm's word is taken for nothing but the question whether a job may go on: a worker that was asked to stop has saved a
checkpoint and ended; if no stop was asked for by the user and Slurm says that the job is still running, the signal came
from a preemption or shortly before the time limit, and the job is put back into the queue.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from core.spec.plain_files import open_own
from core.spec.run_folder import RunFolder
from igdm_tui.slurm.records import ENDED, note_state

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
STOPPED = {128 + number for number in STOP_SIGNALS} | {-number for number in STOP_SIGNALS}
SCONTROL_S = 60.0


def work(path: str, first_attempt: int, max_restarts: int) -> int:
    """Carry a run on inside a job, restarted as often as Slurm says. Returns the worker's exit code."""
    folder = RunFolder(Path(path))
    restarts = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
    if folder.stop_mark.exists():
        print(f"{folder.run_id}: was asked to stop; not started", flush=True)
        note_state(folder, ENDED, "stop requested")
        return 0
    note_state(folder, "RUNNING", os.environ.get("SLURMD_NODENAME", ""))
    code = _run_worker(folder, first_attempt + restarts)
    print(f"{folder.run_id}: attempt {first_attempt + restarts} ended with code {code}", flush=True)
    if code == 3:  # a newer attempt has the run: nothing here is ours to say
        return code
    if code in STOPPED and not folder.stop_mark.exists() and restarts < max_restarts:
        _back_into_the_queue(folder, os.environ["SLURM_JOB_ID"])
    else:
        note_state(folder, ENDED, f"exit code {code}")
    return code


def _run_worker(folder: RunFolder, attempt: int) -> int:
    """Start the worker, hand every signal on, wait for its end."""
    descriptor = open_own(folder.log, os.O_WRONLY | os.O_APPEND)
    try:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "core.worker", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            cwd=folder.home.path,
            env=os.environ | {"IGDM_ATTEMPT": str(attempt)},
        )
    finally:
        os.close(descriptor)

    def hand_on(number: int, _frame: FrameType | None) -> None:
        print(f"signal {signal.Signals(number).name}", flush=True)
        child.send_signal(number)

    for number in STOP_SIGNALS:
        signal.signal(number, hand_on)
    return child.wait()


def _back_into_the_queue(folder: RunFolder, job_id: str) -> None:
    """Requeue this job if it is still running in Slurm's eyes; a cancelled one must not come back."""
    shown = _scontrol("-o", "show", "job", job_id)
    states = [word.partition("=")[2] for word in shown.split() if word.startswith("JobState=")]
    state = states[0] if states else ""
    if state != "RUNNING":
        note_state(folder, state or ENDED)
        print(f"job {job_id} is {state or 'unknown'}: it is not put back into the queue", flush=True)
        return
    note_state(folder, "REQUEUED")
    print(f"job {job_id} goes back into the queue", flush=True)
    try:
        _scontrol("requeue", job_id)
    except subprocess.CalledProcessError as error:
        note_state(folder, ENDED, f"not requeued: {error.stderr.strip()}")
        raise


def _scontrol(*words: str) -> str:
    result = subprocess.run(
        ["scontrol", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SCONTROL_S, check=True
    )
    return result.stdout
