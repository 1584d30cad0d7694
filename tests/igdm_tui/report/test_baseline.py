"""Differences to a baseline: image by image for two runs, seed by seed for groups."""

import json

import pytest

from core.evaluation.outcome import Outcome, StateFile, images_name, write_outcome
from igdm_tui.report.baseline import against, against_json, against_text, difference_text, line_of, p_text
from igdm_tui.report.comparison import compare_runs
from igdm_tui.report.verdicts import read_verdicts
from igdm_tui.store import Store

IGDM = {"igdm": {"alpha": 10}}


def keep(run, robust, *, attack="autoattack", images="abc", epsilon=0.2):
    """What the worker keeps of an attack, written by the worker's own code."""
    metric = f"{attack}_accuracy"
    outcome = Outcome(
        metrics={metric: robust.count("1") / len(robust)}, examples=len(robust), seconds=1.0, seed=0, robust=robust,
        images=images, parameters={"epsilon": epsilon},
    )  # fmt: skip
    write_outcome(StateFile(run.folder.evaluation / "final" / f"{attack}.json", "key"), outcome)
    return run


def compared(home, **options):
    with Store.open(home) as store:
        store.ingest()
        rows = store.runs()[::-1]
    verdicts = {row.id: read_verdicts(row.folder, row.settings) for row in rows}
    return compare_runs(rows, **options), verdicts


def test_two_runs_on_the_same_images_are_tested_image_by_image(home, make_run):
    keep(make_run("aaaa2222").finish(autoattack=0.5), "1" * 10 + "0" * 10)
    keep(make_run("bbbb2222", **IGDM).finish(autoattack=0.85), "1" * 9 + "0" + "1" * 8 + "00")
    comparison, verdicts = compared(home)
    found = against(comparison, line_of(comparison, "aaaa2222"), verdicts)
    assert found.differences[0] == {}
    difference = found.differences[1]["autoattack_accuracy"]
    assert (difference.test, difference.gained, difference.lost, difference.pairs) == ("McNemar", 8, 1, 20)
    assert difference.p == pytest.approx(2 * (1 + 9) / 2**9)
    assert difference_text("autoattack_accuracy", difference) == "+35.00 p=0.039 (8:1)"
    text = against_text(comparison, found)
    assert "+35.00 p=0.039 (8:1)" in text
    assert "McNemar" in text


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"images": "other"}, "other test images"), ({"epsilon": 0.1}, "another epsilon"),
        ({"robust": "110"}, "4 and 3 test images"),
    ],
)  # fmt: skip
def test_different_questions_are_not_tested(home, make_run, other, said):
    keep(make_run("aaaa2222").finish(), "1100")
    keep(make_run("bbbb2222", **IGDM).finish(), **{"robust": "1010", **other})
    comparison, verdicts = compared(home)
    difference = against(comparison, 0, verdicts).differences[1]["autoattack_accuracy"]
    assert (difference.test, difference.p, difference.note) == ("", None, said)


def test_files_of_older_versions_go_by_the_data_they_came_from(home, make_run):
    keep(make_run("aaaa2222").finish(), "1100", images="")
    keep(make_run("bbbb2222", data={"download": True}).finish(), "1010", images="")
    keep(make_run("cccc2222", data={"validation_fraction": 0.3}).finish(), "1010", images="")
    comparison, verdicts = compared(home)
    found = against(comparison, 0, verdicts)
    assert found.differences[1]["autoattack_accuracy"].test == "McNemar"
    assert found.differences[2]["autoattack_accuracy"].note == "other test images"


def test_a_damaged_or_missing_file_means_no_test(home, make_run):
    run = keep(make_run("aaaa2222").finish(), "1100")
    file = run.folder.evaluation / "final" / "autoattack.json"
    file.write_text(file.read_text().replace("1100", "1101"))
    keep(make_run("bbbb2222", **IGDM).finish(), "1010")
    comparison, verdicts = compared(home)
    difference = against(comparison, 0, verdicts).differences[1]["autoattack_accuracy"]
    assert (difference.test, difference.note) == ("", "no verdicts per image were kept")


def test_groups_are_tested_over_common_seeds(home, make_run):
    for seed, (old, new) in enumerate([(0.5, 0.6), (0.52, 0.63), (0.49, 0.58), (0.51, 0.6)]):
        make_run(f"aaaa222{seed + 2}", runtime={"seed": seed}).finish(autoattack=old)
        make_run(f"bbbb222{seed + 2}", runtime={"seed": seed}, **IGDM).finish(autoattack=new)
    comparison, verdicts = compared(home, group=True)
    found = against(comparison, line_of(comparison, "aaaa2223"), verdicts)
    difference = found.differences[1]["autoattack_accuracy"]
    assert (difference.test, difference.pairs) == ("paired t", 4)
    assert difference.p == pytest.approx(0.00025878, rel=1e-4)  # scipy.stats.ttest_rel
    assert difference.wilcoxon_p == pytest.approx(0.125)
    cell = comparison.lines[1].cells["autoattack_accuracy"]
    assert cell.low < cell.value < cell.high


def test_too_few_common_seeds_say_so(home, make_run):
    for seed in (0, 1):
        make_run(f"aaaa222{seed + 2}", runtime={"seed": seed}).finish()
        make_run(f"bbbb222{seed + 2}", runtime={"seed": seed + 1}, **IGDM).finish(autoattack=0.6)
    comparison, verdicts = compared(home, group=True)
    found = against(comparison, 0, verdicts)
    assert found.differences[1]["autoattack_accuracy"].note == "1 common seed, 3 are needed"
    assert found.differences[2] == {}, "a teacher is no competitor"
    assert "no test for AA: 1 common seed, 3 are needed" in against_text(comparison, found)
    json.dumps(against_json(comparison, found), allow_nan=False)


def test_equal_images_have_equal_names():
    import torch

    levels = torch.arange(12, dtype=torch.uint8).reshape(3, 1, 2, 2)
    labels = torch.tensor([0, 1, 2])
    assert images_name(levels, labels) == images_name(levels.clone(), labels.clone())
    assert images_name(levels, labels) != images_name(levels, labels.flip(0))
    assert images_name(levels, labels) != images_name(levels.flip(0), labels)


@pytest.mark.parametrize(
    ("p", "text"), [(1.0, "1.00"), (0.25, "0.25"), (0.0312, "0.031"), (0.0012, "0.0012"), (1e-9, "<0.0001")]
)
def test_probabilities_are_short(p, text):
    assert p_text(p) == text
