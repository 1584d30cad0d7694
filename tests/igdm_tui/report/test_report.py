"""Comparisons: what is compared, and how it leaves the program."""

import csv
import io
import json

import pytest

from igdm_tui.report import formats
from igdm_tui.report.comparison import compare_runs, seeds_text, told_apart
from igdm_tui.report.interval import wilson
from igdm_tui.report.text_table import Column, text_table
from igdm_tui.store import Store


@pytest.fixture
def rows(home, make_run):
    """Two experiments of two and one seeds."""
    small = {"teacher": {"width": 32}, "student": {"width": 16}}
    make_run("aaaa2222", **small).finish(clean=0.90, autoattack=0.50)
    make_run("bbbb2222", **small, igdm={"alpha": 10}).finish(clean=0.88, autoattack=0.60)
    make_run("cccc2222", **small, igdm={"alpha": 10}, runtime={"seed": 1}).finish(clean=0.92, autoattack=0.62)
    with Store.open(home) as store:
        store.ingest()
        found = store.runs()[::-1]
        return found, {row.id: store.evaluations(row.id) for row in found}


def test_the_best_is_marked_and_the_teacher_does_not_compete(rows):
    comparison = compare_runs(rows[0], evaluations=rows[1])
    assert [line.label for line in comparison.lines] == [
        "adaad resnet16 s0", "adaad+igdm10 resnet16 s0", "adaad+igdm10 resnet16 s1", "teacher resnet32",
    ]  # fmt: skip
    assert comparison.best["clean_accuracy"] == {2}
    assert comparison.best["autoattack_accuracy"] == {2}
    assert comparison.best["gradient_distance"] == {0, 1, 2}
    assert "learning_rate" not in comparison.best
    assert comparison.lines[3].cells["clean_accuracy"].value == 0.97


def test_only_what_differs_is_told(rows):
    assert compare_runs(rows[0]).differences == {"igdm.alpha": (0.0, 10.0, 10.0), "runtime.seed": (0, 0, 1)}
    assert compare_runs(rows[0], group=True).differences == {"igdm.alpha": (0.0, 10.0)}
    assert compare_runs(rows[0][:1]).differences == {}


def test_seeds_of_one_experiment_are_one_line_with_sample_deviation(rows):
    plain, igdm, teacher = compare_runs(rows[0], group=True).lines
    assert (plain.label, igdm.label, teacher.is_teacher) == ("adaad resnet16", "adaad+igdm10 resnet16", True)
    cell = igdm.cells["clean_accuracy"]
    assert (cell.value, cell.n) == (pytest.approx(0.90), 2)
    assert cell.std == pytest.approx(0.0282843, abs=1e-6)
    assert formats.cell_text("clean_accuracy", cell) == "90.00 ± 2.83 (2)"
    assert plain.cells["clean_accuracy"].std is None


def test_a_metric_that_some_runs_lack_is_counted_for_those_that_have_it(home, make_run):
    make_run("aaaa2222").finish()
    make_run("bbbb2222", runtime={"seed": 1}).start().train()
    with Store.open(home) as store:
        store.ingest()
        comparison = compare_runs(store.runs(), group=True)
    cells = comparison.lines[0].cells
    assert (cells["autoattack_accuracy"].n, cells["loss"].n) == (1, 2)


def test_the_one_value_of_a_group_says_that_it_is_one(home, make_run):
    for run_id, seed in (("aaaa2222", 0), ("bbbb2222", 1), ("cccc2222", 2)):
        made = make_run(run_id, runtime={"seed": seed})
        made.finish(autoattack=0.5333) if seed == 0 else made.start().train()
    with Store.open(home) as store:
        store.ingest()
        comparison = compare_runs(store.runs(), group=True)
    cells = comparison.lines[0].cells
    assert formats.cell_text("autoattack_accuracy", cells["autoattack_accuracy"]) == "53.33 (1)"
    for written in (formats.as_text, formats.as_markdown, formats.as_latex):
        assert "(3 seeds)" in written(comparison)
        assert "53.33 (1)" in written(comparison)
    row = next(csv.DictReader(io.StringIO(formats.as_csv(comparison))))
    assert (row["seeds"].split(), row["autoattack_accuracy_n"]) == (["2", "1", "0"], "1")
    assert formats.cell_text("clean_accuracy", comparison.lines[1].cells["clean_accuracy"]) == "97.00", "a teacher's"


def test_a_seed_that_was_run_twice_is_one_seed(home, make_run):
    for run_id, seed, clean in (("aaaa2222", 0, 0.90), ("bbbb2222", 7, 0.94), ("cccc2222", 7, 0.95)):
        made = make_run(run_id, runtime={"seed": seed})
        made.finish(clean=clean) if clean < 0.95 else made.start().train()
    with Store.open(home) as store:
        store.ingest()
        comparison = compare_runs(store.runs(), group=True)
    cells = comparison.lines[0].cells
    assert cells["loss"].flags == ("seed 7 was run 2 times, and counts as often",)
    assert cells["clean_accuracy"].flags == (), "one of the two was measured"
    for written in (formats.as_text, formats.as_markdown, formats.as_latex):
        assert "(2 seeds, 3 runs)" in written(comparison, ["clean_accuracy", "loss"])
        assert "seed 7 was run 2 times" in written(comparison, ["loss"])
    assert "seed 7 was run 2 times" in formats.as_csv(comparison)
    assert [seeds_text(seeds) for seeds in ([0, 1, 2], [7, 7])] == ["3 seeds", "1 seed, 2 runs"]


