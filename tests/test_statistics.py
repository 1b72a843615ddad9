"""Intervals keep their promise: coverage is computed exactly, by summing over every outcome, where that is possible."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from qtheory.statistics import ErrorBudget, Interval, fit_slope, mean_interval, share_interval

FAILURES = (0.3, 0.05, 1e-3)
SHARES = np.linspace(0.0, 1.0, 101)
finite = st.floats(-1e6, 1e6)


def shrunk(interval, factor):
    """A control: the interval pulled towards its estimate."""
    low = interval.estimate - factor * (interval.estimate - interval.low)
    high = interval.estimate + factor * (interval.high - interval.estimate)
    return Interval(low, high, interval.estimate, interval.confidence, "control")


def binomial_coverage(n, interval_of):
    """Worst probability, over the true share p, that interval_of(k) holds p when k is binomial(n, p)."""
    intervals = [interval_of(k) for k in range(n + 1)]
    covered = np.array([[interval.contains(p) for interval in intervals] for p in SHARES])
    return (covered * stats.binom.pmf(np.arange(n + 1), n, SHARES[:, None])).sum(axis=1).min()


def bernoulli_samples(n, k):
    return [1.0] * k + [0.0] * (n - k)


@pytest.mark.parametrize(("n", "failure"), list(product((1, 2, 7, 40, 150), FAILURES)))
def test_clopper_pearson_covers_for_every_share(n, failure):
    assert binomial_coverage(n, lambda k: share_interval(k, n, failure=failure)) >= 1 - failure - 1e-12


@pytest.mark.parametrize("failure", FAILURES)
def test_clopper_pearson_is_no_wider_than_it_must_be(failure):
    """Control: the same interval a tenth shorter misses too often, and so does the one for twice the failure."""
    n = 150
    assert binomial_coverage(n, lambda k: shrunk(share_interval(k, n, failure=failure), 0.9)) < 1 - failure
    assert binomial_coverage(n, lambda k: share_interval(k, n, failure=2 * failure)) < 1 - failure


@pytest.mark.parametrize(("n", "failure"), list(product((2, 7, 40, 150), FAILURES)))
def test_bounded_mean_covers_every_bernoulli(n, failure):
    def interval_of(k):
        return mean_interval(bernoulli_samples(n, k), failure=failure, bounds=(0, 1))

    assert binomial_coverage(n, interval_of) >= 1 - failure


@pytest.mark.parametrize("failure", FAILURES)
def test_bounded_mean_controls(failure):
    """Controls: a range taken four times too small, and Student's t at the same failure, do not cover."""
    n = 40

    def wrong_range(k):
        return shrunk(mean_interval(bernoulli_samples(n, k), failure=failure, bounds=(0, 1)), 0.25)

    assert binomial_coverage(n, wrong_range) < 1 - failure
    assert binomial_coverage(n, lambda k: mean_interval(bernoulli_samples(n, k), failure=failure)) < 1 - failure


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("weights", [(0.98, 0.01, 0.01), (0.2, 0.5, 0.3), (0.5, 0.0, 0.5), (0.0, 0.9, 0.1)])
def test_bounded_mean_covers_three_point_laws(weights, failure):
    values, n = np.array([-2.0, 0.5, 3.0]), 14
    truth, covered = float(values @ weights), 0.0
    for a in range(n + 1):
        for b in range(n + 1 - a):
            counts = (a, b, n - a - b)
            interval = mean_interval(np.repeat(values, counts), failure=failure, bounds=(-2, 3))
            covered += stats.multinomial.pmf(counts, n, weights) * interval.contains(truth)
    assert covered >= 1 - failure


def test_bounded_mean_is_the_better_of_the_two_inequalities():
    """Hoeffding's width decides for coin flips; for samples of small variance the empirical Bernstein one does."""
    flips = mean_interval([0.0, 1.0] * 50, failure=0.1, bounds=(0, 1))
    assert flips.width == pytest.approx(2 * math.sqrt(math.log(2 / 0.05) / 200), rel=1e-12)
    n, span, deviation = 10_000, 4.0, 1e-3
    calm = 1.0 + deviation * math.sqrt((n - 1) / n) * np.resize([-1.0, 1.0], n)
    log_term = math.log(4 / 0.05)
    radius = deviation * math.sqrt(2 * log_term / n) + 7 * span * log_term / (3 * (n - 1))
    assert mean_interval(calm, failure=0.1, bounds=(0, span)).width == pytest.approx(2 * radius, rel=1e-9)


def test_a_few_samples_say_nothing_beyond_the_bounds():
    interval = mean_interval([0.4, 0.6], failure=1e-6, bounds=(0, 1))
    assert (interval.low, interval.high) == (0.0, 1.0)


@pytest.mark.parametrize("failure", [0.2, 1e-3, 1e-9])
def test_student_interval_agrees_with_scipy(failure):
    samples = np.random.default_rng(5).normal(3.0, 2.0, 30)
    ours = mean_interval(samples, failure=failure)
    theirs = stats.ttest_1samp(samples, 0.0).confidence_interval(1 - failure)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), rel=1e-6)
    assert "approximate" in ours.method and ours.confidence == 1 - failure


