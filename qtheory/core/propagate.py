"""The law of one coordinate on a grid, moved forward step by step without sampling.

The law lives on a window of consecutive indices. A step scatters the mass of each state to where R or SR may take it;
then the tails that weigh less than an allowance are cut off, and counted. No allocation, no randomness.
"""

import math
from typing import NamedTuple

import numpy as np

from .compile import inline, jit, verb
from .rounding import Nearest, Stochastic, clip, jump

GAP, DISTANCE, GRADIENT_SQUARE, GRADIENT_L1 = range(4)  # rows of Window.observed
MEAN_GAP, MEAN_OFFSET, AVERAGE_SQUARE, ROUNDING_SQUARE = range(4, 8)  # further columns of the results
RESULTS = 8

T, MARK, SIDE, BEGIN, END = range(5)  # of Window.place
LEAKED, SUM_SQUARE = range(2)  # of Window.sums

_ROOT_HALF, _ROOT_TWO_PI = math.sqrt(0.5), math.sqrt(2 * math.pi)


class Window(NamedTuple):
    """The states `first`, ..., `first` + n - 1, what is known of each, and the law on them.

    The law has one row, the mass p_t(k); or two, the second being E[S_t; state k] with S_t = sum_{s<=t} (w_s - w*),
    which gives E S_t^2 by S_{t+1} = S_t + (w_{t+1} - w*).
    """

    first: int
    values: np.ndarray  # (n, m) the stochastic gradient's outcomes; NaN where a state must not be reached
    chances: np.ndarray  # (n, m) their probabilities
    offset: np.ndarray  # (n,) w - w*
    observed: np.ndarray  # (4, n) F - F*, (w - w*)^2, E g^2, E|g|
    law: np.ndarray  # (2, rows, n): the law now at [place[SIDE]], zeros at the other
    occupation: np.ndarray  # (n,) the sum of the laws of steps 1, ..., t
    place: np.ndarray  # (5,) int64: t, next mark, side, and the range of states [begin, end) that hold mass
    sums: np.ndarray  # (2,) the mass cut off, E S_t^2


@verb
def chance_up(q, s):
    """The probability that a displacement s (in grid units) is rounded up."""


@chance_up.of(Stochastic)
def _chance_fraction(q, s):
    return s - np.floor(s)


@chance_up.of(Nearest)
def _chance_none(q, s):
    return 0.0  # both ends of a jump are the same


@jit(nogil=True)
def evolve(q, sigma, reach, window, alphas, horizon, marks, allowance, out):
    """Move the law on to step `horizon`; out[marks, RESULTS] at the steps `marks` (ascending).

    sigma: the standard deviation of Gaussian noise around `values` (n, 1), cut off beyond `reach` standard deviations;
    0 for the finite law. alphas[t - 1] is alpha_t. allowance: the mass that a step may cut off at each end.
    Returns NaN at the end; or, before a step that leads out of the window, the index that the window must reach
    (the state itself where its values are NaN).
    """
    place, law = window.place, window.law
    if place[T] == 0:
        place[T] = 1
        _arrive(window, law[place[SIDE]])
    while place[T] <= horizon:
        t = place[T]
        p, to = law[place[SIDE]], law[1 - place[SIDE]]
        seen = place[MARK] < marks.size and marks[place[MARK]] == t
        if seen:
            _observe(window, p[0], t, out[place[MARK]])
        if t < horizon or seen:
            if t > alphas.size:  # the last step needs none
                out[place[MARK], ROUNDING_SQUARE] = np.nan
                break
            begin, end, cut, square, missing = _scatter(q, sigma, reach, window, p, to, -alphas[t - 1], seen)
            if not math.isnan(missing):
                to[:] = 0.0
                return missing
            if seen:
                out[place[MARK], ROUNDING_SQUARE] = square * q.delta * q.delta
                place[MARK] += 1
        if t == horizon:
            break
        p[:, place[BEGIN] : place[END]] = 0.0
        place[SIDE], place[BEGIN], place[END] = 1 - place[SIDE], begin, end
        window.sums[LEAKED] += cut + _trim(place, to, allowance)
        _arrive(window, to)
        place[T] = t + 1
    return np.nan


@jit()
def _scatter(q, sigma, reach, window, p, to, minus_alpha, seen):
    if sigma > 0.0 and minus_alpha < 0.0:
        return _scatter_gaussian(q, sigma, reach, window, p, to, minus_alpha)
    begin, end, square, missing = _scatter_finite(q, window, p, to, minus_alpha, seen)
    return begin, end, 0.0, square, missing


@jit()
def _scatter_finite(q, window, p, to, minus_alpha, seen):
    first, n, pair = window.first, p.shape[1], p.shape[0] == 2
    begin, end, square = n, 0, 0.0
    for i in range(window.place[BEGIN], window.place[END]):
        mass, k = p[0, i], np.float64(first + i)
        if mass == 0.0:
            continue
        for o in range(window.values.shape[1]):
            s = minus_alpha * window.values[i, o] * q.inverse
            low, high, up = jump(q, k, s, 1.0), jump(q, k, s, 0.0), chance_up(q, s)
            if not (low >= first and high < first + n):
                return begin, end, square, k if math.isnan(s) else (low if low < first else high)
            share = window.chances[i, o]
            a, b = int(low) - first, int(high) - first
            to[0, a] += mass * share * (1.0 - up)
            to[0, b] += mass * share * up
            if pair:
                to[1, a] += p[1, i] * share * (1.0 - up)
                to[1, b] += p[1, i] * share * up
            begin, end = min(begin, a), max(end, b + 1)
            if seen:  # the error is relative to the projected point
                s = clip(s, q.low - k, q.high - k)
                square += mass * share * ((1.0 - up) * (low - k - s) ** 2 + up * (high - k - s) ** 2)
    return begin, end, square, np.nan


