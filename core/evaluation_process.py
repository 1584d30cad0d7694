"""Process entry of an evaluation after the run: `python -P -m core.evaluation_process runs/<run_id> <evaluation>`.

What is asked stands in runs/<run_id>/evaluation/<evaluation>/request.json. Takes the run's lock, so that nobody else
writes its events, appends what it measures to them, and ends with exactly one of evaluation_finished,
evaluation_stopped and evaluation_failed. SIGTERM and SIGINT ask for a stop; started again it goes on where it was.
"""

import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO

from core.reporter import Reporter
from core.spec.errors import IgdmError, StopRequested, SupersededError
from core.spec.evaluation_request import EvaluationRequest
from core.spec.events import EvaluationFailed, EvaluationStopped, Event
from core.spec.heartbeat import Heartbeat
from core.spec.leftovers import sweep_run
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from core.stopping import StopSignal
from core.talk import leave, say
from core.worker import BUSY, make_ready, said

LOCK_WAIT_S = 10.0  # a worker that has said its last word needs a moment to go
POLL_S = 0.05


def main(arguments: list[str]) -> int:
    """Make one evaluation. Returns the exit code: 0 finished, 1 failed, 2 bad input, 128 + signal stopped."""
    folder = RunFolder(Path(arguments[0]).resolve()) if len(arguments) == 2 else None
    if folder is None or not folder.config.is_file():
        print("usage: python -P -m core.evaluation_process runs/<run_id> <evaluation>", file=sys.stderr)
        return 2
    lock = _await_lock(folder)
    if lock is None:
        print(f"{folder.path}: the run is still being written", file=sys.stderr)
        return BUSY
    try:
        with lock:
            return _evaluate(folder, arguments[1])
    except SupersededError as error:
        say(str(error), error=True)
        return BUSY


def _await_lock(folder: RunFolder) -> IO[bytes] | None:
    deadline = time.monotonic() + LOCK_WAIT_S
    while (lock := folder.try_lock()) is None and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return lock


def _evaluate(folder: RunFolder, name: str) -> int:
    should_stop = StopSignal()
    sweep_run(folder.path)
    before = folder.read_worker()
    attempt = before[1] if before else 0  # an evaluation is no attempt at the run: whoever resumes it takes it over
    folder.write_worker(ProcessIdentity.of_this(), attempt, evaluation=name)
    heartbeat = Heartbeat(folder.heartbeat)
    reporter = Reporter(folder, attempt)
    try:
        _measure(folder, EvaluationRequest.read(folder.request(name)), reporter.emit, should_stop)
    except SupersededError:
        raise
    except StopRequested:
        reporter.emit(EvaluationStopped(evaluation=name, reason=should_stop.name))
        return 128 + should_stop.number
    except Exception as error:  # noqa: BLE001 - whatever it is, the last word must say so
        details = traceback.format_exc()
        say(details, error=True)
        wrong = isinstance(error, IgdmError)
        reporter.emit(EvaluationFailed(evaluation=name, error=said(error), details=details, bad_input=wrong))
        return 2 if wrong else 1
    else:
        return 0
    finally:
        heartbeat.close()
        reporter.close()


def _measure(
    folder: RunFolder, request: EvaluationRequest, emit: Callable[[Event], None], should_stop: StopSignal
) -> None:
    """Read the run's settings, import torch, and go. Imports wait until here: the process has said who it is by now."""
    from core.spec.data_files import require_data
    from core.spec.loading import load_config

    config = load_config(folder.config)
    require_data(config.data, folder.home)
    device = make_ready(request.device or config.runtime.device, config, folder)
    from core.evaluating import Judge, evaluate_run

    evaluate_run(Judge(folder=folder, config=config, device=device, emit=emit, should_stop=should_stop), request)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
