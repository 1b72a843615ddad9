"""Distances, mixing times, occupancies, hitting times and escapes: against brute force, formulas and simulation."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from qtheory.markov import Chain, sr_chain, sr_limit
from qtheory.methods import SR
from qtheory.problems import Gaussian, PiecewiseQuadratic, Rademacher, SeparableQuadratic
from qtheory.quantizers import Grid
from qtheory.schedules import Constant
from qtheory.simulate import simulate
from tests.markov.test_stationary import fractional, points

GRID = Grid(0.5)


def toy(noise, box=(-4.0, 8.0)):
    return PiecewiseQuadratic.li2017_toy(noise, box)


def lazy(matrix):
    """A chain of floats that is not periodic."""
    return Chain(points(len(matrix)), (matrix.astype(np.float64) + np.eye(len(matrix))) / 2, error=2.0**-53)


def distances(chain, most):
    """d(1), ..., d(most) by multiplying on and on."""
    law, power, out = chain.stationary().probabilities, np.eye(chain.size), []
    for _ in range(most):
        power = power @ chain.matrix
        out.append(np.abs(power - law).sum(axis=1).max() / 2)
    return np.array(out)


@given(fractional(), st.integers(1, 200))
def test_distances_are_those_of_brute_force(matrix, k):
    chain = lazy(matrix)
    found = chain.distance(k)
    expected = distances(chain, k)[-1]
    assert found.low - 1e-12 <= expected <= found.high + 1e-12
    assert chain.distance(0).estimate == pytest.approx(1 - chain.stationary().probabilities.min())
    assert found.estimate <= chain.distance(k - 1).high


@pytest.mark.parametrize("epsilon", [0.3, 0.1, 0.01, 1e-6])
@pytest.mark.parametrize("alpha", [1.0, 0.1])
def test_the_mixing_time_is_the_first_step_below_epsilon(alpha, epsilon):
    chain = sr_chain(toy(Gaussian(4.0)), SR(GRID), alpha)
    found = chain.mixing_time(epsilon)
    expected = 1 + int(np.argmax(distances(chain, 3000) <= epsilon))
    assert isinstance(found.value, int) and found.low == found.value == found.high == expected
    assert Chain(points(2), np.full((2, 2), 0.5)).mixing_time(0.6).value == 0


def test_the_mixing_time_of_a_generator_solves_its_equation():
    limit = sr_limit(toy(Gaussian(2.0)), SR(GRID))
    found, law = limit.mixing_time(0.1), limit.stationary().probabilities

    def distance(t):
        return np.abs(expm(t * limit.matrix) - law).sum(axis=1).max() / 2

    assert found.low <= found.value <= found.high <= found.low * (1 + 1e-9)
    assert distance(found.value * (1 - 1e-8)) > 0.1 > distance(found.value * (1 + 1e-8))
    assert limit.distance(7.5).estimate == pytest.approx(distance(7.5), abs=1e-12)


def test_two_states_mix_like_a_geometric_series():
    a, b = 3e-7, 1e-7
    chain = Chain(points(2), [[1 - a, a], [b, 1 - b]])
    k = 10_000_000
    assert chain.distance(k).estimate == pytest.approx(0.75 * (1 - a - b) ** k, rel=1e-8)
    exact = np.log(0.1 / 0.75) / np.log1p(-a - b)
    found = chain.mixing_time(0.1)
    assert found.low - 1 <= exact <= found.high and found.high - found.low <= 1e-6 * exact


def test_ambiguous_mixing_times_are_intervals_and_periodic_chains_have_none():
    chain = Chain(points(2), [[0.5, 0.5], [0.25, 0.75]], error=1e-3)
    law = chain.stationary()
    at = float(chain.distance(3).estimate)  # exactly on the edge, as far as the numbers know
    found = chain.mixing_time(at + 1e-9)
    assert law.error > 1e-3 and found.low < found.high and found.low <= found.value <= found.high
    with pytest.raises(ValueError, match="below the numerical error"):
        chain.mixing_time(1e-4)
    around = np.roll(np.eye(6), 1, axis=1)
    with pytest.raises(ValueError, match="periodic, with period 6"):
        Chain(points(6), around).mixing_time(0.1)
    around[0, [1, 3]] = 0.5
    with pytest.raises(ValueError, match="periodic, with period 2"):
        Chain(points(6), around).mixing_time(0.1)
    around[0, [1, 3, 0]] = 1 / 3
    assert Chain(points(6), around).mixing_time(0.1).value > 1


# Occupancies


@given(fractional(), st.integers(0, 60), st.integers(0, 1))
def test_occupancies_are_sums_of_laws(matrix, steps, start):
    chain = lazy(matrix)
    law, expected = np.eye(chain.size)[start], np.zeros(chain.size)
    for _ in range(steps):
        expected, law = expected + law, law @ chain.matrix
    found, error = chain.occupancy(steps, start, with_error=True)
    assert np.abs(found - expected).sum() <= error + 1e-12 * (steps + 1)
    np.testing.assert_allclose(chain.evolve(start, steps), law, atol=1e-13)


def test_long_occupancies_agree_with_the_fundamental_matrix():
    chain, T = sr_chain(toy(Gaussian(2.0)), SR(GRID), 0.1), 2**30
    law = chain.stationary().probabilities
    fundamental = np.linalg.inv(np.eye(25) - chain.matrix + law)
    expected = T * law + fundamental[8] - law  # the rest, of size (1 - gap)^T, is zero
    found, error = chain.occupancy(T, 8, with_error=True)
    assert found.sum() == pytest.approx(T, rel=1e-14)
    assert np.abs(found - expected).sum() <= error + 1e-9 * T * 1e-3 and error < 1e-9 * T


def test_many_states_go_step_by_step():
    problem = SeparableQuadratic([1.0], [0.1], noise=Rademacher(4.0), box=(-1.0, 1.0))
    chain = sr_chain(problem, SR(1 / 256), 1 / 64)
    found, T = chain.occupancy(300, 0), 300
    law, expected = np.eye(chain.size)[0], np.zeros(chain.size)
    for _ in range(T):
        expected, law = expected + law, law @ chain.matrix
    np.testing.assert_allclose(found, expected, atol=1e-11)
    np.testing.assert_allclose(chain.evolve(0, T), law, atol=1e-13)


def test_the_time_that_a_generator_spends():
    limit = sr_limit(toy(Gaussian(2.0)), SR(GRID))
    for t in (0.01, 3.7):
        # The integral of exp(s K) stands in a corner of the exponential of a larger matrix.
        large = np.block([[limit.matrix, np.eye(25)], [np.zeros((25, 50))]])
        expected = expm(t * large)[8, 25:]
        np.testing.assert_allclose(limit.occupancy(t, 8), expected, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(limit.evolve(8, t), expm(t * limit.matrix)[8], atol=1e-12)


# Hitting times and escapes


@given(fractional(), st.integers(0, 1))
def test_hitting_times_solve_their_equations(matrix, goal):
    n = len(matrix)
    target = np.arange(n) == goal
    exact = Chain(points(n), matrix).hitting_time(target)
    assert exact[goal] == 0
    assert all(exact[i] == 1 + matrix[i] @ exact for i in range(n) if i != goal)
    found, error = Chain(points(n), matrix.astype(np.float64), error=2.0**-53).hitting_time(target, with_error=True)
    truth = exact.astype(np.float64)
    assert (np.abs(found - truth) <= (error + 1e-15) * truth).all() and error < 1e-12


def test_what_may_never_come_takes_for_ever():
    chain = Chain(points(4), [[0.5, 0.25, 0.25, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0.25, 0.75]])
    np.testing.assert_array_equal(chain.hitting_time(np.arange(4) == 3), [np.inf, np.inf, 2, 0])
    np.testing.assert_array_equal(chain.hitting_time(np.arange(4) == 1), [np.inf, 0, np.inf, np.inf])


def test_hitting_times_of_small_steps_are_those_of_the_limit_in_its_clock():
    problem, method = toy(Rademacher(4.0), (-2.0, 6.0)), SR(GRID)
    target = sr_limit(problem, method).points[:, 0] >= 3.5
    h = sr_limit(problem, method, rational=True).hitting_time(target)
    for alpha in (Fraction(1, 32), Fraction(1, 256)):
        assert (alpha * sr_chain(problem, method, alpha, rational=True).hitting_time(target) == h).all()
    np.testing.assert_allclose(sr_limit(problem, method).hitting_time(target), h.astype(float), rtol=1e-11)


def test_the_chain_is_what_is_simulated():
    problem, alpha, steps, trials = toy(Gaussian(2.0)), 0.3, 40, 20_000
    run = simulate(
        problem, SR(GRID), Constant(alpha), steps=steps, trials=trials, start=[0.0], record=[steps], average=False,
        progress=False, keep_final=True,
    )  # fmt: skip
    seen = np.bincount(np.rint((run.final[:, 0] + 4) * 2).astype(int), minlength=25) / trials
    law = sr_chain(problem, SR(GRID), alpha).evolve(8, steps - 1)

    def apart(law):
        return np.abs(seen - law).sum() / 2

    # E TV <= sum sqrt(p (1 - p) / n) / 2, and TV moves by 1/n with each trial (McDiarmid, failure 1e-9).
    noise = np.sqrt(law * (1 - law) / trials).sum() / 2 + np.sqrt(np.log(1e9) / (2 * trials))
    assert apart(law) < noise
    assert apart(sr_chain(problem, SR(GRID), 0.2).evolve(8, steps - 1)) > noise


@given(fractional(), st.data())
def test_escape_rates_hold_the_perron_root_between_them(matrix, data):
    n = len(matrix)
    inside = np.array(
        data.draw(st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda b: any(b) and not all(b)))
    )
    values = matrix.astype(np.float64)
    found = Chain(points(n), values).escape_rate(inside)
    expected = 1 - np.abs(np.linalg.eigvals(values[np.ix_(inside, inside)])).max()
    assert found.low - 1e-6 <= expected <= found.high + 1e-6  # eigvals loses half of the digits of a defective root
    generator = Chain(points(n), values - np.eye(n), generator=True).escape_rate(inside)
    assert generator.estimate == pytest.approx(found.estimate, rel=1e-12)


@pytest.mark.parametrize("rate", [1e-3, 1e-12, 1e-30])
def test_rare_escapes_are_right_relative_to_themselves(rate):
    # Two states inside, left from the second one: the root of x^2 - (2 + rate) x + rate.
    chain = Chain(points(3), [[-1, 1, 0], [1, -1 - rate, rate], [0, 1, -1]], generator=True)
    inside = np.array([True, True, False])
    expected = 2 * rate / (2 + rate + np.sqrt(4 + rate**2))
    found = chain.escape_rate(inside)
    assert found.estimate == pytest.approx(expected, rel=1e-13) and found.width < 1e-10 * expected
    assert found.low <= expected <= found.high
    # And the survival decays at that rate: by t = 1 / rate to 1/e, but for O(rate).
    assert chain.survival(inside, 1 / rate, 0) == pytest.approx(np.exp(-expected / rate), rel=rate + 1e-9)


def test_what_cannot_be_left_is_left_at_rate_zero():
    chain = Chain(points(3), [[1.0, 0, 0], [0.5, 0.25, 0.25], [0, 0.5, 0.5]])
    assert chain.escape_rate(np.array([True, True, False])).high == 0
    assert chain.escape_rate(np.array([True, True, True])).high == 0
    assert chain.escape_rate(np.array([False, True, False])).estimate == pytest.approx(0.75)


@given(fractional(), st.integers(0, 50))
def test_survival_is_a_power_of_the_inner_matrix(matrix, k):
    chain, n = lazy(matrix), len(matrix)
    inside = np.arange(n) > 0
    inner = chain.matrix[1:, 1:]
    expected = np.linalg.matrix_power(inner, k).sum(axis=1)
    for start in (1, n - 1):
        found, error = chain.survival(inside, k, start, with_error=True)
        assert abs(found - expected[start - 1]) <= error + 1e-13 and error < 1e-10
    assert chain.survival(inside, k, 0) == 0


def test_survival_in_time_and_of_a_rare_event():
    problem = toy(Gaussian(2.0))
    limit = sr_limit(problem, SR(GRID))
    inside = limit.points[:, 0] < 1.0
    inner = limit.matrix[np.ix_(inside, inside)]
    assert limit.survival(inside, 5.0, 8) == pytest.approx(expm(5.0 * inner).sum(axis=1)[8], rel=1e-11)
    rare = Chain(points(2), [[1 - 1e-9, 1e-9], [0.5, 0.5]])
    stays, error = rare.survival(np.array([True, False]), 1000, 0, with_error=True)
    assert 1 - stays == pytest.approx(1e-6, rel=1e-6) and error < 1e-12
