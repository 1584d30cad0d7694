"""Does the store slow down as runs pile up? Listing, opening and looking at 10, 100, 1,000 and 5,000 runs.

    python benchmarks/store_growth.py [--runs 10,100,1000,5000] [--rebuild 1000]

Each home has one run of 100,000 points per loss, which is opened, among short finished runs. --rebuild N: a home of N
runs with 10,000 points each is read into a new database, beside plain parsing of the same lines in the same run.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from figures import keep
from ingest import write_run as write_long_run
from startup import write_run as write_short_run

from core.spec.home import Home
from igdm_tui.store import Store
from igdm_tui.store.rebuild import rebuild

POINTS_PER_RUN = 9_999
REPEATS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default="10,100,1000,5000")
    parser.add_argument("--steps", type=int, default=100_000, help="of the long run")
    parser.add_argument("--rebuild", type=int, default=1000, help="runs of the rebuilt home; 0 leaves it out")
    options = parser.parse_args()
    titles = ("list ms", "us a run", "open one ms", "curve ms", "full look ms", "quick ms")
    print(f"{'runs':>6} " + " ".join(f"{title:>12}" for title in titles))
    for count in [int(part) for part in options.runs.split(",")]:
        with tempfile.TemporaryDirectory() as folder:
            growth(Home(Path(folder)).ensure(), count, options.steps)
    if options.rebuild:
        with tempfile.TemporaryDirectory() as folder:
            rebuilding(Home(Path(folder)).ensure(), options.rebuild)


def growth(home: Home, count: int, steps: int) -> None:
    """One line of the table."""
    write_long_run(home, 0, steps)
    for number in range(count - 1):
        write_short_run(home, number)
    with Store.open(home) as store:
        store.ingest()
        listing_s = median_s(store.runs)
        opening_s = median_s(lambda: (store.run("run00000"), store.series_names("run00000")))
        curve_s = median_s(lambda: store.series("run00000", "loss"))
        idle_s = median_s(store.ingest)
        quick_s = median_s(lambda: store.ingest(full=False))
    keep(f"list of {count:,} runs", listing_s * 1e3, "ms", better="lower")
    keep(f"open one of {count:,} runs", opening_s * 1e3, "ms", better="lower")
    keep(f"quick look at {count:,} runs", quick_s * 1e3, "ms", better="lower")
    figures = (listing_s * 1e3, listing_s / count * 1e6, opening_s * 1e3, curve_s * 1e3, idle_s * 1e3, quick_s * 1e3)
    print(f"{count:>6,} " + " ".join(f"{figure:>12.2f}" for figure in figures), flush=True)


def rebuilding(home: Home, count: int) -> None:
    """Points per second of a rebuild."""
    parsing_s, points = 0.0, 0
    for number in range(count):
        lines = write_long_run(home, number, POINTS_PER_RUN // 3)
        began = time.perf_counter()
        for line in lines:
            json.loads(line)
        parsing_s += time.perf_counter() - began
        points += 3 * (len(lines) - 1)
    began = time.perf_counter()
    rebuild(home)
    seconds = time.perf_counter() - began
    size = home.database.stat().st_size
    keep(f"rebuild of {count:,} runs of 10,000 points", seconds, "s", better="lower", goal=30)
    keep("rebuild, to parsing", seconds / parsing_s, "x parsing", better="lower")
    print(
        f"rebuild of {count:,} runs, {points:,} points: {seconds:.1f} s, {points / seconds:,.0f} points/s,"
        f" {seconds / parsing_s:.1f} x parsing alone, {size / points:.0f} bytes per point"
    )


def median_s(action: Callable[[], object]) -> float:
    """Median time of an action."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    main()
