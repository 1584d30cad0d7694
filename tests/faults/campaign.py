"""A home full of work, and somebody who kills its programs: worker, supervisor, igdm-tui in a terminal, commands.

Everything random comes from one seed. What was seen of every event file is remembered, so that a line that vanishes or
changes is noticed, whatever the programs say about it.
"""

import fcntl
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

from core.spec.event_file import read_lines
from core.spec.events import (
    AttackFinished,
    AttackProgress,
    CheckpointSaved,
    EpochFinished,
    EvaluationFinished,
    EvaluationStarted,
    RunFinished,
    StepLogged,
    decode_record,
)
from core.spec.home import Home
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder, run_folders
from igdm_tui.launch.ending import last_word
from igdm_tui.launch.process import require_resumable
from igdm_tui.queue.summon import ensure_supervisor, supervisor_of
from igdm_tui.store import rebuild
from tests.faults.homes import PATIENCE_S, Patience, status_of
from tests.moments import at_moment, held

IGDM = [sys.executable, "-P", "-m", "igdm_tui.cli.entry"]
TARGETS = ("start", "training", "evaluation", "supervisor", "ui", "command", "ingest")
KEYS = (b"\x1b[B", b"\x1b[A", b"\r", b"q", b"2", b"3", b"1", b"w", b"?", b"\x1b")
READERS = (("ls", "--json"), ("show", "latest", "--json"), ("db", "check"), ("db", "rebuild"))
COMMANDS = (
    *READERS, ("queue", "ls", "--json"), ("tag", "latest", "+kept"), ("note", "latest", "a note"),
    ("queue", "add", "short.toml", "--paused"),
)  # fmt: skip
TRAINING = (StepLogged, EpochFinished, CheckpointSaved)
EVALUATION = (EvaluationStarted, AttackProgress, AttackFinished, EvaluationFinished)


@dataclass
class Campaign:
    """Kills in one home; `report` says what was hit. runs: those that must end finished."""

    home: Home
    moments: random.Random
    runs: list[RunFolder]
    report: Counter = field(default_factory=Counter)
    seen: dict[str, bytes] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ) | {"TERM": "xterm-256color"})

    def kill(self, target: str) -> None:
        """One kill; a worker or supervisor that is not there yet is waited for."""
        ensure_supervisor(self.home)
        getattr(self, f"_kill_{target}")()
        self.remember()

    def _kill_start(self) -> None:
        self._kill_worker("start")

    def _kill_training(self) -> None:
        self._kill_worker("training")

    def _kill_evaluation(self) -> None:
        self._kill_worker("evaluation")

    def _kill_worker(self, phase: str) -> None:
        """One that is at this, or a moment later, when it may have got further."""
        if worker := self._wait(lambda: self._a_worker(phase)):
            self._kill_in_a_moment(*worker)

    def _kill_in_a_moment(self, folder: RunFolder, identity: ProcessIdentity, attempt: int) -> None:
        time.sleep(self.moments.uniform(0.0, 0.5))
        with suppress(ProcessLookupError):
            if identity.is_alive():
                with held(identity.pid):
                    phase = self._phase(folder, attempt)
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
            start_new_session=True, env=self.environment | self._while_it_reads(0.5), cwd=self.home.path,
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
        process = self._command(self.moments.choice(COMMANDS))
        time.sleep(self.moments.uniform(0.05, 2.0))
        self._end(process, "command")

    def _kill_ingest(self) -> None:
        """A command, in the middle of the transaction that turns lines into rows."""
        process = self._command(self.moments.choice(READERS), self._while_it_reads(1.0))
        process.wait(PATIENCE_S)
        self._end(process, "command")

    def _command(self, words: tuple[str, ...], environment: dict[str, str] | None = None) -> subprocess.Popen:
        return subprocess.Popen(
            [*IGDM, *words, "--home", str(self.home.path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, env=self.environment | (environment or {}),
            cwd=self.home.path,
        )  # fmt: skip

    def _while_it_reads(self, chance: float) -> dict[str, str]:
        """Mostly, a program dies as it opens one of the event files; the lines of others are rows by then."""
        acts = self.moments.randint(1, len(self.runs) + 1)
        if self.moments.random() >= chance:
            return {}
        folder = self.home.path.with_name(f"{self.home.path.name}-moment")
        return at_moment(folder, signal.SIGKILL, begin="events.jsonl", acts=acts)

    def _end(self, process: subprocess.Popen, name: str) -> None:
        """Killed; the children that it started for good (a supervisor, a worker) live on."""
        if process.poll() is None:
            self.report[name] += 1
        elif process.returncode == -signal.SIGKILL:
            self.report[f"{name}, ingest"] += 1
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

    def is_over(self) -> bool:
        """True when nothing is left to be disturbed."""
        return all(last_word(folder) == "finished" for folder in self.runs)

    def check(self) -> int:
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
        halves = [*self.home.path.rglob(".*.tmp"), *self.home.runs.glob(".*")]
        assert halves == [], "what killed writes had left was not swept"
        states = status_of(self.home)
        wanted = {folder.run_id for folder in self.runs}
        assert {states[run_id] for run_id in wanted} == {"finished"}
        for run_id in states.keys() - wanted:
            assert states[run_id] in ("queued", "lost"), "a command was killed while it made this run"
            require_resumable(RunFolder(self.home.runs / run_id))
        return count

    def _a_worker(self, phase: str):
        for folder in run_folders(self.home):
            worker = folder.living_worker()
            if worker is not None and self._phase(folder, worker[1]) == phase:
                return folder, *worker
        return None

    def _phase(self, folder: RunFolder, attempt: int) -> str:
        """What an attempt has come to: events of the ones before it say nothing."""
        lines = read_lines(folder.events)[0]
        began = next((decode_record(line).event for line in reversed(lines) if b'"run_started"' in line), None)
        if began is None or began.attempt != attempt:
            return "start"
        last = decode_record(lines[-1]).event
        phases = {"training": TRAINING, "evaluation": EVALUATION, "end": (RunFinished,)}
        return next((phase for phase, kinds in phases.items() if isinstance(last, kinds)), "start")

    def _wait(self, condition):
        """What the condition gives; None when all runs are finished and nothing will come."""
        patience, asked = Patience(self.home), time.monotonic()
        while not (found := condition()):
            ensure_supervisor(self.home)
            if time.monotonic() - asked > 2.0:
                asked = time.monotonic()
                if self.is_over():
                    return None
                patience.check()
            time.sleep(0.02)
        return found


def _drain(master: int) -> None:
    with suppress(OSError):
        while os.read(master, 1 << 16):
            pass
