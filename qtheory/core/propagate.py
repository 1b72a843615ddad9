"""The law of one coordinate on a grid, moved forward step by step without sampling.

The law lives on a window of consecutive indices. A step scatters the mass of each state to where R or SR may take it;
then the tails that weigh less than an allowance are cut off, and counted. No allocation, no randomness.
"""

import math
from typing import NamedTuple

import numpy as np

from .compile import inline, jit, verb, wide
from .gaussian_cells import cell, tail
from .rounding import Nearest, Stochastic, clip, jump

GAP, DISTANCE, GRADIENT_SQUARE, GRADIENT_L1 = range(4)  # rows of Window.observed
MEAN_GAP, MEAN_OFFSET, AVERAGE_SQUARE, ROUNDING_SQUARE = range(4, 8)  # further columns of the results
RESULTS = 8

T, MARK, SIDE, BEGIN, END = range(5)  # of Window.place
LEAKED, SUM_SQUARE = range(2)  # of Window.sums


class Window(NamedTuple):
    """Consecutive states, what is known of each, and the law on them.

    The law has one row, the mass p_t(k); or two, the second being E[S_t; state k] with S_t = sum_{s<=t} (w_s - w*),
    which gives E S_t^2 by S_{t+1} = S_t + (w_{t+1} - w*).
    """

    states: np.ndarray  # (n,) float64: the indices first, first + 1, ...
    values: np.ndarray  # (m, n) the stochastic gradient's outcomes; NaN where a state must not be reached
    chances: np.ndarray  # (m, n) their probabilities
    offset: np.ndarray  # (n,) w - w*
    observed: np.ndarray  # (4, n) F - F*, (w - w*)^2, E g^2, E|g|
    law: np.ndarray  # (2, rows, n): the law now at [place[SIDE]], zeros at the other
    occupation: np.ndarray  # (n,) the sum of the laws of steps 1, ..., t
    work: np.ndarray  # (3, n)
    place: np.ndarray  # (5,) int64: t, next mark, side, and the range of states [begin, end) that hold mass
    sums: np.ndarray  # (2,) the mass cut off, E S_t^2


@verb
def chances(q, s):
    """The probabilities that a displacement s (in grid units) is rounded down, and up."""


@chances.of(Stochastic)
def _chances_stochastic(q, s):
    # Not 1 - up: for s < 0 near 0 that would lose the relative precision of a rare move.
    down = np.floor(s)
    return down + 1.0 - s, s - down


@chances.of(Nearest)
def _chances_nearest(q, s):
    return 1.0, 0.0  # both ends of the jump are the same


@jit(nogil=True)
def evolve(q, sigma, reach, window, alphas, horizon, marks, allowance, out):
    """Move the law on to step `horizon`; out[marks, RESULTS] at the steps `marks` (ascending).

    sigma: the standard deviation of Gaussian noise around `values` (1, n), cut off beyond `reach` standard deviations;
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
    a, b, n = window.place[BEGIN], window.place[END], p.shape[1]
    far, down, up = window.work[0], window.work[1], window.work[2]
    begin, end, square = n, 0, 0.0
    for o in range(window.values.shape[0]):
        _plan(q, window.states[a:b], window.values[o, a:b], minus_alpha, far[a:b], down[a:b], up[a:b])
        i, share = a, window.chances[o]
        while i < b:
            if p[0, i] == 0.0:
                i += 1
                continue
            stop = _run(far, i, b)  # states i, ..., stop - 1 jump equally far: their mass moves in one piece
            low = np.floor(0.5 * far[i])
            high = far[i] - low
            if not (i + low >= 0.0 and stop - 1 + high < n):
                return begin, end, square, _missing(window.states, i, stop, low, high)
            lower, upper = int(low), int(high)
            for row in range(p.shape[0]):
                _shift(p[row], share, down, i, stop, to[row], lower)
                _shift(p[row], share, up, i, stop, to[row], upper)
            begin, end = min(begin, i + lower), max(end, stop + upper)
            i = stop
        if seen:
            square += _square(q, window, o, p[0], minus_alpha)
    return begin, end, square, np.nan


@jit()
def _plan(q, states, values, minus_alpha, far, down, up):
    """Where each state may jump to, relative to itself, and with which probabilities.

    The two ends of a jump are equal or neighbours, so that their sum `far` tells both.
    """
    wide()
    for i in range(states.size):
        s = minus_alpha * values[i] * q.inverse
        far[i] = (jump(q, states[i], s, 1.0) - states[i]) + (jump(q, states[i], s, 0.0) - states[i])
        down[i], up[i] = chances(q, s)


@jit()
def _run(far, i, end):
    """The end of the run of equal entries that starts at i: by whole pieces, which vectorise, then one by one."""
    stop = i + 1
    while stop + 32 <= end and far[stop] == far[i]:
        other = 0
        for j in range(stop, stop + 32):
            other += far[j] != far[i]
        if other > 0:
            break
        stop += 32
    while stop < end and far[stop] == far[i]:
        stop += 1
    return stop


@inline
def _shift(mass, share, part, i, stop, to, by):
    if stop - i == 1:
        to[i + by] += mass[i] * share[i] * part[i]
    else:
        _shift_run(mass[i:stop], share[i:stop], part[i:stop], to[i + by : stop + by])


@jit()
def _shift_run(mass, share, part, to):
    wide()
    for i in range(mass.size):
        to[i] += mass[i] * share[i] * part[i]


@jit()
def _missing(states, i, stop, low, high):
    """The index that a run of states, jumping equally far, asks for."""
    if math.isnan(low):
        return states[i]
    return states[i] + low if i + low < 0.0 else states[stop - 1] + high


@jit()
def _square(q, window, o, mass, minus_alpha):
    """The part of E r^2 that the outcome o contributes, r relative to the point held to the box."""
    far, down, up = window.work[0], window.work[1], window.work[2]
    total = 0.0
    for i in range(window.place[BEGIN], window.place[END]):
        if mass[i] > 0.0:
            k, low = window.states[i], np.floor(0.5 * far[i])
            s = clip(minus_alpha * window.values[o, i] * q.inverse, q.low - k, q.high - k)
            square = down[i] * (low - s) ** 2 + up[i] * (far[i] - low - s) ** 2
            total += mass[i] * window.chances[o, i] * square
    return total


@jit()
def _scatter_gaussian(q, sigma, reach, window, p, to, minus_alpha):
    first, n = int(window.states[0]), p.shape[1]
    begin, end, cut, square = n, 0, 0.0, 0.0
    spread = -minus_alpha * sigma * q.inverse
    for i in range(window.place[BEGIN], window.place[END]):
        if p[0, i] == 0.0:
            continue
        mean = window.states[i] + minus_alpha * window.values[0, i] * q.inverse
        low = clip(np.floor(mean - reach * spread), q.low, q.high)
        high = clip(np.floor(mean + reach * spread) + 1.0, q.low, q.high)
        if not (low >= first and high < first + n):
            return begin, end, cut, square, low if low < first else high
        a, b = int(low) - first, int(high) - first
        lower, upper = tail((mean - low) / spread), tail((high - mean) / spread)
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
