import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.exact import enumerate_paths
from qtheory.methods import BC
from qtheory.problems import LogisticRegression
from qtheory.quantizers import NearestRounding, StochasticRounding
from qtheory.schedules import InverseSqrt
from qtheory.testing import grids, numbers, separable_quadratics
from qtheory.theorems.li2017.bc_convex import THEOREM, bound
from tests.theorems.checks import holds, shipped, value


def test_shipped_instances():
    shipped(THEOREM)


@given(st.data(), grids(boxed=True), st.sampled_from([NearestRounding, StochasticRounding]), numbers(0.0625, 2))
def test_bound_on_drawn_runs(data, grid, quantizer, c):
    """Every path of a short run is followed: the expectation is exact."""
    problem = data.draw(separable_quadratics(box=grid.box, most=2))
    T = data.draw(st.integers(1, 4))
    paths = enumerate_paths(problem, BC(quantizer(grid)), InverseSqrt(c), steps=T)
    _, L, _, G, D = (known.value for known in problem.constants)
    limit = bound(T, D=D, G=G, L=L, d=problem.dim, delta=grid.delta, c=c)
    assert paths.average_gap[-1] <= limit * (1 + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("quantizer", [NearestRounding, StochasticRounding])
def test_random_logistic_regressions(quantizer):
    rng = np.random.default_rng(1)
    for _ in range(10):
        N, d = int(rng.integers(10, 60)), int(rng.integers(1, 6))
        problem = LogisticRegression(
            rng.standard_normal((N, d)) * 2, rng.choice([-1, 1], N), l2=0.05, batch=4, box=(-1.0, 1.0)
        )
        delta = float(rng.choice([0.25, 0.5, 1.0]))
        case = {"problem": problem, "method": BC(quantizer(delta)), "schedule": InverseSqrt(0.3), "steps": 400}
        holds(THEOREM, **case, trials=256)


def test_the_floor_is_sharp_for_nearest_rounding():
    assert value(THEOREM, "nearest, optimum near a level").slack.low > 0.9
