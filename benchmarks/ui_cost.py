"""The section "cost" of benchmarks/ui.py: memory, CPU and delay of the real program in a terminal of its own.

Ten runs of 29,200 steps, 880,000 points in all; then four of them go on. CPU is that of the process.
"""

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from ui_live import losses, write_run

from core.spec.events import StepLogged
from core.spec.home import Home

RUNS, LIVE, STEPS = 10, 4, 29_200  # three losses a step and eight metrics an epoch: 880,000 points in all
QUIET_S, IDLE_S, FOLLOW_S, LINES = 12.0, 20.0, 20.0, 40
LINES_PER_S = 2.0  # of each live run
PATIENCE_S = 60.0
MIB = 1 << 20


def main() -> None:
    """Print what the program costs, beside the goals."""
    os.environ |= {"TERM": "xterm-256color"}
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home").ensure()
        os.environ |= {"IGDM_HOME": str(home.path), "XDG_CONFIG_HOME": folder, "XDG_STATE_HOME": folder}
        writers = [write_run(home, number, steps=STEPS) for number in range(RUNS)]
        log = sorted(home.runs.iterdir())[-1] / "worker.log"
        log.write_text("begun\n")
        program = Program([sys.executable, "-m", "igdm_tui.cli.entry", "tui"])
        try:
            program.until(b"10 runs")
            time.sleep(QUIET_S)  # the first reading of all files
            say("memory on Runs", program.memory(), "MiB", None)
            program.press(b"*", b"c")
            program.until(b"Tests")  # the panes of Compare
            program.press(b"2")
            time.sleep(QUIET_S)
            say(f"memory on Compare, {RUNS} runs, 880,000 points", program.memory(), "MiB", 120)
            program.press(b"q")
            say("CPU, nothing happens (Runs)", program.cpu(IDLE_S), "%", 0.5)
            ended = threading.Event()
            threading.Thread(target=go_on, args=(writers[:LIVE], ended), daemon=True).start()
            say(f"CPU, {LIVE} runs go on (Runs)", program.cpu(FOLLOW_S), "%", 3)
            program.press(b"u", b"g", b"\r", b"1")
            time.sleep(2)
            say(f"CPU, {LIVE} runs go on (Run, curves)", program.cpu(FOLLOW_S), "%", 3)
            program.press(b"3")
            program.until(b"begun")
            delays = sorted(delay(program, log, number) for number in range(LINES))
            ended.set()
            say("a worker's line is on the screen, median", statistics.median(delays), "s", None)
            say(f"a worker's line is on the screen, 95 % of {LINES}", delays[int(LINES * 0.95) - 1], "s", 1.0)
        finally:
            program.end()
            for writer in writers:
                os.close(writer._descriptor)


def say(what: str, value: float, unit: str, goal: float | None) -> None:
    """One figure beside its goal."""
    print(f"  {what:<58} {value:8.2f} {unit}{f'   goal {goal:g} {unit}' if goal is not None else ''}", flush=True)


def go_on(writers: list[object], ended: threading.Event) -> None:
    """Lines of live runs, as often as a run of seconds an epoch writes them."""
    step = STEPS
    while not ended.wait(1 / LINES_PER_S):
        step += 1
        for writer in writers:
            writer.write(StepLogged(epoch=step // 500 + 1, step=step, metrics=losses(0.5)))  # type: ignore[attr-defined]


def delay(program: "Program", log: Path, number: int) -> float:
    """Seconds from a line in the worker's log to its words on the terminal."""
    words = f"line-{number:04d}-{time.time_ns() % 10**6:06d}"
    time.sleep(0.13 * (number % 9))  # at any point between two looks
    began = time.perf_counter()
    with log.open("a") as file:
        file.write(words + "\n")
    program.until(words.encode())
    return time.perf_counter() - began


class Program:
    """A program in a terminal of 160x48, whose output is read all the time."""

    def __init__(self, command: list[str]) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execv(command[0], command)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
        self.seen = b""
        self._came = threading.Condition()
        self._process = psutil.Process(self.pid)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                if not select.select([self.terminal], [], [], 0.5)[0]:
                    continue
                got = os.read(self.terminal, 1 << 16)
            except (OSError, ValueError):
                return
            with self._came:
                self.seen = (self.seen + got)[-(1 << 20) :]
                self._came.notify_all()

    def until(self, words: bytes) -> None:
        """Wait until words were written to the terminal."""
        self._wait(lambda: words in self.seen, words)

    def _wait(self, condition: Callable[[], bool], what: bytes) -> None:
        with self._came:
            if not self._came.wait_for(condition, PATIENCE_S):
                raise SystemExit(f"{what.decode()!r} is not shown within {PATIENCE_S:.0f} s")

    def press(self, *keys: bytes) -> None:
        """Keys with a moment between them."""
        for key in keys:
            os.write(self.terminal, key)
            time.sleep(0.5)

    def memory(self) -> float:
        """Resident MiB."""
        return self._process.memory_info().rss / MIB

    def cpu(self, seconds: float) -> float:
        """Percent of one core over some seconds."""
        before = self._process.cpu_times()
        time.sleep(seconds)
        after = self._process.cpu_times()
        return 100 * (after.user + after.system - before.user - before.system) / seconds

    def end(self) -> None:
        """End it for good."""
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


if __name__ == "__main__":
    main()
