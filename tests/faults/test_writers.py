"""Many writers, several readers that ingest at once: every row exactly once, and nobody hears of a lock."""

import json
import subprocess
import sys
import time
from contextlib import closing

import pytest

from core.spec.event_file import read_lines
from core.spec.home import Home
from igdm_tui.store import Store, connection, rebuild
from tests.faults.homes import PATIENCE_S, save_report
from tests.igdm_tui.conftest import run_maker

pytestmark = pytest.mark.slow

WRITER = """
import sys, time
from pathlib import Path
from core.spec.event_file import EventWriter
from core.spec.events import EpochFinished, StepLogged
from core.spec.run_folder import RunFolder
folder, count = RunFolder(Path(sys.argv[1])), int(sys.argv[2])
writer = EventWriter(folder.events)
began = time.perf_counter()
for step in range(1, count + 1):
    writer.write(StepLogged(epoch=1, step=step, metrics={"loss": step / 8, "ad_loss": 1 / step}))
print(count / (time.perf_counter() - began))
writer.close()
"""
READER = """
import sys, time
from pathlib import Path
from core.spec.home import Home
from igdm_tui.store import Store
home = Home(Path(sys.argv[1]))
refused = []
while not (home.path / "done").exists():
    try:
        with Store.open(home) as store:  # as a command does it
            store.ingest()
    except Exception as error:
        refused.append(f"{type(error).__name__}: {error}")
    time.sleep(0.01)
print(len(refused), *refused[:3])
"""


def start(code, *words):
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("num_writers", "num_events", "num_readers"),
    [
        pytest.param(4, 1_000, 2, id="few"),
        pytest.param(32, 10_000, 4, id="many", marks=pytest.mark.faults),
    ],
)
def test_every_row_exactly_once_and_no_lock_is_heard_of(tmp_path, num_writers, num_events, num_readers):
    home = Home(tmp_path / "home").ensure()
    runs = [run_maker(home)(f"run{number:05d}") for number in range(num_writers)]
    began = time.perf_counter()
    readers = [start(READER, home.path) for _ in range(num_readers)]
    writers = [start(WRITER, run.folder.path, num_events) for run in runs]
    rates = [writer.communicate(timeout=10 * PATIENCE_S) for writer in writers]
    written_s = time.perf_counter() - began
    with Store.open(home) as store:
        store.ingest()
        read_s = time.perf_counter() - began
        (home.path / "done").touch()
        for run in runs:
            steps = list(store.series(run.id, "loss").steps)
            assert steps == list(range(1, num_events + 1)), f"{run.id}: rows are missing or there twice"
    assert [reader.communicate(timeout=PATIENCE_S) for reader in readers] == [("0\n", "")] * num_readers
    assert [writer.returncode for writer in writers] == [0] * num_writers, rates
    with closing(connection.connect(home.database)) as opened:
        assert opened.execute("SELECT count(*) FROM points").fetchone() == (2 * num_writers * num_events,)
    assert sum(len(read_lines(run.folder.events)[0]) for run in runs) == num_writers * num_events
    assert rebuild.check(home) == []
    total = num_writers * num_events
    save_report(
        {
            "writers": num_writers, "events": total, "readers": num_readers,
            "events_per_s_written": round(total / written_s), "events_per_s_ingested": round(total / read_s),
            "median_writer_per_s": round(sorted(float(out) for out, _ in rates)[len(rates) // 2]),
        }
    )  # fmt: skip
    json.dumps(rates)
