"""Exact laws agree with every path, with a transition matrix written from the definition, and with simulation."""

import math
from fractions import Fraction as Q
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from qtheory.exact import _moves, enumerate_paths, propagate
from qtheory.methods import BC, SGD, SR, R
from qtheory.problems import (
    AbsoluteValue,
    DenseQuadratic,
    Gaussian,
    Linear,
    NoNoise,
    OneBit,
    Rademacher,
    SeparableQuadratic,
)
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding
from qtheory.schedules import Constant, InverseSqrt, InverseTime, Table
from qtheory.simulate import simulate
from qtheory.statistics import mean_interval

FAILURE = 1e-9  # of each comparison with a simulation
STATISTICS = "gap", "average_gap", "distance"
TABLE = Table([0.5, 0.25, 0.75, 0.3, 1.5, 0.1, 0.2])

PROBLEMS = {
    "two coordinates": SeparableQuadratic([1.0, 0.5], [0.3, -0.2], noise=Rademacher(1.0), box=(-2.0, 2.0)),
    "no box": SeparableQuadratic([1.0], [0.3], noise=Rademacher(0.7)),
    "no noise": SeparableQuadratic([2.0], [0.4], noise=NoNoise(), box=(-1.0, 1.0)),
    "optimum at a face": SeparableQuadratic([1.0], [3.0], noise=OneBit(4.0), box=(-1.0, 1.0)),
    "linear": Linear([0.25, -0.5], noise=OneBit(1.0), box=(-1.0, 2.0)),
    "kink": AbsoluteValue([0.5], [0.25], [0.2], noise=OneBit(1.0), box=(-2.0, 2.0)),
}
ON_GRID = [SR(0.5), SR(1.0), R(0.5), SR(Grid(1.0, 0.0, (-1.0, 1.0))), R(Grid(1.0, 0.0, (-1.0, 1.0)))]


def mean_point(law, method, j=0):
    k, p = law.final[j]
    return float(p @ method.grid.point(k))


@pytest.mark.parametrize("method", ON_GRID, ids=repr)
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_law_and_paths_are_equal_in_fractions_and_close_in_floating_point(problem, method):
    arguments = {"steps": 6, "start": [1.0] * problem.dim}
    law = propagate(problem, method, TABLE, record=np.arange(1, 7), rational=True, **arguments)
    paths = enumerate_paths(problem, method, TABLE, rational=True, **arguments)
    assert all(isinstance(x, Q) for x in law.gap) and law.leaked == 0
    for name in ("gap", "distance"):
        assert (getattr(law, name) == getattr(paths, name)).all()
    if problem.linear or problem.quadratic:
        assert (law.average_gap == paths.average_gap).all()
    assert (law.lower_gap <= paths.average_gap).all() and (paths.average_gap <= law.mean_gap).all()
    assert all(sum(p) == 1 for _, p in law.final)
    floats = propagate(problem, method, TABLE, record=np.arange(1, 7), **arguments)
    for name in (*STATISTICS, "mean_gap", "lower_gap", "gradient_square", "gradient_l1", "rounding_square"):
        np.testing.assert_allclose(getattr(floats, name), getattr(law, name).astype(float), rtol=1e-13, atol=1e-15)
    float_paths = enumerate_paths(problem, method, TABLE, **arguments)
    for name in (*STATISTICS, "deployed_gap"):
        exact = getattr(paths, name).astype(float)
        np.testing.assert_allclose(getattr(float_paths, name), exact, rtol=1e-13, atol=1e-15)


def matrix(problem, method, alpha):
    """The transition matrix on the levels of a box, and E r^2 from each, written from the definition."""
    grid = method.grid.within(problem.box)
    levels = grid.levels
    P, error = np.zeros((levels.size, levels.size)), np.zeros(levels.size)
    for i, w in enumerate(levels):
        values, chances = problem.noise.support(problem.slope(0, w))
        for g, q in zip(values, chances, strict=True):
            m = np.clip(w - alpha * g, *grid.box)
            if isinstance(method, SR):
                below = np.searchsorted(levels, m, side="right") - 1
                above = min(below + 1, levels.size - 1)
                up = (m - levels[below]) / grid.delta
                ends = [(below, 1 - up), (above, up)]
            else:
                ends = [(np.argmin(np.abs(levels - NearestRounding(grid)(m))), 1.0)]
            for j, chance in ends:
                P[i, j] += q * chance
                error[i] += q * chance * (levels[j] - m) ** 2
    return levels, P, error


