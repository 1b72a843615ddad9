"""Chains without subtraction: stationary laws and systems M x = b, each entry right relative to itself.

Every stage of the elimination (see qtheory/core/chains.py) gives the rates of the chain watched on the states that are
left, each with a relative error of at most 7u (u = 2^-53; long sums carry their lost part along), or 7u + PANEL u where
a matrix product did it. By the matrix-tree theorem a relative error e in every rate of a chain of k states changes each
stationary probability, and each entry of M^-1, by a factor of at most ((1 + e) / (1 - e))^k (O'Cinneide 1993). Summed
over the stages, n, n - 1, ..., 1, that is less than own(n) below.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from .._check import Vector
from ..problems._tails import UNIT


def own(n: int) -> float:
    """The relative error that the elimination of n states adds to a result."""
    stages = 10 if n <= 64 else 74
    return (stages * n * (n + 1) + 4 * n) * UNIT


def amplified(error: float, power: int) -> float:
    """((1 + error) / (1 - error))^power - 1, infinite from error = 1 on."""
    if error >= 1:
        return np.inf
    exponent = power * (np.log1p(error) - np.log1p(-error))
    return float(np.expm1(exponent)) if exponent < 700 else np.inf


def eliminate(rates: Vector, exits: Vector) -> tuple[Vector, Vector]:
    """The eliminated chain (n, n) and its diagonal (n,), from off-diagonal rates (n, n) and exits (n,)."""
    from ..core import chains

    a, e = np.array(rates, dtype=np.float64, order="C"), np.array(exits, dtype=np.float64)
    np.fill_diagonal(a, 0.0)
    diagonal = np.zeros(e.size)
    for high in range(e.size, 0, -chains.PANEL):
        low = max(0, high - chains.PANEL)
        chains.eliminate_panel(a, e, diagonal, low, high)
        if low:
            a[:low, :low] += a[:low, low:high] @ a[low:high, :low]
    return a, diagonal


def solve(eliminated: tuple[Vector, Vector], b: Vector) -> Vector:
    """x (n,) with M x = b >= 0."""
    from ..core import chains

    x = np.array(b, dtype=np.float64)
    chains.substitute(*eliminated, x)
    return x


def weights(rates: Vector) -> Vector:
    """The stationary law (n,) of an irreducible chain from its off-diagonal rates (n, n)."""
    from ..core import chains

    out = np.empty(rates.shape[0])
    chains.weigh(eliminate(rates, np.zeros(out.size))[0], out)
    return out / out.sum()


def exact_weights(matrix: np.ndarray) -> np.ndarray:
    """The same in fractions."""
    rows = _rows(matrix)
    for p in range(len(rows) - 1, 0, -1):
        _eliminate_exactly(rows, p, sum((q for j, q in rows[p].items() if j < p), Fraction(0)))
    out = [Fraction(1)]
    for p in range(1, len(rows)):
        out.append(sum((out[i] * rows[i][p] for i in range(p) if p in rows[i]), Fraction(0)))
    return _divided(out)


def exact_solve(matrix: np.ndarray, exits: list[Fraction], b: list[Fraction]) -> list[Fraction]:
    """x (n,) with M x = b, in fractions."""
    rows, x, diagonal = _rows(matrix), list(b), [Fraction(0)] * len(b)
    exits = list(exits)
    for p in range(len(rows) - 1, -1, -1):
        diagonal[p] = exits[p] + sum(q for j, q in rows[p].items() if j < p)
        _eliminate_exactly(rows, p, diagonal[p])
        for i in range(p):
            share = rows[i].get(p, 0)
            exits[i] += share * exits[p]
            x[i] += share * x[p]
    for p in range(len(rows)):
        x[p] = (x[p] + sum(q * x[j] for j, q in rows[p].items() if j < p)) / diagonal[p]
    return x


def _rows(matrix: np.ndarray) -> list[dict[int, Fraction]]:
    return [{j: q for j, q in enumerate(row) if q != 0 and j != i} for i, row in enumerate(matrix.tolist())]


def _eliminate_exactly(rows: list[dict[int, Fraction]], p: int, total: Fraction) -> None:
    for i in range(p):
        if p in rows[i]:
            share = rows[i][p] = rows[i][p] / total
            for j, q in rows[p].items():
                if j < p and j != i:
                    rows[i][j] = rows[i].get(j, Fraction(0)) + share * q


def product(up: Any, down: Any) -> np.ndarray:
    """The stationary law (n,) of moves to neighbours: up[i] from i to i + 1, down[i] from i + 1 to i, all > 0.

    Floats: each probability with a relative error of at most 4 (n + 1) u, and (n - 1) times twice that of the rates.
    """
    ratios = up / down
    if ratios.dtype == object:
        return _divided(np.cumprod(np.concatenate([[Fraction(1)], ratios])).tolist())
    if not np.isfinite(ratios).all() or not (ratios > 0).all():
        raise ValueError("rates must have ratios between 1e-308 and 1e308 for a law in floating point")
    mantissa, exponent = np.ones(ratios.size + 1), np.zeros(ratios.size + 1)
    for i, ratio in enumerate(ratios):
        m, e = np.frexp(mantissa[i] * ratio)
        mantissa[i + 1], exponent[i + 1] = m, exponent[i] + e
    out = np.ldexp(mantissa, (exponent - exponent.max()).astype(np.int64))
    return out / out.sum()


def _divided(weights: list[Fraction]) -> np.ndarray:
    out, total = np.empty(len(weights), dtype=object), sum(weights)
    out[:] = [w / total for w in weights]
    return out
