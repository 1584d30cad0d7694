"""Which runs `igdm ls` shows, and in which order: --filter, "--sort autoattack_accuracy", "--sort -created_at"."""

import math
from collections.abc import Sequence
from typing import Any

from core.spec.catalogue import METRICS
from core.spec.errors import IgdmError
from igdm_tui.store.filter import FilterError, parse_filter
from igdm_tui.store.filter_keys import UnknownKeyError, Vocabulary, as_number, as_text
from igdm_tui.store.rows import RunRow


def picked(rows: Sequence[RunRow], text: str, *, with_archived: bool) -> tuple[list[RunRow], bool]:
    """The runs that fit a filter, and whether archived ones are wanted: a filter that asks about it means them too.

    Raises: IgdmError pointing at what is wrong in the filter.
    """
    try:
        found = parse_filter(text, Vocabulary(rows))
    except FilterError as error:
        raise IgdmError(f"--filter: {error}") from error
    return found.apply(rows), with_archived or "archived" in found.keys


def sorted_by(rows: Sequence[RunRow], key: str) -> list[RunRow]:
    """Runs in the order of a key, metrics best first, runs without it last; "-key" the other way round.

    Raises: IgdmError for a key that nothing has.
    """
    if not key or not rows:
        return list(rows)
    try:
        found = Vocabulary(rows).resolve(key.removeprefix("-"))
    except UnknownKeyError as error:
        raise IgdmError(f"--sort: {error}") from error
    best_is_high = found.name in METRICS and METRICS[found.name].better == "higher"
    values = [(found.read(row), row) for row in rows]
    known = [(value, row) for value, row in values if _is_known(value)]
    in_numbers = all(as_number(value) is not None for value, _ in known)

    def order(pair: tuple[Any, RunRow]) -> Any:
        return as_number(pair[0]) if in_numbers else as_text(pair[0])

    known.sort(key=order, reverse=best_is_high != key.startswith("-"))
    return [row for _, row in known] + [row for value, row in values if not _is_known(value)]


def _is_known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
