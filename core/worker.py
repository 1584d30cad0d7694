"""Process entry of a run: `python -P -m core.worker runs/<run_id>`. Detached from whoever started it.

Takes the run's lock, says who it is, runs the stages, and ends with exactly one of run_finished, run_stopped and
run_failed. SIGTERM, SIGINT, SIGUSR1, SIGUSR2 and the mark `stop_requested` in the run folder ask for a stop: a
checkpoint, `run_stopped`, exit code 128 + signal (15 for the mark).

IGDM_ATTEMPT, set by a scheduler that starts workers, is the number of the attempt: a newer one takes the run over from
an older one that is still at work somewhere, and the older one writes nothing more (exit code 3).
"""

import errno
import importlib.metadata
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.ranks import ALONE, Place, run_ranks
from core.reporter import Reporter
from core.spec.device_slot import slot_device
from core.spec.errors import IgdmError, StopRequested, SupersededError, TrainingError
from core.spec.event_file import read_records
from core.spec.events import TERMINAL_EVENTS, Event, RunFailed, RunFinished, RunStopped
from core.spec.heartbeat import Heartbeat
from core.spec.leftovers import sweep_run
from core.spec.plain_files import make_private
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from core.stopping import StopRequests
from core.talk import leave, say

if TYPE_CHECKING:
    import torch

    from core.spec.config import RunConfig

PACKAGES = ("torch", "torchvision", "pyautoattack", "scikit-learn", "numpy", "igdm-tui")
ATTEMPT_VARIABLE = "IGDM_ATTEMPT"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
TAKE_OVER_S = 60.0
BUSY = 3


def main(arguments: list[str]) -> int:
    """Run one run folder to its end. Returns the exit code: 0 finished, 1 failed, 128 + signal stopped."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "config.toml").is_file():
        print("usage: python -P -m core.worker runs/<run_id>, a folder with a config.toml", file=sys.stderr)
        return 2
    folder = RunFolder(Path(arguments[0]).resolve())
    try:
        return _run_alone(folder)
    except SupersededError as error:
        say(str(error), error=True)
        return BUSY


def _run_alone(folder: RunFolder) -> int:
    """Take the run's lock and run. A numbered attempt takes over; whoever has the run sees that and leaves."""
    given = int(os.environ.get(ATTEMPT_VARIABLE) or 0)
    should_stop = StopRequests()
    identity = ProcessIdentity.of_this()
    if given:
        folder.claim(identity, given)
    lock = folder.try_lock()
    deadline = time.monotonic() + TAKE_OVER_S
    while given and lock is None and time.monotonic() < deadline:
        time.sleep(0.1)
        lock = folder.try_lock()
    if lock is None and not given:
        print(f"{folder.path}: another worker runs this already", file=sys.stderr)
        return BUSY
    with lock or nullcontext():  # a hung holder on a dead host may keep the lock; its attempt is closed all the same
        sweep_run(folder.path)
        before = folder.read_worker()
        attempt = given or (before[1] + 1 if before else 1)
        if not given:
            folder.claim(identity, attempt)
        should_stop.watch(folder, attempt)
        devices = _number_of_devices(folder)
        if devices == 1:
            return _run(folder, identity, attempt, should_stop)
        try:
            return run_ranks(_run_rank, (str(folder.path), identity, attempt), devices, should_stop)
        except TrainingError as error:
            if not _has_ended(folder, attempt):
                reporter = Reporter(folder, attempt)
                reporter.emit(RunFailed(error=str(error), attempt=attempt))
                reporter.close()
            return 1


def _has_ended(folder: RunFolder, attempt: int) -> bool:
    """True when rank 0 has said the last word of this attempt."""
    endings = [record.event for record in read_records(folder.events) if isinstance(record.event, TERMINAL_EVENTS)]
    return bool(endings) and endings[-1].attempt == attempt


def _number_of_devices(folder: RunFolder) -> int:
    """How many processes train; settings that cannot be read count as one, which will say what is wrong with them."""
    from core.spec.loading import load_config

    try:
        return load_config(folder.config).runtime.devices
    except IgdmError:
        return 1


