"""Stationary laws and spectra of chains of any kind, against linear algebra, fractions and formulas."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from qtheory.markov import Chain, _sparse, sr_limit
from qtheory.methods import SR
from qtheory.problems import DenseQuadratic, Gaussian, SeparableQuadratic


def points(n):
    return np.arange(float(n))[:, None]


@st.composite
def fractional(draw, most=7):
    """An irreducible chain in fractions, with entries of very different sizes."""
    n = draw(st.integers(2, most))
    weight = st.integers(0, 30).map(lambda e: Fraction(1, 2**e) if e % 3 else Fraction(0))
    rows = [[draw(weight) for _ in range(n)] for _ in range(n)]
    for i in range(n):
        rows[i][(i + 1) % n] += Fraction(1, 2 ** draw(st.integers(0, 40)))
    return np.array([[q / sum(row) for q in row] for row in rows], dtype=object)


@given(fractional())
def test_elimination_is_exact_in_fractions_and_right_entry_by_entry_in_floats(matrix):
    exact = Chain(points(len(matrix)), matrix).stationary()
    assert exact.error == 0 and sum(exact.probabilities) == 1
    assert (exact.probabilities @ matrix == exact.probabilities).all()
    law = Chain(points(len(matrix)), matrix.astype(np.float64), error=2.0**-53).stationary()
    truth = exact.probabilities.astype(np.float64)
    assert (np.abs(law.probabilities - truth) <= (law.error + 1e-15) * truth).all()
    assert law.error < 1e-12


@pytest.mark.parametrize("n", [63, 64, 65, 200])
def test_elimination_in_panels_agrees_with_a_linear_solver(n):
    matrix = np.random.default_rng(n).random((n, n)) ** 4
    matrix /= matrix.sum(axis=1)[:, None]
    law = Chain(points(n), matrix).stationary()
    system = np.vstack([(matrix.T - np.eye(n))[:-1], np.ones(n)])
    np.testing.assert_allclose(law.probabilities, np.linalg.solve(system, np.eye(n)[-1]), rtol=1e-9)
    assert law.error < 1e-9


def test_probabilities_far_apart_stay_right():
    # Up with 1e-6, down with 1: pi_k ~ 1e-6k, over 180 orders of magnitude.
    n = 31
    matrix = np.diag(np.full(n - 1, 1e-6), 1) + np.diag(np.full(n - 1, 0.5), -1)
    matrix += np.diag(1 - matrix.sum(axis=1))
    expected = (2e-6) ** np.arange(n) * (1 - 2e-6)
    for shuffled in (np.arange(n), np.random.default_rng(1).permutation(n)):  # neighbours, and elimination
        law = Chain(points(n), matrix[np.ix_(shuffled, shuffled)]).stationary()
        np.testing.assert_allclose(law.probabilities, expected[shuffled], rtol=1e-13)
        assert law.error < 1e-11


def test_transient_states_have_no_mass_and_two_closed_classes_are_refused():
    leaving = np.array([[0.5, 0.25, 0.25], [0.0, 0.75, 0.25], [0.0, 0.5, 0.5]])
    np.testing.assert_allclose(Chain(points(3), leaving).stationary().probabilities, [0, 2 / 3, 1 / 3], rtol=1e-15)
    absorbing = np.array([[0.5, 0.25, 0.25], [0, 1, 0], [0, 0, 1.0]])
    with pytest.raises(ValueError, match=r"2 closed classes.*states \[\[1\.\]\], another \[\[2\.\]\]"):
        Chain(points(3), absorbing).stationary()
    only = Chain(points(2), [[1.0, 0.0], [1.0, 0.0]]).stationary()
    assert only.probabilities.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("delta", [1 / 10, 1 / 24])
def test_sparse_solvers_agree_with_elimination(delta):
    problem = DenseQuadratic([[2.0, 0.5], [0.5, 1.0]], [0.1, -0.2], noise=Gaussian(4.0), box=(-1.0, 1.0))
    limit = sr_limit(problem, SR(2 / round(2 / delta)))
    law = limit.stationary()
    rates = _sparse.off_diagonal(sparse.csr_array(limit.matrix))
    for solver in (_sparse._by_factoring, _sparse._by_iteration):
        values, error = solver(rates)
        assert error < 1e-8
        np.testing.assert_allclose(values, law.probabilities, rtol=2 * (error + law.error))


def test_a_sparse_solver_says_when_it_is_not_accurate(monkeypatch):
    def halves(bridge, n=40):
        """Two complete graphs that hardly know each other."""
        block = sparse.csr_array(np.ones((n, n)) - np.eye(n))
        bridge = sparse.csr_array(([bridge], ([0], [n - 1])), shape=(n, n))
        rates = sparse.csr_array(sparse.block_array([[block, bridge], [bridge * 3.0, block]]))
        return sparse.csr_array(rates - sparse.diags_array(rates.sum(axis=1)))

    for narrow in (True, False):
        monkeypatch.setattr(_sparse, "fits", lambda rates, narrow=narrow: narrow)
        matrix = halves(0.1)
        values, error = _sparse.sparse_weights(matrix)
        dense = Chain(points(80), matrix.toarray(), generator=True).stationary().probabilities
        np.testing.assert_allclose(values, dense, rtol=2 * error)
        with pytest.raises(ValueError, match=r"found to a relative error of .* only, 1e-08 was expected"):
            _sparse.sparse_weights(halves(1e-12))


# Spectra


@given(fractional())
def test_the_gap_is_that_of_all_eigenvalues(matrix):
    matrix = matrix.astype(np.float64)
    chain, generator = (
        Chain(points(len(matrix)), matrix),
        Chain(points(len(matrix)), matrix - np.eye(len(matrix)), True),
    )
    values = np.linalg.eigvals(matrix)
    rest = np.delete(values, np.argmin(np.abs(values - 1)))
    slack = 1e-6  # defective matrices lose half of the digits
    assert chain.spectral_gap().estimate == pytest.approx(1 - np.abs(rest).max(), abs=slack)
    assert generator.spectral_gap().estimate == pytest.approx(1 - rest.real.max(), abs=slack)


@pytest.mark.parametrize("n", [2, 5, 40])
def test_the_gap_of_a_walk_on_a_line_is_known(n):
    # Reflecting walk with rates 1: eigenvalues 2 - 2 cos(pi k / n).
    rates = np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)
    generator = Chain(points(n), rates - np.diag(rates.sum(axis=1)), generator=True)
    expected = 2 - 2 * np.cos(np.pi / n)
    found = generator.spectral_gap()
    assert found.low * (1 - 1e-14) <= expected <= found.high * (1 + 1e-14) and found.width < 1e-10 * expected
    steps = Chain(points(n), np.eye(n) + 0.5 * (rates - np.diag(rates.sum(axis=1))))
    assert steps.spectral_gap().estimate == pytest.approx(min(expected / 2, 1 + np.cos((n - 1) / n * np.pi)), rel=1e-9)


def test_a_tiny_gap_of_neighbours_is_right_relative_to_itself():
    # Two wells with a barrier: in three states the eigenvalues are roots of a quadratic.
    a, b = 1e-14, 1.0
    chain = Chain(points(3), [[-a, a, 0], [b, -2 * b, b], [0, a, -a]], generator=True)
    assert chain.spectral_gap().estimate == pytest.approx(a, rel=1e-12)


def test_gaps_of_products_are_the_least_gap():
    problem = SeparableQuadratic([1.0, 3.0], [0.1, 0.0], noise=Gaussian(2.0), box=(-1.0, 1.0))
    gaps = [
        sr_limit(SeparableQuadratic([c], [m], noise=Gaussian(2.0), box=(-1.0, 1.0)), SR(0.25)).spectral_gap().estimate
        for c, m in ((1.0, 0.1), (3.0, 0.0))
    ]
    assert sr_limit(problem, SR(0.25)).spectral_gap().contains(min(gaps))  # dense, reversible
    large = [
        sr_limit(SeparableQuadratic([c], [m], noise=Gaussian(2.0), box=(-1.0, 1.0)), SR(1 / 20)).spectral_gap()
        for c, m in ((1.0, 0.1), (3.0, 0.0))
    ]
    found = sr_limit(problem, SR(1 / 20)).spectral_gap()  # 1681 states: Arnoldi
    assert found.estimate == pytest.approx(min(gap.estimate for gap in large), rel=1e-8)
