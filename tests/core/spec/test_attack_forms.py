import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spec.attack_forms import FAMILY_RESTARTS, PARTS, AttackForm, parse_attack
from core.spec.attack_names import ATTACKS, attack_entry, check_attack_name, radius_family
from core.spec.catalogue import METRICS
from core.spec.errors import ConfigError
from core.spec.loading import build_config

levels = st.none() | st.integers(1, 255).map(float) | st.integers(8, 2000).map(lambda level: level / 8)
starts = st.integers(1, 999)
forms = st.one_of(
    st.builds(AttackForm, family=st.just("fgsm"), level=levels),
    st.builds(AttackForm, family=st.just("pgd"), num_steps=st.integers(1, 9999), restarts=starts, level=levels),
    st.builds(AttackForm, family=st.sampled_from(["cw", "cw30"]), restarts=starts, level=levels),
    st.builds(
        AttackForm, family=st.just("autoattack"), version=st.sampled_from(["standard", "plus", "rand"]), level=levels
    ),
    st.builds(
        AttackForm,
        family=st.just("autoattack"),
        version=st.just("custom"),
        norm=st.sampled_from(["Linf", "L2", "L1"]),
        parts=st.lists(st.sampled_from(PARTS), min_size=1, unique=True).map(tuple),
    ),
)


@given(forms)
def test_a_name_says_its_form_and_a_form_has_one_name(form):
    assert parse_attack(form.name) == form
    assert check_attack_name(form.name) is None
    assert form.title in METRICS[attack_entry(form.name).metric].title or form.name not in ATTACKS


@pytest.mark.parametrize(
    "name",
    [
        "pgd20x1", "pgd020", "pgd", "pgd0", "cwx10", "cw30x1", "pgd20x0", "pgd20-at-0", "pgd20-at-08", "pgd20-at-8.0",
        "pgd20-at-300", "cw2x3", "pgd20x5x5", "autoattack-l2-at-8", "autoattack-standard", "autoattack-l1-plus",
        "autoattack:", "autoattack:pgd", "autoattack:square+square", "autoattack:square,fab", "autoattack-plus:square",
        "autoattack-linf", "PGD20", "pgd20 ", "pgd20\n", "fgsmx2", "pgd-l2-mild-at-8", "",
    ],
)  # fmt: skip
def test_anything_else_is_refused(name):
    assert parse_attack(name) is None
    assert check_attack_name(name) is not None


def test_names_of_the_catalogue_say_what_their_titles_say():
    known = {name: form for name in ATTACKS if (form := parse_attack(name))}
    assert {name: form.title for name, form in known.items()} == {name: ATTACKS[name].title for name in known}
    assert {form.family for form in known.values()} == set(FAMILY_RESTARTS)


def test_a_configuration_takes_them_and_names_what_it_does_not():
    config = build_config({"evaluation": {"attacks": ["pgd20x5", "autoattack:apgd-ce+square", "autoattack-at-12"]}})
    assert config.evaluation.attacks[1] == "autoattack:apgd-ce+square"
    with pytest.raises(ConfigError, match=r"'pgd20y5' is not known .*did you mean 'pgd20'.*pgd20x5 is PGD-20 from 5"):
        build_config({"evaluation": {"attacks": ["pgd20y5"]}})


def test_their_accuracies_are_metrics_like_any_other():
    assert attack_entry("autoattack-at-12:apgd-ce+square").metric == "autoattack_at_12_apgd_ce_square_accuracy"
    entry = METRICS["pgd20x5_accuracy"]
    assert (entry.title, entry.unit, entry.better) == ("pgd20x5", "fraction", "higher")
    assert "pgd20x5_accuracy" in METRICS
    assert METRICS.get("pgd20x5_accuracy") == entry
    assert METRICS.get("pgd20x5") is None
    assert "\x1b[31m_accuracy" not in METRICS
    with pytest.raises(KeyError):
        METRICS["pgd20x5"]
    measured = {"pgd20x5_accuracy", "loss", "clean_accuracy", "cwx2_accuracy", "unheard-of"}
    assert METRICS.in_order(measured) == ("clean_accuracy", "loss", "cwx2_accuracy", "pgd20x5_accuracy")


def test_the_family_of_a_radius():
    assert [radius_family(name) for name in ("pgd20-at-12", "pgd20x5", "autoattack-at-8", "fgsm")] == [
        "pgd20", "pgd20x5", "autoattack", "fgsm",
    ]  # fmt: skip
    assert {radius_family(name) for name in ("clean", "cw2", "pgd-l2-mild", "autoattack-l1", "vmi", "gradients")} == {
        ""
    }
