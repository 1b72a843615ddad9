from hypothesis import given
from hypothesis import strategies as st

from qtheory.schedules import InverseSqrt
from qtheory.testing import numbers, sr_runs
from qtheory.theorems.li2017.sr_convex import THEOREM
from tests.theorems.checks import holds, shipped, value


def test_shipped_instances():
    shipped(THEOREM)


@given(sr_runs(boxed=True), st.integers(2, 40), numbers(0.0625, 8))  # at T = 1 linear functions attain the bound
def test_bound_on_drawn_runs(run, steps, c):
    holds(THEOREM, problem=run.problem, method=run.method, schedule=InverseSqrt(c), steps=steps, start=run.start)


def test_no_smaller_floor_would_do():
    assert value(THEOREM, "floor nearly met").slack.low > 0.75
