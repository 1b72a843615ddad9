"""Rates that several convergence theorems share. Symbols: mu, G, D, c, T, kappa = sqrt(d) Δ."""

import math

import numpy as np
from numpy.typing import NDArray

from .._convergence import harmonic


def strong_rate(T: int, *, mu: float, G: float) -> float:
    """G² H_T / (2 mu T)."""
    return G**2 * harmonic(T) / (2 * mu * T)


def convex_rate(T: int, *, D: float, G: float, c: float) -> float:
    """D² sqrt(n) / (2 c T) + c G² (2 sqrt(n) - 1 + 1 / sqrt(n)) / (2 T), n = T - 1; D G for T = 1."""
    if T == 1:
        return D * G
    root = math.sqrt(T - 1)
    return D**2 * root / (2 * c * T) + c * G**2 * (2 * root - 1 + 1 / root) / (2 * T)


def sharp_rate(
    T: int,
    *,
    D: float,
    G: float,
    c: float,
    kappa: float = 0.0,
    lift: float = 0.0,
    bounded: bool = True,
    first: int | None = None,
) -> float:
    """The bound of the average of the gaps that worst cases attain at kappa = 0 (proofs/li2017/sr_convex_sharp.md).

    kappa: SR's, adds what rounding to adjacent levels may.   lift: L d Δ²/8, adds BinaryConnect's floor.
    bounded: whether E|w_t - w*|² <= D² for all t, or for t = 1 only.   first: t_0, 1 <= t_0 <= T, the step from which
    the comparator moves; the best by default.
    """
    if T == 1:
        return D * G + lift
    alpha, y = np.full(T, math.inf), _comparators(T, c)
    alpha[1:] = c / np.sqrt(np.arange(1, T))
    still = _heads(alpha[1:])  # sums over t < t_0, t_0 = 1, ..., T
    moving = _tails((alpha[1:] / y[1:]) ** 2)  # sums over t_0 <= t < T
    energy = np.minimum(kappa * alpha[1:] * G, kappa**2 / 4)
    floor = (_heads(energy / alpha[1:]) + _tails(energy / y[1:] ** 2)) / 2
    floor += lift * (1 + np.arange(T) + _tails(alpha[1:] / (y[1:] * y[:-1])))
    total = D**2 / (2 * y**2) + G**2 / 2 * (still + moving + alpha[T - 1]) + floor
    chosen = total if bounded else total[:1]
    return float(chosen.min() if first is None else chosen[first - 1]) / T


def _comparators(T: int, c: float) -> NDArray[np.float64]:
    """(T,) y_0, ..., y_{T-1}, backwards from y_{T-1}² = α_{T-1}."""
    y = math.sqrt(c / math.sqrt(T - 1))
    found = [y]
    for t in range(T - 1, 0, -1):
        y = ((T - t) * y + c / math.sqrt(t) / y) / (T - t + 1)
        found.append(y)
    return np.array(found[::-1])


def _heads(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """0, and sums up to each term."""
    return np.concatenate([[0.0], np.cumsum(terms)])


def _tails(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums from each term on, and 0."""
    return np.concatenate([np.cumsum(terms[::-1])[::-1], [0.0]])
