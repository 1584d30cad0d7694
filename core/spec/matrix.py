"""One file that stands for many runs: rows of settings times lists of values.

    title = "What these runs show"
    base = "../cifar100-resnet18.toml"      # optional: settings to start from, beside this file

    [matrix]                                # optional: every combination of these values
    "runtime.seed" = [0, 1, 2]

    [[row]]                                 # optional: settings that go together; a row may name its own base
    label = "ARD + IGDM"
    set = { "method.name" = "ard", "igdm.alpha" = 100 }

Source of published rows: `published` names table and row of core/spec/published/results.csv.
"""

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.spec.config import RunConfig
from core.spec.errors import ConfigError, Problem
from core.spec.loading import config_problems, read_toml, set_value

KEYS = ("title", "base", "matrix", "row")
ROW_KEYS = ("label", "base", "set", "published")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """Settings of one run, unchecked. label: what the row is called. published: where its printed result stands."""

    label: str
    settings: dict[str, Any]
    published: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixRun:
    """One cell, checked."""

    label: str
    config: RunConfig
    published: dict[str, Any]


def is_matrix(settings: dict[str, Any]) -> bool:
    """True for the content of a matrix file, False for that of a single run."""
    return "matrix" in settings or "row" in settings


def load_matrix(path: Path) -> list[MatrixRun]:
    """Every run of a matrix file.

    Raises: ConfigError with every problem of every cell; IgdmError when a file cannot be read.
    """
    runs, problems = [], []
    for cell in expand(path):
        found = config_problems(cell.settings)
        problems += [replace(problem, message=f"{problem.message}, in {cell.label}") for problem in found]
        if not found:
            config = RunConfig.model_validate(cell.settings)
            runs.append(MatrixRun(label=cell.label, config=config, published=cell.published))
    if problems:
        raise ConfigError(problems, str(path))
    return runs


def pick_cell(path: Path, number: str) -> Cell:
    """The cell with this number, from 1, as in "table02.toml#3".

    Raises: ConfigError when there is none.
    """
    if number and not is_matrix(read_toml(path)):
        advice = f"name the file alone: {path}"
        raise ConfigError([Problem(key="", message="is one run, not a matrix of several", advice=advice)], str(path))
    cells = expand(path)
    if not (number.isdigit() and 1 <= int(number) <= len(cells)):
        message = f"is a matrix of {len(cells)} runs, {f'without a run {number}' if number else 'not one run'}"
        advice = f"name one: {path}#1 to {path}#{len(cells)}; `igdm config validate {path}` lists them"
        raise ConfigError([Problem(key="", message=message, advice=advice)], str(path))
    return cells[int(number) - 1]


def expand(path: Path) -> list[Cell]:
    """All cells of a matrix file, in order: each row with every combination of values.

    Raises: ConfigError for keys that a matrix does not have; IgdmError when a file cannot be read.
    """
    content = read_toml(path)
    rows, axes = content.get("row", [{}]), content.get("matrix", {})
    problems = [_unknown(key, KEYS) for key in content if key not in KEYS]
    problems += [_unknown(f"row.{key}", ROW_KEYS) for row in rows for key in row if key not in ROW_KEYS]
    lists = [key for key in axes if not isinstance(axes[key], list)]
    problems += [Problem(key=f"matrix.{key}", message="is not a list of values") for key in lists]
    if problems:
        raise ConfigError(problems, str(path))
    cells = []
    for number, row in enumerate(rows, 1):
        label = row.get("label", f"row {number}" if "row" in content else "")
        base = row.get("base", content.get("base"))
        for values in itertools.product(*axes.values()):
            chosen = dict(zip(axes, values, strict=True))
            settings = read_toml(path.parent / base) if base else {}
            for key, value in (row.get("set", {}) | chosen).items():
                if not set_value(settings, key, value):
                    raise ConfigError([Problem(key=key, message="goes through a key that is no section")], str(path))
            varied = ", ".join(f"{key}={value}" for key, value in chosen.items())
            text = " ".join(part for part in (label, varied) if part) or path.stem
            cells.append(Cell(label=text, settings=settings, published=row.get("published", {})))
    return cells


def _unknown(key: str, known: tuple[str, ...]) -> Problem:
    return Problem(key=key, message="unknown key", advice=f"one of: {', '.join(known)}")
