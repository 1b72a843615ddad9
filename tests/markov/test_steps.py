"""T_alpha and its limit: rows against enumeration and quadrature, identities in fractions, numbers of the notes."""

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

from qtheory.markov import closed_form, sr_chain, sr_limit
from qtheory.methods import SR
from qtheory.problems import (
    DenseQuadratic,
    Finite,
    FromCdf,
    Gaussian,
    OneBit,
    PiecewiseQuadratic,
    Rademacher,
    SeparableQuadratic,
)
from qtheory.quantizers import Grid
from qtheory.testing import sr_runs

GRID = Grid(0.5)
THREE = Finite([-1.5, -0.25, 2.0], [0.25, 0.5, 0.25])


def toy(noise, box=(-4.0, 8.0)):
    return PiecewiseQuadratic.li2017_toy(noise, box)


def rounded(w, grid):
    """{level: chance} of Q_s(w) held to the box, from the definition."""
    w = min(max(w, grid.box[0]), grid.box[1])
    v = (w - grid.box[0]) / grid.delta
    low = int(np.floor(v))
    return {k: q for k, q in ((low, low + 1 - v), (low + 1, v - low)) if q > 0}


def enumerated(problem, grid, alpha):
    """T_alpha by listing all outcomes of noise and rounding."""
    levels = grid.levels
    states = list(product(range(levels.size), repeat=problem.dim))
    out = np.zeros((len(states), len(states)))
    for i, state in enumerate(states):
        w = levels[list(state)]
        values, chances = problem.noise.support(problem.gradient(w))
        for pick in product(range(values.shape[-1]), repeat=problem.dim):
            share = np.prod([chances[j, o] for j, o in enumerate(pick)])
            ways = [rounded(w[j] - alpha * values[j, o], grid) for j, o in enumerate(pick)]
            for target in product(*ways):
                part = np.prod([way[k] for way, k in zip(ways, target, strict=True)])
                out[i, states.index(target)] += share * part
    return out


