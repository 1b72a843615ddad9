"""The Ising objective against brute force and finite differences, its constants, its optimum, and runs on it."""

import re
import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.markov import sr_limit
from qtheory.methods import BC, SR
from qtheory.optimum import certify, lattice_optimum, optimum, solve
from qtheory.problems import DenseQuadratic, Gaussian, NoNoise, OneBit
from qtheory.problems.ising import ENUMERABLE, Ising, signs
from qtheory.quantizers import Grid, NearestRounding
from qtheory.schedules import Constant
from qtheory.simulate import simulate
from qtheory.statistics import share_interval

BINARY = Grid.binary()
instances = st.builds(Ising.random, st.integers(2, 9), st.integers(0, 10_000))


def corners(d):
    return np.array(list(product([-1.0, 1.0], repeat=d)))


# --- the objective


@given(instances, st.integers(0, 100))
def test_values_are_sums_over_pairs_and_gradients_their_differences(problem, seed):
    d, J = problem.dim, problem.couplings
    w = np.random.default_rng(seed).uniform(-1, 1, (3, d))
    pairs = [sum(J[i, j] * x[i] * x[j] for i in range(d) for j in range(i)) for x in w]
    np.testing.assert_allclose(problem.value(w), pairs, rtol=1e-12, atol=1e-13)
    h = np.eye(d) / 4  # F is affine in each coordinate: differences are exact for steps of any size
    for x in w:
        difference = (problem.value(x + h) - problem.value(x - h)) * 2
        np.testing.assert_allclose(problem.gradient(x), difference, rtol=1e-11, atol=1e-12)


@given(instances)
def test_rounding_is_unbiased_in_value_and_gradient(problem):
    """E F(Q_s(w)) = F(w) and E grad F(Q_s(w)) = grad F(w), by the sum over all roundings."""
    w = np.random.default_rng(problem.dim).uniform(-1, 1, problem.dim)
    points = corners(problem.dim)
    chances = np.prod((1 + points * w) / 2, axis=1)
    assert chances @ problem.value(points) == pytest.approx(float(problem.value(w)), abs=1e-12)
    np.testing.assert_allclose(chances @ problem.gradient(points), problem.gradient(w), atol=1e-12)


def test_a_diagonal_would_break_it():
    w, points = np.array([0.5, -0.25]), corners(2)
    J = np.array([[1.0, 0.3], [0.3, 1.0]])
    chances = np.prod((1 + points * w) / 2, axis=1)
    value = np.sum(points * (points @ J), axis=1) / 2
    assert abs(chances @ value - w @ J @ w / 2) > 0.1


def test_random_instances_are_those_of_sherrington_and_kirkpatrick():
    J = Ising.random(300, 7).couplings
    entries = J[np.triu_indices(300, 1)] * np.sqrt(300)
    n = entries.size
    assert (J == J.T).all() and not np.diagonal(J).any()
    assert abs(entries.mean()) < 5 / np.sqrt(n) and abs(np.mean(entries**2) - 1) < 5 * np.sqrt(2 / n)
    np.testing.assert_array_equal(J, Ising.random(300, 7).couplings)
    assert (Ising.random(300, 8).couplings != J).any()


# --- constants


@given(instances)
def test_constants_are_true_and_not_loose(problem):
    mu, L, L2, G, D = problem.constants
    spectrum = np.linalg.eigvalsh(problem.couplings)
    assert (mu.value, L.value, L2.value) == (spectrum[0], np.abs(spectrum).max(), 0.0)
    assert mu.value < 0 and mu.how == "by eigenvalues"
    steepest = np.linalg.norm(problem.gradient(corners(problem.dim)), axis=1).max()  # convex: at a corner
    assert steepest <= G.value <= 2.5 * steepest
    assert D.value == pytest.approx(2 * np.sqrt(problem.dim))


def test_noise_enters_g():
    J = Ising.random(5, 1).couplings
    quiet = Ising(J).constants.G.value
    assert Ising(J, noise=Gaussian(2.0)).constants.G.value == pytest.approx(np.sqrt(quiet**2 + 5 * 4))
    assert Ising(J).noise == NoNoise() and Ising.random(5, 1, noise=OneBit(9.0)).noise == OneBit(9.0)


