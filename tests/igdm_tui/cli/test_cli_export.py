"""`igdm export`: data on stdout or in a file, talk on stderr, and one sentence when it cannot be done."""

import csv
import io
import json

import pytest

from tests.igdm_tui.report.latex_check import check_latex


@pytest.fixture
def three(make_run):
    make_run("aaaa2222", name="plain").finish()
    make_run("bbbb2222", name="with igdm", igdm={"alpha": 10}).finish(autoattack=0.6)
    make_run("cccc2222", name="with igdm", igdm={"alpha": 10}, runtime={"seed": 1}).finish(autoattack=0.62)


def test_text_goes_to_stdout(igdm, three):
    said = igdm("export", "plain", "bbbb", "--to", "csv")
    assert (said.code, said.err) == (0, "")
    assert [row["run"] for row in csv.DictReader(io.StringIO(said.out))][:2] == ["plain", "with igdm"]
    check_latex(igdm("export", "aaaa", "bbbb", "cccc", "--to", "latex", "--group").out)
    assert igdm("export", "aaaa", "bbbb", "--to", "markdown", "--table", "paper").out.startswith("**resnet64**")
    assert len(json.loads(igdm("export", "aaaa", "aaaa", "--to", "json").out)["runs"]) == 1, "named twice, written once"
    assert igdm("export", "aaaa", "--to", "svg", "--figure", "loss").out.startswith("<svg")


def test_a_file_or_a_folder_can_be_named(igdm, three, tmp_path):
    path = tmp_path / "report.html"
    said = igdm("export", "aaaa", "bbbb", "--to", "html", "--output", str(path))
    assert (said.code, said.out, said.err) == (0, "", f"{path}\n")
    assert path.read_text().startswith("<!doctype html>")
    assert igdm("export", "aaaa", "--to", "png", "-o", str(tmp_path)).code == 0
    assert (tmp_path / "igdm-accuracy-1-runs.png").read_bytes().startswith(b"\x89PNG")
    said = igdm("export", "aaaa", "bbbb", "--to", "tensorboard", "--output", str(tmp_path / "tb"))
    assert "tensorboard --logdir" in said.err
    assert len(list((tmp_path / "tb").rglob("*tfevents*"))) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["aaaa", "--to", "pdf"], "there are: csv, json, latex, markdown, svg, png, html, tensorboard"),
        (["aaaa", "--to", "tensorboard"], "--output FOLDER"),
        (["aaaa", "--to", "csv", "--output", "nowhere/x.csv"], "there is no folder nowhere"),
        (["aaaa", "--to", "csv", "--metrics", "gradient_cosin"], "did you mean gradient_cosine?"),
        (["aaaa", "--to", "latex", "--figure", "loss"], "formats that do: csv, json, svg, png"),
        (["nobody", "--to", "csv"], "no run 'nobody'"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_sentence(igdm, three, words, message):
    said = igdm("export", *words)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert said.err.count("\n") == 1


def test_compare_paper_puts_the_published_beside_ours(igdm, make_run):
    settings = {"data": {"name": "cifar-100"}, "student": {"model": "resnet-18"}, "igdm": {"alpha": 70}}
    make_run("aaaa2222", teacher={"source": "published", "published": "bdm-at"}, **settings).finish(autoattack=0.3)
    text = igdm("compare", "aaaa", "--paper").out
    assert "ICLR 2025 T2" in text
    assert "-0.32" in text
    found = json.loads(igdm("compare", "aaaa", "--paper", "--json").out)["published"]
    assert found[0]["metrics"]["autoattack_accuracy"] == 0.3032
    assert "30.32" in igdm("compare", "aaaa", "--paper", "--latex").out
    assert "autoattack_accuracy_published" in igdm("compare", "aaaa", "--paper", "--csv").out


def test_compare_paper_says_when_nothing_was_published(igdm, three):
    said = igdm("compare", "aaaa", "--paper")
    assert said.code == 0
    assert "no result was published" in said.err
