"""The compiled loop against a plain reference, and against itself: no bit depends on how the work is divided."""

import numba
import numpy as np
import pytest

from qtheory import _block
from qtheory import simulate as simulation
from qtheory.methods import BC, SGD, SR, R
from qtheory.problems import (
    AbsoluteValue,
    CustomProblem,
    DenseQuadratic,
    Gaussian,
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
from tests.core import reference

D = 5  # not a multiple of 2 or 4: the last group of coordinates is cut
rng = np.random.default_rng(20)
X, NOISE_FREE = rng.normal(size=(23, D)), rng.normal(size=D)
MANY = rng.normal(size=(700, D))  # more rows than a full gradient takes at a time
MANY_LABELS = np.sign(MANY @ NOISE_FREE + 1)
LABELS = np.sign(X @ NOISE_FREE + rng.normal(size=23))
SPECTRUM, CENTER = np.array([0.7, 1.3, 2.1, 0.4, 1.0]), np.array([0.31, -0.52, 0.11, 0.77, -0.23])
ROTATION = np.linalg.qr(rng.normal(size=(D, D)))[0]
MATRIX = ROTATION * SPECTRUM @ ROTATION.T
BOX = (-1.0, 1.0)
TABLE = Table(0.5 / np.arange(1, 99) ** 0.7)
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


# A row costs seconds of compilation. Together they meet each noise and schedule, each method, separable objectives and
# others (those of test_objectives.py need no loop), and every way of sharing random words between noise and rounding.
CASES = {
    "quadratic-sr": (
        SeparableQuadratic(SPECTRUM, CENTER, noise=Rademacher(0.6), box=BOX), SR(FINE), InverseTime(0.4)),
    "quadratic-sgd": (SeparableQuadratic(SPECTRUM, CENTER, noise=Gaussian(0.6)), SGD(), InverseSqrt(0.3)),
    "quadratic-bc": (
        SeparableQuadratic(SPECTRUM, CENTER, noise=Gaussian(0.3), box=(-1.125, 1.125)),
        BC(StochasticRounding(HALF)), Constant(0.07)),
    "absolute-r": (AbsoluteValue(SPECTRUM, 2.0, CENTER, noise=OneBit(3.5), box=BOX), R(Grid(0.1)), Constant(0.043)),
    "absolute-bc-nearest": (
        AbsoluteValue(SPECTRUM, 1.1 * SPECTRUM, CENTER), BC(NearestRounding(Grid(0.2, 0.5))), TABLE),
    "linear-bc-nearest": (Linear(CENTER, box=BOX), BC(NearestRounding(FINE)), TABLE),
    "dense-sr": (DenseQuadratic(MATRIX, CENTER, noise=Gaussian(0.4)), SR(FINE), InverseTime(0.4)),
    "logistic-bc": (LogisticRegression(MANY, MANY_LABELS, 0.1, box=BOX), BC(0.25), Constant(0.11)),
    "logistic-batch-bc": (LogisticRegression(X, LABELS, 0.1, batch=6), BC(0.25), Constant(0.11)),
    "custom-sr": (custom(noise=NoNoise()), SR(FINE), Constant(0.021)),
}  # fmt: skip
DETERMINISTIC = {"absolute-bc-nearest", "linear-bc-nearest"}
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
    # tolerance: the core draws Gaussians in single precision. On the grid that moves no index with these fixed seeds.
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


# --- no bit depends on how the work is divided

TRIALS, RECORD = 230, np.array([1, 2, 7, 40])  # 230: neither a multiple of a block nor of a vector


def outcome(name, **options):
    problem, method, schedule = CASES[name]
    options = {"steps": 40, "trials": TRIALS, "seed": 5, "record": RECORD, "keep_final": True, "threads": 1} | options
    return simulate(problem, method, schedule, **options)


def parts(ensemble):
    return {**ensemble.values, "final": ensemble.final.T}


def same_bytes(a, *runs, but=()):
    b = {key: np.concatenate([parts(run)[key] for run in runs], axis=-1) for key in parts(a)}
    return all(value.tobytes() == b[key].tobytes() for key, value in parts(a).items() if key not in but)


@cases
def test_results_are_the_same_bytes_however_the_work_is_divided(name, monkeypatch):
    whole = outcome(name)
    assert same_bytes(whole, outcome(name, threads=2))
    assert same_bytes(whole, *(outcome(name, trials=n, first_trial=k) for k, n in ((0, 97), (97, 1), (98, 132))))
    assert same_bytes(whole, outcome(name, average=False), but=["average_gap"])
    with monkeypatch.context() as patch:
        patch.setattr(_block, "SLICE_SECONDS", 0.0)  # one step at a time
        assert same_bytes(whole, outcome(name, threads=2))
    for lanes in (32, 64, 128):
        with monkeypatch.context() as patch:
            patch.setattr(simulation, "LANES", lanes)
            assert same_bytes(whole, outcome(name, threads=2)), lanes
    assert same_bytes(whole, outcome(name, seed=6)) == (name in DETERMINISTIC)


@pytest.mark.parametrize("lanes", [32, 64, 128])
def test_single_precision_is_the_same_bytes_in_blocks_of_any_size(lanes, monkeypatch):
    whole = outcome("quadratic-sr", precision="single")
    monkeypatch.setattr(simulation, "LANES", lanes)
    assert same_bytes(whole, outcome("quadratic-sr", precision="single", threads=2))
    assert not same_bytes(whole, outcome("quadratic-sr", precision="single", seed=6))


def test_trials_differ_from_each_other():
    final = outcome("quadratic-sgd").final
    assert np.unique(final, axis=0).shape == final.shape


def test_many_coordinates_are_the_same_bytes_however_their_groups_are_cut(monkeypatch):
    # More coordinates than the buffers of random words hold at once, for each size of block.
    problem = SeparableQuadratic(np.linspace(0.5, 2, 301), 0.3, noise=Rademacher(0.6), box=BOX)
    options = {"steps": 12, "trials": 70, "seed": 1, "record": [3, 12], "keep_final": True}
    runs = []
    for lanes in (32, 128, 256):
        monkeypatch.setattr(simulation, "LANES", lanes)
        runs.append(simulate(problem, SR(FINE), InverseTime(0.4), **options))
    assert same_bytes(runs[0], runs[1]) and same_bytes(runs[0], runs[2])
    path = reference.follow(problem, SR(FINE), InverseTime(0.4), steps=12, start=np.zeros(301), seed=1, trial=69)
    assert np.array_equal(runs[0].final[69], path.weights[-1])


@pytest.mark.parametrize("box", [None, BOX])
def test_a_long_run_on_a_dense_quadratic_does_not_drift(box):
    # Late steps move few weights, which invites to update the gradient instead of computing it.
    d, steps = 19, 1500
    root = np.random.default_rng(3).normal(size=(d, d)) / np.sqrt(d)
    problem = DenseQuadratic(root @ root.T + 0.3 * np.eye(d), 0.3, noise=Gaussian(0.4), box=box)
    method, schedule, marks = SR(FINE), InverseTime(0.3), np.array([10, 400, steps])
    ours = simulate(problem, method, schedule, steps=steps, trials=130, record=marks, keep_final=True)
    path = reference.follow(problem, method, schedule, steps=steps, start=np.zeros(d), seed=0, trial=129)
    assert np.array_equal(ours.final[129], path.weights[-1])
    for m, t in enumerate(marks):
        expected = reference.statistics(problem, ours.optimum, path, t)
        assert {key: ours.values[key][m, 129] for key in STATISTICS} == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_diagonal_dense_quadratic_is_the_separable_one():
    noise, method, schedule = Gaussian(0.4), SR(FINE), InverseTime(0.4)
    dense = simulate(
        DenseQuadratic(np.diag(SPECTRUM), CENTER, noise=noise), method, schedule, steps=80, trials=50, keep_final=True
    )
    problem = SeparableQuadratic(SPECTRUM, CENTER, noise=noise)
    for i in (0, 49):
        path = reference.follow(problem, method, schedule, steps=80, start=np.zeros(D), seed=0, trial=i)
        assert np.array_equal(dense.final[i], path.weights[-1])