# --- the optimum


@given(instances)
def test_the_optimum_is_the_least_of_all_signs(problem):
    w, value = problem.closed_form()
    points = corners(problem.dim)
    assert value == pytest.approx(problem.value(points).min(), rel=1e-13)
    assert value == float(problem.value(w)) and w[0] == 1 and (np.abs(w) == 1).all()
    inside = np.random.default_rng(0).uniform(-1, 1, (200, problem.dim))
    assert (problem.value(inside) >= value).all()


@given(instances)
def test_energies_are_those_of_the_signs_in_order(problem):
    energies = problem.energies()
    points = np.array([signs(i, problem.dim) for i in range(energies.size)])
    assert (points[:, 0] == 1).all() and len(np.unique(points, axis=0)) == 2 ** (problem.dim - 1)
    np.testing.assert_allclose(energies, problem.value(points), rtol=1e-12, atol=1e-13)


def test_it_agrees_with_the_enumeration_of_a_lattice():
    problem = Ising.random(11, 4)
    assert lattice_optimum(problem, BINARY)[1] == pytest.approx(problem.closed_form()[1], rel=1e-13)


def test_a_ferromagnet_and_its_gauge_transforms():
    for d in (2, 5, 16, 17):
        flips = np.where(np.random.default_rng(d).random(d) < 0.5, -1.0, 1.0)
        flips[0] = 1.0
        w, value = Ising((np.eye(d) - 1) * np.outer(flips, flips)).closed_form()
        np.testing.assert_array_equal(w, flips)
        assert value == (d - d * d) / 2


def test_enumeration_takes_less_than_a_second_and_is_kept():
    problem = Ising.random(16, 0)
    for limit in (1.0, 1e-3):
        begin = time.perf_counter()
        problem.closed_form()
        assert time.perf_counter() - begin < limit
    assert problem.closed_form()[0] is problem.closed_form()[0]
    assert not problem.closed_form()[0].flags.writeable


@given(instances)
def test_the_certificate_is_exact_up_to_twenty_weights(problem):
    best = optimum(problem)
    assert best.certificate.gap == 0 and "all vectors of signs" in best.certificate.how
    for w in corners(problem.dim)[:5]:
        assert certify(problem, w).gap == pytest.approx(float(problem.value(w)) - best.value, abs=1e-12)


def test_beyond_twenty_weights_a_reference_stands_in_and_nothing_is_certified():
    J = Ising.random(ENUMERABLE + 1, 0).couplings
    with pytest.raises(ValueError, match=r"reference must give the point that gaps are measured from for d > 20"):
        optimum(Ising(J))
    reference = np.ones(ENUMERABLE + 1)
    problem = Ising(J, reference)
    found = optimum(problem)
    assert found.value == float(problem.value(reference)) and found.certificate.gap == np.inf
    assert "not certified: F is not convex" in found.certificate.how


def test_a_stationary_point_is_not_certified_as_optimal():
    """The control: at w = 0 the gradient is 0, and in a box the gap of a convex F would be 0 there."""
    reference = np.ones(ENUMERABLE + 1)
    problem = Ising(Ising.random(ENUMERABLE + 1, 0).couplings, reference)
    assert certify(problem, np.zeros(problem.dim)).gap == np.inf
    small = Ising.random(6, 0)
    assert certify(small, np.zeros(6)).gap == pytest.approx(-small.closed_form()[1])


def test_the_convex_solver_refuses_it():
    with pytest.raises(ValueError, match="problem must be one that cvxpy can model, got Ising"):
        solve(Ising.random(4, 0))


# --- runs


