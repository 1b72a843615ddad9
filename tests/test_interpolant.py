"""Interpolants: through their points, in their class, and the same function in the compiled core."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.methods import SGD
from qtheory.optimum import optimum
from qtheory.problems import Interpolant
from qtheory.schedules import InverseSqrt
from qtheory.simulate import simulate

MU, L = 0.25, 2.0
seeds = st.integers(0, 2**32 - 1)


def bowl(seed, *, kinked, mu=MU, n=6, d=3):
    """Points, gradients, values of a function of the class: a quadratic with a spectrum in [mu, L], or a maximum."""
    rng = np.random.default_rng(seed)
    points = np.vstack([np.zeros(d), rng.normal(size=(n - 1, d))])
    if kinked:
        slopes = np.vstack([np.zeros(d), rng.normal(size=(4, d))])
        best = (points @ slopes.T).argmax(axis=1)
        return points, slopes[best] + mu * points, (points @ slopes.T).max(1) + mu / 2 * (points**2).sum(1)
    basis, _ = np.linalg.qr(rng.normal(size=(d, d)))
    matrix = basis @ np.diag(rng.uniform(mu, L, d)) @ basis.T
    return points, points @ matrix, np.sum(points @ matrix * points, axis=1) / 2


def made(seed, *, kinked, mu=MU, **more):
    return Interpolant(*bowl(seed, kinked=kinked, mu=mu), mu=mu, L=None if kinked else L, **more)


def envelope(points, gradients, values, mu, w):
    """The smooth interpolant at w, over all supports of the mixture (Taylor, Hendrickx and Glineur 2017)."""
    M, slopes = L - mu, gradients - mu * points
    z = points - slopes / M
    c = values - mu / 2 * (points**2).sum(1) - (slopes**2).sum(1) / (2 * M)
    best = np.inf
    for size in range(1, len(z) + 1):
        for own in map(list, combinations(range(len(z)), size)):
            matrix = np.block([[M * z[own] @ z[own].T, np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
            a = np.linalg.lstsq(matrix, np.append(M * z[own] @ w - c[own], 1.0), rcond=None)[0][:size]
            if a.min() >= -1e-12 and abs(a.sum() - 1) < 1e-9:
                best = min(best, M / 2 * np.sum((w - a @ z[own]) ** 2) + a @ c[own])
    return best + mu / 2 * w @ w


@pytest.mark.parametrize("kinked", [True, False])
@pytest.mark.parametrize("mu", [0.0, MU])
@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_it_passes_through_its_points_and_is_convex(kinked, mu, seed):
    points, gradients, values = bowl(seed, kinked=kinked, mu=mu)
    F = made(seed, kinked=kinked, mu=mu)
    np.testing.assert_allclose(F.value(points), values, atol=1e-9)
    np.testing.assert_allclose(F.gradient(points[1:]), gradients[1:], atol=1e-8)
    x, y = np.random.default_rng(seed).normal(size=(2, 50, 3)) * 3
    step = x - y
    rise = F.value(x) - F.value(y) - np.sum(F.gradient(y) * step, axis=1) - mu / 2 * np.sum(step**2, axis=1)
    assert rise.min() > -1e-9
    if not kinked:
        bend = F.gradient(x) - F.gradient(y) - mu * step
        assert (rise - np.sum(bend**2, axis=1) / (2 * (L - mu))).min() > -1e-9


@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_the_smooth_one_is_the_minimum_over_all_mixtures(seed):
    points, gradients, values = bowl(seed, kinked=False)
    F = made(seed, kinked=False)
    for w in np.random.default_rng(seed).normal(size=(4, 3)) * 2:
        assert F.value(w) == pytest.approx(envelope(points, gradients, values, MU, w), abs=1e-9)
        h = 1e-5 * np.eye(3)
        slope = (F.value(w + h) - F.value(w - h)) / 2e-5
        np.testing.assert_allclose(F.gradient(w), slope, atol=1e-4)


def test_the_kinked_one_is_the_least_and_the_smooth_one_the_largest():
    points, gradients, values = bowl(3, kinked=False, mu=0.0)
    low, high = Interpolant(points, gradients, values), Interpolant(points, gradients, values, L=L)
    w = np.random.default_rng(0).normal(size=(100, 3))
    assert (low.value(w) <= high.value(w) + 1e-9).all()
    assert (low.value(w) < high.value(w) - 0.1).any()


@pytest.mark.parametrize("kinked", [True, False])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_the_core_runs_the_same_function(kinked, precision):
    F, start, T = made(1, kinked=kinked), np.array([1.0, -2.0, 0.5]), 12
    w, schedule = [start], InverseSqrt(0.4)
    for t in range(1, T):
        w.append(w[-1] - float(schedule(t)) * F.gradient(w[-1]))
    run = simulate(
        F, SGD(), schedule, steps=T, trials=2, start=start, record=np.arange(1, T + 1), precision=precision,
        progress=False, keep_final=True,
    )  # fmt: skip
    size, least = 1e-12 if precision == "double" else 1e-5, optimum(F).value
    np.testing.assert_allclose(run.values["gap"][:, 0], F.value(np.array(w)) - least, atol=size)
    np.testing.assert_allclose(run.final[1], w[-1], atol=size)
    assert run.last("average_gap")[0] == pytest.approx(F.value(np.mean(w, axis=0)) - least, abs=size)


@pytest.mark.parametrize("kinked", [True, False])
def test_its_optimum_and_its_constants(kinked):
    F = made(2, kinked=kinked, box=(-2.0, 1.5))
    found = optimum(F)
    assert abs(found.value) < 1e-9
    np.testing.assert_array_equal(found.w, np.zeros(3))
    assert F.constants.mu.value == MU
    assert F.constants.L.value == (np.inf if kinked else L)
    w = np.random.default_rng(0).uniform(-2.0, 1.5, (500, 3))
    w[:8] = np.array(np.meshgrid(*[[-2.0, 1.5]] * 3)).reshape(3, 8).T
    steepest = np.linalg.norm(F.gradient(w), axis=1).max()
    assert steepest <= F.constants.G.value <= 5 * steepest
    free = made(2, kinked=kinked, mu=0.0)
    assert free.constants.G.value == (pytest.approx(np.linalg.norm(free.gradients, axis=1).max()) if kinked else np.inf)


def test_many_vertices_in_few_dimensions():
    rng = np.random.default_rng(5)
    points = np.vstack([np.zeros(2), rng.normal(size=(40, 2))])
    F = Interpolant(points, points, np.sum(points**2, axis=1) / 2, L=1.5)
    np.testing.assert_allclose(F.gradient(points), points, atol=1e-7)


def test_vertices_may_coincide():
    """F(w) = |w|²/2 through any points: all vertices are 0."""
    points = np.random.default_rng(1).normal(size=(9, 2))
    points[0] = 0
    F = Interpolant(points, points, np.sum(points**2, axis=1) / 2, L=1.0)
    w = np.random.default_rng(2).normal(size=(50, 2))
    np.testing.assert_allclose(F.value(w), np.sum(w**2, axis=1) / 2, atol=1e-9)
    np.testing.assert_allclose(F.gradient(w), w, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"points": [1.0, 2.0]}, "points"),
        ({"gradients": [[0.0]]}, "gradients"),
        ({"values": [0.0, 1.0, 2.0]}, "values"),
        ({"values": [0.0, 1.2]}, "values and gradients must be those of one function"),
        ({"mu": -1.0}, "mu"),
        ({"L": 0.5, "mu": 0.5}, "L"),
        ({"L": 0.9}, "values and gradients must be those of one function"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"minimiser": [0.0, 0.0]}, "minimiser"),
        ({"minimiser": [5.0]}, "minimiser must be where F is least, but at point 0 it is 4.5 less"),
        ({"minimiser": [5.0], "L": 1.0}, "minimiser must be where F is least"),
        ({"minimiser": [1.0], "box": (-1.0, 2.0)}, "minimiser must be where F is least"),
        ({"gradients": [[0.5], [1.0]], "values": [0.0, 0.75]}, "minimiser must be given"),
    ],
)
def test_bad_input_is_refused(change, match):
    """F(w) = w²/2 at 0 and 1."""
    data = {"points": [[0.0], [1.0]], "gradients": [[0.0], [1.0]], "values": [0.0, 0.5], **change}
    with pytest.raises(ValueError, match=match):
        Interpolant(**data)
