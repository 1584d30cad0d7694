import pytest

from core.spec.attack_names import SUITES
from core.spec.errors import ConfigError, IgdmError
from core.spec.evaluation_request import EvaluationRequest, wanted_attacks
from core.spec.loading import build_config


def request(**changes):
    settings = {
        "checkpoint": "last", "attacks": ("clean",), "num_examples": 10, "epsilon": 0.1, "seed": 0, "batch_size": 5
    }  # fmt: skip
    return EvaluationRequest(**settings | changes)


def test_the_same_request_has_the_same_name_wherever_it_runs():
    assert request().name == request(device="cpu").name
    assert request().name.startswith("last-")
    others = [
        {"attacks": ("pgd20",)}, {"num_examples": None}, {"epsilon": 0.2}, {"seed": 1}, {"batch_size": 0},
        {"checkpoint": "best"},
    ]  # fmt: skip
    assert len({request(**change).name for change in ({}, *others)}) == 7


def test_a_request_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "last-abc" / "request.json"
    request(device="cuda:1").write(path)
    assert EvaluationRequest.read(path) == request(device="cuda:1")


@pytest.mark.parametrize("text", ["", "{}", '{"attacks": 3}', '{"attacks": [], "unknown": 1}'])
def test_a_damaged_request_says_what_to_do(tmp_path, text):
    path = tmp_path / "request.json"
    path.write_text(text)
    with pytest.raises(IgdmError, match="same igdm eval command"):
        EvaluationRequest.read(path)


def test_attacks_are_meant_by_list_or_by_suite():
    assert wanted_attacks("clean, pgd20", "") == ("clean", "pgd20")
    assert wanted_attacks("", "paper") == SUITES["paper"]
    assert wanted_attacks("", "") is None


@pytest.mark.parametrize(
    ("attacks", "suite", "words"),
    [
        ("clean,pdg20", "", "did you mean 'pgd20'"),
        ("quick", "", "--suite quick"),
        ("clean,clean", "", "twice"),
        (",", "", "no attack"),
        ("", "papr", "did you mean 'paper'"),
        ("clean", "quick", "exclude each other"),
    ],
)
def test_unknown_names_are_told_with_the_nearest(attacks, suite, words):
    with pytest.raises(IgdmError, match=words):
        wanted_attacks(attacks, suite)


def test_a_configuration_may_name_a_suite():
    assert build_config({"evaluation": {"attacks": "quick"}}).evaluation.attacks == SUITES["quick"]
    with pytest.raises(ConfigError, match="did you mean 'quick'"):
        build_config({"evaluation": {"attacks": "quik"}})