@given(sr_runs(steps=2, most=2, boxed=True).filter(lambda run: run.method.grid.levels.size <= 8))
def test_every_row_is_what_enumeration_gives(run):
    alpha = float(run.schedule(1)) + 1 / 32
    chain = sr_chain(run.problem, run.method, alpha)
    np.testing.assert_allclose(chain.matrix, enumerated(run.problem, run.method.grid, alpha), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(chain.matrix.sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize("noise", [Rademacher(1.0), OneBit(8.0), THREE])
def test_coupled_coordinates_move_independently_given_the_state(noise):
    grid = Grid(0.5, box=(-1.0, 1.0))
    problem = DenseQuadratic([[2.0, 0.75], [0.75, 1.0]], [0.25, -0.5], noise=noise, box=(-1.0, 1.0))
    chain = sr_chain(problem, SR(GRID), 0.25)
    np.testing.assert_allclose(chain.matrix, enumerated(problem, grid, 0.25), rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(chain.points, list(product(grid.levels, repeat=2)))


@pytest.mark.parametrize("noise", [Gaussian(2.0), FromCdf(lambda x: float(ndtr(x / 2.0)))])
@pytest.mark.parametrize("alpha", [1.0, 0.25, 0.05])
def test_gaussian_rows_agree_with_quadrature(noise, alpha):
    problem = toy(noise, (-1.0, 3.0))
    chain, levels = sr_chain(problem, SR(GRID), alpha), np.arange(-1.0, 3.5, 0.5)
    assert chain.matrix.sum(axis=1) == pytest.approx(np.ones(9), abs=1e-14)
    for i, j in [(0, 1), (0, 8), (2, 1), (4, 4), (5, 3), (8, 0), (6, 8)]:
        slope = problem.slope(0, levels[i])

        def share(g, i=i, j=j):
            return rounded(levels[i] - alpha * g, Grid(0.5, box=(-1.0, 3.0))).get(j, 0.0)

        kinks = sorted((levels[i] - np.array([levels[j] - 0.5, levels[j], levels[j] + 0.5])) / alpha)
        ends = [slope - 30, *(k for k in kinks if abs(k - slope) < 30), slope + 30]
        pieces = [
            quad(lambda g, s=slope: share(g) * norm.pdf(g, s, 2.0), a, b, epsabs=0, epsrel=1e-11, limit=200)[0]
            for a, b in pairwise(ends)
        ]
        tolerance = 1e-9 + 2 * chain.error
        assert chain.matrix[i, j] == pytest.approx(sum(pieces), rel=tolerance, abs=1e-13)


def test_rare_moves_keep_their_relative_accuracy():
    # One level up from where F rises steeply: E[g^-] by the asymptotic series of the Gaussian tail.
    problem = SeparableQuadratic([1.0], [-30.0], noise=Gaussian(1.0), box=(0.0, 1.0))
    limit = sr_limit(problem, SR(1.0))
    z = 30.0
    terms = [(-1) ** k * np.prod(np.arange(1.0, 2 * k + 2, 2)) / z ** (2 * k + 2) for k in range(8)]
    expected = norm.pdf(z) * sum(terms)
    assert limit.matrix[0, 1] == pytest.approx(expected, rel=1e-12) and limit.error < 1e-12
    chain = sr_chain(problem, SR(1.0), 1e-3)
    assert chain.matrix[0, 1] / 1e-3 == pytest.approx(expected, rel=2 * chain.error) and chain.error < 1e-10


def test_below_the_threshold_the_chain_is_its_limit_in_fractions():
    problem, method = toy(Rademacher(2.0), (-2.0, 6.0)), SR(GRID)
    limit = sr_limit(problem, method, rational=True)
    for alpha in (Fraction(1, 16), Fraction(1, 1000)):
        chain = sr_chain(problem, method, alpha, rational=True)
        identity = np.array([[Fraction(i == j) for j in range(17)] for i in range(17)])
        assert (chain.matrix == identity + alpha * limit.matrix).all() and (chain.matrix.sum(axis=1) == 1).all()
        assert (chain.stationary().probabilities == limit.stationary().probabilities).all()
    beyond = sr_chain(problem, method, Fraction(1, 8), rational=True)
    assert (beyond.matrix != identity + Fraction(1, 8) * limit.matrix).any()


@pytest.mark.parametrize("noise", [Gaussian(2.0), Rademacher(16.0), OneBit(16.0)])
def test_the_limit_of_one_dimension_is_in_detailed_balance(noise):
    limit = sr_limit(toy(noise), SR(GRID))
    law = limit.stationary().probabilities
    flow = law[:, None] * limit.matrix
    np.testing.assert_allclose(flow, flow.T, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(limit.matrix.sum(axis=1), 0, atol=1e-13)
    np.testing.assert_allclose(closed_form(toy(noise), SR(GRID)), law, rtol=1e-13)


def test_separable_problems_give_products_and_sums():
    one = PiecewiseQuadratic.li2017_toy(THREE, (-1.0, 1.0))
    two = PiecewiseQuadratic.li2017_toy(THREE, (-1.0, 1.0), dimension=2)
    T, K, eye = sr_chain(one, SR(GRID), 0.25).matrix, sr_limit(one, SR(GRID)).matrix, np.eye(5)
    np.testing.assert_allclose(sr_chain(two, SR(GRID), 0.25).matrix, np.kron(T, T), rtol=1e-15)
    np.testing.assert_allclose(sr_limit(two, SR(GRID)).matrix, np.kron(K, eye) + np.kron(eye, K), rtol=1e-14)


def test_a_large_limit_is_sparse_and_the_same():
    problem = DenseQuadratic([[2.0, 0.5], [0.5, 1.0]], [0.1, -0.2], noise=Gaussian(4.0), box=(-1.0, 1.0))
    limit = sr_limit(problem, SR(1 / 32))
    assert limit.sparse and limit.size == 65**2
    dense, i = limit.matrix.toarray(), 20 * 65 + 64
    g = problem.gradient(limit.points[i])
    up, down = norm.pdf(g / 4) * 4 - g * norm.cdf(-g / 4), norm.pdf(g / 4) * 4 + g * norm.cdf(g / 4)
    row = {i + 65: up[0] * 32, i - 65: down[0] * 32, i - 1: down[1] * 32}
    row[i] = -sum(row.values())
    assert {j: pytest.approx(q, rel=1e-12) for j, q in row.items()} == {
        int(j): dense[i, j] for j in np.flatnonzero(dense[i])
    }


@pytest.mark.parametrize("scale", [0.25, 3.0])
def test_the_chain_does_not_know_the_unit_of_the_weights(scale):
    """w -> s w with F kept as it is in the new unit: the slope and the noise scale by 1/s, alpha by s^2."""

    def chain(s, alpha):
        problem = SeparableQuadratic([2.0 / s**2], [0.3 * s], noise=Gaussian(1.0 / s), box=(-2 * s, 2 * s))
        return sr_chain(problem, SR(0.5 * s), alpha * s**2)

    a, b = chain(1.0, 0.2), chain(scale, 0.2)
    np.testing.assert_allclose(a.matrix, b.matrix, rtol=a.error + b.error + 1e-12, atol=1e-300)
    assert not np.allclose(a.matrix, chain(1.0, 0.21).matrix, rtol=1e-3)


def total_variation(a, b):
    return float(np.abs(a.stationary().probabilities - b.stationary().probabilities).sum() / 2)


def test_the_numbers_of_the_theory_notes():
    problem, method = toy(Gaussian(2.0)), SR(GRID)
    limit = sr_limit(problem, method)
    assert limit.stationary().probabilities.max() == pytest.approx(0.364, abs=5e-4)
    for alpha, tv in ((1.0, 0.712), (0.3, 0.241), (0.1, 0.0064)):
        assert total_variation(sr_chain(problem, method, alpha), limit) == pytest.approx(tv, rel=2e-3)
    assert total_variation(sr_chain(problem, method, 0.03), limit) < 1e-5
    for sigma, constant in ((2.0, 26.1), (4.0, 12.2)):
        found = sr_chain(toy(Gaussian(sigma)), method, 0.001).mixing_time(0.1)
        assert 0.001 * found.value == pytest.approx(constant, abs=0.1)
        assert sr_limit(toy(Gaussian(sigma)), method).mixing_time(0.1).value == pytest.approx(0.001 * found.value, 1e-3)


def test_the_limit_with_its_directions_exchanged_is_another():
    problem, method = toy(Gaussian(2.0)), SR(GRID)
    right, wrong = sr_limit(problem, method), sr_limit(problem, method, swapped=True)
    small = sr_chain(problem, method, 0.03)
    assert total_variation(small, right) < 1e-5 and total_variation(small, wrong) > 0.5


@given(st.integers(1, 8), st.integers(1, 12))
def test_the_closed_form_is_exact_in_fractions(sigma, n):
    problem = SeparableQuadratic([1.0], [0.25], noise=OneBit(4.0 + sigma), box=(-n / 4, n / 4))
    limit = sr_limit(problem, SR(0.25), rational=True)
    law = closed_form(problem, SR(0.25), rational=True)
    assert sum(law) == 1 and (limit.stationary().probabilities == law).all()
    assert (law @ limit.matrix == 0).all()
