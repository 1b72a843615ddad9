import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qtheory.exact import propagate
from qtheory.methods import SR
from qtheory.problems import Rademacher, SeparableQuadratic
from qtheory.schedules import InverseSqrt
from qtheory.statistics import fit_slope
from qtheory.testing import numbers, spectra
from qtheory.theorems.li2017.sr_quadratic_average import THEOREM
from tests.theorems.checks import about, holds, shipped


def test_shipped_instances():
    shipped(THEOREM)


@given(spectra(), numbers(-2, 2), numbers(0, 2), st.sampled_from([0.25, 1.0, 4.0]), st.integers(1, 60))
def test_bound_on_drawn_runs(curvature, center, sigma, delta, steps):
    problem = SeparableQuadratic(curvature, center, noise=Rademacher(sigma))
    c = 1 / problem.constants.L.value
    start = np.zeros(problem.dim)
    holds(THEOREM, problem=problem, method=SR(delta), schedule=InverseSqrt(c), steps=steps, start=start)


def test_the_average_has_no_floor_while_the_iterate_has():
    """d = 1, Δ = 1, c = 1, σ = 1: the gaps fall like T^(-1/2), with 10^4 steps 0.003; the average of the gaps stays."""
    problem, T = SeparableQuadratic([1.0], 0.3, noise=Rademacher(1.0)), [100, 1000, 10_000, 100_000]
    law = propagate(problem, SR(1.0), InverseSqrt(1.0), steps=T[-1], start=[0.0], record=T)
    assert law.average_gap == about([0.030, 0.011, 0.0032, 0.0010], rel=0.2)
    assert law.mean_gap[-1] == about(0.265, abs=0.01)
    assert fit_slope(T[1:], law.average_gap[1:], failure=0.01).estimate == about(-0.5, abs=0.03)
