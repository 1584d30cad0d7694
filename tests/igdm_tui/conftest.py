"""A home full of run folders that say exactly what a test wants them to say."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from core.spec.events import (
    AttackFinished,
    AttackProgress,
    EpochFinished,
    EvaluationFinished,
    EvaluationStarted,
    Event,
    Record,
    RunFinished,
    RunStarted,
    StepLogged,
    TeacherProgress,
    encode_record,
)
from core.spec.home import Home
from core.spec.identity import settings_hash
from core.spec.loading import build_config
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from core.spec.toml_text import config_to_toml

BEGAN = 1_760_000_000.0  # wall clock of the first event
STAGES = ("apgd-ce", "apgd-t", "fab-t", "square")


class FakeRun:
    """A run folder and the pen of its worker. Clocks are the test's own: one second per event unless said."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.seq = 0
        self.m = 100.0

    @property
    def id(self) -> str:
        return self.folder.run_id

    def say(self, *events: Event, m: float | None = None) -> "FakeRun":
        """Append events."""
        with self.folder.events.open("ab") as file:
            for event in events:
                self.seq += 1
                self.m = self.m + 1 if m is None else m
                file.write(encode_record(Record(seq=self.seq, t=BEGAN + self.m, m=self.m, event=event)).encode())
        return self

    def write(self, data: bytes) -> "FakeRun":
        """Append bytes as they are."""
        with self.folder.events.open("ab") as file:
            file.write(data)
        return self

    def start(self, *, attempt: int = 1, epoch: int = 0, epochs: int = 4, alive: bool = False) -> "FakeRun":
        """A worker says it has started; by default it is dead by now."""
        me = ProcessIdentity.of_this()
        identity = me if alive else ProcessIdentity(pid=me.pid, started_at=1.0, host=me.host)
        self.folder.write_worker(identity, attempt)
        return self.say(
            RunStarted(
                attempt=attempt, pid=identity.pid, started_at=identity.started_at, host=identity.host, device="cpu",
                threads=1, epochs=epochs, steps_per_epoch=10, epoch=epoch, step=epoch * 10,
            )
        )  # fmt: skip

    def teacher(self, **metrics: float) -> "FakeRun":
        found = metrics or {"clean_accuracy": 0.97, "pgd20_accuracy": 0.8}
        self.say(TeacherProgress(state="training", recipe_hash="abc", epoch=1, epochs=3, metrics={"loss": 1.0}))
        return self.say(TeacherProgress(state="ready", recipe_hash="abc", metrics=found))

    def train(self, epochs: Iterable[int] = range(1, 5)) -> "FakeRun":
        for epoch in epochs:
            for step in (epoch * 10 - 5, epoch * 10):
                self.say(StepLogged(epoch=epoch, step=step, metrics={"loss": 3 / step, "ad_loss": 2 / step}))
            metrics = {"loss": 3 / epoch, "gradient_cosine": 0.5 + epoch / 100, "learning_rate": 0.1}
            self.say(EpochFinished(epoch=epoch, step=epoch * 10, elapsed_s=1.0, metrics=metrics))
        return self

    def evaluate(
        self,
        *,
        clean: float = 0.9,
        autoattack: float = 0.5,
        examples: int = 360,
        flags: Iterable[str] = (),
        gradients: dict[str, float] | None = None,
    ) -> "FakeRun":
        attacks = ["clean", "autoattack", "gradients"]
        self.say(
            EvaluationStarted(
                evaluation="final", checkpoint="last.pt", attacks=attacks, num_examples=examples, epsilon=0.2
            )
        )
        self._measured("clean", {"clean_accuracy": clean}, round(clean * examples), examples)
        for number, stage in enumerate(STAGES, 1):
            robust = round((autoattack + (4 - number) / 50) * examples)
            self.say(
                AttackProgress(
                    evaluation="final", attack="autoattack", stage=stage, stage_number=number, num_stages=4, batch=1,
                    batches=1, robust=robust, examples=examples, seconds=float(number),
                )
            )  # fmt: skip
        self._measured("autoattack", {"autoattack_accuracy": autoattack}, round(autoattack * examples), examples, flags)
        found = {"gradient_distance": 0.05, "gradient_distance_raw": 0.2, "gradient_cosine": 0.66} | (gradients or {})
        self._measured("gradients", found, None, examples)
        return self.say(EvaluationFinished(evaluation="final", metrics={"clean_accuracy": clean}, seconds=4.0))

    def finish(self, **accuracies: Any) -> "FakeRun":
        """Everything a complete run says."""
        self.start().teacher().train().evaluate(**accuracies)
        return self.say(RunFinished(elapsed_s=30.0))

    def _measured(
        self, attack: str, metrics: dict[str, float], correct: int | None, examples: int, flags: Iterable[str] = ()
    ) -> None:
        self.say(
            AttackFinished(
                evaluation="final", attack=attack, metrics=metrics, correct=correct, examples=examples, seconds=4.0,
                parameters={"epsilon": 0.2}, flags=list(flags),
            )
        )  # fmt: skip


MakeRun = Callable[..., FakeRun]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home that commands find by themselves."""
    found = Home(tmp_path / "home").ensure()
    monkeypatch.setenv("IGDM_HOME", str(found.path))
    return found


@pytest.fixture
def make_run(home: Home) -> MakeRun:
    """Makes complete run folders: make_run("abcd2345", name="first", igdm={"alpha": 10})."""
    return run_maker(home)


def run_maker(home: Home) -> MakeRun:
    """What makes run folders in a home."""
    count = 0

    def make(run_id: str, **settings: Any) -> FakeRun:
        nonlocal count
        count += 1
        config = build_config(settings)
        folder = RunFolder(home.runs / run_id)
        folder.path.mkdir()
        folder.config.write_text(config_to_toml(config))
        card = {
            "id": run_id,
            "name": config.title,
            "created_at": f"2026-01-01T00:00:{count:02d}.000Z",
            "settings_hash": settings_hash(config),
            "seed": config.runtime.seed,
            "settings": config.model_dump(mode="json"),
        }
        folder.run_json.write_text(json.dumps(card))
        return FakeRun(folder)

    return make
