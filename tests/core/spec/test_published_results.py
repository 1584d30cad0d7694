"""Which printed result belongs to a run: every row of configs/paper finds its own."""

from pathlib import Path

import pytest

from core.spec.loading import build_config, read_toml
from core.spec.matrix import load_matrix
from core.spec.published_results import find_published_result, published_results

PAPER = Path(__file__).parents[3] / "configs" / "paper"
# One setting printed in several tables with numbers that differ: the first table counts (published/README.md).
PRINTED_TWICE = {"adaad lambda=1.0", "pgd-at + IGDM alpha=220", "ard + IGDM alpha=100"}


@pytest.mark.parametrize("name", ["table02", "table06", "table12", "table14", "table17", "darwin-standard"])
def test_every_row_of_the_paper_configs_finds_its_printed_result(name):
    path = PAPER / f"{name}.toml"
    for row, run in zip(read_toml(path)["row"], load_matrix(path), strict=True):
        match, published = find_published_result(run.config.model_dump(mode="json")), row["published"]
        assert match is not None, row["label"]
        result = match.result
        assert result.source == published["source"]
        assert published["table"] in result.tables or row["label"].split(": ")[1] in PRINTED_TWICE
        assert (result.dataset, result.student) == (published["dataset"], published["student"])
        assert result.teacher == published["teacher"] or run.config.method.name in ("pgd-at", "trades")
        assert all("RiFT" in text for text in match.otherwise)


CIFAR100 = {
    "data": {"name": "cifar-100"},
    "student": {"model": "resnet-18"},
    "teacher": {"source": "published", "published": "bdm-at"},
}


def settings(**sections):
    return build_config({**CIFAR100, **sections}).model_dump(mode="json")


def test_numbers_are_the_printed_ones_from_all_tables_as_fractions():
    match = find_published_result(settings(method={"name": "adaad"}, igdm={"alpha": 70}))
    assert match.result.title.startswith("ICLR 2025 T2, T4, T5")
    metrics = match.result.metrics
    assert [metrics[f"{name}_accuracy"] for name in ("clean", "fgsm", "pgd20", "cw", "autoattack")] == [
        0.6444, 0.3931, 0.3619, 0.3175, 0.3032,
    ]  # fmt: skip
    assert (metrics["gradient_distance"], metrics["gradient_cosine"]) == (0.086, 0.643)


def test_another_weight_or_radius_is_said():
    match = find_published_result(
        settings(
            method={"name": "adaad"},
            igdm={"alpha": 7},
            attack={"epsilon": "4/255"},
            evaluation={"num_examples": 1000},
        )
    )
    assert match.otherwise == (
        "IGDM alpha 7, published 70",
        "evaluated at epsilon 4/255, published 8/255",
        "evaluated on 1000 test images, published on all",
    )


def test_an_ablation_of_the_weight_is_its_own_row():
    match = find_published_result(settings(method={"name": "ard"}, igdm={"alpha": 20}))
    assert (match.result.variant, match.otherwise) == ("alpha=20", ())


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"name": "svhn"}, "teacher": {"source": "train"}},
        {"student": {"model": "resnet"}},
        {"method": {"name": "mart"}},
        {"method": {"name": "darwin"}, "igdm": {"alpha": 10}},
        {"method": {"name": "adaad", "adaad_lambda": 0.3}},
        {"teacher": {"source": "train"}},
    ],
)
def test_what_was_not_printed_has_no_result(change):
    assert find_published_result(settings(**change)) is None


def test_settings_of_any_form_are_no_error():
    for damaged in ({}, {"data": 3, "igdm": {"alpha": "x"}}, {"student": {"model": ["a"]}, "data": {"name": {}}}):
        assert find_published_result(damaged) is None


def test_every_printed_metric_is_in_its_range():
    for result in published_results():
        for name, value in result.metrics.items():
            assert 0 <= value <= (1 if name.endswith(("accuracy", "cosine")) else 3), (result, name)
