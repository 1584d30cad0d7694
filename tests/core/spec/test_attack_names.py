import pytest

from core.spec.attack_names import ATTACKS, SUITES, check_attack_name
from core.spec.catalogue import METRICS
from core.spec.config import EvaluationSection, RunConfig
from core.spec.identity import settings_hash
from core.spec.loading import consistency_problems


def test_suites_name_attacks_and_each_once():
    for attacks in SUITES.values():
        assert [check_attack_name(name) for name in attacks] == [None] * len(attacks)
        assert len(set(attacks)) == len(attacks)
    assert set(SUITES["quick"]) < set(SUITES["paper"]) < set(SUITES["full"])


def test_every_accuracy_is_a_metric_that_can_be_shown():
    for entry in ATTACKS.values():
        assert not entry.is_accuracy or METRICS[entry.metric].unit == "fraction"
    assert METRICS["autoattack_accuracy"].title == "AA"


@pytest.mark.parametrize("name", [name for name, entry in ATTACKS.items() if entry.needs_source])
def test_transfer_wants_a_source(name):
    without = RunConfig(evaluation=EvaluationSection(attacks=(name,)))
    (problem,) = consistency_problems(without)
    assert problem.key == "evaluation.attacks"
    assert "transfer_source" in problem.advice
    named = RunConfig(evaluation=EvaluationSection(attacks=(name,), transfer_source="source.pt"))
    assert consistency_problems(named) == []


def test_the_defaults_are_those_of_before():
    assert EvaluationSection().attacks == ("clean", "pgd20", "autoattack", "gradients")
    named = RunConfig(evaluation=EvaluationSection(attacks=("clean", "pgd20", "autoattack", "gradients")))
    assert settings_hash(named) == settings_hash(RunConfig())