def test_clopper_pearson_agrees_with_scipy():
    for k in (0, 3, 20):
        theirs = stats.binomtest(k, 20).proportion_ci(0.99, method="exact")
        ours = share_interval(k, 20, failure=0.01)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_tail_probabilities_survive_a_failure_below_the_float_spacing_of_one():
    assert share_interval(0, 100, failure=1e-20).high == pytest.approx(1 - (0.5e-20) ** 0.01, rel=1e-12)
    assert mean_interval([0.0, 1.0, 2.0], failure=1e-20).width > mean_interval([0.0, 1.0, 2.0], failure=1e-18).width


def test_a_diverged_ensemble_gives_a_vacuous_interval_not_a_wrong_one(recwarn):
    interval = mean_interval([1e200, -1e200, 1e200], failure=0.1)
    assert (interval.low, interval.high) == (-math.inf, math.inf)
    assert not recwarn.list and str(interval).endswith("[-inf, inf]")


def test_slope_of_a_power_law_is_exact():
    x = np.array([1.0, 2.0, 5.0, 30.0])
    slope = fit_slope(x, 7 * x**-1.5, failure=1e-6)
    assert slope.estimate == pytest.approx(-1.5, abs=1e-12) and slope.width < 1e-8
    assert slope.method == "log-log least squares"


def test_slope_agrees_with_scipy():
    rng = np.random.default_rng(1)
    x = np.geomspace(1, 100, 9)
    y, error = x**0.5 * np.exp(rng.normal(0, 0.1, 9)), rng.uniform(0.01, 0.5, 9)
    quantile = stats.t.isf(0.005, 7)
    plain = stats.linregress(np.log(x), np.log(y))
    ours = fit_slope(x, y, failure=0.01)
    assert (ours.estimate, ours.width) == pytest.approx((plain.slope, 2 * quantile * plain.stderr), rel=1e-9)

    def line(log_x, slope, offset):
        return slope * log_x + offset

    best, covariance = optimize.curve_fit(line, np.log(x), np.log(y), sigma=error / y)
    ours = fit_slope(x, y, failure=0.01, y_error=error)
    expected = (best[0], 2 * quantile * math.sqrt(covariance[0, 0]))
    assert (ours.estimate, ours.width) == pytest.approx(expected, rel=1e-5)


def test_slope_coverage_by_simulation_with_control():
    """2000 fits on a fixed seed: the interval holds the slope as often as it says; at half its width it does not."""
    rng, x, failure = np.random.default_rng(8), np.geomspace(1, 64, 7), 0.1
    fits = [fit_slope(x, x**-0.5 * np.exp(rng.normal(0, 0.3, 7)), failure=failure) for _ in range(2000)]
    hits = share_interval(sum(fit.contains(-0.5) for fit in fits), 2000, failure=1e-6)
    control = share_interval(sum(shrunk(fit, 0.5).contains(-0.5) for fit in fits), 2000, failure=1e-6)
    assert hits.contains(1 - failure) and control.high < 1 - failure


@pytest.mark.parametrize(
    ("x", "y", "more", "message"),
    [
        ([1, 2], [1, 2], {}, "at least 3"),
        ([1, 2, 3], [1, 2, 3, 4], {}, "as many as x, 3"),
        ([1, 2, 3], [1, 0, 3], {}, "y holds 0.0: expected positive"),
        ([1, -2, 3], [1, 1, 3], {}, "x holds -2.0"),
        ([1, 2, 3], [1, math.inf, 3], {}, "y holds inf"),
        ([2, 2, 2], [1, 1, 3], {}, "two different values"),
        ([1, 2, 3], [1, 2, 3], {"y_error": [1, 1, 1, 1]}, "y_error has 4 values"),
        ([1, 2, 3], [1, 2, 3], {"y_error": [1, 0, 1]}, "y_error holds 0.0"),
        ([1, 2, 3], [1, 2, 3], {"failure": 0}, "failure=0.0"),
    ],
)
def test_slope_bad_input(x, y, more, message):
    with pytest.raises(ValueError, match=message):
        fit_slope(x, y, **{"failure": 0.1} | more)


@given(finite, finite, finite, finite)
def test_an_interval_is_below_above_or_straddles(a, b, c, x):
    low, estimate, high = sorted((a, b, c))
    interval = Interval(low, high, estimate, 0.9, "by hand")
    assert not (interval.below(x) and interval.above(x))
    assert interval.contains(low) and interval.contains(high) and interval.contains(estimate)
    assert interval.below(high) and not interval.above(low)
    assert interval.above(x) <= (not interval.contains(x))


@given(finite, st.floats(0, 1e6))
def test_exact_holds_the_true_ends(value, error):
    interval = Interval.exact(value, error)
    assert Fraction(interval.low) <= Fraction(value) - Fraction(error)
    assert Fraction(interval.high) >= Fraction(value) + Fraction(error)
    assert interval.confidence == 1.0 and interval.estimate == value


