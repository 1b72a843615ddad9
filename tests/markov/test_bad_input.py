"""Chains refuse what they cannot use, and say what was expected."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from qtheory.markov import Chain, closed_form, sr_chain, sr_limit
from qtheory.methods import BC, SR
from qtheory.problems import (
    DenseQuadratic,
    FromCdf,
    Gaussian,
    LeastSquares,
    NoNoise,
    PiecewiseQuadratic,
    Rademacher,
    SeparableQuadratic,
)

TOY = PiecewiseQuadratic.li2017_toy(Gaussian(2.0))
HALF = np.full((2, 2), 0.5)
TWO = [[0.0], [1.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TWO, [[0.5, 0.6], [0.5, 0.5]]), r"rows with sum 1, got 1\.1 in row 0"),
        ((TWO, [[-0.5, 1.5], [0.5, 0.5]]), "negative entries, got 1"),
        ((TWO, [[1.5, -0.5], [0.5, 0.5]], True), "negative rates, got 1"),
        ((TWO, [[-1.0, 1.0], [1.0, 1.0]], True), r"rows with sum 0, got 2\.0 in row 1"),
        ((TWO, [[np.nan, 0.5], [0.5, 0.5]]), "must be finite, got 1 NaN"),
        ((TWO, [[0.5, 0.5]]), r"shape \(2, 2\), one row for each of the points, got \(1, 2\)"),
        ((TWO, [0.5, 0.5]), r"shape \(2, 2\)"),
        ((TWO, sparse.csr_array(np.eye(3))), r"shape \(2, 2\)"),
        ((TWO, sparse.csr_array(np.array([[0.5, 0.25], [0.5, 0.5]]))), "rows with sum 1"),
        ((TWO, np.array([[Fraction(1, 2), Fraction(1, 3)]] * 2, dtype=object)), "rows with sum 1"),
        ((TWO, np.array([[0.5, None]] * 2, dtype=object)), "floats only, or Fractions only"),
        ((TWO, [["a", "b"], ["c", "d"]]), "matrix must be an array of real numbers"),
        (([0.0, 1.0], HALF), "points must have 2 dimensions"),
        ((TWO, HALF, False, -1e-3), "error must be at least 0"),
    ],
)
def test_a_matrix_that_is_no_chain(arguments, message):
    with pytest.raises(ValueError, match=message):
        Chain(*arguments)


def test_integers_and_one_state_and_sparse_are_chains():
    assert Chain(TWO, [[0, 1], [1, 0]]).stationary().probabilities.tolist() == [0.5, 0.5]
    one = Chain([[3.0]], sparse.csr_array(np.ones((1, 1))))
    assert one.sparse and one.stationary().probabilities.tolist() == [1.0]
    exact = Chain([[3.0]], np.array([[Fraction(1)]], dtype=object))
    assert exact.rational and exact.stationary().probabilities.tolist() == [1]
    with pytest.raises(ValueError, match="one state has no spectral gap"):
        one.spectral_gap()
    given = np.full((2, 2), 0.5)
    chain = Chain(TWO, given)
    given[0, 0] = 7.0  # nobody else can change a chain
    assert chain.matrix[0, 0] == 0.5
    with pytest.raises(ValueError, match="read-only"):
        chain.matrix[0, 0] = 1.0


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda c: c.mixing_time(0.0), "epsilon must be greater than 0"),
        (lambda c: c.mixing_time(1.0), r"epsilon must lie in \(0, 1\), got 1"),
        (lambda c: c.mixing_time(np.nan), "epsilon must be finite"),
        (lambda c: c.distance(-1), "k must be between 0 and"),
        (lambda c: c.distance(0.5), "k must be an integer"),
        (lambda c: c.occupancy(2.5, 0), "steps must be an integer"),
        (lambda c: c.occupancy(5, 2), "start must be between 0 and 1"),
        (lambda c: c.occupancy(5, [0.5, 0.6]), "start must be a law"),
        (lambda c: c.occupancy(5, [1.0]), r"start must have shape \(2,\)"),
        (lambda c: c.evolve([-0.5, 1.5], 3), "start must be a law"),
        (lambda c: c.hitting_time([False, False]), "target must hold at least one state"),
        (lambda c: c.hitting_time([0, 1]), r"target must be a bool array of shape \(2,\)"),
        (lambda c: c.hitting_time([True]), r"target must be a bool array of shape \(2,\)"),
        (lambda c: c.survival([False, False], 3, 0), "inside must hold at least one state"),
        (lambda c: c.escape_rate([False, False]), "inside must hold at least one state"),
    ],
)
def test_questions_without_an_answer(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(Chain(TWO, HALF))


def test_powers_of_large_chains_are_refused_and_their_steps_are_not():
    n = 2100
    around = sparse.csr_array((np.ones(n), (np.arange(n), np.roll(np.arange(n), -1))), shape=(n, n))
    chain = Chain(np.arange(float(n))[:, None], around)
    assert chain.evolve(0, 3).argmax() == 3 and chain.occupancy(10, 0).sum() == 10
    with pytest.raises(ValueError, match="at most 2048 states, got 2100"):
        chain.distance(3)
    with pytest.raises(ValueError, match="periodic, with period 2100"):
        chain.mixing_time(0.1)


SEPARABLE = SeparableQuadratic([1.0] * 8, noise=Gaussian(1.0), box=(-1.0, 1.0))


@pytest.mark.parametrize(
    ("problem", "method", "message"),
    [
        (PiecewiseQuadratic.li2017_toy(Gaussian(2.0), None), SR(0.5), "finite, got an unbounded one.*infinite ones"),
        (SEPARABLE, SR(0.5), r"at most \d+ states, got 5\^8 = 390625: use a coarser grid"),
        (TOY, BC(0.5), "method must be a method such as SR"),
        ("toy", SR(0.5), "problem must be a problem such as"),
        (TOY, SR(0.3), "box must lie on the grid"),
        (LeastSquares(np.eye(2), [1.0, 1.0], 0.1, 1, box=(-1.0, 1.0)), SR(0.5), "mini-batches make no chain"),
    ],
)
def test_what_has_no_finite_chain(problem, method, message):
    for build in (lambda p, m: sr_chain(p, m, 0.1), sr_limit):
        with pytest.raises(ValueError, match=message):
            build(problem, method)


def test_what_has_no_fractions_or_closed_form():
    for noise in (Gaussian(1.0), FromCdf(lambda x: min(max((x + 1) / 2, 0.0), 1.0), -1.0, 1.0)):
        problem = SeparableQuadratic([1.0], noise=noise, box=(-1.0, 1.0))
        with pytest.raises(ValueError, match=r"rational=True needs .* has no finite support"):
            sr_limit(problem, SR(0.5), rational=True)
    dense = DenseQuadratic(np.eye(2), noise=Rademacher(1.0), box=(-1.0, 1.0))
    with pytest.raises(ValueError, match="problem must be separable"):
        sr_limit(dense, SR(0.5), rational=True)
    with pytest.raises(ValueError, match="problem must be one-dimensional, got d=2"):
        closed_form(dense, SR(0.5))
    for noise in (NoNoise(), Rademacher(0.25)):
        with pytest.raises(ValueError, match=r"noise must be two-sided: between the levels -1 and -0\.5"):
            closed_form(SeparableQuadratic([1.0], noise=noise, box=(-1.0, 1.0)), SR(0.5))
    for alpha in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="alpha must be"):
            sr_chain(TOY, SR(0.5), alpha)
