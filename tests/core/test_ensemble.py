"""The compiled loop against a plain reference, and against itself: no bit depends on how the work is divided."""

from dataclasses import replace

import numba
import numpy as np
import pytest
import reference

from qtheory import simulate as simulation
from qtheory.methods import BC, SGD, SR, R
from qtheory.problems import (
    AbsoluteValue,
    CubicPerturbed,
    CustomProblem,
    DenseQuadratic,
    Gaussian,
    LeastSquares,
    Linear,
    LogisticRegression,
    NoNoise,
    OneBit,
    Rademacher,
    SeparableQuadratic,
)
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding
from qtheory.schedules import Constant, InverseSqrt, InverseTime, Table
from qtheory.simulate import STATISTICS, simulate

D = 5  # not a multiple of 2 or 4: the last group of coordinates is cut
rng = np.random.default_rng(20)
X, NOISE_FREE = rng.normal(size=(23, D)), rng.normal(size=D)
LABELS = np.sign(X @ NOISE_FREE + rng.normal(size=23))
SPECTRUM, CENTER = np.array([0.7, 1.3, 2.1, 0.4, 1.0]), np.array([0.31, -0.52, 0.11, 0.77, -0.23])
ROTATION = np.linalg.qr(rng.normal(size=(D, D)))[0]
MATRIX = ROTATION * SPECTRUM @ ROTATION.T
BOX = (-1.0, 1.0)
FINE, HALF = Grid(0.125), Grid(0.25, 0.5, (-1.125, 1.125))


@numba.njit
def log_cosh(center, w):
    return np.sum(np.log(np.cosh(w - center)))


@numba.njit
def log_cosh_gradient(center, w, out):
    for j in range(w.size):
        out[j] = np.tanh(w[j] - center[j])


def custom(**options):
    return CustomProblem(log_cosh, log_cosh_gradient, D, CENTER, minimiser=CENTER, **options)


# Each row is compiled once for this file; together they meet every objective, noise, method and schedule, and every
# pair (noise, method) that draws its random words in another way.
CASES = {
    "quadratic-sr": (
        SeparableQuadratic(SPECTRUM, CENTER, noise=Rademacher(0.6), box=BOX), SR(FINE), InverseTime(0.4)),
    "quadratic-sgd": (SeparableQuadratic(SPECTRUM, CENTER, noise=Gaussian(0.6)), SGD(), InverseSqrt(0.3)),
    "quadratic-bc": (
        SeparableQuadratic(SPECTRUM, CENTER, noise=Gaussian(0.3), box=(-1.125, 1.125)),
        BC(StochasticRounding(HALF)), Constant(0.07)),
    "quadratic-bc-nearest": (
        SeparableQuadratic(SPECTRUM, CENTER), BC(NearestRounding(0.3)), Table(0.5 / np.arange(1, 99) ** 0.7)),
    "absolute-sr": (
        AbsoluteValue(SPECTRUM, 1.1 * SPECTRUM, CENTER, noise=OneBit(2.5)), SR(Grid(0.2, 0.5)), InverseSqrt(0.11)),
    "linear-sr": (Linear(CENTER, noise=OneBit(1.0), box=BOX), SR(FINE), InverseSqrt(0.11)),
    "absolute-r": (
        AbsoluteValue(SPECTRUM, 2.0, CENTER, noise=Rademacher(1.7), box=BOX), R(Grid(0.1)), Constant(0.043)),
    "dense-sr": (DenseQuadratic(MATRIX, CENTER, noise=Gaussian(0.4)), SR(FINE), InverseTime(0.4)),
    "logistic-bc": (LogisticRegression(X, LABELS, 0.1, batch=6), BC(0.25), Constant(0.11)),
    "least-squares-sgd": (LeastSquares(X, LABELS, 0.05, noise=Rademacher(0.3)), SGD(), InverseTime(0.6)),
    "least-squares-batch-sgd": (
        LeastSquares(X, LABELS, 0.05, batch=5, noise=Rademacher(0.3), box=BOX), SGD(), InverseTime(0.6)),
    "cubic-bc-nearest": (
        replace(CubicPerturbed(D, 1.3), noise=OneBit(9.0)), BC(NearestRounding(0.25)), InverseTime(3.0)),
    "custom-sr": (custom(noise=NoNoise()), SR(FINE), Constant(0.021)),
}  # fmt: skip
cases = pytest.mark.parametrize("name", CASES)


@cases
def test_every_trial_follows_the_textbook(name):
    problem, method, schedule = CASES[name]
    check_against_reference(problem, method, schedule, tolerance=1e-5)


def test_single_precision_follows_the_textbook():
    check_against_reference(*CASES["quadratic-sr"], tolerance=1e-5, precision="single")


def test_a_seed_that_differs_in_its_high_word_is_told_apart():
    with pytest.raises(AssertionError):
        check_against_reference(*CASES["quadratic-sr"], tolerance=1e-5, reference_seed=3)


def check_against_reference(problem, method, schedule, *, tolerance, precision="double", reference_seed=2**40 + 3):
    # tolerance: the core draws Gaussians in single precision. On the grid that moves no index here, where seeds are fixed.
    steps, seed, first = 60, 2**40 + 3, 1000
    marks = np.array([1, 2, 3, 10, 59, 60])
    ours = simulate(
        problem, method, schedule, steps=steps, trials=4, seed=seed, record=marks, first_trial=first, keep_final=True,
        precision=precision,
    )  # fmt: skip
    start = simulation.default_start(problem, method)
    for i in range(4):
        path = reference.follow(
            problem, method, schedule, steps=steps, start=start, seed=reference_seed, trial=first + i,
            single=precision == "single",
        )  # fmt: skip
        if isinstance(method, SR | R):
            grid = method.grid.within(problem.box)
            assert np.array_equal(grid.index(ours.final[i]), grid.index(path.weights[-1]))
        np.testing.assert_allclose(ours.final[i], path.weights[-1], rtol=tolerance, atol=tolerance)
        for m, t in enumerate(marks):
            expected = reference.statistics(problem, ours.optimum, path, t)
            got = {key: ours.values[key][m, i] for key in STATISTICS}
            assert got == pytest.approx(expected, rel=tolerance, abs=tolerance), (i, t)
