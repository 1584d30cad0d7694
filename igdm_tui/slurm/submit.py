"""Handing runs to Slurm, through submitit: one job for one run, one array for several that ask for the same."""

import contextlib
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.spec.errors import IgdmError, RunFailedError, TryAgainError
from core.spec.event_file import EventWriter
from core.spec.events import RunFailed, RunStopped
from core.spec.home import Home
from core.spec.run_folder import RunFolder
from igdm_tui.slurm import ask
from igdm_tui.slurm.job import work
from igdm_tui.slurm.records import SlurmJob, is_open_in_slurm, note_state, read_job, write_job

if TYPE_CHECKING:
    from core.spec.config import RunConfig
    from core.spec.sections.slurm import SlurmSection

SIGNAL_S = 90
MAX_RESTARTS = 100
DAY_HOURS = 24
POLL_S = 0.5
SCANCEL_S = 30.0


def submit_runs(home: Home, runs: "Sequence[tuple[RunFolder, RunConfig]]") -> list[str]:
    """Submit runs that have a folder; their job ids, in order.

    Raises: IgdmError without Slurm or submitit, or with wrong settings; RunFailedError when Slurm refuses a job, which
    the events of its runs then say too.
    """
    require_slurm()
    defaults = user_defaults()
    groups: dict[str, list[tuple[RunFolder, dict[str, Any], int]]] = {}
    for folder, config in runs:
        section = with_defaults(config.slurm, defaults)
        parameters = sbatch_parameters(config, section)
        restarts = MAX_RESTARTS if section.max_restarts is None else section.max_restarts
        groups.setdefault(json.dumps(parameters, sort_keys=True), []).append((folder, parameters, restarts))
    ids: dict[RunFolder, str] = {}
    for group in groups.values():
        ids |= _submit_group(home, group)
    return [ids[folder] for folder, _ in runs]


def _submit_group(home: Home, group: list[tuple[RunFolder, dict[str, Any], int]]) -> dict[RunFolder, str]:
    import submitit

    home.slurm.mkdir(mode=0o700, exist_ok=True)
    for folder, parameters, _ in group:
        worker = folder.read_worker()
        folder.stop_mark.unlink(missing_ok=True)
        first = worker[1] + 1 if worker else 1
        write_job(folder, SlurmJob(job_id="", first_attempt=first, submitted_at=time.time(), parameters=parameters))
        note_state(folder, "PENDING", "being submitted")
    try:
        # -P: a stray folder named core in the current folder is never picked up.
        executor = submitit.SlurmExecutor(folder=home.slurm / "%j", python=f"{shlex.quote(sys.executable)} -P")
        executor.update_parameters(**group[0][1])
        with executor.batch():
            jobs = [executor.submit(work, str(folder.path), _first(folder), restarts) for folder, _, restarts in group]
    except (submitit.core.utils.FailedJobError, OSError, ValueError) as error:
        reason = f"Slurm does not take the job: {' '.join(str(error).split())[-400:]}"
        for folder, _, _ in group:
            note_state(folder, "ENDED", "not submitted")
            _say_last_word(folder, RunFailed(error=reason))
        raise RunFailedError(f"{', '.join(folder.run_id for folder, _, _ in group)}: {reason}") from error
    ids = {}
    for (folder, parameters, _), job in zip(group, jobs, strict=True):
        ids[folder] = str(job.job_id)
        write_job(
            folder,
            SlurmJob(job_id=ids[folder], first_attempt=_first(folder), submitted_at=time.time(), parameters=parameters),
        )
    return ids


