"""Is a difference more than chance? Paired tests over test images and over seeds, and intervals over seeds.

Plain Python: a comparison needs a handful of these numbers and must not wait for SciPy. Tests hold them against SciPy.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

TINY = 1e-300
MOST_TERMS = 500
LEAST_PAIRS = 3  # with two seeds one degree of freedom is left: an interval that says nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class McNemar:
    """Two networks on the same images. gained, lost: right only now, right only before. p: two-sided, exact."""

    gained: int
    lost: int
    p: float


def mcnemar(before: str, after: str) -> McNemar:
    """Exact test of marginal homogeneity on two verdicts per image: texts of "1" (right) and "0", image by image.

    Only images on which the two disagree count; under the null each falls either way with probability 1/2.
    Raises: ValueError when they are not equally long. Source: McNemar 1947, with the binomial instead of chi-squared.
    """
    if len(before) != len(after):
        raise ValueError(f"{len(before)} and {len(after)} images are not the same images")
    gained = sum(1 for old, new in zip(before, after, strict=True) if old == "0" and new == "1")
    lost = sum(1 for old, new in zip(before, after, strict=True) if old == "1" and new == "0")
    return McNemar(gained=gained, lost=lost, p=sign_test(gained, lost))


def sign_test(ups: int, downs: int) -> float:
    """Two-sided exact probability of a split at least as uneven as `ups` to `downs` by fair coins."""
    count, least = ups + downs, min(ups, downs)
    if 2 * least == count:
        return 1.0
    term = total = 1
    for chosen in range(1, least + 1):  # whole numbers: no rounding before the division
        term = term * (count - chosen + 1) // chosen
        total += term
    return min(1.0, 2 * total / 2**count) if count < 1000 else min(1.0, _divided(2 * total, count))


def _divided(total: int, power: int) -> float:
    """total / 2**power, where either may be beyond a float."""
    shift = max(total.bit_length() - 64, 0)
    return math.ldexp(total >> shift, shift - power)


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedTest:
    """Differences over pairs. mean: of the differences; t, p: Student's, two-sided; wilcoxon_p: exact signed ranks."""

    pairs: int
    mean: float
    t: float
    p: float
    wilcoxon_p: float


def paired_test(before: Sequence[float], after: Sequence[float]) -> PairedTest:
    """Student's paired t and Wilcoxon's signed ranks of after - before.

    Raises: ValueError for fewer than three pairs, unequal lengths, or values that are not finite.
    """
    differences = [new - old for old, new in zip(before, after, strict=True)]
    if len(differences) < LEAST_PAIRS:
        raise ValueError(f"{len(differences)} pairs are not enough (at least {LEAST_PAIRS})")
    if not all(map(math.isfinite, differences)):
        raise ValueError("a difference is not finite")
    mean = statistics.fmean(differences)
    spread = statistics.stdev(differences)
    error = spread / math.sqrt(len(differences))
    if error > abs(mean) * 1e-14:
        t = mean / error
        p = 2 * student_tail(abs(t), len(differences) - 1)
    else:  # every seed moved by the same amount
        t, p = (math.copysign(math.inf, mean), 0.0) if mean else (0.0, 1.0)
    return PairedTest(pairs=len(differences), mean=mean, t=t, p=p, wilcoxon_p=wilcoxon(differences))


def wilcoxon(differences: Sequence[float]) -> float:
    """Two-sided exact probability of Wilcoxon's signed-rank sum; zeros are left out, ties share their mean rank."""
    sizes = sorted(abs(value) for value in differences if value)
    if not sizes:
        return 1.0
    doubled: dict[float, int] = {}  # twice the mean rank: whole numbers also for ties
    for size in set(sizes):
        first = sizes.index(size) + 1
        doubled[size] = 2 * first + sizes.count(size) - 1
    ranks = [doubled[size] for size in sizes]
    positive = sum(doubled[abs(value)] for value in differences if value > 0)
    ways = [1] + [0] * sum(ranks)
    for rank in ranks:
        for total in range(len(ways) - 1, rank - 1, -1):
            ways[total] += ways[total - rank]
    least = min(positive, sum(ranks) - positive)
    return min(1.0, float(2 * sum(ways[: least + 1]) / 2 ** len(ranks)))


def seed_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Student's interval of the mean over seeds; None for fewer than two, or values that are not finite."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    mean = statistics.fmean(values)
    half = student_quantile((1 + confidence) / 2, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half


def student_tail(t: float, freedom: int) -> float:
    """P(T > t) of Student's t with `freedom` degrees of freedom, t at least 0."""
    return 0.5 * incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def student_quantile(share: float, freedom: int) -> float:
    """The t below which `share` of Student's distribution lies, share in [0.5, 1)."""
    low, high = 0.0, 1.0
    while student_tail(high, freedom) > 1 - share:
        high *= 2
    return _bisect(lambda t: student_tail(t, freedom) > 1 - share, low, high)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b), a, b > 0, x in [0, 1].

    Source: NIST Digital Library of Mathematical Functions 8.17.22, the continued fraction, by Lentz's method.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges quickly on the other side
        return 1 - incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) * _beta_fraction(a, b, x) / a


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, MOST_TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _not_zero(1 + term * d)
            c = _not_zero(1 + term / c)
            result *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return result


def _not_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY


def _bisect(is_below: Callable[[float], bool], low: float, high: float) -> float:
    """Where `is_below` turns false, to the last bit that matters."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
        if high - low <= 1e-14 * high:
            break
    return (low + high) / 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Regression:
    """The least-squares line y = slope x + intercept through n points, and their Pearson correlation."""

    slope: float
    intercept: float
    correlation: float
    n: int


def regression(xs: Sequence[float], ys: Sequence[float]) -> Regression | None:
    """A line through points; None for fewer than two, or when all share one x. A flat line has correlation nan."""
    pairs = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
    if len({x for x, _ in pairs}) < 2:
        return None
    found = statistics.linear_regression([x for x, _ in pairs], [y for _, y in pairs])
    if len({y for _, y in pairs}) < 2:
        correlation = math.nan
    else:
        correlation = statistics.correlation([x for x, _ in pairs], [y for _, y in pairs])
    return Regression(slope=found.slope, intercept=found.intercept, correlation=correlation, n=len(pairs))