def test_the_core_steps_it_as_the_dense_quadratic_that_it_is():
    """BinaryConnect without noise, against a loop by hand."""
    problem, alpha = Ising.random(12, 3, noise=Gaussian(0.0)), 0.1
    start = np.random.default_rng(1).uniform(-1, 1, (5, 12))
    method = BC(NearestRounding(BINARY))
    run = simulate(problem, method, Constant(alpha), steps=300, trials=5, start=start, record=[1, 300], keep_final=True)
    w = start.copy()
    for _ in range(299):
        w = np.clip(w - alpha * problem.gradient(np.where(w >= 0, 1.0, -1.0)), -1, 1)
    np.testing.assert_allclose(run.final, w, atol=1e-12)
    gaps = problem.value(np.where(w >= 0, 1.0, -1.0)) - problem.closed_form()[1]
    np.testing.assert_allclose(run.last("deployed_gap"), gaps, atol=1e-12)
    assert (run.values["deployed_gap"] >= -1e-12).all()


@pytest.mark.parametrize("precision", ["double", "single"])
def test_runs_stay_on_the_signs_and_above_the_optimum(precision):
    problem = Ising.random(16, 3, noise=Gaussian(1.0))
    more = {"steps": 500, "trials": 40, "seed": 1, "precision": precision, "keep_final": True}
    run = simulate(problem, SR(BINARY), Constant(0.1), **more)
    assert (np.abs(run.final) == 1).all() and (run.values["gap"] >= -1e-12).all()
    np.testing.assert_allclose(run.last("gap"), problem.value(run.final) - problem.closed_form()[1], atol=1e-12)


def test_sr_ends_with_the_law_of_its_chain():
    """The share of trials at the optimum against the stationary law in the limit of small steps; and not another's."""
    sigma, trials = 0.7, 4000
    problem = Ising.random(6, 1, noise=Gaussian(sigma))
    run = simulate(problem, SR(BINARY), Constant(0.05), steps=2000, trials=trials, seed=3, record=[2000], average=False)
    found = share_interval(int(np.sum(run.last("gap") < 1e-9)), trials, failure=1e-6)
    for factor in (1.0, 1.3):
        chain = sr_limit(Ising(problem.couplings, noise=Gaussian(factor * sigma)), SR(BINARY))
        optimal = problem.value(chain.points) < problem.closed_form()[1] + 1e-9
        assert found.contains(float(chain.stationary().probabilities[optimal].sum())) == (factor == 1)


def test_gaps_from_a_reference_are_negative_below_it():
    J = Ising.random(30, 2).couplings
    problem = Ising(J, np.ones(30), noise=Gaussian(0.0))
    start = np.where(np.random.default_rng(0).random((8, 30)) < 0.5, -1.0, 1.0)
    run = simulate(problem, SR(BINARY), Constant(0.05), steps=2000, trials=8, start=start)
    assert run.last("gap").max() < 0  # without noise SR moves downhill on average, far below all ones
    assert run.last("gap").max() >= -float(problem.value(np.ones(30))) - np.abs(J).sum() / 2


# --- bad input (couplings themselves: tests/test_relaxation.py)

J21 = Ising.random(21, 0).couplings
BAD = [
    (
        (np.zeros((2, 2)), [1.0, 1.0]),
        {},
        "reference must be left out for d <= 20, where all signs are visited, got d = 2",
    ),
    ((J21, [1.0, 1.0]), {}, "reference must have shape (21,), got (2,)"),
    ((J21, np.full(21, 0.5)), {}, "reference must hold -1 and 1 only, got 0.5"),
    ((J21, np.full(21, np.nan)), {}, "reference must be finite"),
    ((J21,), {"noise": 1.0}, "noise must be a noise law such as Gaussian(1.0), got 1.0"),
]


@pytest.mark.parametrize(("arguments", "more", "message"), BAD)
def test_bad_arguments(arguments, more, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Ising(*arguments, **more)


def test_bad_arguments_of_the_methods():
    with pytest.raises(ValueError, match="d must be at least 2, got 1"):
        Ising.random(1, 0)
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        Ising.random(3, -1)
    with pytest.raises(ValueError, match="d must be at most 20 to visit all signs, got 21"):
        Ising(J21).energies()
    with pytest.raises(TypeError, match="box"):
        Ising(J21, box=(-2.0, 2.0))


def test_it_is_no_dense_quadratic():
    """Whose matrix must be positive definite, and which theorems for convex problems accept."""
    with pytest.raises(ValueError, match="matrix must be positive definite"):
        DenseQuadratic(J21)
    assert not isinstance(Ising(J21), DenseQuadratic)
