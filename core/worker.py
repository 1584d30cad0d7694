"""Process entry of a run: `python -P -m core.worker runs/<run_id>`. Detached from whoever started it.

Takes the run's lock, says who it is, runs the stages, and ends with exactly one of run_finished, run_stopped and
run_failed. SIGTERM and SIGINT ask for a stop: a checkpoint, `run_stopped`, exit code 128 + signal.
"""

import importlib.metadata
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

from core.spec.errors import IgdmError, StopRequested
from core.spec.event_file import EventWriter
from core.spec.events import AttackProgress, Event, RunFailed, RunFinished, RunStopped, StepLogged
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder

PACKAGES = ("torch", "torchvision", "pyautoattack", "scikit-learn", "numpy", "igdm-tui")
MAX_PENDING = 100_000


class StopSignal:
    """Remembers that a stop was asked for. A second signal of the same kind changes nothing: the checkpoint is near."""

    def __init__(self) -> None:
        self.number = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._remember)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal never stops a run

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.number = self.number or number

    def __call__(self) -> bool:
        """True once a stop was asked for."""
        return self.number != 0

    @property
    def name(self) -> str:
        """SIGTERM or SIGINT."""
        return signal.Signals(self.number).name


class Reporter:
    """Writes events and a readable line for the log. A full disk delays events; it never stops training."""

    def __init__(self, folder: RunFolder) -> None:
        self._writer = EventWriter(folder.events)
        self._pending: list[tuple[Event, bool]] = []

    def emit(self, event: Event) -> None:
        """Append an event; everything but single steps reaches the disk before this returns."""
        if not isinstance(event, StepLogged):
            print(f"{time.strftime('%H:%M:%S')} {_readable(event)}", flush=True)
        self._pending.append((event, not isinstance(event, StepLogged)))
        try:
            while self._pending:
                waiting, sync = self._pending[0]
                self._writer.write(waiting, sync=sync)
                self._pending.pop(0)
        except OSError as error:
            print(f"events wait in memory, {len(self._pending)} of them: {error}", file=sys.stderr, flush=True)
            del self._pending[MAX_PENDING:]

    def close(self) -> None:
        """Flush and close."""
        self._writer.close()


def main(arguments: list[str]) -> int:
    """Run one run folder to its end. Returns the exit code: 0 finished, 1 failed, 128 + signal stopped."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "config.toml").is_file():
        print("usage: python -P -m core.worker runs/<run_id>, a folder with a config.toml", file=sys.stderr)
        return 2
    folder = RunFolder(Path(arguments[0]).resolve())
    lock = folder.try_lock()
    if lock is None:
        print(f"{folder.path}: another worker runs this already", file=sys.stderr)
        return 3
    with lock:
        return _run(folder)


def _run(folder: RunFolder) -> int:
    began = time.monotonic()
    should_stop = StopSignal()
    identity = ProcessIdentity.of_this()
    before = folder.read_worker()
    attempt = before[1] + 1 if before else 1
    folder.write_worker(identity, attempt)
    reporter = Reporter(folder)
    step_reached = [0, 0]

    def emit(event: Event) -> None:
        if hasattr(event, "epoch") and hasattr(event, "step"):  # a teacher has epochs of its own, without steps
            step_reached[:] = [event.epoch, event.step]
        reporter.emit(event)

    def elapsed() -> float:
        return time.monotonic() - began

    try:
        _run_stages(folder, identity, attempt, emit, should_stop)
    except StopRequested:
        epoch, step = step_reached
        reporter.emit(RunStopped(reason=should_stop.name, epoch=epoch, step=step, elapsed_s=elapsed(), attempt=attempt))
        return 128 + should_stop.number
    except Exception as error:  # noqa: BLE001 - whatever it is, the run's last word must say so
        details = traceback.format_exc()
        print(details, file=sys.stderr, flush=True)
        text = str(error) if isinstance(error, IgdmError) else f"{type(error).__name__}: {error}"
        reporter.emit(RunFailed(error=text, details=details, elapsed_s=elapsed(), attempt=attempt))
        return 1
    else:
        reporter.emit(RunFinished(elapsed_s=elapsed(), attempt=attempt))
        return 0
    finally:
        reporter.close()


def _run_stages(
    folder: RunFolder, identity: ProcessIdentity, attempt: int, emit: object, should_stop: StopSignal
) -> None:
    """Read the settings, import torch, and go. Imports wait until here: the process has said who it is by now."""
    from core.spec.data_files import require_data
    from core.spec.loading import load_config

    config = load_config(folder.config)
    require_data(config.data, folder.home)
    threads = config.runtime.threads or os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    from core.device import prepare_device
    from core.stages import Job, run_stages

    device = prepare_device(config.runtime.device, threads)
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
            emit=emit,  # type: ignore[arg-type]
            should_stop=should_stop,
        )
    )


def _readable(event: Event) -> str:
    """One line for the log, what matters first: the event's name and its fields."""
    if isinstance(event, AttackProgress):
        where = f"{event.attack} {event.stage} {event.batch}/{event.batches}"
        return f"{where}: {event.robust} of {event.examples} stand, {event.seconds:.0f} s ({event.evaluation})"
    parts = []
    for name in event.__dataclass_fields__:
        value = getattr(event, name)
        if isinstance(value, dict):
            parts += [f"{key}={_short(entry)}" for key, entry in value.items() if not isinstance(entry, dict)]
        elif value not in ("", None, []) and name not in ("type", "details", "version", "started_at"):
            parts.append(f"{name}={_short(value)}")
    return f"{event.type}: {' '.join(parts)}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
