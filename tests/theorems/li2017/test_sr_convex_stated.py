import math

from hypothesis import given
from hypothesis import strategies as st

from qtheory.exact import propagate
from qtheory.methods import SR
from qtheory.schedules import InverseSqrt
from qtheory.theorems.li2017._families import tilted_line
from qtheory.theorems.li2017.sr_convex import bound as corrected
from qtheory.theorems.li2017.sr_convex_stated import THEOREM, bound
from tests.theorems.checks import about, shipped, value


def test_shipped_instances():
    shipped(THEOREM)


def test_numbers_of_erratum_e3():
    evidence = value(THEOREM, "E3: F = 0.2 w, c = 4")
    assert evidence.measured.estimate == about(9.66e-3, abs=0.02e-3)
    assert evidence.bound == about(7.62e-3, abs=0.01e-3)
    evidence = value(THEOREM, "E3: F = 0.1 w, c = 8", scale="full")
    assert evidence.measured.estimate == about(10.24e-3, abs=0.03e-3)
    assert evidence.bound == about(7.02e-3, abs=0.01e-3)


def test_a_short_run_refutes_both_recalled_first_terms():
    T, c = 4000, 3.0
    law = propagate(tilted_line(0.2), SR(1e-3), InverseSqrt(c), steps=T, start=[0.0], record=[T])
    stated = bound(T, D=1, G=1, d=1, delta=1e-3, c=c)
    halved = stated - 1 / (2 * c * math.sqrt(T))
    assert law.average_gap[-1] > stated > halved


@given(st.integers(3, 10**4))
def test_the_step_that_fails(T):
    """sum_{t<=T} 1/sqrt(t) <= sqrt(T+1), the inequality behind the second term, is false from T = 3 on."""
    assert math.fsum(1 / math.sqrt(t) for t in range(1, T + 1)) > math.sqrt(T + 1)


@given(st.integers(1, 10**6), st.floats(0.1, 10), st.floats(0.1, 10))
def test_the_correction_costs_at_most_a_factor_of_two_in_the_rate(T, c, G):
    symbols = {"D": 1.0, "G": G, "d": 2, "delta": 0.1, "c": c}
    assert corrected(T, **symbols) <= 2 * bound(T, **symbols)
