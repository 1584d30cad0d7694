"""Curves as plain tables: metrics over epochs or steps, one row per run, metric and point."""

from collections.abc import Mapping, Sequence

from core.spec.catalogue import METRICS
from core.spec.errors import IgdmError
from igdm_tui.report.figure_data import FigureData, Value
from igdm_tui.store.store import Store

CURVES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "accuracy": ("Accuracy during training", ("validation_clean_accuracy", "validation_pgd_accuracy")),
    "loss": ("Losses", ("loss", "ad_loss", "igdm_loss")),
    "gradients": ("Alignment of input gradients during training", ("gradient_distance", "gradient_cosine")),
}
"""Figures of curves: title and metrics. "curves" is the one whose metrics are chosen."""
CHOSEN = "curves"
COLUMNS = ("run", "name", "method", "igdm_alpha", "seed", "by", "metric", "step", "epoch", "elapsed_s", "value")


def curves(
    store: Store, run_ids: Sequence[str], name: str, *, metrics: Sequence[str] = (), by: str = "epoch"
) -> FigureData:
    """The points of a figure of curves. by: "epoch" or "step". metrics: instead of the figure's own.

    Raises: IgdmError for a metric that no run has as a curve.
    """
    title, own = CURVES.get(name, ("Curves", ()))
    wanted = list(metrics or own)
    known = {run_id: store.series_names(run_id)[by] for run_id in run_ids}
    for metric in metrics:
        if not any(metric in names for names in known.values()):
            measured = ", ".join(dict.fromkeys(name for names in known.values() for name in names)) or "nothing"
            raise IgdmError(f"no run has a curve of {metric!r} by {by} (there is: {measured})")
    if not wanted:
        wanted = list(dict.fromkeys(metric for names in known.values() for metric in names))
    rows: list[tuple[Value, ...]] = []
    without: list[str] = []
    for run_id in run_ids:
        run = store.run(run_id)
        identity = (run.id, run.name, run.method, run.igdm_alpha, run.seed, by)
        count = len(rows)
        for metric in wanted:
            series = store.series(run.id, metric, by=by)
            points = zip(series.steps, series.epochs, series.elapsed_s, series.values, strict=True)
            rows += [(*identity, metric, int(s), int(e), t, v) for s, e, t, v in points]
        if len(rows) == count:
            without.append(run.name)
    said = ", ".join(METRICS[metric].title if metric in METRICS else metric for metric in wanted)
    return FigureData(
        name=name,
        title=title,
        source="",
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(f"left out, because they have no {said} by {by}: {', '.join(without)}",) if without else (),
    )
