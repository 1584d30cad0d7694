"""What a script measured, kept for `benchmarks/all.py` beside what it prints."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "IGDM_FIGURES"  # names the file that figures are added to; without it nothing is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number. better: "lower" or "higher". goal: what it should reach, None where none was set."""

    name: str
    value: float
    unit: str
    better: str
    goal: float | None = None


def keep(name: str, value: float, unit: str, *, better: str, goal: float | None = None) -> None:
    """Keep a number for the table of all scripts."""
    path = os.environ.get(VARIABLE)
    if path:
        figure = Figure(name=name, value=value, unit=unit, better=better, goal=goal)
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(figure)) + "\n")


def kept(path: Path) -> list[Figure]:
    """The numbers in a file, in their order; none when there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Figure(**json.loads(line)) for line in lines]
