"""Homes full of synthetic runs, written as a worker writes them, so that screens draw what the store really says."""

import json
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.spec.config import RunConfig
from core.spec.event_file import EventWriter
from core.spec.events import (
    AttackFinished,
    AttackProgress,
    CheckpointSaved,
    EpochFinished,
    EvaluationFinished,
    EvaluationStarted,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepLogged,
    TeacherProgress,
    Warned,
)
from core.spec.home import Home
from core.spec.identity import settings_hash, teacher_hash
from core.spec.loading import build_config, set_value
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder, run_folders
from core.spec.toml_text import config_to_toml
from igdm_tui import preferences
from igdm_tui.app import IgdmApp

BASE = {
    "teacher": {"width": 32, "blocks": [1, 1, 1]},
    "student": {"width": 16, "blocks": [1, 1, 1]},
    "attack": {"epsilon": 0.2, "step_size": 0.05},
    "optim": {"num_epochs": 30, "batch_size": 64, "milestones": [20, 26]},
    "igdm": {"alpha": 10},
}
STAGES = ("apgd-ce", "apgd-t", "fab-t", "square")
EXAMPLES = 360

MakeRun = Callable[..., RunFolder]


def write_run(
    home: Home,
    run_id: str,
    state: str = "finished",
    *,
    epochs_done: int = 30,
    steps_per_epoch: int = 20,
    stages_done: int = 4,
    created_at: str = "2026-11-20T10:00:00.000Z",
    error: str = "",
    warning: str = "",
    flags: tuple[str, ...] = (),
    log: str = "",
    **settings: object,
) -> RunFolder:
    """A run folder in the given state: queued, teacher, running, evaluating, finished, failed, stopped or lost."""
    values = json.loads(json.dumps(BASE))
    for key, value in settings.items():
        set_value(values, key.replace("__", "."), value)
    config = build_config(values)
    folder = RunFolder(home.ensure().runs / run_id)
    folder.path.mkdir()
    folder.config.write_text(config_to_toml(config))
    folder.run_json.write_text(json.dumps(run_json(config, run_id, created_at)))
    if log:
        folder.log.write_bytes(log.encode("utf-8", "surrogateescape"))
    if state != "queued":
        identity = ProcessIdentity.of_this()
        if state == "lost":
            identity = ProcessIdentity(pid=2**22 + 1, started_at=1.0, host=identity.host)
        folder.write_worker(identity, 1)
        writer = EventWriter(folder.events)
        write_events(writer, config, identity, state, epochs_done, steps_per_epoch, stages_done, error, warning, flags)
        writer.close()
    return folder


def run_json(config: RunConfig, run_id: str, created_at: str) -> dict[str, object]:
    return {
        "id": run_id,
        "name": config.title,
        "created_at": created_at,
        "settings_hash": settings_hash(config),
        "teacher_hash": teacher_hash(config),
        "seed": config.runtime.seed,
        "command": ["igdm", "run", "configs/digits.toml"],
        "settings": config.model_dump(mode="json"),
        "host": "testhost",
    }


