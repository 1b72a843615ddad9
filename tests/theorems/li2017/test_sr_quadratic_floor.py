import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qtheory.exact import propagate
from qtheory.methods import SR
from qtheory.problems import Rademacher, SeparableQuadratic
from qtheory.schedules import InverseTime
from qtheory.testing import numbers
from qtheory.theorems.li2017.sr_quadratic_floor import THEOREM, limit
from tests.theorems.checks import about, holds, shipped


def test_shipped_instances():
    shipped(THEOREM)


@given(
    numbers(0.25, 4), st.lists(numbers(-2, 2), min_size=1, max_size=3), numbers(0, 2), st.sampled_from([0.25, 1.0]),
    st.integers(2, 60),
)  # fmt: skip
def test_two_sided_bound_on_drawn_runs(mu, center, sigma, delta, steps):
    problem = SeparableQuadratic([mu] * len(center), center, noise=Rademacher(sigma))
    start = np.zeros(problem.dim)
    holds(THEOREM, problem=problem, method=SR(delta), schedule=InverseTime(mu), steps=steps, start=start)


def test_a_quarter_and_an_eighth():
    problem, T = SeparableQuadratic([1.0], 0.3, noise=Rademacher(1.0)), 100_000
    law = propagate(problem, SR(1.0), InverseTime(1.0), steps=T, start=[0.0], record=[T])
    iterate, average = limit(float(law.gradient_l1[-1]), 1.0)
    assert law.gap[-1] == about(iterate, rel=2e-3) and law.average_gap[-1] == about(average, rel=2e-3)
    assert average == about(0.132, abs=0.002)
