"""A matrix of settings becomes runs: what is there already is left alone, what is missing or failed is filled in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.spec.config import RunConfig

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

NEW, REFILL, SKIP = "new", "again", "skip"
REFILLED = ("failed", "lost", "stopped")
BEST_FIRST = ("finished", "running", "queued", "stopped", "lost", "failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepCell:
    """One run of the matrix, named by settings_hash and seed. run: one of the same name that is there, None without."""

    label: str
    config: RunConfig
    settings_hash: str
    run: "RunRow | None"

    @property
    def action(self) -> str:
        """One of "new", "again" (has failed, was stopped or is lost) and "skip" (is there or on its way)."""
        if self.run is None:
            return NEW
        return REFILL if self.run.status in REFILLED else SKIP

    def to_json(self) -> dict[str, Any]:
        """The form that scripts rely on."""
        teacher = self.config.teacher
        return {
            "label": self.label,
            "action": self.action,
            "id": None if self.run is None else self.run.id,
            "status": None if self.run is None else self.run.status,
            "settings_hash": self.settings_hash,
            "seed": self.config.runtime.seed,
            "method": self.config.method.name,
            "igdm_alpha": self.config.igdm.alpha,
            "student": self.config.student.model,
            "teacher": teacher.published if teacher.source == "published" else teacher.source,
        }


def expand_sweep(path: Path, overrides: Sequence[str], seeds: Sequence[int]) -> list[tuple[str, RunConfig]]:
    """Every run of a matrix file, or of a file of one run: (label, configuration).

    overrides: "key=value", for all of them. seeds: each run once with each of these; empty: as the file says.
    Raises: ConfigError with every problem of every cell; IgdmError when a file cannot be read.
    """
    from dataclasses import replace

    from core.spec.errors import ConfigError
    from core.spec.loading import apply_overrides, config_problems, read_toml
    from core.spec.matrix import Cell, expand, is_matrix

    content = read_toml(path)
    cells = expand(path) if is_matrix(content) else [Cell(label=path.stem, settings=content)]
    found: dict[tuple[str, str], tuple[str, RunConfig]] = {}
    problems = []
    for cell in cells:
        for seed in seeds or (None,):
            changes = [*overrides, *([] if seed is None else [f"runtime.seed={seed}"])]
            settings = apply_overrides(cell.settings, changes)
            wrong = config_problems(settings)
            problems += [replace(problem, message=f"{problem.message}, in {cell.label}") for problem in wrong]
            if not wrong:
                config = RunConfig.model_validate(settings)
                found.setdefault((cell.label, config.model_dump_json()), (cell.label, config))
    if problems:
        unique = {(problem.key, problem.message): problem for problem in problems}
        raise ConfigError(list(unique.values()), str(path))
    return list(found.values())


def plan_sweep(runs: Sequence[tuple[str, RunConfig]], rows: "Sequence[RunRow]") -> list[SweepCell]:
    """What each run of a matrix needs, given all runs of the home. One that stands in it twice is made once."""
    from core.spec.identity import settings_hash

    there: dict[tuple[str, int], RunRow] = {}
    for row in sorted(rows, key=lambda row: BEST_FIRST.index(row.status), reverse=True):
        if not row.folder_missing:
            there[row.settings_hash, row.seed] = row
    cells: dict[tuple[str, int], SweepCell] = {}
    for label, config in runs:
        name = settings_hash(config), config.runtime.seed
        cells.setdefault(name, SweepCell(label=label, config=config, settings_hash=name[0], run=there.get(name)))
    return list(cells.values())
