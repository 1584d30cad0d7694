"""The section "live" of benchmarks/ui.py: does the screen ever wait while four runs with long histories go on?"""

import asyncio
import json
import os
import random
import tempfile
import threading
import time
from pathlib import Path

from core.spec.config import RunConfig
from core.spec.event_file import EventWriter
from core.spec.events import EpochFinished, RunStarted, StepLogged, TeacherProgress
from core.spec.home import Home
from core.spec.identity import settings_hash
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from igdm_tui.app import IgdmApp

RUNS, STEPS, STEPS_PER_EPOCH = 4, 100_000, 500
SIZE = (160, 48)
BEAT_S, LINES_PER_S = 0.005, 20
OPENING_S, WATCH_S = 3.0, 8.0
GOAL_MS = 50.0


def main() -> None:
    """Print the longest time the screen's thread was away, on each screen."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder)).ensure()
        began = time.perf_counter()
        writers = [write_run(home, number) for number in range(RUNS)]
        print(f"  {RUNS} runs of {STEPS:,} steps with three losses written in {time.perf_counter() - began:.0f} s")
        try:
            asyncio.run(watch(home, writers))
        finally:
            for writer in writers:
                os.close(writer._descriptor)


def write_run(home: Home, number: int, *, steps: int = STEPS) -> EventWriter:
    """A run that says it goes on, in this process."""
    config = RunConfig.model_validate({"runtime": {"seed": number}, "igdm": {"alpha": float(number)}})
    folder = RunFolder(home.runs / f"live22{number + 22}")
    folder.path.mkdir()
    card = {
        "id": folder.run_id, "name": config.title, "created_at": f"2026-01-{number + 1:02d}T00:00:00.000Z",
        "settings_hash": settings_hash(config), "settings": config.model_dump(mode="json"),
    }  # fmt: skip
    folder.run_json.write_text(json.dumps(card))
    me = ProcessIdentity.of_this()
    folder.write_worker(me, 1)
    writer = EventWriter(folder.events)
    writer.write(
        RunStarted(
            attempt=1, pid=me.pid, started_at=me.started_at, host=me.host, device="cpu", threads=1,
            epochs=2 * STEPS // STEPS_PER_EPOCH, steps_per_epoch=STEPS_PER_EPOCH,
        )
    )  # fmt: skip
    writer.write(TeacherProgress(state="ready", recipe_hash="abc", metrics={"clean_accuracy": 0.9}))
    chance = random.Random(number)
    for step in range(1, steps + 1):
        say(writer, step, chance)
    return writer


def say(writer: EventWriter, step: int, chance: random.Random) -> None:
    """One step, and the end of an epoch where it is due."""
    loss = 2 / (1 + step / 20_000) + chance.gauss(0, 0.1)
    writer.write(StepLogged(epoch=step // STEPS_PER_EPOCH + 1, step=step, metrics=losses(loss)))
    if step % STEPS_PER_EPOCH == 0:
        metrics = losses(loss) | {
            "validation_clean_accuracy": 0.9 - loss / 10, "validation_pgd_accuracy": 0.6 - loss / 10,
            "gradient_distance": loss / 20, "gradient_cosine": 0.7 - loss / 5, "learning_rate": 0.1,
        }  # fmt: skip
        writer.write(EpochFinished(epoch=step // STEPS_PER_EPOCH, step=step, elapsed_s=10.0, metrics=metrics))


def losses(loss: float) -> dict[str, float]:
    """Three losses."""
    return {"loss": loss, "ad_loss": loss * 0.8, "igdm_loss": loss * 0.2}


async def watch(home: Home, writers: list[EventWriter]) -> None:
    """Show each screen in turn while all four runs are written, with a heart that beats in the screen's thread."""
    from igdm_tui.screens.compare import CompareScreen
    from igdm_tui.screens.run import RunScreen
    from igdm_tui.store import Store

    began = time.perf_counter()
    with Store.open(home) as store:
        store.ingest()
    print(f"  first reading into the database: {time.perf_counter() - began:.1f} s")
    app, ended = IgdmApp(home), threading.Event()
    worker = threading.Thread(target=keep_writing, args=(writers, ended), daemon=True)
    worker.start()
    try:
        async with app.run_test(size=SIZE) as pilot:
            while len(app.rows or ()) < RUNS:
                await asyncio.sleep(0.1)
            heart = Heart()
            beating = asyncio.create_task(heart.beat())
            ids = [row.id for row in app.rows or ()]
            for name, screen in (("Runs", None), ("Run", RunScreen(ids[0])), ("Compare", CompareScreen(ids))):
                if screen is not None:
                    app.push_screen(screen)
                heart.begin()
                await asyncio.sleep(OPENING_S)
                heart.say(f"{name}, opening")
                heart.begin()
                await asyncio.sleep(WATCH_S)
                heart.say(f"{name}, following")
            heart.begin()
            for key in ("x", "w", "m", "1", "2"):
                await pilot.press(key)
                await asyncio.sleep(1.0)
            heart.say("Compare, keys")
            beating.cancel()
    finally:
        ended.set()
        worker.join()


def keep_writing(writers: list[EventWriter], ended: threading.Event) -> None:
    """Steps of all runs, as workers write them."""
    chance, step = random.Random(9), STEPS
    while not ended.wait(1 / LINES_PER_S):
        step += 1
        for writer in writers:
            say(writer, step, chance)


class Heart:
    """How late the screen's thread comes back when it asked for a short pause."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self.busy: list[float] = []

    def begin(self) -> None:
        """Forget what was before."""
        self.late, self.busy = [], []

    async def beat(self) -> None:
        """Until cancelled."""
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(BEAT_S)
            self.late.append(time.perf_counter() - began - BEAT_S)
            self.busy.append(time.thread_time() - worked)

    def say(self, name: str) -> None:
        """The longest absence, and the longest work of this thread in one, which other programs do not lengthen."""
        late, busy = sorted(self.late), sorted(self.busy)
        print(
            f"  {name:<18} longest absence {late[-1] * 1000:5.0f} ms   own work at most {busy[-1] * 1000:5.0f} ms"
            f"   99 % below {late[int(len(late) * 0.99)] * 1000:4.0f} ms   goal {GOAL_MS:.0f} ms"
        )