@pytest.mark.parametrize("noise", [Rademacher(0.6), OneBit(3.0), NoNoise()], ids=repr)
@pytest.mark.parametrize("method", [SR(0.25), R(0.25), SR(Grid(0.25, 0.5)), R(Grid(0.25, 0.5))], ids=repr)
def test_law_is_that_of_the_transition_matrix(method, noise):
    half = method.grid.offset * method.grid.delta
    problem = SeparableQuadratic([1.0], [0.37], noise=noise, box=(-2.0 + half, 2.0 - half))
    T, schedule = 40, InverseSqrt(0.7)
    law = propagate(problem, method, schedule, steps=T, start=[1.0 + half], record=np.arange(1, T + 1))
    levels = matrix(problem, method, 1.0)[0]
    p, occupied = (levels == 1.0 + half).astype(float), 0.0
    for t in range(1, T + 1):
        _, P, error = matrix(problem, method, float(schedule(t)))
        occupied = occupied + p
        gaps = problem.value(levels[:, None]) - problem.value(np.array([0.37]))
        expected = p @ gaps, p @ (levels - 0.37) ** 2, occupied @ gaps / t, p @ error
        found = law.gap[t - 1], law.distance[t - 1], law.mean_gap[t - 1], law.rounding_square[t - 1]
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)
        p = p @ P if t < T else p
    indices, chances = law.final[0]
    np.testing.assert_allclose(chances, p[np.searchsorted(levels, method.grid.point(indices))], atol=1e-13)


@pytest.mark.parametrize(
    ("problem", "method"),
    [
        (PROBLEMS["two coordinates"], SR(0.5)),
        (PROBLEMS["two coordinates"], R(0.5)),
        (SeparableQuadratic([1.0, 0.5], [0.3, -0.2], noise=Gaussian(1.0)), SR(0.5)),
        (SeparableQuadratic([1.0, 0.5], [0.3, -0.2], noise=Gaussian(0.4), box=(-1.0, 1.0)), SR(0.5)),
    ],
)
def test_law_agrees_with_simulation(problem, method):
    arguments = {"steps": 60, "start": [0.0, 0.5], "record": [60]}
    law = propagate(problem, method, InverseSqrt(1.0), **arguments)
    seen = simulate(problem, method, InverseSqrt(1.0), trials=20_000, seed=4, average=True, **arguments)
    for name in STATISTICS:
        assert mean_interval(seen.last(name), failure=FAILURE).contains(getattr(law, name)[0])
    other = propagate(problem, type(method)(0.25), InverseSqrt(1.0), **arguments)  # control: another resolution
    assert not mean_interval(seen.last("gap"), failure=FAILURE).contains(other.gap[0])


@pytest.mark.parametrize(
    "method", [SGD(), SR(1.0), R(1.0), BC(StochasticRounding(1.0)), BC(NearestRounding(1.0))], ids=lambda m: m.name
)
def test_paths_agree_with_simulation(method):
    problem = SeparableQuadratic([1.0, 0.4], [0.3, -0.7], noise=Rademacher(0.8), box=(-1.0, 1.0))
    paths = enumerate_paths(problem, method, InverseSqrt(0.9), steps=7, start=[1.0, 0.0])
    seen = simulate(problem, method, InverseSqrt(0.9), steps=7, start=[1.0, 0.0], trials=20_000, seed=5, record=[7])
    for name in (*STATISTICS, "deployed_gap"):
        assert mean_interval(seen.last(name), failure=FAILURE).contains(getattr(paths, name)[-1])


