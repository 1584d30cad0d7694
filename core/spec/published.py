"""Teachers that papers published: their numbers, and where their checkpoints are kept once fetched.

The table is `published_teachers.csv` beside this file: accuracies are fractions as printed in the named source,
file names and identifiers those of RobustBench (threat model l-infinity, 8/255). Rows without a name have no public
checkpoint; their numbers are only shown.
"""

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).with_name("published_teachers.csv")
PUBLISHED_EPSILON = 8 / 255  # pixel units
BYTES_PER_PARAMETER = 4
CLEAN_TOLERANCE = 0.001  # the same weights on the same images differ by rounding alone


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTeacher:
    """One row. Accuracies are fractions in [0, 1], None where the source has none; parameters is a count, 0 unknown."""

    name: str
    dataset: str
    title: str
    architecture: str
    model: str
    parameters: int
    clean: float | None
    pgd20: float | None
    autoattack: float | None
    file: str
    drive_id: str
    source: str

    @property
    def path(self) -> Path:
        """Where its checkpoint is kept, in the user's cache folder, shared by all homes."""
        import platformdirs

        return Path(platformdirs.user_cache_dir("igdm-tui")) / "teachers" / self.dataset / self.file

    @property
    def url(self) -> str:
        """Where a browser downloads it."""
        return f"https://drive.google.com/uc?id={self.drive_id}"

    @property
    def least_bytes(self) -> int:
        """A file smaller than its parameters in float32 is not the checkpoint."""
        return self.parameters * BYTES_PER_PARAMETER

    @property
    def manual_way(self) -> str:
        """What to do where there is no internet."""
        command = f"igdm teachers fetch {self.name} --dataset {self.dataset} --file FILE"
        return f"download {self.url} with a browser, then: {command}"


@lru_cache(maxsize=1)
def published_teachers() -> tuple[PublishedTeacher, ...]:
    """Every row of the table, in its order."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return tuple(_teacher(row) for row in csv.DictReader(file))


def find_published(name: str, dataset: str) -> PublishedTeacher | None:
    """The checkpoint with this name for a data set; None when there is none."""
    return next((row for row in published_teachers() if row.name == name and row.dataset == dataset), None)


def published_names(dataset: str) -> list[str]:
    """Names of checkpoints for a data set."""
    return [row.name for row in published_teachers() if row.dataset == dataset and row.name]


def _teacher(row: dict[str, str]) -> PublishedTeacher:
    def fraction(key: str) -> float | None:
        return float(row[key]) if row[key] else None

    return PublishedTeacher(
        name=row["name"],
        dataset=row["dataset"],
        title=row["title"],
        architecture=row["architecture"],
        model=row["model"],
        parameters=int(row["parameters"] or 0),
        clean=fraction("clean"),
        pgd20=fraction("pgd20"),
        autoattack=fraction("autoattack"),
        file=row["file"],
        drive_id=row["drive_id"],
        source=row["source"],
    )
