from hypothesis import given
from hypothesis import strategies as st

from qtheory.exact import enumerate_paths
from qtheory.methods import BC
from qtheory.problems import SeparableQuadratic
from qtheory.quantizers import NearestRounding, StochasticRounding
from qtheory.schedules import InverseTime
from qtheory.simulate import simulate
from qtheory.testing import grids, separable_quadratics
from qtheory.theorems.li2017.bc_quadratic import THEOREM, bound
from tests.theorems.checks import about, shipped


def test_shipped_instances():
    shipped(THEOREM)


@given(st.data(), grids(boxed=True), st.integers(1, 4))
def test_bound_on_drawn_runs(data, grid, T):
    problem = data.draw(separable_quadratics(box=grid.box, most=2))
    mu, G = problem.constants.mu.value, problem.constants.G.value
    paths = enumerate_paths(problem, BC(StochasticRounding(grid)), InverseTime(mu), steps=T)
    assert paths.average_gap[-1] <= bound(T, mu=mu, G=G) * (1 + 1e-12)


def test_erratum_e2_needs_only_the_other_rounding():
    """F = (w - 0.1)²/2, Δ = 1: nearest rounding leaves 0.08 = (1/2 - 0.1)²/2, stochastic rounding nothing."""
    problem, T = SeparableQuadratic([1.0], 0.1, box=(-1.0, 1.0)), 200_000
    gaps = {}
    for quantizer in (NearestRounding(1.0), StochasticRounding(1.0)):
        run = simulate(problem, BC(quantizer), InverseTime(1.0), steps=T, trials=64, seed=3, record=[T])
        gaps[type(quantizer)] = run.mean("average_gap")[-1]
    rate = bound(T, mu=1.0, G=problem.constants.G.value)
    assert rate < 5e-5
    assert gaps[NearestRounding] == about(0.08, rel=5e-3) and gaps[NearestRounding] > 1000 * rate
    assert gaps[StochasticRounding] < rate