def test_paths_of_one_dimension_need_not_be_separable():
    dense = DenseQuadratic([[2.0]], [0.3], noise=Rademacher(1.0))
    plain = SeparableQuadratic([2.0], [0.3], noise=Rademacher(1.0))
    a, b = (enumerate_paths(p, BC(1.0), InverseTime(2.0), steps=6, start=[0.2]) for p in (dense, plain))
    for name in (*STATISTICS, "deployed_gap"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-12)


@pytest.mark.parametrize("method", [SGD(), BC(StochasticRounding(1.0)), BC(NearestRounding(Grid.binary()))], ids=repr)
def test_paths_of_a_real_state_in_fractions(method):
    problem = SeparableQuadratic([1.0], [0.25], noise=Rademacher(0.5), box=(-1.0, 1.0))
    exact = enumerate_paths(problem, method, InverseTime(1.0), steps=7, start=[0.5], rational=True)
    floats = enumerate_paths(problem, method, InverseTime(1.0), steps=7, start=[0.5])
    for name in (*STATISTICS, "deployed_gap"):
        np.testing.assert_allclose(getattr(floats, name), getattr(exact, name).astype(float), rtol=1e-13)
    assert exact.average_gap[0] == exact.gap[0] == Q(1, 32)


eighths = st.integers(1, 8).map(lambda n: n / 8)
instances = st.tuples(
    st.sampled_from([SR, R]), st.sampled_from([0.5, 1.0]), eighths, st.integers(-8, 8).map(lambda n: n / 8),
    st.sampled_from([Rademacher(0.5), Rademacher(2.0), NoNoise()]), st.sampled_from([None, (-1.0, 1.0)]),
    st.lists(eighths, min_size=4, max_size=4), st.sampled_from([-1.0, 0.0, 1.0]),
)  # fmt: skip


@given(instances)
def test_jensen_and_the_law_of_the_mean_on_drawn_instances(drawn):
    kind, delta, curvature, center, noise, box, alphas, start = drawn
    problem = SeparableQuadratic([curvature], [center], noise=noise, box=box)
    arguments = {"steps": 5, "start": [start], "rational": True}
    law = propagate(problem, kind(delta), Table(alphas), record=np.arange(1, 6), **arguments)
    assert (law.lower_gap <= law.average_gap).all() and (law.average_gap <= law.mean_gap).all()
    assert (law.gap >= 0).all() and all(sum(p) == 1 for _, p in law.final)
    assert (law.average_gap == enumerate_paths(problem, kind(delta), Table(alphas), **arguments).average_gap).all()
    if kind is SR:  # the rounding-error lemma, exactly
        bound = [Q(delta) * Q(alpha) * g for alpha, g in zip(alphas, law.gradient_l1[:4], strict=True)]
        assert (law.rounding_square[:4] <= bound).all()


def test_sr_moves_as_the_gradient_in_the_mean_and_r_does_not():
    problem, alpha = SeparableQuadratic([1.0], [0.3], noise=Rademacher(1.0)), Q(1, 4)

    def offset(method, steps):
        k, p = propagate(problem, method, Constant(0.25), steps=steps, start=[2.0], rational=True).final[0]
        return sum(int(i) * chance for i, chance in zip(k, p, strict=True)) - Q(0.3)

    assert all(offset(SR(1.0), t) == (2 - Q(0.3)) * (1 - alpha) ** (t - 1) for t in range(1, 7))
    assert offset(R(1.0), 3) != offset(SR(1.0), 3)
    law = propagate(problem, SR(1.0), Constant(0.25), steps=500, start=[2.0])
    assert abs(mean_point(law, SR(1.0)) - 0.3) < 1e-12


def test_average_gap_is_that_of_the_linear_recursion():
    """SR on a quadratic without a box: E[S_{t+1} e_{t+1}] follows from the mean of e given w_t, which is linear."""
    problem, T = SeparableQuadratic([0.8], [0.3], noise=Rademacher(1.0)), 20_000
    law = propagate(problem, SR(1.0), InverseSqrt(1.0), steps=T, start=[0.0], record=np.arange(1, T + 1))
    cross = total = law.distance[0]  # E[S_t e_t], E S_t^2
    for t in range(1, T):
        move = (1 - 0.8 / math.sqrt(t)) * cross
        total, cross = total + 2 * move + law.distance[t], move + law.distance[t]
    assert law.average_gap[-1] == pytest.approx(0.4 * total / T**2, rel=1e-9)
    assert (law.lower_gap <= law.average_gap).all() and (law.average_gap <= law.mean_gap * (1 + 1e-12)).all()


