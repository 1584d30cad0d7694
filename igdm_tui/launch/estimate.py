"""How long a run will take, from runs like it that were made here before."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

# Settings that decide how long an epoch and the attacks after it take; whether there is an IGDM term is one more.
COSTLY = (
    "data.name", "data.folder", "data.image_size", "data.extra", "teacher.source", "teacher.model", "teacher.width",
    "teacher.blocks", "teacher.published", "teacher.path", "teacher.run", "second_teacher.source",
    "second_teacher.model", "student.model", "student.width", "student.blocks", "method.name",
    "method.teacher_in_attack", "attack.num_steps", "optim.batch_size", "optim.mixed_precision",
    "evaluation.attacks", "evaluation.num_examples",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """seconds: of one whole run, the median of `count` like it, scaled to its number of epochs."""

    seconds: float
    count: int


def estimate_run(settings: Mapping[str, Any], rows: "Iterable[RunRow]") -> Estimate | None:
    """The time a run with these settings will take, its evaluation included; None without a finished one like it.

    Runs count that agree in everything that costs time and ran on the same kind of device. What a first run spent on
    training the teacher is in its time, which the median forgives.
    """
    wanted, device = _costs(settings), _kind(_get(settings, "runtime.device"))
    epochs = _get(settings, "optim.num_epochs")
    if not isinstance(epochs, int):
        return None
    found = [
        row.elapsed_s * epochs / row.epochs
        for row in rows
        if row.status == "finished"
        and row.epochs
        and device in ("auto", _kind(row.device))
        and _costs(row.settings) == wanted
    ]
    return Estimate(seconds=statistics.median(found), count=len(found)) if found else None


def _costs(settings: Mapping[str, Any]) -> tuple[str, ...]:
    has_term = bool(_get(settings, "igdm.alpha"))
    return (str(has_term), *(_plain(_get(settings, key)) for key in COSTLY))


def _plain(value: Any) -> str:
    return str(list(value)) if isinstance(value, list | tuple) else str(value)


def _kind(device: Any) -> str:
    return str(device).partition(":")[0]


def _get(settings: Mapping[str, Any], key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
