"""Every benchmark, one table, and how it stands against a stored one.

    python benchmarks/all.py [--only startup,ingest] [--smoke] [--save] [--baseline FILE]

Prints what each script prints, then one table: the figure, its goal, the baseline's figure and the ratio to it, above 1
where it is better now. Seconds compare only on the same quiet machine; ratios ("x ...") compare anywhere. --smoke runs
each script as small as it goes, to see that it works. --save makes this the baseline, and with --only keeps the rest of
it. Ends with 1 when a script fails.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from figures import VARIABLE, Figure, kept

FOLDER = Path(__file__).parent
BASELINE = FOLDER / "baseline.json"
TINY_STEP = ["--students", "resnet", "--teacher", "resnet", "--image-size", "8", "--batch", "2", "--matrix", "64"]
# Script: its words at full size, and in a smoke test. Those that take an hour are started by hand: see README.md.
SCRIPTS = {
    "startup": ([], ["--runs", "3", "--repeats", "1"]),
    "first_step": ([], ["--repeats", "1"]),
    "event_logging": ([], ["--events", "200", "--epochs", "1"]),
    "ingest": ([], ["--runs", "2", "--steps", "200"]),
    "store_growth": ([], ["--runs", "2", "--rebuild", "2", "--steps", "300"]),
    "ui": ([], ["chart"]),
    "train_step": (
        ["--methods", "adaad", "--pairs", "5"],
        [*TINY_STEP, "--methods", "standard", "--attack-steps", "1", "--pairs", "1", "--threads", "1"],
    ),
    "following": ([], ["--epochs", "1"]),
    "growth": ([], ["--repeats", "1", "--points", "2", "--images", "16"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SCRIPTS), help="some of: " + ", ".join(SCRIPTS))
    parser.add_argument("--smoke", action="store_true", help="as small as it goes; the figures mean nothing")
    parser.add_argument("--save", action="store_true", help="keep the figures as the baseline")
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    options = parser.parse_args()
    names = options.only.split(",")
    unknown = [name for name in names if name not in SCRIPTS]
    if unknown:
        parser.error(f"no script {', '.join(unknown)} here (one of: {', '.join(SCRIPTS)})")
    figures: list[Figure] = []
    failed = []
    for name in names:
        found, code = run(name, smoke=options.smoke)
        figures += found
        failed += [name] if code else []
    before = {} if options.smoke else read_baseline(options.baseline)
    print_table(figures, before)
    if options.save and not failed and not options.smoke:
        save(options.baseline, figures)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def run(name: str, *, smoke: bool) -> tuple[list[Figure], int]:
    """The figures of one script, and how it ended."""
    words = SCRIPTS[name][1 if smoke else 0]
    print(f"== {name} {' '.join(words)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures"
        command = [sys.executable, str(FOLDER / f"{name}.py"), *words]
        code = subprocess.run(command, env=os.environ | {VARIABLE: str(file)}, check=False).returncode
        return kept(file), code


def save(path: Path, figures: list[Figure]) -> None:
    """Make these the baseline; figures of scripts that were not run stay."""
    where = {"machine": platform.machine(), "cpus": os.cpu_count(), "python": platform.python_version()}
    entries = {entry["name"]: entry for entry in [*stored(path), *map(asdict, figures)]}
    path.write_text(json.dumps({**where, "figures": list(entries.values())}, indent=1) + "\n", encoding="utf-8")


def read_baseline(path: Path) -> dict[str, float]:
    """The stored figures by name."""
    return {entry["name"]: entry["value"] for entry in stored(path)}


def stored(path: Path) -> list[dict[str, Any]]:
    """The entries of a baseline; none when nothing is stored."""
    return list(json.loads(path.read_text(encoding="utf-8"))["figures"]) if path.exists() else []


def print_table(figures: list[Figure], before: dict[str, float]) -> None:
    """One line per figure."""
    print(f"\n{'figure':44} {'value':>12} {'unit':14} {'goal':>10} {'baseline':>12} {'ratio':>6}")
    for figure in figures:
        goal = f"{figure.goal:,.4g}" if figure.goal is not None else ""
        old = before.get(figure.name)
        ratio = ratio_to(old, figure) if old and figure.value else None
        compared = f"{old:12,.4g} {ratio:6.2f}" if old is not None and ratio is not None else ""
        print(f"{figure.name:44} {figure.value:12,.4g} {figure.unit:14} {goal:>10} {compared}")


def ratio_to(old: float, figure: Figure) -> float:
    """Above 1 where the figure is better than the old one."""
    return figure.value / old if figure.better == "higher" else old / figure.value


if __name__ == "__main__":
    main()
