"""What the Run screen shows: read from the store in one go, then turned into curves and lines of text."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.spec.catalogue import METRICS
from igdm_tui.curves import Piece, Wanted, read_pieces
from igdm_tui.numbers import age, duration
from igdm_tui.palette import metric_mark
from igdm_tui.screens.run_origin import Origin, read_origin
from igdm_tui.widgets.curve import Curve
from igdm_tui.widgets.decimate import floats
from igdm_tui.widgets.line_chart import Line
from igdm_tui.widgets.lines import TonedLine
from igdm_tui.widgets.run_table import metric_text, progress_text, seconds_left, status_text
from igdm_tui.widgets.text import bar, fit, plain

if TYPE_CHECKING:
    from igdm_tui.store import EvaluationRow, RunRow, StageRow, Store

KEY_WIDTH = 30
LOSSES = ("loss", "ad_loss", "igdm_loss")
CURVES = {
    "losses": (),
    "accuracies": ("validation_clean_accuracy", "validation_pgd_accuracy"),
    "gradient_distance": ("gradient_distance",),
    "gradient_cosine": ("gradient_cosine",),
    "rate": ("learning_rate",),
    "pace": ("images_per_s",),
}
LABELS = {
    "loss": "total",
    "ad_loss": "AD",
    "igdm_loss": "IGDM",
    "validation_clean_accuracy": "clean",
    "validation_pgd_accuracy": "PGD-10",
    "gradient_distance": "",
    "gradient_cosine": "",
    "learning_rate": "",
    "images_per_s": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """One reading of one run.

    charts: what each chart draws, by its name. pieces: points that are new. settings: as lines, pixel units as n/255,
    what is not the default marked. steps_per_epoch: 0 before the first epoch is done.
    """

    charts: Mapping[str, tuple[Wanted, ...]]
    pieces: Mapping[Wanted, Piece]
    stages: "list[StageRow]"
    history: "list[StageRow]"
    evaluations: "list[EvaluationRow]"
    warnings: list[str]
    settings: list[TonedLine]
    origin: Origin
    steps_per_epoch: float


def wanted_curves(store: "Store", run: "RunRow", *, x: str) -> dict[str, tuple[Wanted, ...]]:
    """The curves of each chart; losses over that x, in the finest rhythm, everything else by epoch.

    What is said at a step is a loss: the sums first, then the terms of AD where it is more than one.
    """
    names = store.series_names(run.id)
    by = "epoch" if x == "epoch" else "step"
    terms = [name for name in names["step"] if name not in LOSSES]
    losses = [name for name in (*LOSSES, *(terms if len(terms) > 1 else ())) if name in names[by]]
    return {
        chart: tuple(Wanted(run.id, run.attempt, name, "epoch", "epoch") for name in wanted if name in names["epoch"])
        for chart, wanted in CURVES.items()
    } | {"losses": tuple(Wanted(run.id, run.attempt, name, by, x) for name in losses)}


def read_run(
    store: "Store", run: "RunRow", charts: Mapping[str, tuple[Wanted, ...]], known: Mapping[Wanted, int]
) -> RunData:
    """Everything the screen shows of one run and has not yet; a few milliseconds in the reader's thread."""
    rates = store.series(run.id, "learning_rate", by="epoch")
    validation = store.series(run.id, "validation_pgd_accuracy", by="epoch")
    return RunData(
        charts=charts,
        pieces=read_pieces(store, known),
        stages=store.stages(run.id),
        history=store.stage_history(run.id),
        evaluations=store.evaluations(run.id),
        warnings=store.warnings(run.id),
        settings=settings_lines(run.settings),
        origin=read_origin(run.folder, validation),
        steps_per_epoch=rates.steps[-1] / rates.epochs[-1] if len(rates) else 0.0,
    )


def metric_lines(wanted: Sequence[Wanted], curves: Mapping[Wanted, Curve]) -> list[Line]:
    """The curves of one chart, each with its own colour and mark."""
    return [
        Line(LABELS.get(key.metric, key.metric), curves[key], number, metric_mark(number))
        for number, key in enumerate(wanted)
        if key in curves
    ]


