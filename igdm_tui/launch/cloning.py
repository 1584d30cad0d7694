"""Runs like another one: the same settings but for what is changed, and which seeds of an experiment are missing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.spec.errors import IgdmError

if TYPE_CHECKING:
    from core.spec.config import RunConfig
    from igdm_tui.store.rows import RunRow


def clone_config(row: "RunRow", overrides: Iterable[str] = (), *, seed: int | None = None) -> "RunConfig":
    """The settings of a run with "key.path=value" changes. The name is not cloned: it calls one run.

    Raises: ConfigError with every problem; IgdmError when the run's settings are not known.
    """
    from core.spec.loading import apply_overrides, build_config

    if not row.settings:
        raise IgdmError(f"{row.id}: its settings are not known (its run.json is missing or damaged)")
    settings = {key: value for key, value in row.settings.items() if key != "name"}
    changes = [*overrides, *([] if seed is None else [f"runtime.seed={seed}"])]
    return build_config(apply_overrides(settings, changes), source=f"settings of {row.id}")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted settings in which two runs differ, each with both values as a person writes them; the name is none.

    A run made before a setting was known went by its default.
    """
    from core.spec.config import RunConfig
    from core.spec.identity import flatten
    from core.spec.toml_text import plain_value

    defaults = flatten(RunConfig().model_dump(mode="json"))
    here, there = (defaults | flatten(dict(settings)) for settings in (before, after))
    found = {}
    for key in dict.fromkeys([*here, *there]):
        values = here.get(key), there.get(key)
        if values[0] != values[1] and key != "name":
            found[key] = tuple(None if value is None else plain_value(key, value) for value in values)
    return found  # type: ignore[return-value]


def missing_seeds(rows: "Sequence[RunRow]", total: int) -> list[int]:
    """The smallest seeds that bring an experiment to `total` runs. One that failed or was stopped is retried, not
    replaced: its seed counts as there."""
    there = {row.seed for row in rows}
    wanted = max(total - len(there), 0)
    found: list[int] = []
    seed = 0
    while len(found) < wanted:
        if seed not in there:
            found.append(seed)
        seed += 1
    return found
