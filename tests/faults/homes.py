"""The work of a home in tests of faults: tiny runs in its queue, what came of them, and their end."""

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import torch

from core.spec.event_file import read_records
from core.spec.events import AttackFinished, EpochFinished, StepLogged
from core.spec.home import Home
from core.spec.loading import build_config
from core.spec.run_folder import RunFolder, run_folders
from igdm_tui.launch import enqueue
from igdm_tui.queue.summon import ensure_supervisor, supervisor_of
from igdm_tui.store import Store

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


def add_runs(home: Home, seeds: range, epochs: int) -> list[RunFolder]:
    return [
        enqueue(build_config(settings(seed, epochs)), home, ["igdm", "queue", "add"], max_attempts=1000)
        for seed in seeds
    ]


class Patience:
    """Runs out when nothing at all has happened in a home for five minutes: a slow machine is no fault."""

    def __init__(self, home: Home) -> None:
        self.home, self.said, self.deadline = home, -1, 0.0

    def check(self) -> None:
        """Raises: AssertionError when it has run out."""
        said = sum(folder.events.stat().st_size for folder in run_folders(self.home) if folder.events.exists())
        if said != self.said:
            self.said, self.deadline = said, time.monotonic() + PATIENCE_S
        assert time.monotonic() < self.deadline, f"nothing happens any more: {status_of(self.home)}"


def await_finished(home: Home, runs: list[RunFolder]) -> None:
    patience = Patience(home)
    while True:
        ensure_supervisor(home)
        states = status_of(home)
        left = {folder.run_id: states.get(folder.run_id) for folder in runs if states.get(folder.run_id) != "finished"}
        if not left:
            return
        assert "failed" not in left.values(), left
        patience.check()
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