def falling_lines(data: RunData) -> list[Line]:
    """Share of images that still stand over the seconds of AutoAttack."""
    rows = [row for row in data.history if row.attack == "autoattack" and row.examples]
    rows.sort(key=lambda row: row.seconds)
    clean = next((row.metrics["clean_accuracy"] for row in data.evaluations if row.attack == "clean"), None)
    start = [(0.0, clean)] if clean is not None else []
    points = start + [(row.seconds, row.robust / row.examples) for row in rows]
    xs, ys = floats([x for x, _ in points]), floats([y for _, y in points])
    return [Line.of(label="robust", xs=xs, ys=ys, colour=5)] if rows else []


def head_lines(row: "RunRow", data: RunData | None) -> list[tuple[str, str]]:
    """Two lines: how the run stands and how long it will take; what it is, or what is wrong with it."""
    parts = [status_text(row)]
    left = seconds_left(row)
    if row.status == "running":
        share = f"{bar(row.progress, 12)} {row.progress * 100:.0f} %  " if row.progress is not None else ""
        parts.append(f"{share}{plain(row.stage) or 'starting'}")
        parts.append(f"{duration(row.elapsed_s)} gone" + (f", {duration(left)} left" if left is not None else ""))
    else:
        parts.append(progress_text(row))
        parts.append(f"took {duration(row.elapsed_s)}" if row.elapsed_s else "")
        parts.append(f"made {age(row.created_at, time.time())} ago")
    parts.append(plain(row.device))
    parts.append(pace_text(row))
    parts.append(f"attempt {row.attempt}" if row.attempt and row.attempt > 1 else "")
    first = ("   ".join(part for part in parts if part), "bold")
    if row.error:
        return [first, (f"✗ {plain(row.error)}", "$text-error")]
    if row.status == "lost":
        return [first, ("✗ its worker is gone without a word; r goes on from the last checkpoint", "$text-error")]
    if data and data.warnings:
        return [first, (f"! {plain(data.warnings[-1])}", "$text-warning")]
    return [first, (_what(row), "$foreground 60%")]


def pace_text(row: "RunRow") -> str:
    """Learning rate, images per second and memory, as of the newest epoch."""
    rate, speed, memory = (row.metrics.get(name) for name in ("learning_rate", "images_per_s", "memory_gb"))
    parts = [
        f"lr {rate:.4g}" if rate is not None and row.status == "running" else "",
        f"{speed:,.0f} img/s" if speed is not None else "",
        f"{memory:.2f} GB" if memory is not None else "",
    ]
    return "   ".join(part for part in parts if part)


def _what(row: "RunRow") -> str:
    alpha = f" + IGDM {row.igdm_alpha:g}" if row.igdm_alpha else ""
    what = f"{plain(row.method)}{alpha}, {plain(row.student)}, {plain(row.dataset)}, seed {row.seed}"
    numbers = [
        f"{METRICS[name].title} {metric_text(name, row.teacher_metrics[name])}"
        for name in ("clean_accuracy", "pgd20_accuracy")
        if name in row.teacher_metrics
    ]
    return f"{what}; teacher {' '.join(numbers)}" if numbers else what


def settings_lines(settings: Mapping[str, Any]) -> list[TonedLine]:
    """What is not the default, then every setting, a section at a time; `*` and bold mark the former there too."""
    from core.spec.config import RunConfig
    from core.spec.identity import flatten
    from core.spec.toml_text import plain_value

    defaults = flatten(RunConfig().model_dump(mode="json"))
    own_choices: list[TonedLine] = []
    lines: list[TonedLine] = []
    section = ""
    for key, value in flatten(dict(settings)).items():
        own, _, last = key.rpartition(".")
        if own != section:
            section = own
            lines += [*([[("", "")]] if lines else []), [(plain(section), "title")]]
        changed = key in defaults and defaults[key] != value
        text = setting_text(plain_value(key, value))
        mark = "*" if changed else " "
        if changed:
            own_choices.append([(f"  {fit(plain(key), KEY_WIDTH)}", ""), (text, "best")])
        lines.append(
            [(f"{mark} {fit(plain(last), KEY_WIDTH)}", "" if changed else "dim"), (text, "best" if changed else "")]
        )
    head = "differs from the defaults" if own_choices else "every setting is at its default"
    return [[(head, "title")], *own_choices, [("", "")], [("all settings (* differs)", "title")], *lines]


def setting_text(value: object) -> str:
    """A setting as a person writes it; "–" for unset."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(plain(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) else plain(value)