def write_events(
    writer: EventWriter,
    config: RunConfig,
    identity: ProcessIdentity,
    state: str,
    epochs_done: int,
    steps_per_epoch: int,
    stages_done: int,
    error: str,
    warning: str,
    flags: tuple[str, ...],
) -> None:
    chance = random.Random(writer.seq + config.runtime.seed)
    epochs = config.optim.num_epochs
    recipe = teacher_hash(config)
    writer.write(
        RunStarted(
            attempt=1,
            pid=identity.pid,
            started_at=identity.started_at,
            host=identity.host,
            device="cpu",
            threads=1,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
        )
    )
    for epoch in range(1, 4):
        writer.write(
            TeacherProgress(state="training", recipe_hash=recipe, epoch=epoch, epochs=30, metrics={"loss": 2.0 / epoch})
        )
    if state == "teacher":
        return
    teacher = {"clean_accuracy": 0.9806, "pgd20_accuracy": 0.8028}
    writer.write(TeacherProgress(state="ready", recipe_hash=recipe, metrics=teacher))
    if warning:
        writer.write(Warned(message=warning))
    done = epochs_done if state in ("running", "stopped", "failed", "lost") else epochs
    strength = config.igdm.alpha / 100
    for epoch in range(1, done + 1):
        for step in range((epoch - 1) * steps_per_epoch + 1, epoch * steps_per_epoch + 1):
            if step % config.runtime.log_every:
                continue
            base = 2.2 * math.exp(-step / (6 * steps_per_epoch)) + 0.2 + chance.gauss(0, 0.04)
            losses = {"loss": base + strength, "ad_loss": base, "igdm_loss": 0.05 + 0.3 * math.exp(-epoch / 9)}
            writer.write(StepLogged(epoch=epoch, step=step, metrics=losses))
        part = 1 - math.exp(-epoch / 8)
        writer.write(
            EpochFinished(
                epoch=epoch,
                step=epoch * steps_per_epoch,
                elapsed_s=1.3,
                metrics={
                    "loss": 2.2 * math.exp(-epoch / 6) + 0.2 + strength,
                    "ad_loss": 2.2 * math.exp(-epoch / 6) + 0.2,
                    "igdm_loss": 0.05 + 0.3 * math.exp(-epoch / 9),
                    "learning_rate": 0.1 if epoch <= 20 else 0.01,
                    "igdm_weight": config.igdm.alpha * epoch / epochs,
                    "images_per_s": 1500 + chance.gauss(0, 30),
                    "gradient_distance": 0.08 * (1 - 0.4 * part) + chance.gauss(0, 0.001),
                    "gradient_distance_raw": 0.31 * (1 - 0.4 * part),
                    "gradient_cosine": (0.55 + strength) * part + chance.gauss(0, 0.01),
                    "validation_clean_accuracy": 0.1 + 0.87 * part,
                    "validation_pgd_accuracy": 0.1 + (0.6 + strength) * part,
                },
            )
        )
        writer.write(CheckpointSaved(epoch=epoch, step=epoch * steps_per_epoch, file="last.pt"))
    if state == "stopped":
        writer.write(RunStopped(reason="SIGTERM", epoch=done, step=done * steps_per_epoch, elapsed_s=60.0))
    elif state == "failed":
        writer.write(RunFailed(error=error or "loss is nan at epoch 3, step 41 (ad_loss)", elapsed_s=12.0))
    elif state in ("evaluating", "finished"):
        write_evaluation(writer, strength, stages_done if state == "evaluating" else 4, flags, state == "finished")
    if state == "finished":
        writer.write(RunFinished(elapsed_s=95.0))


def write_evaluation(
    writer: EventWriter, strength: float, stages_done: int, flags: tuple[str, ...], finished: bool
) -> None:
    attacks = ["clean", "pgd20", "autoattack", "gradients"]
    writer.write(
        EvaluationStarted(evaluation="final", checkpoint="last.pt", attacks=attacks, num_examples=EXAMPLES, epsilon=0.2)
    )
    clean, pgd = 0.9722, 0.75 + strength
    for attack, accuracy in (("clean", clean), ("pgd20", pgd)):
        metrics = {f"{attack}_accuracy": accuracy}
        writer.write(
            AttackFinished(
                evaluation="final",
                attack=attack,
                metrics=metrics,
                examples=EXAMPLES,
                seconds=0.4,
                correct=round(accuracy * EXAMPLES),
            )
        )
    robust, seconds = round(clean * EXAMPLES), 0.0
    for number, stage in enumerate(STAGES[:stages_done], 1):
        for batch in (1, 2):
            robust -= {1: 40, 2: 8, 3: 1, 4: 0}[number] - round(strength * 10)
            seconds += 3.0
            writer.write(
                AttackProgress(
                    evaluation="final",
                    attack="autoattack",
                    stage=stage,
                    stage_number=number,
                    num_stages=4,
                    batch=batch,
                    batches=2,
                    robust=robust,
                    examples=EXAMPLES,
                    seconds=seconds,
                )
            )
    if not finished:
        return
    autoattack = robust / EXAMPLES
    writer.write(
        AttackFinished(
            evaluation="final",
            attack="autoattack",
            metrics={"autoattack_accuracy": autoattack},
            examples=EXAMPLES,
            seconds=seconds,
            correct=robust,
            flags=list(flags),
            package="pyautoattack 0.2.0",
        )
    )
    gradients = {"gradient_distance": 0.0488, "gradient_distance_raw": 0.19, "gradient_cosine": 0.55 + strength}
    writer.write(
        AttackFinished(evaluation="final", attack="gradients", metrics=gradients, examples=EXAMPLES, seconds=0.2)
    )
    metrics = {"clean_accuracy": clean, "pgd20_accuracy": pgd, "autoattack_accuracy": autoattack, **gradients}
    writer.write(EvaluationFinished(evaluation="final", metrics=metrics, seconds=seconds))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home").ensure()


