import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qtheory.methods import BC
from qtheory.problems import SeparableQuadratic
from qtheory.quantizers import Grid, NearestRounding
from qtheory.schedules import InverseSqrt, InverseTime
from qtheory.simulate import simulate
from qtheory.testing import numbers
from qtheory.theorems.li2017.bc_nearest_floor import THEOREM, limit, threshold
from tests.theorems.checks import about, holds, shipped


def test_shipped_instances():
    shipped(THEOREM)


@given(
    st.lists(numbers(-2, 2).map(lambda c: c + 1 / 32), min_size=1, max_size=3), numbers(0.25, 2), st.integers(1, 80),
    st.sampled_from([InverseSqrt(0.25), InverseTime(4.0)]), st.sampled_from([0.5, 1.0]),
)  # fmt: skip
def test_envelope_on_drawn_runs(center, curvature, steps, schedule, delta):
    problem = SeparableQuadratic([curvature] * len(center), center)
    method = BC(NearestRounding(delta))
    holds(THEOREM, problem=problem, method=method, schedule=schedule, steps=steps, start=np.zeros(len(center)))


def test_a_tenth_goes_to_a_half():
    problem, T = SeparableQuadratic([1.0], 0.1), 100_000
    run = simulate(
        problem, BC(NearestRounding(1.0)), InverseSqrt(0.1), steps=T, trials=1, record=[T], keep_final=True
    )
    assert run.final == about(0.5, abs=1e-3)
    assert run.last("average_gap") == about(limit(problem.curvature, problem.center, Grid(1.0)), rel=1e-2)
    assert limit(problem.curvature, problem.center, Grid(1.0)) == about(0.08)


def test_close_to_a_level_the_gap_is_close_to_the_floor_of_bc_convex():
    """a = 1/1000, Δ = 1: (1/2 - a)²/2 = 0.1245 beside L d Δ²/8 = 0.125."""
    gap = limit(np.array([1.0]), np.array([1e-3]), Grid(1.0))
    assert gap == about(0.1245, abs=1e-4) and gap < 0.125


def test_thresholds_are_midpoints():
    assert threshold(np.array([0.1, -0.1, 1.7]), Grid(1.0)) == about([0.5, -0.5, 1.5])
    assert threshold(np.array([0.1]), Grid.binary()) == about([0.0])