@given(st.lists(st.floats(-1, 2), min_size=2, max_size=40), st.floats(1e-9, 0.99))
def test_mean_interval_properties(samples, failure):
    bounded = mean_interval(samples, failure=failure, bounds=(-1, 2))
    assert -1 <= bounded.low <= bounded.estimate <= bounded.high <= 2
    wider = mean_interval(samples, failure=failure / 2, bounds=(-1, 2))
    assert wider.low <= bounded.low and wider.high >= bounded.high
    scaled = mean_interval(2 * np.array(samples), failure=failure, bounds=(-2, 4)) / 2
    assert (scaled.low, scaled.high) == pytest.approx((bounded.low, bounded.high), abs=1e-12)


@given(st.integers(0, 30), st.integers(1, 30), st.floats(1e-9, 0.99))
def test_share_interval_properties(successes, trials, failure):
    successes = min(successes, trials)
    interval = share_interval(successes, trials, failure=failure)
    mirror = share_interval(trials - successes, trials, failure=failure)
    assert 0 <= interval.low <= successes / trials <= interval.high <= 1
    assert (mirror.low, mirror.high) == pytest.approx((1 - interval.high, 1 - interval.low), abs=1e-12)


def test_division_by_a_bound_gives_the_slack():
    slack = Interval(1.0, 3.0, 2.0, 0.9, "by hand") / 4
    assert (slack.low, slack.high, slack.estimate, slack.confidence) == (0.25, 0.75, 0.5, 0.9)
    for bound in (0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="positive finite number to divide by"):
            slack / bound
    with pytest.raises(TypeError):
        slack / "4"


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.122, 0.1248, 0.1234, 0.9, ""), "0.1234 [0.1220, 0.1248]"),
        (Interval(0.99999, 1.0, 0.999995, 0.9, ""), "0.9999950 [0.9999900, 1.0000000]"),
        (Interval(-20.0, 30.0, 5.0, 0.9, ""), "5.00 [-20.00, 30.00]"),
        (Interval(1e-9, 2e-9, 1.5e-9, 0.9, ""), "1.500e-09 [1.000e-09, 2.000e-09]"),
        (Interval.exact(0.0), "0.000 [0.000, 0.000]"),
    ],
)
def test_text(interval, text):
    assert str(interval) == text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((2, 1, 1.5, 0.9), "low <= estimate <= high"),
        ((0, 1, 2, 0.9), "low <= estimate <= high"),
        ((math.nan, 1, 0, 0.9), "low=nan"),
        ((0, math.inf, math.inf, 0.9), "estimate=inf"),
        ((0, 1, 0.5, 0.0), "confidence=0.0"),
        ((0, 1, 0.5, 1.1), "confidence=1.1"),
        (("0", 1, 0.5, 0.9), "low='0'"),
    ],
)
def test_interval_bad_input(values, message):
    with pytest.raises(ValueError, match=message):
        Interval(*values, "by hand")
    with pytest.raises(ValueError, match="error >= 0"):
        Interval.exact(1.0, -0.1)


@pytest.mark.parametrize(
    ("samples", "more", "message"),
    [
        ([1.0], {}, "at least 2"),
        ([[1.0, 2.0]], {}, r"shape \(1, 2\)"),
        ([1.0, math.nan], {}, "samples holds nan"),
        (["a", "b"], {}, "expected real numbers"),
        ([0.0, 1.5], {"bounds": (0, 1)}, "samples hold 1.5"),
        ([0.0, 1.0], {"bounds": (1, 0)}, "lowest < highest"),
        ([0.0, 1.0], {"bounds": (0, math.inf)}, "finite numbers"),
        ([0.0, 1.0], {"bounds": 1}, "expected a pair"),
        ([0.0, 1.0], {"failure": 1.0}, "failure=1.0"),
        ([0.0, 1.0], {"failure": True}, "failure=True"),
    ],
)
def test_mean_bad_input(samples, more, message):
    with pytest.raises(ValueError, match=message):
        mean_interval(samples, **{"failure": 0.1} | more)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (0, 0), (1.0, 3), (True, 3)])
def test_share_bad_input(successes, trials):
    with pytest.raises(ValueError, match=r"successes=|trials="):
        share_interval(successes, trials, failure=0.1)


@given(st.floats(1e-12, 0.999), st.integers(1, 10**6))
def test_shares_add_up_to_the_total(total, checks):
    budget = ErrorBudget(total, checks)
    assert budget.share * checks == pytest.approx(total) and 0 < budget.share <= total
    assert ErrorBudget(checks=checks).share == 1e-6 / checks


@pytest.mark.parametrize(("total", "checks"), [(0, 1), (1, 1), (0.1, 0), (0.1, 2.0), (math.nan, 1), (5e-324, 9)])
def test_budget_bad_input(total, checks):
    with pytest.raises(ValueError, match=r"total=|checks="):
        ErrorBudget(total, checks)
