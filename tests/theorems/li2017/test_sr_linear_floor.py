import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qtheory.exact import propagate
from qtheory.methods import SR
from qtheory.problems import Linear, OneBit
from qtheory.schedules import Constant, InverseSqrt
from qtheory.testing import numbers
from qtheory.theorems.li2017.sr_linear_floor import THEOREM, level_mean, limit
from tests.theorems.checks import about, holds, shipped


def test_shipped_instances():
    shipped(THEOREM)


@given(numbers(0.0625, 0.9375), st.integers(2, 30), st.integers(1, 3), st.integers(2, 60), numbers(0.0625, 1))
def test_the_gap_is_where_it_must_be_after_every_number_of_steps(rho, M, d, steps, alpha):
    problem = Linear([rho] * d, noise=OneBit(1.0), box=(0.0, float(M)))
    holds(
        THEOREM, problem=problem, method=SR(1.0), schedule=Constant(alpha), steps=steps, start=np.zeros(d)
    )


@given(numbers(0.0625, 0.9375))
def test_large_boxes_have_the_limit(rho):
    assert rho * level_mean(rho, 5000) == about(limit(rho=rho, G=1, d=1, delta=1), rel=1e-9)


def test_nine_tenths_of_the_floor_at_rho_a_tenth():
    problem = Linear([0.1], noise=OneBit(1.0), box=(0.0, 200.0))
    law = propagate(problem, SR(1.0), InverseSqrt(1.0), steps=1_000_000, start=[0.0], record=[1_000_000])
    assert law.gap[-1] == about(0.45, abs=1e-3) and law.average_gap[-1] == about(0.445, abs=6e-3)
