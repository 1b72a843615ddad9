"""Psychometric curves and exponents: planted ones are found, intervals cover, and nothing is promised without data."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, xlog1py, xlogy
from scipy.stats import chi2, norm

from qtheory.exponents import local_exponent, power_law
from qtheory.psychometric import fit_curve
from qtheory.statistics import Interval, share_interval

SIZES = 100.0 * 2 ** (np.arange(-3, 4) / 2)
CDF = {"probit": norm.cdf, "logit": expit}


def draw(seed, n50, slope, trials=24, sizes=SIZES, link="probit", lapse=0.0):
    """Counts of successes from the model itself."""
    middle = {"probit": norm.ppf, "logit": lambda p: math.log(p / (1 - p))}[link](0.5 / (1 - lapse))
    chance = (1 - lapse) * CDF[link](middle + slope * np.log(sizes / n50))
    return np.random.default_rng(seed).binomial(trials, chance)


def likelihood(sizes, trials, wins, a, b, link):
    p = CDF[link](b * np.log(sizes) - a)
    return float(np.sum(xlogy(wins, p) + xlog1py(trials - wins, -p)))


# What is planted is found


@pytest.mark.parametrize("link", ["probit", "logit"])
@pytest.mark.parametrize("lapse", [0.0, 0.1])
def test_exact_shares_give_back_the_curve(link, lapse):
    middle = {"probit": norm.ppf, "logit": lambda p: math.log(p / (1 - p))}[link](0.5 / (1 - lapse))
    chance = (1 - lapse) * CDF[link](middle + 2.0 * np.log(SIZES / 123.0))
    many = 10**12
    curve = fit_curve(SIZES, np.full(7, many), np.rint(many * chance), failure=0.05, link=link, lapse=lapse)
    assert curve.n50.estimate == pytest.approx(123.0, rel=1e-4)
    assert curve.slope == pytest.approx(2.0, rel=1e-3)
    np.testing.assert_allclose(curve.chance(SIZES), chance, rtol=1e-3)
    assert curve.chance(curve.n50.estimate) == pytest.approx(0.5)


@pytest.mark.parametrize("link", ["probit", "logit"])
@pytest.mark.parametrize("seed", range(3))
def test_the_fit_is_the_maximum_and_the_ends_lose_what_is_allowed(link, seed):
    wins = draw(seed, 110.0, 1.5, link=link)
    curve = fit_curve(SIZES, np.full(7, 24), wins, failure=0.1, link=link)
    best = minimize(lambda ab: -likelihood(SIZES, 24, wins, *ab, link), [7.0, 1.5], tol=1e-12, method="Nelder-Mead")
    assert curve.best == pytest.approx(-best.fun, abs=1e-6)
    assert curve.n50.estimate == pytest.approx(math.exp(best.x[0] / best.x[1]), rel=1e-3)
    assert curve.slope == pytest.approx(best.x[1], rel=1e-3)
    assert curve.deviance(curve.n50.estimate) == pytest.approx(0, abs=1e-6)
    for end in (curve.n50.low, curve.n50.high):

        def lost(b, end=end):
            return -likelihood(SIZES, 24, wins, b * math.log(end), b, link)

        own = min(minimize(lambda b: lost(b[0]), [b0], method="Nelder-Mead", tol=1e-10).fun for b0 in (0.5, 2.0))
        assert 2 * (curve.best + own) == pytest.approx(chi2.isf(0.1, 1), rel=1e-3)
        assert curve.deviance(end) == pytest.approx(chi2.isf(0.1, 1), rel=1e-3)


def coverage(failure, runs=100):
    """How often the interval holds the planted N50, at places and slopes that change."""
    held = 0
    for seed in range(runs):
        n50, slope = 80.0 * (1 + seed % 5 / 4), (1.0, 2.0, 4.0)[seed % 3]
        wins = draw(seed, n50, slope)
        held += fit_curve(SIZES, np.full(7, 24), wins, failure=failure).n50.contains(n50)
    return share_interval(held, runs, failure=1e-3)


def test_the_interval_covers_as_often_as_it_says():
    assert coverage(0.1).contains(0.9)


def test_the_check_of_coverage_can_fail():
    assert not coverage(0.4).contains(0.9)


# Symmetries


@settings(max_examples=12)
@given(st.floats(1e-3, 1e6), st.integers(0, 10**6))
def test_a_change_of_units_changes_the_units(factor, seed):
    wins = draw(seed, 110.0, 2.0)
    one, two = (fit_curve(SIZES * c, np.full(7, 24), wins, failure=0.1) for c in (1.0, factor))
    for end in ("low", "estimate", "high"):
        assert getattr(two.n50, end) == pytest.approx(factor * getattr(one.n50, end), rel=1e-5)
    assert two.slope == pytest.approx(one.slope, rel=1e-3)


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from(["probit", "logit"]))
def test_success_and_failure_are_mirror_images(seed, link):
    wins = draw(seed, 110.0, 2.0)
    one = fit_curve(SIZES, np.full(7, 24), wins, failure=0.1, link=link).n50
    two = fit_curve(1 / SIZES, np.full(7, 24), 24 - wins, failure=0.1, link=link).n50
    assert [one.low, one.estimate, one.high] == pytest.approx([1 / two.high, 1 / two.estimate, 1 / two.low], rel=1e-5)


@settings(max_examples=12)
@given(st.permutations(range(7)), st.integers(1, 23))
def test_the_order_of_the_sizes_and_how_trials_are_split_do_not_matter(order, cut):
    wins = draw(5, 110.0, 2.0)
    whole = fit_curve(SIZES, np.full(7, 24), wins, failure=0.1)
    first = np.minimum(wins, cut)
    sizes, trials = np.concatenate([SIZES[order], SIZES]), np.concatenate([np.full(7, cut), np.full(7, 24 - cut)])
    parts = np.concatenate([first[order], wins - first])
    assert fit_curve(sizes, trials, parts, failure=0.1).n50 == whole.n50


def test_more_confidence_is_a_wider_interval():
    wins = draw(1, 110.0, 2.0)
    wide, narrow = (fit_curve(SIZES, np.full(7, 24), wins, failure=f).n50 for f in (0.01, 0.3))
    assert wide.low < narrow.low < narrow.high < wide.high


# Counts that say little


def fit(wins, trials=24, **more):
    return fit_curve([50, 100, 200], [trials] * 3, wins, failure=0.05, **more)


def test_where_all_fail_nothing_is_known_above():
    curve = fit([0, 0, 0])
    assert curve.n50.high == math.inf and curve.n50.low == pytest.approx(200, rel=1e-3)
    np.testing.assert_array_equal(curve.chance([50.0, 200.0]), 0)
    assert fit([0, 0, 0], trials=2).n50.low < 200  # two failures do not exclude an even chance


def test_where_all_succeed_nothing_is_known_below():
    curve = fit([24, 24, 24])
    assert curve.n50.low == 0 and curve.n50.high == pytest.approx(50, rel=1e-3)
    np.testing.assert_array_equal(curve.chance([50.0, 200.0]), 1)


def test_a_jump_leaves_open_where_in_it_the_transition_is():
    curve = fit([0, 24, 24])
    assert (curve.n50.low, curve.n50.high) == pytest.approx((50, 100), rel=1e-3)
    assert curve.n50.estimate == pytest.approx(math.sqrt(50 * 100), rel=0.02)
    assert curve.best == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(curve.chance([50.0, 100.0]), [0, 1], atol=1e-6)
    assert fit([0, 2, 2], trials=2).n50.high > 100


def test_a_jump_with_one_level_in_it():
    curve = fit([0, 12, 24])
    assert curve.n50.estimate == pytest.approx(100, rel=0.01)
    assert 50 < curve.n50.low < 100 < curve.n50.high < 200


@pytest.mark.parametrize("wins", [[12, 12, 12], [20, 12, 4], [11, 12, 13]])
def test_counts_without_a_rise_say_nothing(wins):
    assert (fit(wins).n50.low, fit(wins).n50.high) == (0, math.inf)


def test_constant_counts_below_a_half_point_upwards():
    assert fit([4, 4, 4]).n50.low > 200 and fit([4, 4, 4]).n50.high == math.inf
    assert fit([20, 20, 20]).n50.high < 50 and fit([20, 20, 20]).n50.low == 0
    assert fit([4, 4, 4]).slope == 0 and fit([4, 4, 4]).chance(1e9) == pytest.approx(1 / 6)


@given(st.lists(st.integers(0, 6), min_size=4, max_size=4), st.sampled_from([0.0, 0.2]))
def test_every_table_has_an_honest_interval(wins, lapse):
    curve = fit_curve([10, 20, 40, 80], [6] * 4, wins, failure=0.05, lapse=lapse)
    assert 0 <= curve.n50.low <= curve.n50.estimate <= curve.n50.high and curve.n50.estimate < math.inf
    for n50 in (5.0, 15.0, 33.0, 200.0):  # inside if and only if it loses little
        margin = curve.deviance(n50) - chi2.isf(0.05, 1)
        assert curve.n50.contains(n50) == (margin < 0) or abs(margin) < 1e-3


# Exponents


def around(value, error, confidence=0.95):
    factor = math.exp(error * norm.isf((1 - confidence) / 2))
    return Interval(value / factor, value * factor, value, confidence, "planted")


def test_exponents_of_a_power_law():
    n = np.array([16.0, 32, 64, 96])
    y = [around(3 * v**2.5, 0.1) for v in n]
    law = power_law(n, y, failure=0.05)
    assert law.exponent.estimate == pytest.approx(2.5) and math.exp(law.log_factor) == pytest.approx(3.0)
    assert law.misfit == pytest.approx(0, abs=1e-20) and law.points == 4
    spread = np.sum((np.log(n) - np.log(n).mean()) ** 2)
    assert law.exponent.width == pytest.approx(2 * norm.isf(0.025) * 0.1 / math.sqrt(spread))
    local = local_exponent(n[:2], y[:2])
    assert local.estimate == pytest.approx(2.5)
    assert local.width == pytest.approx(2 * norm.isf(0.025) * 0.1 * math.sqrt(2) / math.log(2))
    assert local_exponent(n[1::-1], y[1::-1]) == local


def test_exponents_cover_and_the_check_can_fail():
    n, rng, runs = np.array([16.0, 32, 64, 128]), np.random.default_rng(0), 1000
    held = np.zeros(3, int)
    for _ in range(runs):
        noisy = [around(v**2 * math.exp(e), 0.1) for v, e in zip(n, 0.1 * rng.standard_normal(4), strict=True)]
        law, local = power_law(n, noisy, failure=0.05).exponent, local_exponent(n[:2], noisy[:2])
        held += law.contains(2.0), local.contains(2.0), law.contains(2.15)
    assert [share_interval(int(h), runs, failure=1e-3).high >= 0.95 for h in held] == [True, True, False]


def test_a_curve_widens_the_interval_of_its_line():
    n = np.array([16.0, 32, 64, 128])
    straight, bent = ([around(v**2 * math.exp(c * (math.log(v) - 3) ** 2), 0.01) for v in n] for c in (0.0, 0.1))
    assert power_law(n, bent, failure=0.05).misfit > 10
    widths = [power_law(n, y, failure=0.05).exponent.width for y in (straight, bent)]
    assert widths[1] > 3 * widths[0]


def test_open_intervals_are_carried_and_left_out():
    one, two = around(10.0, 0.1), Interval(50.0, math.inf, 60.0, 0.95, "open")
    local = local_exponent([1, 2], [one, two])
    assert local.high == math.inf and 0 < local.low < math.log2(6)
    law = power_law([1.0, 2.0, 3.0], [one, two, around(90.0, 0.1)], failure=0.05)
    assert law.points == 2 and math.isnan(law.misfit) and law.exponent.estimate == pytest.approx(2.0)
    with pytest.raises(ValueError, match="y has 1 intervals"):
        power_law([1.0, 2.0], [one, two], failure=0.05)


# What is refused


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"sizes": [1, 2]}, "shapes"),
        ({"sizes": [0, 1, 2]}, "positive"),
        ({"sizes": [1, 2, math.inf]}, "positive"),
        ({"successes": [1, 2, 7]}, "whole numbers"),
        ({"successes": [1, 2, -1]}, "whole numbers"),
        ({"successes": [1, 2, 0.5]}, "whole numbers"),
        ({"trials": [0, 0, 0], "successes": [0, 0, 0]}, "not all 0"),
        ({"trials": [math.nan] * 3}, "whole numbers"),
        ({"failure": 0.0}, "failure"),
        ({"failure": 1.0}, "failure"),
        ({"lapse": 0.5}, "lapse"),
        ({"lapse": -0.1}, "lapse"),
        ({"link": "cauchit"}, "link must be"),
    ],
)
def test_bad_input_is_refused(change, match):
    good = {"sizes": [1, 2, 4], "trials": [6, 6, 6], "successes": [0, 3, 6], "failure": 0.1}
    fit_curve(**good)
    with pytest.raises(ValueError, match=match):
        fit_curve(**good | change)


def test_bad_power_laws_are_refused():
    y = [around(1.0, 0.1), around(2.0, 0.1)]
    for x in ([1.0], [1.0, 0.0], [1.0, 2.0, 3.0], [1.0, np.inf], [1.0, np.nan]):
        with pytest.raises(ValueError, match="x="):
            power_law(x, y, failure=0.1)
    for x in ([1.0], [1.0, 1.0], [0.0, 1.0]):
        with pytest.raises(ValueError, match="x="):
            local_exponent(x, y)
    with pytest.raises(ValueError, match="failure"):
        power_law([1.0, 2.0], y, failure=2.0)
    with pytest.raises(ValueError, match="positive quantity"):
        local_exponent([1.0, 2.0], [Interval.exact(0.0), y[1]])
    with pytest.raises(ValueError, match="n50"):
        fit([0, 12, 24]).deviance(0.0)
