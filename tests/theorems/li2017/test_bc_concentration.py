import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.markov import bc_chain
from qtheory.methods import BC
from qtheory.problems import OneBit, Rademacher, SeparableQuadratic
from qtheory.quantizers import Grid, StochasticRounding
from qtheory.schedules import Constant
from qtheory.simulate import simulate
from qtheory.statistics import mean_interval
from qtheory.testing import numbers
from qtheory.theorems.li2017._averaged import Averaged
from qtheory.theorems.li2017._chains import toy
from qtheory.theorems.li2017.bc_concentration import THEOREM, case
from tests.theorems.checks import holds, shipped


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=15)
@given(st.integers(-4, 4), st.sampled_from([1 / 8, 1 / 32]), st.integers(1, 300), st.integers(-4, 4))
def test_the_bound_holds_after_every_number_of_steps(center, alpha, T, start):
    problem = SeparableQuadratic([1.0], center / 8, noise=OneBit(2.0), box=(-1.0, 1.0))
    holds(
        THEOREM, problem=problem, method=BC(Grid(0.25)), schedule=Constant(alpha), steps=T, start=[start / 4]
    )


@given(numbers(-4, 8), numbers(-4, 8))
def test_the_averaged_gradient_is_the_mean_over_the_rounding_and_the_slope_of_V(v, w):
    problem, grid = toy(Rademacher(2.0)), Grid(0.5)
    mean, q = Averaged(problem, grid), StochasticRounding(grid)
    low, high = q(w, 0.999999), q(w, 0.0)
    up = (w - low) / 0.5 if high > low else 0.0
    expected = (1 - up) * problem.slope(0, low) + up * problem.slope(0, high)
    assert mean.b(np.array(w)) == pytest.approx(float(expected), abs=1e-9)
    middle = np.linspace(v, w, 4001)
    middle = (middle[1:] + middle[:-1]) / 2
    area = float(mean.b(middle).mean() * (w - v))
    assert float(mean.V(np.array([w]))[0] - mean.V(np.array([v]))[0]) == pytest.approx(area, abs=1e-3)
    assert mean.least <= mean.V(np.array([v, w])).min() + 1e-12


def test_the_exact_law_agrees_with_the_simulator():
    instance = case("toy", alpha=1 / 32, T=60, start=[0.0])
    chain = bc_chain(instance.problem, instance.method, 1 / 32, start=0.0)
    begin = int(np.argmin(np.abs(chain.points[:, 0])))
    law = chain.evolve(unit(chain.size, begin), 59)
    run = simulate(
        instance.problem, instance.method, instance.schedule, steps=60, trials=4000, seed=3, start=[0.0], record=[60],
        keep_final=True,
    )  # fmt: skip
    w = run.final[:, 0]
    assert mean_interval(w, failure=1e-9).contains(float(law @ chain.points[:, 0]))
    assert mean_interval(w**2, failure=1e-9).contains(float(law @ chain.points[:, 0] ** 2))


def unit(n, i):
    law = np.zeros(n)
    law[i] = 1.0
    return law
