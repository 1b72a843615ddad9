from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.markov import sr_chain, sr_limit
from qtheory.methods import SR
from qtheory.problems import OneBit, Rademacher, SeparableQuadratic
from qtheory.quantizers import Grid
from qtheory.testing import numbers
from qtheory.theorems.li2017._chains import chain_case, toy
from qtheory.theorems.li2017.sr_escape import THEOREM
from tests.theorems.checks import about, shipped


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=25)
@given(numbers(-0.75, 0.75), numbers(0.0625, 1), st.integers(0, 6), st.integers(1, 6))
def test_the_escape_time_times_the_step_is_one_number(center, share, first, width):
    problem = SeparableQuadratic([1.0], center, noise=OneBit(2.0), box=(-1.0, 1.0))
    low = -1 + first / 4
    case = chain_case("drawn", problem, share / 8, Grid(0.25), basin=(low, min(low + width / 4, 0.75)))
    assert THEOREM.check(case).verdict == "holds"


def test_the_rate_of_escape_is_proportional_to_the_step():
    problem, method = toy(Rademacher(2.0), box=(-2.0, 6.0)), SR(Grid(0.5))
    inside = Grid(0.5, box=(-2.0, 6.0)).levels < 1
    limit = sr_limit(problem, method).escape_rate(inside)
    for alpha in (1 / 32, 1 / 4096):
        rate = sr_chain(problem, method, alpha).escape_rate(inside)
        assert rate.estimate / alpha == about(limit.estimate, rel=1e-8)


def test_two_levels_by_hand():
    # From the upper of two levels the only way is down, with the chance alpha E[g+] / delta.
    problem = SeparableQuadratic([1.0], 0.25, noise=OneBit(2.0), box=(0.0, 1.0))
    chain = sr_chain(problem, SR(1.0), 0.125, rational=True)
    time = chain.hitting_time(np.array([True, False]))
    up = Fraction(1, 2) + Fraction(3, 4) / 4  # P(g = 2) where the mean is 3/4
    assert time[1] == 1 / (Fraction(1, 8) * 2 * up)
