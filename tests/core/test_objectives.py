"""Compiled gradients and values of objectives that are not separable, against NumPy, without the loop around them."""

import numba
import numpy as np
import pytest

from qtheory.core import objectives
from qtheory.problems import CubicPerturbed, LeastSquares
from tests.core import reference

LANES, SEED, TRIAL, STEP = 32, 2**40 + 1, 5, 2**33 + 7
rng = np.random.default_rng(8)
X, Y = rng.normal(size=(700, 21)), rng.normal(size=700)  # more rows than a full gradient takes at a time

PROBLEMS = {
    "cubic": CubicPerturbed(9, 1.3),
    "least squares": LeastSquares(X, Y, 0.3),
    "one row": LeastSquares(X[:1], Y[:1], 0.3),
    "one feature": LeastSquares(X[:, :1], Y, 0.3),
    "batch of 1": LeastSquares(X, Y, 0.3, batch=1),
    "batch of 11": LeastSquares(X, Y, 0.3, batch=11),
}
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


@numba.njit
def gradients(objective, q, y, work, seed, trial, step):
    objectives.gradients(objective, q, y, work, seed, trial, step)


@numba.njit
def values(objective, w, out):
    objectives.values(objective, w, out)


@pytest.mark.parametrize("real", TOLERANCE)
@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_of_a_block(name, real):
    problem = PROBLEMS[name]
    w = rng.uniform(-1, 1, (problem.dim, LANES)).astype(real)
    y = np.full_like(w, np.nan)
    gradients(problem.lower(real), w, y, problem.workspace(LANES, real), SEED, TRIAL, STEP)
    for i in (0, 1, LANES - 1):
        expected = reference.exact_gradient(problem, w[:, i].astype(float), SEED, TRIAL + i, STEP)
        np.testing.assert_allclose(y[:, i], expected, rtol=TOLERANCE[real], atol=10 * TOLERANCE[real])


@pytest.mark.parametrize("name", ["cubic", "least squares", "one row"])
def test_values_of_a_block(name):
    problem = PROBLEMS[name]
    w, out = rng.uniform(-1, 1, (problem.dim, LANES)), np.full(LANES, np.nan)
    values(problem.lower(np.float64), w, out)
    np.testing.assert_allclose(out, problem.value(w.T), rtol=1e-12, atol=1e-14)


def test_trials_and_steps_draw_mini_batches_of_their_own():
    problem = PROBLEMS["batch of 11"]
    w = np.ones((problem.dim, LANES))

    def drawn(trial, step):
        y = np.empty_like(w)
        gradients(problem.lower(np.float64), w, y, problem.workspace(LANES, np.float64), SEED, trial, step)
        return y.T

    first = drawn(0, 1)
    assert np.unique(first, axis=0).shape == first.shape
    assert np.array_equal(drawn(1, 1)[:-1], first[1:])
    assert not (drawn(0, 2) == first).any()
