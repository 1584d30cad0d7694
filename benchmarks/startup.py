"""How long a person waits: `igdm --version`, `igdm ls` on 1,000 runs, and the first frame of igdm-tui.

    python benchmarks/startup.py [--runs 1000] [--repeats 9]

Each is the median of fresh processes, with compiled bytecode, beside `python -c pass` in the same run: compare the
ratios, not the seconds, between machines. Needs no torch and no GPU.
"""

import argparse
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

from figures import keep

from core.spec.config import RunConfig
from core.spec.event_file import EventWriter
from core.spec.events import AttackFinished, EpochFinished, RunFinished, RunStarted, StepLogged
from core.spec.home import Home
from core.spec.identity import settings_hash
from core.spec.run_folder import RunFolder, new_run_id

ENTRY = [sys.executable, "-m", "igdm_tui.cli.entry"]
GOALS = {"igdm --version": 0.15, "igdm ls": 0.3, "igdm ls --json": 0.3}
GOALS |= {"igdm-tui, first frame": 0.5, "igdm-tui, first run": 0.8}
RUN_NAME = "benchmark-run"
SIZE = struct.pack("HHHH", 36, 120, 0, 0)
PATIENCE_S = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["TERM"] = "xterm-256color"
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder)).ensure()
        for number in range(options.runs):
            write_run(home, number)
        listing = [*ENTRY, "ls"]
        os.environ["IGDM_HOME"] = folder
        began = time.perf_counter()
        subprocess.run(listing, check=True, stdout=subprocess.DEVNULL)
        print(f"first igdm ls, which reads all {options.runs} runs: {time.perf_counter() - began:.2f} s")
        screens = [*ENTRY, "tui"]
        measured: dict[str, Callable[[], float]] = {
            "python -c pass": lambda: process_s([sys.executable, "-c", "pass"]),
            "igdm --version": lambda: process_s([*ENTRY, "--version"]),
            "igdm ls": lambda: process_s(listing),
            "igdm ls --json": lambda: process_s([*listing, "--json"]),
            "igdm-tui, first frame": lambda: until_shown_s(screens, b" Runs "),
            "igdm-tui, first run": lambda: until_shown_s(screens, RUN_NAME.encode()),
        }
        times: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(options.repeats):  # interleaved, so that a busy moment harms all alike
            for name, measure in measured.items():
                times[name].append(measure())
    bare = statistics.median(times["python -c pass"])
    for name, found in times.items():
        median = statistics.median(found)
        goal = f"   goal {GOALS[name]:.2f} s" if name in GOALS else ""
        print(f"{name:<24} {median:6.3f} s   {median / bare:5.1f} x python{goal}")
        keep(name, median, "s", better="lower", goal=GOALS.get(name))
        keep(f"{name}, to python", median / bare, "x python", better="lower")


def write_run(home: Home, number: int) -> None:
    """A finished run of 30 epochs."""
    config = RunConfig.model_validate({"name": f"{RUN_NAME} {number}", "runtime": {"seed": number}})
    folder = RunFolder(home.runs / new_run_id())
    folder.path.mkdir()
    card = {
        "id": folder.run_id,
        "name": config.title,
        "created_at": f"2026-01-{number % 28 + 1:02d}T00:00:00.000Z",
        "settings_hash": settings_hash(config),
        "settings": config.model_dump(mode="json"),
    }
    folder.run_json.write_text(json.dumps(card))
    writer = EventWriter(folder.events)
    where = {"pid": 1, "started_at": 1.0, "host": "nowhere", "device": "cpu", "threads": 1}
    writer.write(RunStarted(attempt=1, epochs=30, steps_per_epoch=20, **where))
    for epoch in range(1, 31):
        losses = {"loss": 2 / epoch, "ad_loss": 1.5 / epoch, "igdm_loss": 0.5 / epoch}
        writer.write(StepLogged(epoch=epoch, step=epoch * 20 - 10, metrics=losses))
        writer.write(StepLogged(epoch=epoch, step=epoch * 20, metrics=losses))
        metrics = losses | {"gradient_distance": 0.1, "gradient_cosine": 0.6, "validation_clean_accuracy": 0.9}
        writer.write(EpochFinished(epoch=epoch, step=epoch * 20, elapsed_s=1.0, metrics=metrics))
    for attack, value in (("clean", 0.97), ("pgd20", 0.7), ("autoattack", 0.6)):
        metrics = {f"{attack}_accuracy": value}
        writer.write(AttackFinished(evaluation="final", attack=attack, metrics=metrics, examples=360, seconds=1.0))
    writer.write(RunFinished(elapsed_s=40.0))
    os.close(writer._descriptor)  # without the flush to disk of close(): a thousand of them take minutes


def process_s(command: list[str]) -> float:
    """Seconds from start to end of a process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def until_shown_s(command: list[str], text: bytes) -> float:
    """Seconds until a program in a terminal of 120x36 has drawn a text."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, SIZE)
    seen = b""
    try:
        while text not in seen:
            if time.perf_counter() - began > PATIENCE_S:
                raise SystemExit(f"{' '.join(command)}: {text.decode()!r} is not shown within {PATIENCE_S:.0f} s")
            if select.select([terminal], [], [], 0.5)[0]:
                seen += os.read(terminal, 1 << 16)
        return time.perf_counter() - began
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(terminal)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
