import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.statistics import fit_slope
from qtheory.testing import numbers
from qtheory.theorems.yang2019._function import EXAMPLES, FunctionCase, even
from qtheory.theorems.yang2019.hard_limit import THEOREM, reach
from tests.theorems.checks import about, shipped

rises = st.lists(numbers(0.125, 2), min_size=1, max_size=6)


def test_shipped_instances():
    shipped(THEOREM)


def drawn(gaps, **more):
    biases = np.cumsum(gaps)
    levels = np.cumsum([-1.0, *gaps[::-1]])
    return FunctionCase(name="drawn", levels=tuple(levels), biases=tuple(biases), **more)


@given(rises, numbers(0, 0.5), st.sampled_from([1.0, 6.0, 40.0]), st.sampled_from(["margin", "middle", "monotone"]))
def test_it_holds_on_drawn_functions(gaps, margin, T, part):
    assert THEOREM.check(drawn(gaps, T=T, margin=margin, part=part)).verdict == "holds"


@given(rises, numbers(0, 1), numbers(0.25, 20))
def test_the_bound_is_at_most_the_sum_of_exponentials(gaps, margin, T):
    case = drawn(gaps, margin=margin, T=T)
    assert reach(case).max() <= case.scale * math.exp(-T * margin) * (1 + 1e-12)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_equal_steps_attain_the_bound(n):
    case = FunctionCase(name="drawn", part="margin", T=4.0, margin=0.25, **even(n))
    claim = THEOREM.claim(case)
    assert claim.low == about(claim.high, abs=1e-11)


def test_the_rate_is_the_temperature():
    margins, T = np.array([0.05, 0.1, 0.15, 0.2]), 40.0
    of = {"part": "margin", "T": T, **EXAMPLES[2][1]}
    gaps = [THEOREM.check(FunctionCase(name="m", margin=m, **of)).measured.estimate for m in margins]
    # log gap against m is a line of slope -T, up to log(1 + exp(-T m)): the slope of a power law in exp(m)
    assert fit_slope(np.exp(margins[1:]), np.array(gaps[1:]), failure=0.5).estimate == about(-T, rel=0.02)


def test_no_temperature_closes_the_gap_at_a_bias():
    for T in (10.0, 1e3, 1e5):
        evidence = THEOREM.check(FunctionCase(name="0", part="margin", T=T, **even(3)))
        assert evidence.verdict == "holds" and evidence.measured.low > 0.49


def test_it_needs_symmetry_for_oddness_and_sees_it_broken():
    case = FunctionCase(name="drawn", part="odd", **EXAMPLES[3][1])
    assert THEOREM.check(case).verdict == "out of scope"
    assert THEOREM.measure(case, seed=0, failure=0.5).low > 0.1
