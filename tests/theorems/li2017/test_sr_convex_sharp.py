import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from qtheory.exact import propagate
from qtheory.optimum import optimum
from qtheory.schedules import InverseSqrt
from qtheory.testing import numbers, sr_runs
from qtheory.theorems.li2017._rates import sharp_rate
from qtheory.theorems.li2017.sr_convex import bound as simple
from qtheory.theorems.li2017.sr_convex_sharp import THEOREM, bound
from tests.theorems.checks import shipped, value


def test_shipped_instances():
    shipped(THEOREM)


@given(sr_runs(), st.integers(1, 30), numbers(0.0625, 8))
def test_the_average_of_the_gaps_obeys_it_with_and_without_a_box(run, T, c):
    _, _, _, G, D = (known.value for known in run.problem.constants)
    assume(math.isfinite(G))
    law = propagate(run.problem, run.method, InverseSqrt(c), steps=T, start=run.start, record=[T])
    symbols = {"G": G, "c": c, "kappa": math.sqrt(run.problem.dim) * run.method.grid.delta}
    start = float(np.linalg.norm(run.start - optimum(run.problem).w))
    assert law.mean_gap[-1] <= sharp_rate(T, D=D, **symbols) * (1 + 1e-12)
    assert law.mean_gap[-1] <= sharp_rate(T, D=start, **symbols, bounded=False) * (1 + 1e-12)


@given(st.integers(1, 300), numbers(0.0625, 8), numbers(0.125, 4))
def test_never_above_the_simple_bound(T, c, D):
    symbols = {"D": D, "G": 1.5, "d": 3, "delta": 0.1, "c": c}
    assert bound(T, **symbols, start=D) <= simple(T, **symbols) * (1 + 1e-12)


def test_it_is_nearly_attained_where_three_steps_do_not_lead_to_the_kink():
    assert 0.97 < value(THEOREM, "three steps down a slope").slack.low < 1
