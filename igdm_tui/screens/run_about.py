"""Where a run comes from and what it left: code and machine, evaluations with their intervals, checkpoints."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.spec.catalogue import METRICS
from igdm_tui.numbers import age, duration
from igdm_tui.report.interval import wilson
from igdm_tui.screens.run_data import setting_text
from igdm_tui.screens.run_origin import Origin
from igdm_tui.widgets.lines import TonedLine
from igdm_tui.widgets.run_table import metric_text
from igdm_tui.widgets.text import fit, plain

if TYPE_CHECKING:
    from igdm_tui.store import EvaluationRow

KEY_WIDTH = 14
METRIC_WIDTHS = (10, 31)
UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def origin_lines(origin: Origin) -> list[TonedLine]:
    """Code, versions, machine, command, seed; then the checkpoints."""
    card = origin.card
    git = card.get("git") if isinstance(card.get("git"), dict) else None
    changed = " with changes that were not committed (run.json has them)" if git and git.get("dirty") else ""
    command = card.get("command")
    entries = {
        "code": f"{plain(git.get('sha', ''))[:12]}{changed}" if git else "not from a git repository",
        "command": " ".join(plain(word) for word in command) if isinstance(command, list) else "",
        "seed": plain(card.get("seed", "")),
        "settings hash": plain(card.get("settings_hash") or ""),
        "host": plain(card.get("host", "")),
        "system": plain(card.get("platform", "")),
        "GPUs": ", ".join(plain(name) for name in card.get("gpus") or []) or "none",
        "Python": plain(card.get("python", "")),
    }
    lines: list[TonedLine] = [[("where it comes from", "title")]]
    lines += [[(f"  {fit(key, KEY_WIDTH)}", "dim"), (text, "")] for key, text in entries.items() if text]
    versions = card.get("versions")
    for name, version in (versions if isinstance(versions, dict) else {}).items():
        lines.append([(f"  {fit(plain(name), KEY_WIDTH)}", "dim"), (plain(version), "")])
    lines += [[("", "")], [("checkpoints", "title")]]
    if not origin.checkpoints:
        lines.append([("  none yet", "dim")])
    for checkpoint in origin.checkpoints:
        epoch = f"epoch {checkpoint.epoch}" if checkpoint.epoch is not None else ""
        said = f"{fit(epoch, 12)}{size_text(checkpoint.size):>8}   {age(checkpoint.written_at, time.time())} ago"
        lines.append([(f"  {fit(checkpoint.name, KEY_WIDTH)}", "dim"), (said, "")])
    return lines


def evaluation_lines(evaluations: "Sequence[EvaluationRow]") -> list[TonedLine]:
    """Every evaluation, newest first: its measurements with intervals, images, time, parameters and flags."""
    if not evaluations:
        return [[("Nothing was evaluated yet.", "dim")]]
    lines: list[TonedLine] = []
    for name in list(dict.fromkeys(row.evaluation for row in evaluations))[::-1]:
        own = [row for row in evaluations if row.evaluation == name]
        when = age(own[-1].finished_at, time.time())
        seconds = duration(sum(row.seconds for row in own))
        lines += [*([[("", "")]] if lines else []), [(plain(name), "title"), (f"  {when} ago, took {seconds}", "dim")]]
        for row in own:
            lines += _measurement(row)
    return lines


def _measurement(row: "EvaluationRow") -> list[TonedLine]:
    lines: list[TonedLine] = []
    for name, value in row.metrics.items():
        unit = " %" if METRICS[name].unit == "fraction" else ""
        text = f"{metric_text(name, value)}{unit}"
        if row.correct is not None and 0 <= row.correct <= row.examples > 0:
            low, high = wilson(row.correct, row.examples)
            text += f"  [{low * 100:.1f}, {high * 100:.1f}]  {row.correct}/{row.examples}"
        lines.append(
            [
                (f"  {fit(METRICS[name].title, METRIC_WIDTHS[0])}", ""),
                (fit(text, METRIC_WIDTHS[1]), ""),
                (duration(row.seconds), "dim"),
            ]
        )
    shown = ", ".join(
        f"{plain(key)} {_parameter(key, value)}" for key, value in row.parameters.items() if _is_short(value)
    )
    details = "; ".join(text for text in (plain(row.package), shown) if text)
    if details:
        lines.append([(f"    {details}", "dim")])
    return lines + [[(f"    ! {plain(flag)}", "bad")] for flag in row.flags]


def _parameter(key: str, value: object) -> str:
    """As a person writes it: radii as n/255 where that is exact."""
    from core.spec.toml_text import plain_value

    return setting_text(plain_value(f"attack.{key}", value))


def _is_short(value: object) -> bool:
    return isinstance(value, bool | int | float | str) or (isinstance(value, list) and len(value) <= 8)


def size_text(size: int) -> str:
    """1.2 GB, 34 MB, 5 kB."""
    for unit, scale in UNITS:
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size} B"