@pytest.fixture
def make_run(home: Home) -> MakeRun:
    """Writes a run into the home."""

    def make(run_id: str, state: str = "finished", **options: object) -> RunFolder:
        return write_run(home, run_id, state, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def full_home(home: Home, make_run: MakeRun) -> Home:
    """Six runs, one in every state that can be seen."""
    make_run("aaaa2222", created_at="2026-11-20T10:00:00.000Z", igdm__alpha=0.0)
    make_run("bbbb2222", created_at="2026-11-20T10:05:00.000Z", flags=("Square was better than the others",))
    make_run("cccc2222", "running", epochs_done=12, created_at="2026-11-20T10:10:00.000Z", runtime__seed=1)
    make_run("dddd2222", "failed", epochs_done=2, created_at="2026-11-20T10:15:00.000Z", name="too hot")
    make_run("eeee2222", "stopped", epochs_done=5, created_at="2026-11-20T10:20:00.000Z", method__name="ard")
    make_run("ffff2222", "lost", epochs_done=7, created_at="2026-11-20T10:25:00.000Z", name="lost one")
    return home


@pytest.fixture(autouse=True, scope="package")
def no_processes() -> Iterator[None]:
    """Nothing is started here for real, not even by a thread that goes on after its test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("igdm_tui.screens.launch.start_worker", lambda folder: 1)
        patch.setattr("igdm_tui.queue.summon.ensure_supervisor", lambda home: False)
        yield


@pytest.fixture(autouse=True)
def quick_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's Pilot looks for idleness in steps of 20 ms, twice a key; 4 ms are enough and five times as quick."""
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.004)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.002)


@pytest.fixture(autouse=True)
def quick_follower(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are looked at ten times a second, so that tests do not wait for half seconds."""
    monkeypatch.setattr("igdm_tui.live.POLL_S", 0.1)
    monkeypatch.setattr("igdm_tui.live.LIVENESS_S", 0.5)
    monkeypatch.setattr("igdm_tui.screens.run.LOG_S", 0.1)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Screens look for configs/ in the current folder: here it holds one recipe that no change of ours touches."""
    folder = tmp_path / "elsewhere"
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "digits.toml").write_text(config_to_toml(build_config(BASE)))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    preferences.save("runs", {"group": []}, tell=pytest.fail)  # a line per run: what most tests are about
    for variable in ("NO_COLOR", "IGDM_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return folder


class Driver:
    """A running app with what tests want to know of it."""

    def __init__(self, app: IgdmApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    async def until(self, condition: Callable[[], object], *, seconds: float = 120.0) -> None:
        """Wait until something is true; fails when it never is."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"never came true; the screen shows:\n{self.text}"
            await self.pilot.pause(0.02)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    @property
    def text(self) -> str:
        """What stands on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def shows(self, *texts: str) -> bool:
        return all(text in self.text for text in texts)

    @property
    def toasts(self) -> list[str]:
        return [f"{toast.title} {toast.message}" for toast in self.app._notifications]


@pytest.fixture
def drive(home: Home) -> Callable[..., AbstractAsyncContextManager[Driver]]:
    """Starts the real app on the home: `async with drive() as driver`."""

    @asynccontextmanager
    async def start(size: tuple[int, int] = (80, 24)) -> AsyncIterator[Driver]:
        app = IgdmApp(home)
        async with app.run_test(size=size, notifications=True) as pilot:
            driver = Driver(app, pilot)
            await driver.until(lambda: app.rows is not None)
            await driver.until(lambda: {row.id for row in app.rows or ()} == {f.run_id for f in run_folders(home)})
            await pilot.pause()
            yield driver

    return start
