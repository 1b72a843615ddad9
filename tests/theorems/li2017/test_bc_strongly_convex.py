import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.exact import enumerate_paths
from qtheory.methods import BC
from qtheory.problems import LogisticRegression
from qtheory.quantizers import StochasticRounding
from qtheory.schedules import InverseTime
from qtheory.testing import grids, separable_quadratics
from qtheory.theorems.li2017.bc_strongly_convex import THEOREM, bound
from tests.theorems.checks import holds, shipped


@pytest.mark.slow
def test_shipped_instances():
    shipped(THEOREM)


@given(st.data(), grids(boxed=True), st.integers(1, 4))
def test_bound_on_drawn_quadratics(data, grid, T):
    problem = data.draw(separable_quadratics(box=grid.box, most=2))
    mu, L, L2, G, D = (known.value for known in problem.constants)
    paths = enumerate_paths(problem, BC(StochasticRounding(grid)), InverseTime(mu), steps=T)
    limit = bound(T, mu=mu, L=L, G=G, D=D, L2=L2, d=problem.dim, delta=grid.delta)
    assert paths.average_gap[-1] <= limit * (1 + 1e-12)


@pytest.mark.slow
def test_random_logistic_regressions():
    rng = np.random.default_rng(2)
    for _ in range(20):
        N, d = int(rng.integers(10, 60)), int(rng.integers(1, 6))
        l2 = float(rng.uniform(0.05, 0.5))
        problem = LogisticRegression(
            rng.standard_normal((N, d)) * 2, rng.choice([-1, 1], N), l2=l2, batch=4, box=(-1.0, 1.0)
        )
        delta = float(rng.choice([0.25, 0.5, 1.0]))
        case = {"problem": problem, "method": BC(delta), "schedule": InverseTime(l2), "steps": 400}
        holds(THEOREM, **case, trials=256)
