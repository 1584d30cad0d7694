"""Real workers on tiny runs: run folders made by hand, processes started as the launcher starts them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.spec.event_file import read_records
from core.spec.home import Home
from core.spec.run_folder import RunFolder

PATIENCE_S = 300.0  # only a test that fails takes that long
TINY = """
[teacher]
width = 4
blocks = [1, 1]
[teacher.attack]
epsilon = 0.15
step_size = 0.1
num_steps = 1
[teacher.optim]
num_epochs = 1
milestones = []
[student]
width = 4
blocks = [1, 1]
[igdm]
alpha = 3
[attack]
epsilon = 0.15
step_size = 0.05
num_steps = 3
[optim]
num_epochs = 4
batch_size = 64
milestones = [2]
[evaluation]
attacks = ["clean", "pgd20", "gradients"]
num_examples = 50
checkpoints = ["last"]
[runtime]
device = "cpu"
threads = 1
log_every = 1
"""


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home").ensure()


@pytest.fixture
def make_folder(home):
    def make(run_id: str, extra: str = "") -> RunFolder:
        folder = RunFolder(home.runs / run_id)
        folder.path.mkdir()
        folder.config.write_text(TINY + extra)
        return folder

    return make


@pytest.fixture
def start():
    """Start a worker; whatever is left is killed after the test."""
    started = []

    def start_worker(folder: RunFolder, **environment: str) -> subprocess.Popen[bytes]:
        with folder.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "core.worker", str(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
            )
        started.append(process)
        return process

    yield start_worker
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def events_of(folder: RunFolder, kind: type) -> list:
    return [record.event for record in read_records(folder.events) if isinstance(record.event, kind)]


def wait_for(condition, process=None, seconds=PATIENCE_S):
    """Poll until the condition holds; fails when the process ends first or time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, "the worker ended too early"
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def kill_hard(process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def finish(process, code=0) -> None:
    assert process.wait(timeout=PATIENCE_S) == code


def log_text(folder: RunFolder) -> str:
    return Path(folder.log).read_text()
