import itertools
import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from qtheory.statistics import fit_slope
from qtheory.testing import numbers
from qtheory.theorems.yang2019._density import Laplace, Normal, Triangular, Uniform, expectation
from qtheory.theorems.yang2019._function import EXAMPLE, EXAMPLES, PSI, SPREAD, FunctionCase
from qtheory.theorems.yang2019.temperature_gap import THEOREM, overlap
from tests.theorems.checks import about, shipped

DENSITIES = (Normal(), Normal(0.3, 0.5), Laplace(0.7), Triangular(1.3), Uniform(1.7))
rises = st.lists(numbers(0.125, 2), min_size=1, max_size=4)
densities = st.sampled_from(DENSITIES)


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=25)
@given(rises, numbers(-2, 1), st.sampled_from([2.0, 9.0, 60.0]), densities)
def test_it_holds_on_drawn_functions(gaps, first, T, density):
    biases, levels = first + np.cumsum(gaps), np.cumsum([-1.0, *gaps[::-1]])
    case = {"name": "drawn", "levels": tuple(levels), "biases": tuple(biases), "T": T, "density": density, "alpha": 0.7}
    assert THEOREM.check(FunctionCase(part="bound", **case)).verdict == "holds"
    expected = "holds" if math.isfinite(density.lipschitz) else "out of scope"
    assert THEOREM.check(FunctionCase(part="law", **case)).verdict == expected


@pytest.mark.parametrize("density", DENSITIES)
def test_the_constants_of_the_densities(density):
    low, high = density.support
    cuts = [low, *density.kinks, high]
    mass = sum(quad(density, a, b, epsabs=1e-13)[0] for a, b in itertools.pairwise(cuts))
    assert mass == about(1, abs=1e-10)
    u = np.linspace(max(low, -6), min(high, 6), 40_001)
    values, h = density(u), u[1] - u[0]
    assert values.max() == about(density.peak, rel=1e-6)
    if math.isfinite(density.lipschitz):
        assert np.abs(np.diff(values)).max() / h == about(density.lipschitz, rel=1e-3)
    if math.isfinite(density.curvature):
        assert np.abs(np.diff(values, 2)).max() / h**2 == about(density.curvature, rel=1e-3)
    sample = density.sample(np.random.default_rng(3), 200_000)
    share = expectation(lambda v: float(v < 0.4), density, (0.4,), 1e3, 1.0).estimate
    assert np.mean(sample < 0.4) == about(share, abs=0.006)


def test_the_three_integrals_by_sympy():
    z = sp.Symbol("z", positive=True)
    series = lambda k: 2 * sp.gamma(k + 1) * sp.dirichlet_eta(k + 1)  # noqa: E731  2 ∫ z^k / (1 + e^z)
    assert [float(series(k)) for k in range(3)] == about(list(PSI), rel=1e-14)
    for k in range(3):
        found = quad(lambda x, k=k: 2 * x**k / (1 + math.exp(x)), 0, 60, epsabs=1e-13)[0]
        assert found == about(PSI[k], rel=1e-10)
    assert sp.diff(sp.log(1 + sp.exp(-z)), z).simplify() == (-1 / (1 + sp.exp(z))).simplify()


def test_the_error_has_the_order_of_the_density():
    # abs(E gap - law) is of order T^-3 for a normal density and T^-2 at a kink
    for density, order in ((Normal(), -3.0), (Laplace(1.0), -2.0)):
        T, off = np.array([20.0, 40.0, 80.0]), []
        for t in T:
            case = FunctionCase(name="order", part="law", T=t, density=density)
            claim = THEOREM.claim(case)
            off.append((claim.low + claim.high) / 2 - THEOREM.measure(case, seed=0, failure=0.5).estimate)
        fitted = fit_slope(T, off, failure=0.05)
        assert fitted.estimate == about(order, abs=0.05)


@pytest.mark.parametrize("density", [Normal(), Triangular(1.0)])
def test_the_error_constants_are_attained(density):
    case = FunctionCase(name="sharp", part="law", T=30.0, density=density)
    claim, found = THEOREM.claim(case), THEOREM.measure(case, seed=0, failure=0.5).estimate
    middle = (claim.low + claim.high) / 2
    assert (middle - found) / (middle - claim.low) == about(1, abs=0.01)


def test_samples_and_quadrature_agree():
    case = {"name": "both", "part": "bound", "T": 15.0, **EXAMPLES[2][1]}
    exact = THEOREM.measure(FunctionCase(**case), seed=0, failure=0.5)
    sampled = THEOREM.measure(FunctionCase(trials=200_000, **case), seed=1, failure=1e-9)
    assert sampled.contains(exact.estimate) and sampled.width < 0.02


def test_neighbours_cancel_by_no_more_than_the_overlap():
    # two steps of one sign would give 2 ln 2 / T each; between close biases the errors cancel
    for T in (10.0, 30.0, 60.0):
        case = FunctionCase(name="close", part="law", T=T, density=Normal(), **EXAMPLES[1][1])
        alone = [FunctionCase(name="one", levels=(0.0, 1.0), biases=(b,), part="law", T=T) for b in case.biases]
        together, *single = (THEOREM.measure(i, seed=0, failure=0.5).estimate for i in (case, *alone))
        assert 0 < sum(single) - together <= overlap(case)


def test_the_measured_number_of_the_notes():
    # 2 ln 2 / T alpha sum s ρ = .01435 at T = 100, with biases found here
    case = FunctionCase(name="notes", levels=EXAMPLE, biases=SPREAD, T=100.0, part="law")
    claim = THEOREM.claim(case)
    assert round((claim.low + claim.high) / 2, 5) == 0.01435
    assert round(THEOREM.measure(case, seed=0, failure=0.5).estimate, 5) == 0.01435
    sampled = FunctionCase(name="n", levels=EXAMPLE, biases=SPREAD, T=100.0, trials=400_000)
    assert THEOREM.measure(sampled, seed=0, failure=1e-9).contains(0.0143)


@pytest.mark.parametrize("part", ["bound", "law"])
@pytest.mark.parametrize("density", [Uniform(1.7), Triangular(1.0)])
def test_an_equality_up_to_rounding_holds(part, density):
    case = FunctionCase(name="equal", part=part, T=200.0, density=density)
    expected = "out of scope" if part == "law" and density == Uniform(1.7) else "holds"
    assert THEOREM.check(case).verdict == expected
