from typing import get_args

from core import data, methods, models
from core.evaluation.comparisons import COMPARISONS
from core.methods.igdm import FORWARD_ORDER
from core.spec import catalogue, config
from core.spec.config import AttackSection, MethodSection
from core.spec.published import published_teachers


def test_names_offered_are_the_names_accepted_are_the_names_that_run():
    assert list(catalogue.METHODS) == list(get_args(config.MethodName)) == list(methods.METHODS)
    assert list(catalogue.DATASETS) == list(get_args(config.DatasetName)) == list(data.DATASETS)
    assert list(catalogue.MODELS) == list(models.MODELS)
    assert list(catalogue.TEACHER_SOURCES) == list(get_args(config.TeacherSource))
    assert {row.name for row in published_teachers() if row.name} == set(get_args(config.PublishedName))
    assert {row.model for row in published_teachers()} <= set(catalogue.MODELS)
    assert {row.dataset for row in published_teachers()} <= set(catalogue.DATASETS)
    assert list(catalogue.SURROGATES) == list(get_args(config.SurrogateName))
    assert {name for name in catalogue.ATTACKS if not catalogue.ATTACKS[name].is_accuracy} == set(COMPARISONS)


def test_orders_of_forwards_with_igdm_belong_to_methods_with_an_attack():
    with_attack = {name for name, entry in catalogue.METHODS.items() if entry.has_inner}
    assert set(FORWARD_ORDER) == with_attack - {"darwin", "darwin-lf"}
    assert list(catalogue.TERMS) == list(get_args(config.TermName)) == list(methods.TERMS)


def test_options_of_a_method_are_keys_of_its_section():
    for entry in catalogue.METHODS.values():
        assert set(entry.options) <= set(MethodSection.model_fields)


def test_what_a_method_says_of_its_teacher_is_what_it_asks_for():
    for name, entry in catalogue.METHODS.items():
        method = methods.build_method(MethodSection(name=name), AttackSection())
        assert bool(method.teacher_inputs(1)) == entry.needs_teacher
        assert bool(method.second_teacher_inputs()) == entry.needs_second_teacher
