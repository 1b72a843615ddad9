import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from qtheory.statistics import fit_slope
from qtheory.testing import numbers
from qtheory.theorems.yang2019._density import Laplace, Normal, Triangular, Uniform
from qtheory.theorems.yang2019._function import EXAMPLE, EXAMPLES, KAPPA, KAPPA_SQUARED, SPREAD, FunctionCase
from qtheory.theorems.yang2019.slope_moments import LEVEL, THEOREM, overlap
from tests.theorems.checks import about, shipped


def kappa(z):
    return 1 / (2 + 2 * math.cosh(z))


def test_shipped_instances():
    shipped(THEOREM)


rises = st.lists(numbers(0.125, 2), min_size=1, max_size=4)
densities = st.sampled_from([Normal(), Normal(0.3, 0.5), Laplace(0.7), Triangular(1.3)])


@settings(max_examples=12)
@given(rises, numbers(-2, 1), st.sampled_from([2.0, 9.0, 60.0]), densities)
def test_it_holds_on_drawn_functions(gaps, first, T, density):
    biases, levels = first + np.cumsum(gaps), np.cumsum([-1.0, *gaps[::-1]])
    for part in ("mean", "second", "ratio"):
        case = FunctionCase(
            name="drawn", levels=tuple(levels), biases=tuple(biases), T=T, density=density, alpha=0.7, part=part
        )
        assert THEOREM.check(case).verdict == "holds"


def test_the_integrals():
    for table, power in ((KAPPA, 1), (KAPPA_SQUARED, 2)):
        for k in range(3):
            found = quad(lambda z, k=k, power=power: 2 * z**k * kappa(z) ** power, 0, 80, epsabs=1e-14)[0]
            assert found == about(table[k], rel=1e-10)


def test_the_integrals_by_sympy():
    y = sp.Symbol("y", positive=True)
    primitive = sp.tanh(y) - sp.tanh(y) ** 3 / 3  # of sech^4
    assert sp.simplify((sp.diff(primitive, y) - sp.sech(y) ** 4).rewrite(sp.exp)) == 0
    # κ(2y) = sech²(y) / 4; ∫ κ² = 2 · 2 · (1/16) · 2/3, and by parts 2 · 4 · (1/16) ∫ (2/3 - primitive)
    assert 4 * sp.Rational(1, 16) * sp.Rational(2, 3) == sp.Rational(1, 6)
    rest = lambda t: 2 / 3 - math.tanh(t) + math.tanh(t) ** 3 / 3  # noqa: E731
    assert quad(rest, 0, 40)[0] / 2 == about(math.log(2) / 3 - 1 / 12, rel=1e-10)


@given(numbers(0, 40, parts=64))
def test_the_overlap_is_the_integral(x):
    found = quad(lambda z: kappa(z) * kappa(z - x), -60, x + 60, points=[0, x / 2, x], epsabs=1e-15, limit=300)[0]
    assert overlap(x) == about(found, rel=1e-8, abs=1e-14)
    assert overlap(x) <= (1 + x) * math.exp(-x)


def test_the_overlap_decreases_through_its_series():
    x = np.linspace(0, 0.1, 400)
    values = np.array([overlap(t) for t in x])
    assert (np.diff(values) < 0).all() and values[0] == 1 / 6


def test_the_second_moment_grows_like_the_temperature_and_the_ratio_falls():
    T = np.array([100.0, 200.0, 400.0])
    for part, order in (("mean", 0.0), ("second", 1.0), ("ratio", -1.0)):
        cases = [FunctionCase(name="T", part=part, T=t, **EXAMPLES[2][1]) for t in T]
        found = [THEOREM.measure(case, seed=0, failure=0.5).estimate for case in cases]
        assert fit_slope(T, found, failure=0.05).estimate == about(order, abs=0.005)


@pytest.mark.parametrize("part", ["mean", "second"])
@pytest.mark.parametrize("density", [Normal(), Triangular(1.0)])
def test_the_error_constants_are_attained(part, density):
    case = FunctionCase(name="sharp", part=part, T=30.0, density=density)
    claim, found = THEOREM.claim(case), THEOREM.measure(case, seed=0, failure=0.5).estimate
    middle = (claim.low + claim.high) / 2
    assert (middle - found) / (middle - claim.low) == about(1, abs=0.02)


def test_the_bound_of_the_share_is_attained_by_a_uniform_density():
    case = FunctionCase(name="share", part="share", T=50.0, density=Uniform(1.0))
    edge = brentq(lambda u: float(case.slope(u)) - LEVEL * case.scale, 0.0, 1.0)
    assert edge == about(THEOREM.claim(case).high, rel=1e-3)
    assert edge <= THEOREM.claim(case).high


def test_a_set_that_carries_the_mean_slope_is_no_smaller_than_the_ratio():
    T, rng = 40.0, np.random.default_rng(4)
    case = FunctionCase(name="ratio", part="ratio", T=T, **EXAMPLES[2][1])
    slope = np.sort(case.slope(rng.standard_normal(400_000)))[::-1]
    ratio = THEOREM.measure(case, seed=0, failure=0.5).estimate
    for kept in (0.5, 0.9, 0.999):  # the smallest set with this share of E D
        share = np.searchsorted(np.cumsum(slope), kept * slope.sum()) / slope.size
        assert share >= kept**2 * ratio * 0.98


def test_the_measured_number_of_the_notes():
    case = FunctionCase(name="notes", levels=EXAMPLE, biases=SPREAD, T=100.0, part="second")
    assert THEOREM.measure(case, seed=0, failure=0.5).estimate == about(17.78, abs=0.005)
    slope = case.slope(np.random.default_rng(0).standard_normal(400_000))
    assert (slope**2).mean() == about(17.76, abs=4 * (slope**2).std() / math.sqrt(slope.size))


@pytest.mark.parametrize("part", ["mean", "second", "ratio"])
def test_an_equality_up_to_rounding_holds(part):
    assert THEOREM.check(FunctionCase(name="equal", part=part, T=200.0, density=Triangular(1.0))).verdict == "holds"


def test_a_level_that_no_slope_reaches_is_out_of_scope():
    for T, verdict in ((LEVEL, "out of scope"), (2 * LEVEL, "holds")):
        evidence = THEOREM.check(FunctionCase(name="cold", part="share", T=T, trials=1000))
        assert evidence.verdict == verdict


def test_no_slope_where_there_is_no_mass():
    case = FunctionCase(name="far", levels=(0.0, 1.0), biases=(1.6,), part="ratio", T=60.0, density=Triangular(1.3))
    assert THEOREM.check(case).verdict == "holds"