@jit()
def _scatter_gaussian(q, sigma, reach, window, p, to, minus_alpha):
    first, n = window.first, p.shape[1]
    begin, end, cut, square = n, 0, 0.0, 0.0
    spread = -minus_alpha * sigma * q.inverse
    for i in range(window.place[BEGIN], window.place[END]):
        if p[0, i] == 0.0:
            continue
        k = np.float64(first + i)
        mean = k + minus_alpha * window.values[i, 0] * q.inverse
        low = clip(np.floor(mean - reach * spread), q.low, q.high)
        high = clip(np.floor(mean + reach * spread) + 1.0, q.low, q.high)
        if not (low >= first and high < first + n):
            return begin, end, cut, square, low if low < first else high
        a, b = int(low) - first, int(high) - first
        lower, upper = _tail((mean - low) / spread), _tail((high - mean) / spread)
        if low == q.low:
            _add(to, a, p, i, lower)
        else:
            cut += p[0, i] * lower
        if high == q.high:
            _add(to, b, p, i, upper)
        else:
            cut += p[0, i] * upper
        for c in range(a, b):
            down, up, error = cell(q, np.float64(first + c), mean, spread)
            _add(to, c, p, i, down)
            _add(to, c + 1, p, i, up)
            square += p[0, i] * error
        begin, end = min(begin, a), max(end, b + 1)
    return begin, end, cut, square, np.nan


@inline
def _add(to, j, p, i, share):
    for row in range(p.shape[0]):
        to[row, j] += p[row, i] * share


@inline
def _tail(z):
    """P(standard Gaussian > z)."""
    return 0.5 * math.erfc(z * _ROOT_HALF)


@verb
def cell(q, k, mean, spread):
    """How a Gaussian's mass in [k, k + 1] is rounded: the masses that go to k and to k + 1, and the part of E r^2."""


@cell.of(Stochastic)
def _cell_stochastic(q, k, mean, spread):
    # y in [0, 1] goes up with chance y, and its error has the mean square y (1 - y).
    zero, one, two = _moments(k, k + 1.0, k, mean, spread)
    one = clip(one, 0.0, zero)
    return zero - one, one, max(one - two, 0.0)


@cell.of(Nearest)
def _cell_nearest(q, k, mean, spread):
    down, _, below = _moments(k, k + 0.5, k, mean, spread)
    up, _, above = _moments(k + 0.5, k + 1.0, k + 1.0, mean, spread)
    return down, up, max(below, 0.0) + max(above, 0.0)


@jit()
def _moments(a, b, origin, mean, spread):
    """E[y^i; a < m < b] for i = 0, 1, 2, with m Gaussian and y = m - origin.

    y = c + spread z: int phi = M0, int z phi = phi(z_a) - phi(z_b), int z^2 phi = M0 + z_a phi(z_a) - z_b phi(z_b).
    """
    za, zb, c = (a - mean) / spread, (b - mean) / spread, mean - origin
    if za >= 0.0:  # differences of the tail that is small, so that nothing cancels
        zero = _tail(za) - _tail(zb)
    elif zb <= 0.0:
        zero = _tail(-zb) - _tail(-za)
    else:
        zero = 1.0 - _tail(-za) - _tail(zb)
    fa, fb = math.exp(-0.5 * za * za) / _ROOT_TWO_PI, math.exp(-0.5 * zb * zb) / _ROOT_TWO_PI
    one = c * zero + spread * (fa - fb)
    two = c * c * zero + 2.0 * c * spread * (fa - fb) + spread * spread * (zero + za * fa - zb * fb)
    return zero, one, two


@jit()
def _trim(place, p, allowance):
    """Cut off at each end as many states as weigh no more than the allowance together; their mass."""
    total = 0.0
    for side in range(2):
        cut = 0.0
        while place[END] - place[BEGIN] > 1:
            i = place[BEGIN] if side == 0 else place[END] - 1
            if cut + p[0, i] > allowance:
                break
            cut += p[0, i]
            p[:, i] = 0.0
            place[BEGIN + side] += 1 - 2 * side
        total += cut
    return total


@jit()
def _arrive(window, p):
    """Account for the law of a step that has been reached."""
    begin, end = window.place[BEGIN], window.place[END]
    for i in range(begin, end):
        window.occupation[i] += p[0, i]
    if p.shape[0] == 2:
        square = 0.0
        for i in range(begin, end):
            e = window.offset[i]
            square += e * (2.0 * p[1, i] + e * p[0, i])
            p[1, i] += e * p[0, i]
        window.sums[SUM_SQUARE] += square


@jit()
def _observe(window, mass, t, out):
    out[:] = 0.0
    for i in range(window.place[BEGIN], window.place[END]):
        for row in range(4):
            out[row] += mass[i] * window.observed[row, i]
    for i in range(mass.size):
        out[MEAN_GAP] += window.occupation[i] * window.observed[GAP, i]
        out[MEAN_OFFSET] += window.occupation[i] * window.offset[i]
    out[MEAN_GAP] /= t
    out[MEAN_OFFSET] /= t
    out[AVERAGE_SQUARE] = window.sums[SUM_SQUARE] / np.float64(t) ** 2
