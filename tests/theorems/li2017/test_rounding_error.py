import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qtheory.methods import SR
from qtheory.problems import Linear, NoNoise
from qtheory.quantizers import Grid, StochasticRounding
from qtheory.schedules import Constant
from qtheory.testing import numbers, sr_runs
from qtheory.theorems.li2017.rounding_error import THEOREM, bound
from tests.theorems.checks import about, holds, shipped


def test_shipped_instances():
    shipped(THEOREM)


@given(sr_runs(), numbers(0, 2, parts=64).filter(bool))
def test_bound_on_drawn_steps(run, alpha):
    holds(THEOREM, problem=run.problem, method=run.method, schedule=Constant(alpha), steps=2, start=run.start)


@given(sr_runs(), numbers(0, 2, parts=64).filter(bool))
def test_the_error_has_mean_zero(run, alpha):
    g, _ = run.problem.noise.support(run.problem.gradient(run.start))
    p = run.problem.project(np.asarray(run.start)[:, None] - alpha * g)
    assert StochasticRounding(run.method.grid).mean(p) == about(p, rel=1e-12, abs=1e-12)


@given(st.integers(1, 8), numbers(0.125, 4))
def test_sharp_for_equal_gradients_and_short_steps(d, slope):
    problem, alpha = Linear([slope] * d, noise=NoNoise()), 1e-6
    ratio = holds(THEOREM, problem=problem, method=SR(1.0), schedule=Constant(alpha), steps=2, start=np.zeros(d))
    assert 0.9999 < ratio <= 1  # E r² = Δ α g - α² g²


def test_off_the_grid_the_error_does_not_shrink_with_the_step():
    delta, w = 0.5, np.array([0.25])
    for alpha in (1e-2, 1e-5, 1e-8):
        variance = StochasticRounding(Grid(delta)).variance(w - alpha)
        assert variance == about(delta**2 / 4, rel=0.1)
        assert variance > bound(alpha=alpha, G=1.0, d=1, delta=delta)
