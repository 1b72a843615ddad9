import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.markov import sr_chain
from qtheory.problems import Gaussian, SeparableQuadratic
from qtheory.quantizers import Grid
from qtheory.statistics import fit_slope
from qtheory.testing import numbers
from qtheory.theorems import Verdict
from qtheory.theorems.li2017._chains import chain_case, toy
from qtheory.theorems.li2017.sr_mixing_time import THEOREM, Clock
from tests.theorems.checks import about, shipped


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=10)
@given(numbers(1, 4), st.sampled_from([1e-3, 1e-4]), numbers(0.0625, 0.5))
def test_the_mixing_time_is_where_it_must_be(sigma, alpha, epsilon):
    problem = SeparableQuadratic([1.0], 0.3, noise=Gaussian(sigma), box=(-1.0, 1.0))
    evidence = THEOREM.check(chain_case("drawn", problem, alpha, Grid(0.25), epsilon=epsilon))
    assert evidence.verdict == Verdict.HOLDS, (evidence.claim, evidence.measured)


@pytest.mark.parametrize(("sigma", "value"), [(2.0, 26.1), (4.0, 12.2)])
def test_the_constants_of_the_theory_notes(sigma, value):
    case = chain_case("toy", toy(Gaussian(sigma)), 1e-4)
    found, claim = THEOREM.measure(case, seed=0, failure=0.5), THEOREM.claim(case)
    assert found.estimate == about(value, abs=0.06)
    assert claim.low <= found.estimate <= claim.high < 1.2 * claim.low


def test_it_grows_like_one_over_the_step():
    alphas = np.geomspace(1e-4, 1e-2, 6)
    cases = [chain_case("toy", toy(Gaussian(2.0)), float(a)) for a in alphas]
    times = [THEOREM.measure(c, seed=0, failure=0.5).estimate / a for c, a in zip(cases, alphas, strict=True)]
    slope = fit_slope(alphas, times, failure=1e-6)
    assert slope.contains(-1.0) and slope.width < 0.05


def test_the_lower_bound_of_the_paper():
    # M >= (pi(A) - eps) / max_{x not in A} P(x, A), for the level that is best and the others.
    case = chain_case("toy", toy(Gaussian(2.0)), 0.01)
    chain = sr_chain(case.problem, case.method, 0.01)
    law, n = chain.stationary().probabilities, chain.size
    time = chain.mixing_time(0.1).value
    for k in range(n):
        A = np.arange(n) == k
        assert time >= (law[k] - 0.1) / chain.matrix[~A][:, A].sum(axis=1).max()


def test_how_far_the_chain_may_be_from_its_limit():
    clock = Clock(chain_case("toy", toy(Gaussian(2.0)), 0.01))
    for k in (1, 10, 300, 3000):
        assert clock.lower(k) <= clock.chain.distance(k).estimate <= clock.upper(k)
