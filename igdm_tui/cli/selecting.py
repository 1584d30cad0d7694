"""Which runs `igdm ls` shows, and in which order: "method=adaad and igdm.alpha>0", "--sort autoattack_accuracy"."""

import difflib
import math
import operator
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from core.spec.catalogue import METRICS
from core.spec.errors import IgdmError
from igdm_tui.store.rows import RunRow

FIELDS = (
    "id", "name", "status", "seed", "dataset", "teacher", "student", "method", "igdm_alpha", "settings_hash",
    "created_at", "started_at", "elapsed_s", "epoch", "epochs", "device", "stage", "attempt",
)  # fmt: skip
TERM = re.compile(r"\s*(?P<key>[\w.-]+)\s*(?P<sign>!=|>=|<=|==|=|>|<|~)\s*(?P<value>.*?)\s*")
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Term(NamedTuple):
    """One condition."""

    key: str
    sign: str
    value: str


def filtered(runs: Sequence[RunRow], text: str) -> list[RunRow]:
    """Runs for which every condition holds; a run without the key fits none but "!=".

    Raises: IgdmError for a condition that cannot be read or a key that nothing has.
    """
    terms = [_term(part) for part in re.split(r"\s+and\s+", text)] if text.strip() else []
    for term in terms:
        _check_key(term.key, runs, "--filter")
    return [run for run in runs if all(_holds(run, term) for term in terms)]


def sorted_by(runs: Sequence[RunRow], key: str) -> list[RunRow]:
    """Runs in the order of a key, metrics best first, runs without it last; "-key" the other way round.

    Raises: IgdmError for a key that nothing has.
    """
    if not key:
        return list(runs)
    name = key.removeprefix("-")
    _check_key(name, runs, "--sort")
    best_is_high = name in METRICS and METRICS[name].better == "higher"
    values = {run.id: value_of(run, name) for run in runs}
    known = [run for run in runs if _is_known(values[run.id])]
    in_numbers = all(_number(values[run.id]) is not None for run in known)

    def order(run: RunRow) -> Any:
        return _number(values[run.id]) if in_numbers else str(values[run.id])

    known.sort(key=order, reverse=best_is_high != key.startswith("-"))
    return known + [run for run in runs if not _is_known(values[run.id])]


def value_of(run: RunRow, key: str) -> Any:
    """What a run has under a key: a field, a metric or a dotted setting; None when it has none."""
    if key in FIELDS:
        return getattr(run, key)
    if key in run.metrics:
        return run.metrics[key]
    value: Any = run.settings
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _term(text: str) -> Term:
    match = TERM.fullmatch(text)
    if match is None:
        raise IgdmError(f"--filter: {text!r} is no condition (write key=value, key>0 or key~text, joined by and)")
    return Term(match["key"], match["sign"], match["value"].strip("'\""))


def _check_key(key: str, runs: Sequence[RunRow], option: str) -> None:
    from core.spec.identity import flatten

    known = {*FIELDS, *METRICS, *(name for run in runs for name in (*run.metrics, *flatten(run.settings)))}
    if runs and key not in known:
        near = difflib.get_close_matches(key, known, n=1) or [name for name in known if name.endswith(f".{key}")]
        hint = f"did you mean {near[0]}?" if near else f"columns: {', '.join(FIELDS[:9])}; a metric, or a setting"
        raise IgdmError(f"{option}: no run has {key!r} ({hint})")


def _holds(run: RunRow, term: Term) -> bool:
    value = value_of(run, term.key)
    if value is None:
        return term.sign == "!="
    if term.sign == "~":
        return term.value.casefold() in str(value).casefold()
    left, right = _number(value), _number(term.value)
    compare = COMPARISONS[term.sign]
    if left is not None and right is not None:
        return bool(compare(left, right))
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return bool(compare(shown, term.value))


def _is_known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _number(value: Any) -> float | None:
    """A number, also from "8/255"; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        return float(value) if isinstance(value, int | float) else float(Fraction(value))
    except (ValueError, TypeError, ZeroDivisionError, OverflowError):
        return None
