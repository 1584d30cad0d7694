"""Tables that leave the program: shapes, marks, footnotes, printed results beside ours, hostile text."""

import csv
import io
import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igdm_tui.report import formats, table
from igdm_tui.report.comparison import chosen_metrics, compare_runs, ranks
from igdm_tui.report.escape import csv_text, latex_text, markdown_text, xml_text
from igdm_tui.report.paper_table import paper_tables
from igdm_tui.report.published import published_json, published_matches, published_table
from igdm_tui.report.table import Entry, Table
from igdm_tui.store import Store
from tests.igdm_tui.report.latex_check import check_latex

TEX = shutil.which("tectonic") or shutil.which("pdflatex") or shutil.which("lualatex")
HOSTILE = st.text(st.one_of(st.characters(), st.sampled_from("=+-@[]()<>&%$#_{}^~\\|`*\"'!;:,\t\r\n\x00\x1b\u202e")))
TAGS = re.compile(r"</?(table|caption|thead|tbody|tr|th|td|strong|u|sup|ol|li|small)( [a-z]+=\"[a-z0-9 ]+\")*>")
ALL_SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ?`!` --- '' ,, \\input{x} \u00b1 \u2013 é ß ł ± µ"
OTHER_SIGNS = "α漢字 Ą đ « \U0001f469 ≤ ‚ −"
PAPER = {"data": {"name": "cifar-100"}, "student": {"model": "resnet-18"}}


def taught(teacher, **sections):
    return {**PAPER, "teacher": {"source": "published", "published": teacher}, **sections}


@pytest.fixture
def compared(home):
    """Compares all runs of the home, oldest first."""

    def compare(**options):
        with Store.open(home) as store:
            store.ingest()
            runs = store.runs()[::-1]
            evaluations = {run.id: store.evaluations(run.id) for run in runs}
        return compare_runs(runs, evaluations=evaluations, **options)

    return compare


@pytest.fixture
def paper_runs(make_run):
    """AdaAD alone and with IGDM under two teachers, ARD with IGDM under one."""
    make_run("aaaa2222", **taught("bdm-at", method={"name": "adaad"})).finish(clean=0.64, autoattack=0.28)
    weight = {"alpha": 70}
    make_run("bbbb2222", **taught("bdm-at", igdm=weight)).finish(clean=0.645, autoattack=0.30)
    make_run("cccc2222", **taught("ltd", igdm={"alpha": 15})).finish(clean=0.63, autoattack=0.29)
    make_run("dddd2222", **taught("bdm-at", method={"name": "ard"}, igdm={"alpha": 100})).finish(autoattack=0.27)


def test_ranks_mark_the_best_and_the_second():
    assert ranks([0.1, 0.3, None, 0.2, 0.3], "higher") == [0, 1, 0, 2, 1]
    assert ranks([0.1, 0.3, float("nan"), 0.2], "lower") == [1, 0, 0, 2]
    assert ranks([0.1, 0.3], "higher") == [0, 1], "of two values the other one needs no mark"
    assert ranks([0.1, None], "higher") == [0, 0]
    assert ranks([0.1, 0.2, 0.3], "") == [0, 0, 0]


def test_the_paper_shape_has_teachers_across_and_each_method_alone_and_with_igdm(compared, paper_runs):
    (found,) = paper_tables(compared(group=True))
    assert found.title == "ResNet-18"
    width = len(found.head[1:]) // 2
    assert found.spans == [("", 1), ("CIFAR-100, BDM-AT", width), ("CIFAR-100, LTD", width)]
    assert [row[0].text for row in found.rows] == ["ARD + IGDM", "AdaAD", "+ IGDM"]
    assert found.rules == {1}
    at = list(found.head).index("AA %")
    assert [(row[at].text, row[at].rank) for row in found.rows] == [("27.00", 0), ("28.00", 2), ("30.00", 1)]
    assert [row[at + width].text for row in found.rows] == ["–", "–", "29.00"]
    check_latex(table.latex(found))


def test_two_weights_of_one_method_get_rows_that_say_so(compared, make_run, paper_runs):
    make_run("eeee2222", **taught("bdm-at", igdm={"alpha": 5})).finish()
    (found,) = paper_tables(compared(group=True))
    assert [row[0].text for row in found.rows][2:] == [
        "+ IGDM (alpha 15.0)",
        "+ IGDM (alpha 5.0)",
        "+ IGDM (alpha 70.0)",
    ]


def test_printed_results_stand_beside_ours_with_the_difference(compared, paper_runs):
    comparison = compared()
    matches = published_matches(comparison)
    assert sorted(matches) == [0, 1, 2, 3]
    found = published_table(comparison, matches)
    at = list(found.head).index("AA %")
    assert [row[at].text for row in found.rows[3:6]] == ["30.00", "30.32", "-0.32"]
    assert found.rows[4][0].text.startswith("ICLR 2025 T2, T4")
    content = published_json(comparison, matches)
    assert content[1]["difference"]["autoattack_accuracy"] == pytest.approx(-0.0032)
    check_latex(table.latex(found))
    row = list(csv.DictReader(io.StringIO(formats.as_csv(comparison, matches))))[1]
    assert float(row["autoattack_accuracy_published"]) == 0.3032
    assert float(row["autoattack_accuracy_difference"]) == pytest.approx(-0.0032)
    assert row["published_in"].startswith("ICLR 2025")


def test_what_was_done_differently_is_a_footnote(compared, make_run):
    make_run("aaaa2222", **taught("bdm-at", igdm={"alpha": 7})).finish()
    comparison = compared()
    found = published_table(comparison, published_matches(comparison))
    assert "IGDM alpha 7, published 70" in found.notes
    assert found.rows[1][0].marks


