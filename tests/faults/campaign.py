"""A home full of work, and somebody who kills its programs: worker, supervisor, igdm-tui in a terminal, commands.

Everything random comes from one seed. What was seen of every event file is remembered, so that a line that vanishes or
changes is noticed, whatever the programs say about it.
"""

import fcntl
import json
import os
import pty
import random
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from core.spec.event_file import read_lines, read_records
from core.spec.events import AttackFinished, CheckpointSaved, EpochFinished, RunStarted, StepLogged, decode_record
from core.spec.home import Home
from core.spec.loading import build_config
from core.spec.run_folder import RunFolder, run_folders
from igdm_tui.launch import enqueue
from igdm_tui.launch.ending import last_word
from igdm_tui.launch.process import require_resumable
from igdm_tui.queue.summon import ensure_supervisor, supervisor_of
from igdm_tui.store import Store, rebuild

IGDM = [sys.executable, "-P", "-m", "igdm_tui.cli.entry"]
TARGETS = ("worker", "worker", "supervisor", "ui", "command")  # a worker twice: its work is what is at stake
KEYS = (b"\x1b[B", b"\x1b[A", b"\r", b"q", b"2", b"3", b"1", b"w", b"?", b"\x1b")
COMMANDS = (
    ("ls", "--json"), ("queue", "ls", "--json"), ("show", "latest", "--json"), ("db", "check"), ("db", "rebuild"),
    ("tag", "latest", "+kept"), ("note", "latest", "a note"), ("queue", "add", "short.toml", "--paused"),
)  # fmt: skip
OF_THE_MACHINE = ("images_per_s", "memory_gb")
PATIENCE_S = 300.0


def settings(seed: int, epochs: int) -> dict:
    """Training and an evaluation with a state of its own, each a few seconds long."""
    return {
        "teacher": {"source": "none"},
        "student": {"width": 4, "blocks": [1]},
        "method": {"name": "pgd-at"},
        "igdm": {"alpha": 0},
        "attack": {"epsilon": 0.15, "step_size": 0.1, "num_steps": 2},
        "optim": {"num_epochs": epochs, "batch_size": 64, "milestones": []},
        "evaluation": {
            "attacks": ["clean", "pgd20", "autoattack:apgd-ce"], "num_examples": 36, "batch_size": 6,
            "checkpoints": ["last"], "gradient_every": 0,
        },
        "runtime": {"device": "cpu", "threads": 1, "log_every": 1, "seed": seed},
    }  # fmt: skip


def results(folder: RunFolder) -> tuple:
    """Every number of a run that must not depend on how often it was killed, and its weights."""
    steps, epochs, attacks = {}, {}, {}
    for record in read_records(folder.events):
        event = record.event
        if isinstance(event, StepLogged):
            steps[event.step] = event.metrics
        elif isinstance(event, EpochFinished):
            epochs[event.epoch] = {name: value for name, value in event.metrics.items() if name not in OF_THE_MACHINE}
        elif isinstance(event, AttackFinished):
            attacks[event.attack] = (event.metrics, event.correct)
    weights = torch.load(folder.checkpoints / "last.pt", weights_only=True)["model"]
    return steps, epochs, attacks, {name: tensor.tolist() for name, tensor in weights.items()}


def status_of(home: Home) -> dict[str, str]:
    with Store.open(home) as store:
        store.ingest()
        return {row.id: row.status for row in store.runs()}


