"""The chain of SR on a finite grid, T_alpha, and its limit as alpha -> 0, the generator K."""

from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from .. import _check
from .._check import Vector
from ..exact._moves import Rounding
from ..methods import SR
from ..problems import Problem
from ..problems._tails import UNIT
from ._chain import DENSE_BELOW, Chain
from ._elimination import product
from ._rounded import exact_rows, rows
from ._sparse import MOST_DENSE
from ._states import States, step_size

MOST_STATES = 100_000  # of a sparse chain
MOST_RATIONAL = 1024  # states whose chain is kept in fractions


def sr_chain(problem: Problem, method: SR, alpha: float | Fraction, *, rational: bool = False) -> Chain:
    """T_alpha, the chain of SR with a constant step: x -> Q_s(x - alpha g_x), held to the box.

    Arguments:
        problem: any with a gradient and any noise law; its box, or the grid's, must make the grid finite.
        method: SR(grid).
        alpha: the step size > 0; in fractions it is the float64 as it is stored, or a Fraction.
        rational: exact fractions of the numbers as they are stored: for noise of finite support, and a separable
            quadratic, linear or piecewise one.

    The states are all points of the grid in the box: (levels)^d, at most 4096 (rational: 1024). The coordinates move
    independently given the state. Chain.error is relative to the partial derivatives as float64 gives them.

    Raises: ValueError for an infinite grid, too many states, alpha <= 0, fractions of what has none.
    """
    number, exact = step_size(alpha)
    states = States.of(problem, method, rational, MOST_RATIONAL if rational else MOST_DENSE, "the chain of SR")
    parts, error = [], 0.0
    for j in range(problem.dim):
        part, own = _coordinate(states, j, number, exact)
        parts.append(part)
        error = max(error, own)
    matrix = parts[0]
    for part in parts[1:]:  # coordinates are independent, given the state
        matrix = (matrix[:, :, None] * part[:, None, :]).reshape(states.size, -1)
    error = 0.0 if rational else problem.dim * (error + UNIT)
    return Chain(states.points, matrix, error=error)


def _coordinate(states: States, j: int, number: float, exact: Fraction) -> tuple[np.ndarray, float]:
    """(n, levels) where coordinate j goes from each state, and the relative error; equal rows are computed once."""
    noise, slopes, levels = states.problem.noise, states.slopes[:, j], states.indices[:, j]
    keys = {key: i for i, key in enumerate(dict.fromkeys(zip(slopes.tolist(), levels.tolist(), strict=True)))}
    place = np.array([keys[key] for key in zip(slopes.tolist(), levels.tolist(), strict=True)])
    unique = np.array([key[0] for key in keys], dtype=slopes.dtype), np.array([key[1] for key in keys])
    if noise.finite:
        table = exact_rows(noise, *unique, exact, Rounding(states.grid, True, Fraction))
        table = table if states.rational else table.astype(np.float64)
        return table[place], 0.0
    table, error = rows(noise, *unique, number, states.grid.delta, states.levels)
    return table[place], error


def sr_limit(problem: Problem, method: SR, *, rational: bool = False, swapped: bool = False) -> Chain:
    """K, the generator that SR follows in the time t = alpha * steps as alpha -> 0: one coordinate moves at a time,
    up with rate E[g^-] / delta, down with rate E[g^+] / delta, never out of the box.

    Arguments: as of sr_chain; at most 100,000 states, kept as a sparse matrix from 2001 on (rational: 1024).
        swapped: exchange the two directions, which is a wrong limit: for controls.
    """
    most = MOST_RATIONAL if rational else MOST_STATES
    states = States.of(problem, method, rational, most, "the limit chain of SR")
    up, down, error = _rates(states)
    if swapped:
        up, down = down, up
    n, levels = states.size, states.levels
    source, target, rate = [], [], []
    for j in range(problem.dim):
        stride, level = levels ** (problem.dim - 1 - j), states.indices[:, j]
        for rates, allowed, by in ((up, level < levels - 1, stride), (down, level > 0, -stride)):
            moving = np.flatnonzero(allowed & (rates[:, j] > 0))
            source.append(moving)
            target.append(moving + by)
            rate.append(rates[moving, j])
    row, column, data = (np.concatenate(a) for a in (source, target, rate))
    return Chain(states.points, _generator(n, row, column, data), generator=True, error=error)


def _generator(n: int, row: np.ndarray, column: np.ndarray, rate: np.ndarray) -> Any:
    if n > DENSE_BELOW:
        rates = sparse.csr_array((rate, (row, column)), shape=(n, n))
        return sparse.csr_array(rates - sparse.diags_array(rates.sum(axis=1)))
    matrix = np.full((n, n), Fraction(0)) if rate.dtype == object else np.zeros((n, n))
    matrix[row, column] = rate
    matrix[np.arange(n), np.arange(n)] = -matrix.sum(axis=1)
    return matrix


def _rates(states: States) -> tuple[np.ndarray, np.ndarray, float]:
    """E[g^-] / delta and E[g^+] / delta (n, d), and their relative error."""
    noise, slopes = states.problem.noise, states.slopes
    if states.rational:
        delta = Fraction(states.grid.delta)
        table = [[noise.outcomes(slope) for slope in row] for row in slopes.tolist()]
        up, down = (
            np.array([[sum(q * max(side * g, Fraction(0)) for g, q in way) / delta for way in row] for row in table])
            for side in (-1, 1)
        )
        return up, down, 0.0
    below, above = noise.below(slopes), noise.above(slopes)
    error = float(max(below.error.max(), above.error.max())) + UNIT
    return below.value / states.grid.delta, above.value / states.grid.delta, error


def closed_form(problem: Problem, method: SR, *, rational: bool = False) -> Vector:
    """The stationary law (levels,) of the limit in one dimension, pi(x + delta) / pi(x) = E[g_x^-] / E[g_{x+delta}^+].

    float64, or an object array of Fractions. Raises: ValueError for d > 1, an infinite grid, or noise without both
    signs (where the ratio is 0 or infinite).
    """
    _check.instance("problem", problem, Problem, "PiecewiseQuadratic.li2017_toy(Gaussian(2.0))")
    if problem.dim != 1:
        raise ValueError(f"problem must be one-dimensional, got d={problem.dim}")
    states = States.of(problem, method, rational, MOST_STATES, "the limit chain of SR")
    up, down, _ = _rates(states)
    up, down = up[:-1, 0], down[1:, 0]
    if not ((up > 0) & (down > 0)).all():
        i = int(np.flatnonzero(~((up > 0) & (down > 0)))[0])
        a, b = states.points[i, 0], states.points[i + 1, 0]
        raise ValueError(f"noise must be two-sided: between the levels {a:g} and {b:g} the chain moves one way only")
    return product(up, down)
