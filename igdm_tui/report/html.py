"""A comparison as one HTML file: opens in any browser, without a network, on light and dark screens, and prints.

Nothing in it runs and nothing is fetched; a content policy in the page holds it to that.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from igdm_tui import __version__
from igdm_tui.numbers import NOTHING, duration
from igdm_tui.report import table
from igdm_tui.report.archive import run_card
from igdm_tui.report.comparison import Comparison, chosen_metrics, comparison_of
from igdm_tui.report.drawing.canvas import colours
from igdm_tui.report.drawing.layout import figure_svg
from igdm_tui.report.escape import xml_text
from igdm_tui.report.figures import NAMES, figure_data, figure_of, labels_of
from igdm_tui.report.formats import differences_table, results_table
from igdm_tui.report.html_style import STYLE
from igdm_tui.report.published import published_matches, published_table
from igdm_tui.report.request import Request
from igdm_tui.report.table import Entry, Table
from igdm_tui.store.rows import RunRow
from igdm_tui.store.store import Store

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
FIGURES = tuple(name for name in NAMES if name != "curves")
LEGEND = (
    "Best value in bold, second best underlined. Accuracies in percent of test images; small: 95 % interval, "
    "over test images for a single run (Wilson), over seeds for several (Student)."
)


def report_page(store: Store, runs: Sequence[RunRow], request: Request) -> str:
    """The whole page. Published results stand in it wherever there are any."""
    comparison = comparison_of(store, runs, group=request.group)
    names = chosen_metrics(comparison, request.metrics)
    title = _page_title(comparison, runs)
    parts = [
        f"<h1>{xml_text(title)}</h1>",
        _about(runs),
        "<h2>Results</h2>",
        f'<p class="legend">{xml_text(LEGEND)}</p>',
    ]
    parts.append(_scroll(results_table(comparison, names)))
    matches = published_matches(comparison)
    if matches:
        parts += ["<h2>Beside the published</h2>", _scroll(published_table(comparison, matches, names))]
    parts.append("<h2>Settings that differ</h2>")
    differences = differences_table(comparison)
    parts.append(_scroll(differences) if differences.rows else "<p>All settings are equal.</p>")
    parts += ["<h2>Figures</h2>", *_figures(store, runs, request)]
    parts += ["<h2>Runs</h2>", _scroll(_runs_table(runs)), *_warnings(store, runs)]
    parts += ["<h2>Where they come from</h2>", *_provenance(runs)]
    return _page(title, "\n".join(parts))


def _page(title: str, body: str) -> str:
    light, dark = ("".join(f"--{role}:{value};" for role, value in colours(dark=d).items()) for d in (False, True))
    theme = f":root{{color-scheme:light dark;{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="igdm-tui {__version__}">
<title>{xml_text(title)}</title>
<style>
{theme}
@media print{{:root{{{light}}}}}
{STYLE}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _page_title(comparison: Comparison, runs: Sequence[RunRow]) -> str:
    count = len(comparison.students)
    what = f"{count} experiments, {len(runs)} runs" if comparison.is_grouped else f"{count} runs"
    datasets = ", ".join(dict.fromkeys(run.dataset for run in runs))
    return f"Comparison of {what} on {datasets}" if count > 1 else f"{runs[0].name} on {datasets}"


def _about(runs: Sequence[RunRow]) -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    unfinished = [run for run in runs if run.status != "finished"]
    said = f"Written by igdm-tui {__version__} on {now}."
    if unfinished:
        states = ", ".join(f"{run.name} is {run.status}" for run in unfinished)
        said += f" Not everything is final: {states}."
    return f'<p class="legend">{xml_text(said)}</p>'


def _scroll(found: Table) -> str:
    """A table that scrolls by itself where the window is narrow."""
    return f'<div class="scroll" tabindex="0">{table.html(found)}</div>'


def _figures(store: Store, runs: Sequence[RunRow], request: Request) -> list[str]:
    """Every figure that has numbers, and a word on those that have none."""
    labels = labels_of(runs, group=request.group)
    drawn, empty = [], []
    for name in FIGURES:
        data = figure_data(store, name, runs)
        figure = figure_of(data, labels)
        if all(panel.is_empty for panel in figure.panels):
            empty.append(data.title)
        else:
            drawn.append(f"<figure>{figure_svg(figure, themed=True)}</figure>")
    if empty:
        drawn.append(f'<p class="legend">Not measured: {xml_text("; ".join(empty))}.</p>')
    return drawn


def _runs_table(runs: Sequence[RunRow]) -> Table:
    head = [
        "Run",
        "id",
        "seed",
        "status",
        "data set",
        "teacher",
        "student",
        "method",
        "alpha",
        "epochs",
        "time",
        "hash",
    ]
    rows = [
        [
            run.name, run.id, str(run.seed), run.status, run.dataset, run.teacher, run.student, run.method,
            f"{run.igdm_alpha:g}", f"{run.epoch}/{run.epochs}", duration(run.elapsed_s), run.settings_hash,
        ]
        for run in runs
    ]  # fmt: skip
    return Table(head=head, rows=[[Entry(text=text) for text in row] for row in rows])


def _warnings(store: Store, runs: Sequence[RunRow]) -> list[str]:
    """What runs said that a reader should know, and what people noted about them."""
    lines = [(run, f"failed: {run.error}") for run in runs if run.error]
    lines += [(run, f"warning: {text}") for run in runs for text in store.warnings(run.id)]
    lines += [(run, f"note: {run.note}") for run in runs if run.note]
    items = "".join(f"<li><b>{xml_text(run.name)}</b> {xml_text(text)}</li>" for run, text in lines)
    return [f'<ul class="notes">{items}</ul>'] if items else []


def _provenance(runs: Sequence[RunRow]) -> list[str]:
    """One entry per run, folded: command, code, versions, machine."""
    return [
        f"<details><summary>{xml_text(run.name)} <code>{xml_text(run.id)}</code></summary>"
        + "<dl>"
        + "".join(f"<dt>{xml_text(key)}</dt><dd>{xml_text(text)}</dd>" for key, text in _origin(run).items())
        + "</dl></details>"
        for run in runs
    ]


def _origin(run: RunRow) -> dict[str, str]:
    card = run_card(run)

    def part(key: str) -> dict[str, Any]:
        value = card.get(key)
        return value if isinstance(value, dict) else {}

    git, command, gpus = part("git"), card.get("command"), card.get("gpus")
    dirty = " with uncommitted changes" if git.get("dirty") else ""
    entries = {
        "created": run.created_at,
        "command": " ".join(map(str, command)) if isinstance(command, list) else None,
        "code": f"git {git['sha']}{dirty}" if git.get("sha") else None,
        "versions": ", ".join(f"{name} {version}" for name, version in part("versions").items()),
        "machine": ", ".join(str(card[key]) for key in ("host", "platform", "python") if card.get(key)),
        "device": ", ".join([run.device or NOTHING, *(map(str, gpus) if isinstance(gpus, list) else ())]),
        "attempts": str(run.attempt),
    }
    return {key: text for key, text in entries.items() if text}
