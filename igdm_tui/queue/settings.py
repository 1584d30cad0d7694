"""How much of this machine the queue may use: queue.toml in the user's config folder. Without the file: all of it."""

import os
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from core.spec.errors import IgdmError

GIB = 2**30
MOST_WORKERS = 4  # of runs on the CPU that leave their threads open: a quarter of the cores each


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueSettings:
    """What queue.toml may say.

    cpu_cores: cores for runs on the CPU; 0: all that this user may use. gpus: which GPUs, as nvidia-smi counts; empty:
    all. gpu_slots: runs at once on each GPU. gpu_memory_gib: must be free on it where a run's need cannot be estimated.
    share_gpus: a GPU on which other processes run is used too, if the memory is there.
    """

    cpu_cores: int = 0
    gpus: tuple[int, ...] = ()
    gpu_slots: int = 1
    gpu_memory_gib: float = 4.0
    share_gpus: bool = False

    @property
    def cores(self) -> int:
        """Cores to share out."""
        return min(self.cpu_cores or usable_cores(), usable_cores())


def settings_path() -> Path:
    """Where the file may be."""
    import platformdirs

    return platformdirs.user_config_path("igdm-tui", appauthor=False) / "queue.toml"


def read_settings() -> QueueSettings:
    """What the file says, defaults for the rest.

    Raises: IgdmError naming the file and what is wrong with it.
    """
    path = settings_path()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return QueueSettings()
    except (OSError, ValueError) as error:
        raise IgdmError(f"{path}: cannot be read: {error} (mend it or remove it)") from error
    default = QueueSettings()
    known = {entry.name for entry in fields(QueueSettings)}
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key not in known or not _fits(value, getattr(default, key)):
            raise IgdmError(f"{path}: {key} = {value!r} is not understood (known: {', '.join(sorted(known))})")
        values[key] = tuple(value) if isinstance(value, list) else value
    return replace(default, **values)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sane_threads(cores: int) -> int:
    """CPU threads of a run that leaves them open: a quarter of the cores, so that a few such runs share the machine."""
    return max(cores // MOST_WORKERS, 1)


def _fits(value: Any, default: Any) -> bool:
    """Same kind as the default, and not negative; slots and cores are counted from what is there."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, tuple):
        return isinstance(value, list) and all(isinstance(entry, int) and entry >= 0 for entry in value)
    if isinstance(default, int):
        return isinstance(value, int) and value >= default  # cpu_cores from 0, gpu_slots from 1
    return isinstance(value, int | float) and value >= 0