def test_flags_are_footnotes_in_every_form(compared, make_run, flagged):
    comparison = compared()
    assert comparison.flags == (flagged,)
    assert f"[1] {flagged}" in formats.as_text(comparison)
    assert "50.00 [1]" in formats.as_text(comparison)
    markdown = formats.as_markdown(comparison)
    assert "50.00[^1]" in markdown
    assert f"[^1]: {markdown_text(flagged)}" in markdown
    latex = formats.as_latex(comparison)
    assert "50.00$^{1}$" in latex
    assert latex_text(flagged) in latex
    check_latex(latex)
    (row, _) = csv.DictReader(io.StringIO(formats.as_csv(comparison)))
    assert row["autoattack_accuracy_flags"] == flagged
    assert formats.as_json(comparison)["rows"][0]["metrics"]["autoattack_accuracy"]["flags"] == [flagged]
    html = table.html(formats.results_table(comparison))
    assert "<sup>1</sup>" in html
    assert f"<li>{xml_text(flagged)}</li>" in html
    for found in paper_tables(compared(group=True)):
        assert found.notes == [flagged]


@pytest.fixture
def flagged(make_run):
    """A run whose AutoAttack is to be doubted; the reason."""
    reason = "Square beat the gradient attacks by 3 % & more: gradients_may be masked"
    run = make_run("ffff2222").start().teacher().train()
    run.evaluate(autoattack=0.5, flags=[reason])
    return reason


def test_seeds_of_a_group_keep_their_flags(compared, make_run):
    for seed in (0, 1):
        make_run(f"aaaa222{seed + 2}", runtime={"seed": seed}).start().teacher().train().evaluate(flags=["masked"])
    assert compared(group=True).flags == ("seed 0: masked", "seed 1: masked")


def test_metrics_can_be_chosen_and_a_slip_is_said(compared, paper_runs):
    comparison = compared()
    names = chosen_metrics(comparison, "gradient_cosine, autoattack_accuracy")
    assert formats.as_latex(comparison, names).splitlines()[2] == r"Run & GC & AA \% \\"
    with pytest.raises(Exception, match="did you mean gradient_cosine"):
        chosen_metrics(comparison, "gradient_cosin")


@pytest.mark.slow
@pytest.mark.skipif(not TEX, reason="no tectonic, pdflatex or lualatex here")
def test_the_tables_compile(compared, paper_runs, make_run, flagged, tmp_path):
    for run_id, seed in (("gggg2222", 1), ("hhhh2222", 2)):
        run = make_run(run_id, **taught("bdm-at", igdm={"alpha": 70}), runtime={"seed": seed})
        run.finish(clean=0.6, autoattack=0.3 + seed / 50)
    make_run("mmmm2222", name=OTHER_SIGNS).finish()
    make_run("kkkk2222", name=ALL_SIGNS).start().teacher().train().evaluate(flags=[f"{ALL_SIGNS}\x1b[31m\u202e"])
    tables = []
    for comparison in (compared(), compared(group=True)):
        tables += [formats.results_table(comparison), formats.differences_table(comparison), *paper_tables(comparison)]
        tables.append(published_table(comparison, published_matches(comparison)))
    compile_tables([table.latex(found) for found in tables], tmp_path)


def compile_tables(texts, folder):
    """One page for each; fails where TeX says a word of complaint that is not about widths."""
    file = folder / "tables.tex"
    body = "\n\\clearpage\n".join(texts)
    file.write_text(
        f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )
    words = [TEX] if "tectonic" in TEX else [TEX, "-interaction=nonstopmode", "-halt-on-error"]
    found = subprocess.run([*words, file.name], cwd=folder, capture_output=True, timeout=120, check=False)
    assert found.returncode == 0, found.stdout[-2000:]
    assert b"Missing character" not in (folder / "tables.log").read_bytes()


def test_latex_prints_names_as_they_are_typed():
    assert latex_text("a--b ``c'' ?`") == "a-{}-b `{}`c'{}' ?{}`"
    assert latex_text("é ß α") == r"é ß $\alpha$"
    assert latex_text("\u6f22 \u0104") == "U+6F22 U+0104"


@given(name=HOSTILE, note=HOSTILE)
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_any_form(name, note):
    rows = [[Entry(text=name), Entry(text="1.00", rank=1, marks=(1,))], [Entry(text="b"), Entry(text=name, rank=2)]]
    found = Table(
        title=name, head=[name, note], spans=[("", 1), (note, 1)], rows=rows, rules=frozenset({1}), notes=[note]
    )
    check_latex(table.latex(found))
    pipes = [line for line in table.markdown(found).splitlines() if line.startswith("|")]
    assert len(pipes) == 4
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in pipes} == {3}
    html = table.html(found)
    assert "<" not in TAGS.sub("", html)
    assert not set(html) & set("\x00\x1b\u202e")
    assert not table.text(found).count("\x1b")


@given(HOSTILE)
def test_no_text_is_a_formula_in_csv(text):
    found = next(csv.reader(io.StringIO(",".join([csv_text("x"), '"' + csv_text(text).replace('"', '""') + '"']))))[1]
    assert not found.lstrip().startswith(("=", "+", "-", "@"))
    assert "\r" not in found
    assert "\t" not in found


def test_numbers_stay_numbers_in_csv(compared, make_run):
    make_run("aaaa2222", igdm={"alpha": 1}).finish()
    make_run("bbbb2222", igdm={"alpha": 1e-5}, name="-1+1").finish()
    first, second, *_ = csv.DictReader(io.StringIO(formats.as_csv(compared())))
    assert float(first["igdm.alpha"]) == 1
    assert float(second["igdm.alpha"]) == 1e-5
    assert second["run"] == "'-1+1"
    json.dumps(formats.as_json(compared()), allow_nan=False)