def stop_in_slurm(folder: RunFolder, *, wait_s: float) -> None:
    """Cancel a run's job, whether it waits or is at work, and wait until it is over.

    The mark in the run folder comes first: a job that Slurm starts again finds it and does not go on.
    Raises: TryAgainError when the job is still there after `wait_s` seconds.
    """
    job = read_job(folder)
    folder.stop_mark.touch(mode=0o600)
    if job is not None and job.job_id and shutil.which("scancel"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # the mark alone stops it, only later
            subprocess.run(["scancel", job.job_id], capture_output=True, timeout=SCANCEL_S, check=False)
    deadline = time.monotonic() + wait_s
    while job is not None and _is_listed(job.job_id):
        if time.monotonic() > deadline:
            raise TryAgainError(f"{folder.run_id}: asked to stop; Slurm job {job.job_id} is not over yet (it will be)")
        time.sleep(POLL_S)
    note_state(folder, "ENDED", "stop requested")
    if folder.read_worker() is None:
        _say_last_word(folder, RunStopped(reason="cancelled before it began", epoch=0, step=0))


def require_slurm() -> None:
    """Raises: IgdmError when runs cannot be handed to Slurm from here."""
    if shutil.which("sbatch") is None or shutil.which("srun") is None:
        raise IgdmError("--on slurm: sbatch is not to be found (run this on a login node of the cluster)")
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise IgdmError("--on slurm: submitit is not installed (run make again, or: pip install submitit)") from error


def user_defaults() -> "SlurmSection":
    """slurm.toml of the user's config folder: what holds for every run on this cluster.

    Raises: ConfigError naming what is wrong in it.
    """
    from core.spec.loading import build_config, read_toml
    from igdm_tui import preferences

    path = preferences.folder() / "slurm.toml"
    if not path.exists():
        return build_config({}).slurm
    return build_config({"slurm": read_toml(path)}, source=str(path)).slurm


def with_defaults(section: "SlurmSection", defaults: "SlurmSection") -> "SlurmSection":
    """A run's section, filled up."""
    own = section.model_dump(exclude_defaults=True)
    return section.model_validate(defaults.model_dump(exclude_defaults=True) | own)


def sbatch_parameters(config: "RunConfig", section: "SlurmSection") -> dict[str, Any]:
    """A section as submitit's parameters, without those that are left to the cluster."""
    gpus = section.gpus
    if gpus is None and section.gres is None:
        gpus = 0 if config.runtime.device == "cpu" else config.runtime.devices
    named = {
        "partition": section.partition,
        "account": section.account,
        "qos": section.qos,
        "gres": section.gres,
        "gpus_per_node": gpus or None,
        "cpus_per_task": section.cpus,
        "mem": f"{round(section.memory_gb * 1024)}M" if section.memory_gb else None,
        "constraint": section.constraint,
        "exclude": section.exclude,
        "array_parallelism": section.max_parallel,
    }
    options = {"requeue": True} | dict(_option(text) for text in section.options)
    return {name: value for name, value in named.items() if value is not None} | {
        "job_name": "igdm",
        "time": time_minutes(section.time) if section.time else None,  # None: the partition's, not submitit's 5 minutes
        "nodes": 1,
        "ntasks_per_node": 1,
        "signal_delay_s": section.signal_s or SIGNAL_S,
        "stderr_to_stdout": True,
        "additional_parameters": options,
    }


def time_minutes(text: str) -> int:
    """Slurm's spelling of a time limit in minutes, rounded up: "90", "1:30:00", "2-12", "1-00:30"."""
    days, dash, rest = text.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if dash:  # days-hours[:minutes[:seconds]]
        hours, minutes, seconds = (*parts, 0, 0)[:3]
    elif len(parts) == 3:
        hours, minutes, seconds = parts
    else:  # minutes[:seconds]
        hours, (minutes, seconds) = 0, (*parts, 0)[:2]
    return (int(days or 0) * DAY_HOURS + hours) * 60 + minutes + (seconds > 0)


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    return name, value if equals else True


def _first(folder: RunFolder) -> int:
    job = read_job(folder)
    assert job is not None
    return job.first_attempt


def _is_listed(job_id: str) -> bool:
    """True while Slurm lists a job as waiting or at work; False when it does not answer."""
    state = (ask.ask_slurm() or {}).get(job_id)
    return state is not None and not state.is_over


def _say_last_word(folder: RunFolder, event: RunFailed | RunStopped) -> None:
    """An event of a run that has no worker to say it."""
    writer = EventWriter(folder.events)
    try:
        writer.write(event, sync=True)
    finally:
        writer.close()


__all__ = ["is_open_in_slurm", "stop_in_slurm", "submit_runs", "user_defaults", "with_defaults"]