def _run_rank(place: Place, path: str, identity: ProcessIdentity, attempt: int) -> None:
    """One of several processes of a run. Only rank 0 writes; the others are silent and end when it does."""
    place.begin()
    folder = RunFolder(Path(path))
    if place.is_first:
        should_stop = StopRequests()
        should_stop.watch(folder, attempt)
        try:
            code = _run(folder, identity, attempt, should_stop, place)
        except SupersededError as error:
            say(str(error), error=True)
            code = BUSY
        sys.exit(code)
    try:
        _run_stages(folder, identity, attempt, lambda _: None, lambda: False, place=place)
    except BaseException as error:
        place.leave_word(said(error))
        raise


def _run(
    folder: RunFolder, identity: ProcessIdentity, attempt: int, should_stop: StopRequests, place: Place = ALONE
) -> int:
    began = time.monotonic()
    heartbeat = Heartbeat(folder.heartbeat)
    reporter = Reporter(folder, attempt)
    step_reached = [0, 0]

    def emit(event: Event) -> None:
        if hasattr(event, "epoch") and hasattr(event, "step"):  # a teacher has epochs of its own, without steps
            step_reached[:] = [event.epoch, event.step]
        reporter.emit(event)

    def elapsed() -> float:
        return time.monotonic() - began

    try:
        _run_stages(folder, identity, attempt, emit, should_stop, place=place)
    except SupersededError:
        raise
    except StopRequested:
        epoch, step = step_reached
        reporter.emit(RunStopped(reason=should_stop.name, epoch=epoch, step=step, elapsed_s=elapsed(), attempt=attempt))
        return 128 + should_stop.number
    except Exception as error:  # noqa: BLE001 - whatever it is, the run's last word must say so
        details = traceback.format_exc()
        say(details, error=True)
        wrong = isinstance(error, IgdmError) and error.exit_code == 2
        text = place.reason(said(error))
        failed = RunFailed(error=text, details=details, elapsed_s=elapsed(), attempt=attempt, bad_input=wrong)
        reporter.emit(failed)
        return 1
    else:
        reporter.emit(RunFinished(elapsed_s=elapsed(), attempt=attempt))
        return 0
    finally:
        heartbeat.close()
        reporter.close()


def _run_stages(
    folder: RunFolder,
    identity: ProcessIdentity,
    attempt: int,
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
    *,
    place: Place,
) -> None:
    """Read the settings, import torch, and go. Imports wait until here: the process has said who it is by now."""
    from core.spec.data_files import require_data
    from core.spec.loading import load_config
    from core.spec.transfer_file import require_transfer_file

    config = load_config(folder.config)
    require_data(config.data, folder.home)
    require_transfer_file(config, folder.home)
    device = make_ready(slot_device() or config.runtime.device, config, folder, place)
    import torch

    from core.stages import Job, run_stages

    software = {name: importlib.metadata.version(name) for name in PACKAGES} | {"python": sys.version.split()[0]}
    if device.type == "cuda":
        software |= {"cuda": str(torch.version.cuda), "gpu": torch.cuda.get_device_name(device)}
    run_stages(
        Job(
            folder=folder,
            config=config,
            device=device,
            identity=identity,
            attempt=attempt,
            software=software,
            emit=emit,
            should_stop=should_stop,
            check_attempt=lambda: folder.check_attempt(attempt),
            ranks=place.join(device),
        )
    )


def make_ready(wanted: str, config: "RunConfig", folder: RunFolder, place: Place = ALONE) -> "torch.device":
    """Import torch with its environment set; the device that is wanted, at one of several places that of the place."""
    threads = max((config.runtime.threads or os.cpu_count() or 1) // place.count, 1)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    with suppress(OSError):  # a full disk; torch makes it when there is something to keep
        make_private(folder.home.compiled)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder.home.compiled))
    from core.device import prepare_device

    return prepare_device(place.device(wanted), threads, tf32=config.speed.tf32)


def said(error: BaseException) -> str:
    """An error as one sentence for a person."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return f"{error.filename or 'the home'}: {error.strerror} (make room, then `igdm retry`: the run goes on)"
    return str(error) if isinstance(error, IgdmError) else f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