@dataclass
class Campaign:
    """Kills in one home; `report` says what was hit."""

    home: Home
    moments: random.Random
    report: Counter = field(default_factory=Counter)
    seen: dict[str, bytes] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ) | {"TERM": "xterm-256color"})

    def kill(self, target: str) -> None:
        """One kill; a worker or supervisor that is not there yet is waited for."""
        ensure_supervisor(self.home)
        getattr(self, f"_kill_{target}")()
        self.remember()

    def _kill_worker(self) -> None:
        """At a random moment of its start, its training or its evaluation."""
        worker = self._wait(self._a_worker)
        if worker is None:
            return
        folder, identity = worker
        size = folder.events.stat().st_size
        if self.moments.random() < 0.85:  # else while it starts
            self._wait(lambda: folder.events.stat().st_size > size or not identity.is_alive())
        time.sleep(self.moments.uniform(0.0, 0.7))
        phase = self._phase(folder)
        with suppress(ProcessLookupError):
            if identity.is_alive():
                os.kill(identity.pid, signal.SIGKILL)
                self.report[f"worker, {phase}"] += 1

    def _kill_supervisor(self) -> None:
        supervisor = self._wait(lambda: supervisor_of(self.home))
        if supervisor is None:
            return
        time.sleep(self.moments.uniform(0.0, 1.2))
        with suppress(ProcessLookupError):
            if supervisor.is_alive():
                os.kill(supervisor.pid, signal.SIGKILL)
                self.report["supervisor"] += 1

    def _kill_ui(self) -> None:
        """igdm-tui in a terminal of its own, killed between its first import and a few screens later."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
        process = subprocess.Popen(
            [*IGDM, "tui", "--home", str(self.home.path)], stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, env=self.environment, cwd=self.home.path,
        )  # fmt: skip
        os.close(slave)
        drain = threading.Thread(target=_drain, args=(master,), daemon=True)
        drain.start()
        until = time.monotonic() + self.moments.uniform(0.2, 5.0)
        while time.monotonic() < until:
            with suppress(OSError):
                os.write(master, self.moments.choice(KEYS))
            time.sleep(0.2)
        self._end(process, "igdm-tui")
        drain.join(5)
        os.close(master)

    def _kill_command(self) -> None:
        words = self.moments.choice(COMMANDS)
        process = subprocess.Popen(
            [*IGDM, *words, "--home", str(self.home.path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, env=self.environment, cwd=self.home.path,
        )  # fmt: skip
        time.sleep(self.moments.uniform(0.05, 2.0))
        self._end(process, "command")

    def _end(self, process: subprocess.Popen, name: str) -> None:
        """Killed; the children that it started for good (a supervisor, a worker) live on."""
        if process.poll() is None:
            self.report[name] += 1
        process.kill()
        process.wait()

    def remember(self) -> None:
        """What was complete once must still be there, byte for byte."""
        for folder in run_folders(self.home):
            lines, end = read_lines(folder.events)
            whole = b"".join(line + b"\n" for line in lines)
            assert len(whole) == end
            before = self.seen.get(folder.run_id, b"")
            assert whole.startswith(before), f"{folder.run_id}: complete events were lost or changed"
            self.seen[folder.run_id] = whole

    @property
    def kills(self) -> int:
        """How many processes were killed while they lived."""
        return sum(self.report.values())

    def is_over(self, runs: list[RunFolder]) -> bool:
        """True when nothing is left to be disturbed."""
        return all(last_word(folder) == "finished" for folder in runs)

    def check(self, runs: list[RunFolder]) -> int:
        """All that must hold at the end; the number of events."""
        self.remember()
        count = 0
        for folder in run_folders(self.home):
            lines = read_lines(folder.events)[0]
            assert [decode_record(line).seq for line in lines] == list(range(1, len(lines) + 1)), folder.run_id
            count += len(lines)
        assert rebuild.check(self.home) == [], "the database differs from the run folders, or is damaged"
        rebuild.rebuild(self.home)
        assert rebuild.check(self.home) == []
        states = status_of(self.home)
        assert {states[folder.run_id] for folder in runs} == {"finished"}
        for run_id in states.keys() - {folder.run_id for folder in runs}:
            assert states[run_id] in ("queued", "lost"), "a command was killed while it made this run"
            require_resumable(RunFolder(self.home.runs / run_id))
        return count

    def _a_worker(self):
        for folder in run_folders(self.home):
            worker = folder.living_worker()
            if worker is not None and folder.events.exists():
                return folder, worker[0]
        return None

    def _phase(self, folder: RunFolder) -> str:
        events = [type(record.event) for record in read_records(folder.events)]
        if not events or events[-1] is RunStarted:
            return "start"
        return "training" if events[-1] in (StepLogged, EpochFinished, CheckpointSaved) else "evaluation"

    def _wait(self, condition):
        """What the condition gives; None when everything is done and nothing will come."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            ensure_supervisor(self.home)
            if not {"queued", "running", "lost"} & (states := self._states()):
                return None
            assert time.monotonic() < deadline, f"waited too long: {states}"
            time.sleep(0.02)
        return found

    def _states(self) -> set[str]:
        now = time.monotonic()
        if now - getattr(self, "_asked", 0.0) > 2.0:
            self._asked, self._last = now, set(status_of(self.home).values())
        return self._last


def add_runs(home: Home, seeds: range, epochs: int) -> list[RunFolder]:
    return [
        enqueue(build_config(settings(seed, epochs)), home, ["igdm", "queue", "add"], max_attempts=1000)
        for seed in seeds
    ]


def await_finished(home: Home, runs: list[RunFolder], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while True:
        ensure_supervisor(home)
        states = status_of(home)
        left = {folder.run_id: states.get(folder.run_id) for folder in runs if states.get(folder.run_id) != "finished"}
        if not left:
            return
        assert "failed" not in left.values(), left
        assert time.monotonic() < deadline, f"not finished: {left}"
        time.sleep(0.3)


def write_short_config(home: Home) -> None:
    """What `queue add --paused` adds: a run that nothing starts."""
    from core.spec.toml_text import config_to_toml

    (home.path / "short.toml").write_text(config_to_toml(build_config(settings(99, 1))))


def end_all(home: Home) -> None:
    """Supervisor and workers of a home."""
    supervisor = supervisor_of(home)
    if supervisor:
        os.kill(supervisor.pid, signal.SIGKILL)
    for folder in run_folders(home):
        if worker := folder.living_worker():
            with suppress(ProcessLookupError):
                os.killpg(worker[0].pid, signal.SIGKILL)


def save_report(report: dict) -> None:
    """Where IGDM_FAULTS_REPORT names a file: figures for docs/reliability.md, one JSON line each."""
    if path := os.environ.get("IGDM_FAULTS_REPORT"):
        with Path(path).open("a") as file:
            file.write(json.dumps(report) + "\n")
    print(json.dumps(report))


def _drain(master: int) -> None:
    with suppress(OSError):
        while os.read(master, 1 << 16):
            pass
