"""How fast event files become rows: points per second of a first read, and what an idle look costs.

    python benchmarks/ingest.py [--runs 10] [--steps 20000]

Compare the ratio to plain parsing of the same lines, measured in the same run, between machines.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from figures import keep

from core.spec.events import Record, RunStarted, StepLogged, encode_record
from core.spec.home import Home
from core.spec.run_folder import RunFolder
from igdm_tui.store import Store

METRICS = {"loss": 1.2345678, "ad_loss": 0.12345678, "igdm_loss": 0.0012345678}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name)).ensure()
        lines = [line for number in range(options.runs) for line in write_run(home, number, options.steps)]
        began = time.perf_counter()
        for line in lines:
            json.loads(line)
        parsing_s = time.perf_counter() - began
        with Store.open(home) as store:
            began = time.perf_counter()
            store.ingest()
            ingest_s = time.perf_counter() - began
            began = time.perf_counter()
            store.ingest()
            idle_s = time.perf_counter() - began
            began = time.perf_counter()
            store.series("run00000", "loss")
            series_s = time.perf_counter() - began
        points = options.runs * options.steps * len(METRICS)
        print(f"first read    {points / ingest_s:10,.0f} points/s   {ingest_s / parsing_s:.1f} x parsing alone")
        keep("first read", points / ingest_s, "points/s", better="higher", goal=300_000)
        keep("first read, to parsing", ingest_s / parsing_s, "x parsing", better="lower")
        keep("a point", home.database.stat().st_size / points, "bytes", better="lower")
        print(f"idle look     {idle_s * 1000:10.2f} ms")
        print(f"one series    {series_s * 1000:10.2f} ms for {options.steps:,} points")
        print(f"database      {home.database.stat().st_size / points:10.1f} bytes per point")


def write_run(home: Home, number: int, steps: int) -> list[str]:
    """A run that is being trained; its lines."""
    folder = RunFolder(home.runs / f"run{number:05d}")
    folder.path.mkdir()
    folder.run_json.write_text(json.dumps({"name": folder.run_id, "settings": {}}))
    where = {"pid": 1, "started_at": 1.0, "host": "nowhere", "device": "cpu", "threads": 1}
    started = RunStarted(attempt=1, epochs=10, steps_per_epoch=steps // 10, **where)
    lines = [encode_record(Record(seq=1, t=1.7e9, m=1.0, event=started))]
    for step in range(1, steps + 1):
        event = StepLogged(epoch=1 + step * 10 // (steps + 1), step=step, metrics=METRICS)
        lines.append(encode_record(Record(seq=step + 1, t=1.7e9 + step, m=1.0 + step, event=event)))
    folder.events.write_text("".join(lines))
    return lines


if __name__ == "__main__":
    main()