def expectation(function, law, near):
    """E function(m) by quadrature; the function's kinks and jumps are at near - 1, near - 1/2, ..., near + 1."""
    edges = [-np.inf, *np.arange(near - 1, near + 1.5, 0.5), np.inf]
    return sum(quad(lambda m: function(m) * law.pdf(m), a, b, epsabs=1e-13)[0] for a, b in pairwise(edges))


@pytest.mark.parametrize("box", [None, (0.0, 2.0)])
@pytest.mark.parametrize("sigma", [0.05, 0.6, 6.0])
@pytest.mark.parametrize("method", [SR(1.0), R(1.0)], ids=repr)
def test_gaussian_step_is_the_integral(method, sigma, box):
    problem = SeparableQuadratic([1.0], [0.4], noise=Gaussian(sigma), box=box)
    law = propagate(problem, method, Constant(0.9), steps=2, start=[1.0], record=[1, 2])

    def chance(m, k):
        distance = abs((m if box is None else np.clip(m, *box)) - k)
        return max(0.0, 1 - distance) if isinstance(method, SR) else float(distance < 0.5)

    indices, chances = law.final[0]
    target = norm(1 - 0.9 * 0.6, 0.9 * sigma)  # w_1 = 1 has the slope 0.6
    for k, p in zip(indices, chances, strict=True):
        if abs(k - 1) <= 3:
            assert p == pytest.approx(expectation(partial(chance, k=k), target, k), abs=1e-9)
    assert chances.sum() + law.leaked == pytest.approx(1, abs=1e-12) and law.leaked <= 1e-12
    assert law.gradient_l1[0] == pytest.approx(expectation(abs, norm(0.6, sigma), 0.0), rel=1e-7)
    assert law.gradient_square[0] == pytest.approx(0.6**2 + sigma**2)


def test_gaussian_rounding_error():
    """The law of total variance: Var w_2 = Var(w_1 - alpha g) + E r^2, without a box."""
    for sigma in (0.01, 0.5, 3.0):
        problem = SeparableQuadratic([1.0], [0.3], noise=Gaussian(sigma))
        law = propagate(problem, SR(1.0), Constant(0.5), steps=2, start=[1.0], record=[1, 2])
        mean = 1 - 0.5 * 0.7 - 0.3
        assert law.distance[1] == pytest.approx(mean**2 + (0.5 * sigma) ** 2 + law.rounding_square[0], rel=1e-10)
    law = propagate(problem, R(1.0), Constant(0.5), steps=2, start=[1.0], record=[1, 2])
    assert law.rounding_square[0] == pytest.approx(1 / 12, rel=1e-6)  # a wide Gaussian fills its cells evenly


def test_a_wrong_rounding_probability_is_detected(monkeypatch):
    problem, arguments = PROBLEMS["no box"], {"steps": 6, "start": [1.0]}
    law = propagate(problem, SR(1.0), Constant(0.3), record=[6], **arguments)
    honest = enumerate_paths(problem, SR(1.0), Constant(0.3), **arguments)
    jump = _moves.Rounding.jump

    def skewed(self, k, s):
        ways = jump(self, k, s)
        return ways if len(ways) < 2 else [(ways[0][0], ways[0][1] - 1e-6), (ways[1][0], ways[1][1] + 1e-6)]

    monkeypatch.setattr(_moves.Rounding, "jump", skewed)
    wrong = enumerate_paths(problem, SR(1.0), Constant(0.3), **arguments)
    assert honest.gap[-1] == pytest.approx(law.gap[0], rel=1e-13)
    assert abs(wrong.gap[-1] - law.gap[0]) > 1e-8
    assert abs(propagate(problem, R(1.0), Constant(0.3), **arguments).gap[-1] - law.gap[0]) > 0.01
