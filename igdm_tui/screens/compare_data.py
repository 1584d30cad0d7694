"""What the Compare screen shows: results with the best marked, the settings that differ, and one metric's curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.spec.catalogue import METRICS
from igdm_tui.numbers import duration
from igdm_tui.palette import run_letter
from igdm_tui.screens.run_data import setting_text
from igdm_tui.widgets.decimate import floats
from igdm_tui.widgets.line_chart import Line
from igdm_tui.widgets.lines import TonedLine
from igdm_tui.widgets.run_table import LISTED_METRICS, metric_text
from igdm_tui.widgets.table import Column
from igdm_tui.widgets.text import fit, plain

if TYPE_CHECKING:
    from igdm_tui.store import RunRow, Series, Store

# Losses come last: those of different methods are different quantities.
FIRST_METRICS = (
    "validation_pgd_accuracy", "validation_clean_accuracy", "gradient_cosine", "gradient_distance",
    "loss", "ad_loss", "igdm_loss",
)  # fmt: skip
VALUE_WIDTHS = (6, 24)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A run on this screen. letter: what it is called in the tables and the chart; number: its colour."""

    row: "RunRow"
    number: int

    @property
    def letter(self) -> str:
        """A, B, ..."""
        return run_letter(self.number)


def best_values(rows: "Sequence[RunRow]") -> dict[str, float]:
    """The best value of every metric in which runs differ."""
    best = {}
    for name in LISTED_METRICS:
        values = [row.metrics[name] for row in rows if name in row.metrics and row.metrics[name] == row.metrics[name]]
        if len(set(values)) > 1:
            best[name] = max(values) if METRICS[name].better == "higher" else min(values)
    return best


def result_columns(best: Mapping[str, float], colours: Sequence[str]) -> "list[Column[Contestant]]":
    """Letter, name, status, and the metrics; the best of each is bold with a star."""
    return [
        Column(
            key="letter", title="", width=1, pinned=True, text=lambda c: c.letter,
            tone=lambda c: colours[c.number % len(colours)],
        ),
        Column(key="name", title="run", width=14, widest=44, pinned=True, text=lambda c: plain(c.row.name)),
        *(_metric_column(name, best.get(name), 100 - place) for place, name in enumerate(LISTED_METRICS)),
        Column(key="status", title="status", width=8, weight=40, text=lambda c: c.row.status, tone=lambda c: "dim"),
        Column(
            key="epochs", title="epoch", width=7, weight=30, right=True, tone=lambda c: "dim",
            text=lambda c: f"{c.row.epoch}/{c.row.epochs}" if c.row.epochs else "",
        ),
        Column(
            key="took", title="took", width=5, weight=20, right=True, tone=lambda c: "dim",
            text=lambda c: duration(c.row.elapsed_s),
        ),
    ]  # fmt: skip


def _metric_column(name: str, best: float | None, weight: int) -> "Column[Contestant]":
    def text(contestant: Contestant) -> str:
        value = contestant.row.metrics.get(name)
        star = "*" if best is not None and value == best else " "
        return metric_text(name, value) + star

    def tone(contestant: Contestant) -> str:
        value = contestant.row.metrics.get(name)
        return "dim" if value is None else ("best" if best is not None and value == best else "")

    title = METRICS[name].title + " "
    return Column(key=name, title=title, width=7, right=True, weight=weight, text=text, tone=tone)


def difference_lines(contestants: Sequence[Contestant]) -> list[TonedLine]:
    """A line per setting in which the runs differ, a column per run."""
    table = differing_settings([contestant.row.settings for contestant in contestants])
    if not table:
        return [[("All settings are equal.", "dim")]]
    texts = {key: [setting_text(value) for value in values] for key, values in table.items()}
    key_width = max(len(key) for key in [*texts, "only what differs"])
    narrow, wide = VALUE_WIDTHS
    widths = [min(max(narrow, *(len(values[i]) for values in texts.values())), wide) for i in range(len(contestants))]
    head = "".join(
        fit(contestant.letter, width, right=True) + "  " for contestant, width in zip(contestants, widths, strict=True)
    )
    lines: list[TonedLine] = [[(fit("only what differs", key_width) + "  ", "title"), (head, "best")]]
    for key, values in texts.items():
        cells = "".join(fit(value, width, right=True) + "  " for value, width in zip(values, widths, strict=True))
        lines.append([(fit(key, key_width) + "  ", "dim"), (cells, "")])
    return lines


def differing_settings(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[object]]:
    """Dotted keys whose values are not the same in all runs, each with a value per run, None where unset.

    A run made before a setting was known went by its default.
    """
    from core.spec.config import RunConfig
    from core.spec.identity import flatten
    from core.spec.toml_text import plain_value

    defaults = flatten(RunConfig().model_dump(mode="json"))
    flat = [defaults | flatten(dict(entry)) for entry in settings]
    keys = dict.fromkeys(key for entry in flat for key in entry)
    values = {key: [entry.get(key) for entry in flat] for key in keys}
    return {
        key: [None if value is None else plain_value(key, value) for value in found]
        for key, found in values.items()
        if any(value != found[0] for value in found)
    }


def metrics_of(store: "Store", run_ids: Sequence[str], *, by_epoch: bool) -> list[str]:
    """Names that at least one of the runs has, the most telling ones first."""
    by = "epoch" if by_epoch else "step"
    names = dict.fromkeys(name for run_id in run_ids for name in store.series_names(run_id)[by])
    return sorted(names, key=lambda name: FIRST_METRICS.index(name) if name in FIRST_METRICS else len(FIRST_METRICS))


def curves(store: "Store", contestants: Sequence[Contestant], metric: str, *, by_epoch: bool) -> list[Line]:
    """One line per run that has the metric."""
    lines = []
    for contestant in contestants:
        series: Series = store.series(contestant.row.id, metric, by="epoch" if by_epoch else "step")
        if len(series.values):
            xs = floats(series.epochs if by_epoch else series.steps)
            lines.append(
                Line.of(plain(contestant.row.name, 24), xs, series.values, contestant.number, contestant.letter)
            )
    return lines
