"""What leaves the program is what the store holds, number by number, whatever runs are called."""

import csv
import io
import json

import pytest

from core.spec.errors import IgdmError
from core.spec.events import StepLogged
from igdm_tui.report.export import pieces, write_file
from igdm_tui.report.request import FORMATS, Request
from igdm_tui.store import Store
from tests.igdm_tui.report.conftest import FLAG
from tests.igdm_tui.report.latex_check import check_latex


def exported(store, runs, **request):
    return b"".join(pieces(store, runs, Request(**request).checked()))


def table_rows(store, runs, **request):
    return list(csv.DictReader(io.StringIO(exported(store, runs, to="csv", **request).decode())))


def test_every_logged_number_is_in_the_series(store, runs):
    rows = table_rows(store, runs, table="series")
    expected = []
    for run in runs:
        for by, names in store.series_names(run.id).items():
            for metric in names:
                found = store.series(run.id, metric, by=by)
                points = zip(found.steps, found.epochs, found.elapsed_s, found.values, strict=True)
                expected += [(run.id, by, metric, *point) for point in points]
    numbers = ("step", "epoch", "elapsed_s", "value")
    assert [(row["run"], row["by"], row["metric"], *(float(row[key]) for key in numbers)) for row in rows] == expected
    assert len(rows) > 60


def test_every_measurement_is_in_the_evaluations_with_its_flag(store, runs):
    rows = table_rows(store, runs, table="evaluations")
    expected = [
        (run.id, row.attack, metric, value, row.examples, row.seconds, "; ".join(row.flags))
        for run in runs
        for row in store.evaluations(run.id)
        for metric, value in row.metrics.items()
    ]
    assert [
        (
            row["run"],
            row["attack"],
            row["metric"],
            float(row["value"]),
            int(row["examples"]),
            float(row["seconds"]),
            row["flags"],
        )
        for row in rows
    ] == expected
    assert FLAG in {row["flags"] for row in rows}
    sweep = next(row for row in rows if row["attack"] == "pgd20-at-8")
    assert float(sweep["low"]) < float(sweep["value"]) < float(sweep["high"])
    assert json.loads(sweep["parameters"]) == {"epsilon": pytest.approx(8 / 255)}


def test_results_are_the_metrics_of_the_runs(store, runs):
    for row, run in zip(table_rows(store, runs, table="results"), runs, strict=False):
        for metric, value in run.metrics.items():
            assert float(row[metric]) == value, metric


def test_whole_runs_as_json_are_complete_and_strict(store, runs):
    content = json.loads(exported(store, runs, to="json"), parse_constant=pytest.fail)
    assert [entry["id"] for entry in content["runs"]] == [run.id for run in runs]
    for entry, run in zip(content["runs"], runs, strict=True):
        assert entry["settings"] == run.settings
        assert entry["metrics"] == run.metrics
        assert entry["teacher_metrics"] == run.teacher_metrics
        assert [row["flags"] for row in entry["evaluations"]] == [row.flags for row in store.evaluations(run.id)]
        for by, names in store.series_names(run.id).items():
            assert {name: found["value"] for name, found in entry["series"][by].items()} == {
                name: list(store.series(run.id, name, by=by).values) for name in names
            }
        assert entry["provenance"]["settings_hash"] == run.settings_hash


def test_numbers_that_are_none_are_texts_in_json(home, make_run):
    make_run("aaaa2222").start().say(StepLogged(epoch=1, step=1, metrics={"loss": float("nan"), "ad_loss": 1e999}))
    with Store.open(home) as store:
        store.ingest()
        content = json.loads(exported(store, store.runs(), to="json"), parse_constant=pytest.fail)
        rows = table_rows(store, store.runs(), table="series")
    series = content["runs"][0]["series"]["step"]
    assert (series["loss"]["value"], series["ad_loss"]["value"]) == (["nan"], ["inf"])
    assert [row["value"] for row in rows] == ["nan", "inf"]


def test_numbers_of_a_figure_are_those_of_the_store(store, runs):
    rows = table_rows(store, runs, figure="alignment")
    for row, run in zip(rows, runs, strict=True):
        for metric in ("autoattack_accuracy", "gradient_distance", "gradient_cosine"):
            assert float(row[metric]) == run.metrics[metric]
    assert [row["flags"] for row in rows] == ["", FLAG, ""]
    content = json.loads(exported(store, runs, to="json", figure="alignment"))
    assert [fit["x"] for fit in content["fits"]] == ["gradient_distance", "gradient_cosine"]
    assert content["fits"][1]["r"] == pytest.approx(1.0)


def test_curves_of_a_figure_can_be_chosen(store, runs):
    rows = table_rows(store, runs, figure="curves", metrics="loss", by="step")
    values = [value for run in runs for value in store.series(run.id, "loss", by="step").values]
    assert [float(row["value"]) for row in rows] == values
    with pytest.raises(IgdmError, match="there is: loss, ad_loss"):
        exported(store, runs, to="svg", figure="curves", metrics="accuracy", by="step")


@pytest.mark.parametrize("table", ["results", "paper"])
def test_latex_and_markdown_say_flags(store, runs, table):
    latex = exported(store, runs, to="latex", table=table).decode()
    check_latex(latex)
    assert r"<masked> \& \$100\_\%".replace("<", r"\textless{}").replace(">", r"\textgreater{}") in latex
    assert "gradient attacks" in exported(store, runs, to="markdown", table=table).decode()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"to": "pdf"}, "no format 'pdf'"),
        ({"to": "latex", "figure": "loss"}, "latex holds no figure"),
        ({"to": "svg", "table": "paper"}, "svg has no table"),
        ({"to": "csv", "table": "paper"}, "results, series, evaluations"),
        ({"to": "svg", "figure": "los"}, "no figure 'los'"),
        ({"to": "csv", "figure": "loss", "table": "series"}, "exclude each other"),
        ({"to": "svg", "by": "week"}, "neither epoch nor step"),
    ],
)
def test_what_does_not_go_together_is_refused_with_what_would(request_, message):
    with pytest.raises(IgdmError, match=message):
        Request(**request_).checked()


def test_every_format_has_a_default():
    for name in FORMATS:
        request = Request(to=name).checked()
        assert request.table or request.figure


def test_a_file_is_replaced_whole_and_readable_and_a_failure_leaves_the_old_one(tmp_path):
    path = tmp_path / "table.csv"
    write_file(path, iter([b"a", b"b"]))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"ab", 0o644)

    def broken():
        yield b"half"
        raise IgdmError("no more")

    with pytest.raises(IgdmError, match="no more"):
        write_file(path, broken())
    assert path.read_bytes() == b"ab"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(IgdmError, match="choose another place"):
        write_file(tmp_path / "nowhere" / "x.csv", iter([b""]))
