"""The home: the folder that holds runs/, teachers/ and experiments.db. `--home`, IGDM_HOME, or the current folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.spec.errors import IgdmError
from core.spec.plain_files import make_private

HOME_VARIABLE = "IGDM_HOME"
DATA_VARIABLE = "IGDM_DATA"
ELSEWHERE = f"choose another place with --home or {HOME_VARIABLE}"


@dataclass(frozen=True, slots=True)
class Home:
    """Where things are. Paths only; nothing is made until `ensure` is called."""

    path: Path

    @classmethod
    def find(cls, given: Path | None = None) -> "Home":
        """The home to use: the given folder, else $IGDM_HOME, else the current folder."""
        chosen = given or Path(os.environ.get(HOME_VARIABLE) or ".")
        return cls(chosen.expanduser().resolve())

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.path / "runs"

    @property
    def teachers(self) -> Path:
        """One folder per teacher recipe."""
        return self.path / "teachers"

    @property
    def data(self) -> Path:
        """Where data sets are looked for: $IGDM_DATA, else data/ here. Never made; shared between homes by choice."""
        chosen = os.environ.get(DATA_VARIABLE)
        return Path(chosen).expanduser().resolve() if chosen else self.path / "data"

    @property
    def decoded(self) -> Path:
        """Decoded copies of folders of images; may be removed at any time."""
        return self.path / "cache" / "images"

    @property
    def compiled(self) -> Path:
        """What torch.compile has made; may be removed at any time."""
        return self.path / "cache" / "compiled"

    @property
    def slurm(self) -> Path:
        """What was handed to Slurm: one folder per job, with its own output."""
        return self.path / "slurm"

    @property
    def database(self) -> Path:
        """The view of all runs; `igdm db rebuild` recreates it."""
        return self.path / "experiments.db"

    def ensure(self) -> "Home":
        """Make the folders, for the owner only.

        Raises: IgdmError naming the folder when it cannot be made or written.
        """
        for folder in (self.path, self.runs, self.teachers):
            try:
                make_private(folder)
            except OSError as error:
                raise IgdmError(f"{folder}: cannot be made: {error.strerror or error} ({ELSEWHERE})") from error
            if not os.access(folder, os.W_OK | os.X_OK):
                raise IgdmError(f"{folder}: no permission to write (change its mode, or {ELSEWHERE})")
        return self