def test_text_has_a_star_at_the_best_and_no_trailing_spaces(rows):
    text = formats.as_text(compare_runs(rows[0]))
    lines = text.splitlines()
    assert "62.00*" in lines[3]
    assert "only what differs" in text
    assert all(line == line.rstrip() for line in lines)


def test_markdown_is_two_tables_and_escapes_its_own_signs(home, make_run):
    make_run("aaaa2222", name="a|b *c* [d](e) <f> `g`").finish()
    make_run("bbbb2222").finish(clean=0.95)
    with Store.open(home) as store:
        store.ingest()
        text = formats.as_markdown(compare_runs(store.runs()))
    assert r"a\|b \*c\* \[d\](e) \<f\> \`g\`" in text
    assert "**95.00**" in text
    for table in text.split("\n\n"):
        assert len({line.replace(r"\|", "").count("|") for line in table.splitlines()}) == 1


def test_an_interval_over_seeds_stays_a_fraction(home, make_run):
    for run_id, seed, clean in (("aaaa2222", 0, 0.99), ("bbbb2222", 1, 0.93)):
        make_run(run_id, runtime={"seed": seed}).finish(clean=clean)
    with Store.open(home) as store:
        store.ingest()
        (line, *_) = compare_runs(store.runs(), group=True).lines
    cell = line.cells["clean_accuracy"]
    assert (cell.n, cell.high) == (2, 1.0)
    assert 0 <= cell.low < 0.93


def test_latex_is_booktabs_and_escapes_its_own_signs(home, make_run):
    make_run("aaaa2222", name=r"50% & _x_ #1 $ {y} ~ ^ \end{document}").finish()
    make_run("bbbb2222", name=r"50% & _x_ #1 $ {y} ~ ^ \end{document}", runtime={"seed": 1}).finish(clean=0.8)
    with Store.open(home) as store:
        store.ingest()
        text = formats.as_latex(compare_runs(store.runs(), group=True))
    escaped = r"50\% \& \_x\_ \#1 \$ \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{}end\{document\}"
    assert escaped in text
    assert r"85.00 {\scriptsize $\pm$ 7.07}" in text
    assert r"mean $\pm$ std over 2 runs" in text
    assert text.startswith(r"\begin{tabular}{lrrrrrr}")
    assert "\\bottomrule\n\\end{tabular}\n" in text


def test_csv_holds_fractions_and_no_formula(home, make_run):
    make_run("aaaa2222", name="=1+1").finish(clean=0.9)
    make_run("bbbb2222", name="@x").finish()
    with Store.open(home) as store:
        store.ingest()
        rows = store.runs()[::-1]
        text = formats.as_csv(compare_runs(rows, evaluations={row.id: store.evaluations(row.id) for row in rows}))
    first, second, teacher = csv.DictReader(io.StringIO(text))
    assert (first["run"], second["run"]) == ("'=1+1", "'@x")
    assert float(first["clean_accuracy"]) == 0.9
    assert float(first["clean_accuracy_low"]) < 0.9 < float(first["clean_accuracy_high"])
    assert first["name"] == "'=1+1", "a differing setting is neutralised too"
    assert teacher["ids"] == ""
    assert "loss_low" not in first


def test_json_of_a_comparison_is_strict_json(rows):
    found = json.loads(json.dumps(formats.as_json(compare_runs(rows[0], group=True)), allow_nan=False))
    assert found["rows"][1]["ids"] == ["bbbb2222", "cccc2222"]
    assert found["rows"][1]["metrics"]["autoattack_accuracy"]["n"] == 2
    assert found["teachers"][0]["metrics"]["pgd20_accuracy"]["value"] == 0.8
    assert found["best"]["autoattack_accuracy"] == [1]


@pytest.mark.parametrize(
    ("correct", "examples", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962), (324, 360, 0.8647, 0.9269)],
)
def test_wilson_intervals_agree_with_published_values(correct, examples, low, high):
    assert wilson(correct, examples) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_wilson_refuses_what_is_no_proportion():
    for correct, examples in ((1, 0), (5, 4), (-1, 4)):
        with pytest.raises(ValueError, match="no proportion"):
            wilson(correct, examples)


def test_a_table_drops_its_least_important_columns_and_cuts_names():
    columns = [
        Column(title="name", cells=["漢字" * 20, "\x1b[31mred\n"], importance=9, widest=10),
        Column(title="dull", cells=["1", "2"], importance=1),
        Column(title="value", cells=["1.0", "22.0"], right=True, importance=5),
    ]
    wide = text_table(columns)
    assert "漢字" * 20 in wide
    assert "\x1b" not in wide
    narrow = text_table(columns, width=20)
    assert "dull" not in narrow
    assert "…" in narrow.splitlines()[1]
    assert narrow.splitlines()[2].endswith("22.0")


def test_lines_of_one_name_are_told_apart(home, make_run):
    make_run("aaaa2222", name="twice", runtime={"seed": 0}).finish()
    make_run("bbbb2222", name="twice", runtime={"seed": 1}).finish()
    make_run("cccc2222", name="once").finish()
    with Store.open(home) as store:
        store.ingest()
        labels = [line.label for line in compare_runs(store.runs()[::-1]).students]
    assert sorted(labels) == ["once", "twice s0", "twice s1"]
    assert told_apart(["a", "a"], ["s0", "s0"], ["id1", "id2"]) == ["a id1", "a id2"]
