"""How long until a chain reaches some states, and how fast it leaves others."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from .._check import Vector
from ..problems._tails import UNIT
from ..statistics import Interval
from ._elimination import amplified, eliminate, exact_solve, own, solve
from ._graph import arrows, classes, reaching
from ._powers import rates_of
from ._sparse import MOST_DENSE, TOLERANCE, Factored, off_diagonal

MOST_ITERATIONS = 20_000


def hitting_time(matrix: Any, error: float, target: np.ndarray) -> tuple[np.ndarray, float]:
    """(expected time (n,) to reach the target, a bound on its relative error)."""
    pattern = arrows(matrix)
    lost = ~reaching(pattern, target, ~target)
    open_ = ~target & ~reaching(pattern, lost, ~target)
    out = np.zeros(target.size, dtype=matrix.dtype)
    out[lost | (~target & ~open_)] = np.inf
    if not open_.any():
        return out, 0.0
    inner = np.flatnonzero(open_)
    if matrix.dtype == object:
        leaving = [sum(matrix[i, target], Fraction(0)) for i in inner]
        out[inner] = exact_solve(matrix[np.ix_(inner, inner)], leaving, [Fraction(1)] * inner.size)
        return out, 0.0
    rates, exits = _inside(matrix, open_)
    ones = np.ones(inner.size)
    if sparse.issparse(rates):
        out[inner], found = Factored(rates, exits).solve(ones)
        if not found <= TOLERANCE:
            raise ValueError(f"target is reached too slowly for a sparse solver: {inner.size} states are outside of it")
        return out, found + amplified(error, inner.size)
    out[inner] = solve(eliminate(rates, exits), ones)
    return out, own(inner.size) + amplified(error, inner.size)


def _inside(matrix: Any, inside: np.ndarray) -> tuple[Any, Vector]:
    """(rates (m, m) between the states inside, exits (m,)): dense up to MOST_DENSE states."""
    inner, outer = np.flatnonzero(inside), np.flatnonzero(~inside)
    if inner.size > MOST_DENSE:
        rates = off_diagonal(sparse.csr_array(matrix))
        return sparse.csr_array(rates[inner][:, inner]), rates[inner][:, outer].sum(axis=1)
    if sparse.issparse(matrix):
        exits = sparse.csr_array(matrix)[inner][:, outer].sum(axis=1)
        return rates_of(sparse.csr_array(matrix)[inner][:, inner]), exits
    return rates_of(matrix[np.ix_(inner, inner)]), matrix[np.ix_(inner, outer)].astype(np.float64).sum(axis=1)


def escape_rate(matrix: Any, error: float, inside: np.ndarray) -> Interval:
    """See Chain.escape_rate: the least over the classes that the states inside fall into."""
    rates, exits = _inside(matrix, inside)
    label = classes(arrows(rates))
    return min((_of_class(rates, exits, label == c, error) for c in range(label.max() + 1)), key=lambda i: i.estimate)


def _of_class(rates: Any, exits: Vector, members: np.ndarray, error: float) -> Interval:
    inner, outer = np.flatnonzero(members), np.flatnonzero(~members)
    exits = exits[inner] + (rates[inner][:, outer].sum(axis=1) if outer.size else 0.0)
    part = rates[inner][:, inner] if outer.size else rates
    return Interval.exact(0.0) if not exits.any() else perron(part, exits, error)


def perron(rates: Any, exits: Vector, error: float) -> Interval:
    """The least eigenvalue of M = diag(exits + row sums) - rates, for irreducible rates and some exit.

    By inverse iteration: for x > 0 and y = M^-1 x it lies between min x / y and max x / y (Collatz, Wielandt).
    """
    n = exits.size
    solver = Factored(rates, exits).solve if sparse.issparse(rates) else _eliminated(rates, exits)
    x, low, high, slack = np.ones(n), 0.0, np.inf, 0.0
    for _ in range(MOST_ITERATIONS):
        y, slack = solver(x)
        if not (slack < 1 and np.isfinite(y).all() and (y > 0).all()):
            raise ValueError(f"inside is left too slowly for floating point: {n} states with no escape rate above 0")
        low, high = max(low, float(np.min(x / y))), min(high, float(np.max(x / y)))
        if high - low <= (1e-13 + slack) * high:
            break
        x = y / y.max()
    slack += amplified(error, n) + 4 * UNIT
    low, high = min(low, high), max(low, high)
    return Interval(
        low * max(0.0, 1 - slack), high * (1 + slack), (low + high) / 2, 1.0, "inverse iteration, Collatz-Wielandt"
    )


def _eliminated(rates: Vector, exits: Vector) -> Callable[[Vector], tuple[Vector, float]]:
    eliminated, error = eliminate(rates, exits), own(exits.size)
    return lambda x: (solve(eliminated, x), error)
