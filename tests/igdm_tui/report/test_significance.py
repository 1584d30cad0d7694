"""Our small statistics against SciPy's."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igdm_tui.report.significance import (
    mcnemar,
    paired_test,
    regression,
    seed_interval,
    sign_test,
    student_quantile,
    student_tail,
    wilcoxon,
)

stats = pytest.importorskip("scipy.stats")


@pytest.mark.parametrize("counts", [(0, 0), (0, 1), (3, 3), (10, 2), (2, 10), (321, 400), (999, 1), (2500, 2700)])
def test_the_sign_test_is_the_binomial_test(counts):
    ups, downs = counts
    expected = stats.binomtest(ups, ups + downs, 0.5).pvalue if ups + downs else 1.0
    assert sign_test(ups, downs) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_mcnemar_counts_only_images_on_which_the_two_disagree():
    before, after = "1100" * 5 + "1" * 50, "1010" * 5 + "1" * 50
    found = mcnemar(before, after)
    assert (found.gained, found.lost, found.p) == (5, 5, 1.0)
    found = mcnemar("0" * 10 + "1", "1" * 10 + "1")
    assert (found.gained, found.lost) == (10, 0)
    assert found.p == pytest.approx(2 / 2**10)


def test_different_numbers_of_images_are_refused():
    with pytest.raises(ValueError, match="not the same images"):
        mcnemar("10", "101")


@pytest.mark.parametrize("freedom", [1, 2, 4, 9, 30, 1000])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.5, 12.0])
def test_student(t, freedom):
    assert student_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-9)


@pytest.mark.parametrize("freedom", [1, 2, 3, 9, 99])
def test_student_quantile(freedom):
    assert student_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=9))
def test_paired_t_and_wilcoxon(pairs):
    before, after = [a for a, _ in pairs], [b for _, b in pairs]
    differences = [b - a for a, b in pairs]
    spread = max(differences) - min(differences)
    found = paired_test(before, after)
    if spread > 1e-6:
        assert found.p == pytest.approx(stats.ttest_rel(after, before).pvalue, rel=1e-6, abs=1e-12)
    sizes = {abs(d) for d in differences}
    if 0.0 not in sizes and len(sizes) == len(differences):
        expected = stats.wilcoxon(differences, method="exact").pvalue
        assert found.wilcoxon_p == pytest.approx(expected, rel=1e-9)


def test_wilcoxon_with_ties_counts_every_sign():
    # Ranks 1.5, 1.5, 3 of |1|, |-1|, |2|: of eight signs, two reach a sum of 1.5 or less from below by (0), (1.5, 1.5).
    assert wilcoxon([1.0, -1.0, 2.0]) == pytest.approx(2 * 3 / 8)
    assert wilcoxon([0.0, 0.0]) == 1.0


def test_equal_differences_and_no_difference_have_an_answer():
    assert paired_test([0.1, 0.2, 0.3], [0.1, 0.2, 0.3]).p == 1.0
    assert paired_test([0.0, 0.5, 0.25], [0.5, 1.0, 0.75]).p == 0.0


@pytest.mark.parametrize(("before", "after"), [([1.0, 2.0], [2.0, 3.0]), ([1, 2, math.nan], [1, 2, 3])])
def test_too_few_pairs_and_nan_are_refused(before, after):
    with pytest.raises(ValueError, match=r"not enough|not finite"):
        paired_test(before, after)


def test_seed_interval():
    values = [0.50, 0.52, 0.49, 0.55]
    expected = stats.t.interval(0.95, 3, loc=stats.tmean(values), scale=stats.sem(values))
    assert seed_interval(values) == pytest.approx(expected, rel=1e-9)
    assert seed_interval([0.5]) is None
    assert seed_interval([0.5, math.nan]) is None


def test_regression():
    xs, ys = [1.0, 2.0, 3.0, 5.0], [2.1, 3.9, 6.2, 9.8]
    expected = stats.linregress(xs, ys)
    found = regression([*xs, math.nan], [*ys, 1.0])
    assert found is not None
    assert (found.slope, found.intercept, found.correlation, found.n) == pytest.approx(
        (expected.slope, expected.intercept, expected.rvalue, 4)
    )
    assert regression([1.0, 1.0], [1.0, 2.0]) is None
    flat = regression([1.0, 2.0], [3.0, 3.0])
    assert flat is not None
    assert math.isnan(flat.correlation)
