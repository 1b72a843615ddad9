"""Many steps of a dense chain: powers by repeated squaring, with an error bound that is carried along.

A power's rows are brought back to sum one on the diagonal as long as the chain mostly stays: entries off the diagonal
are sums of products of rates, and so keep their relative accuracy however rare the moves are. The error of a product
A B is at most (error of A) * (contraction of B) + (error of B) + its own rounding, in the L1 norm of a row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, wraps
from typing import Any, TypeVar

import numpy as np
from scipy import sparse
from scipy.special import gammainc
from threadpoolctl import ThreadpoolController

from .._check import Vector
from ..problems._tails import UNIT

MOST_POWERED = 2048  # states of a chain that is squared: 64 squarings of them are kept
SMALL = 512  # states: below, the threads of a matrix product cost more than they save, most of all on a busy machine

Result = TypeVar("Result")


def alone(function: Callable[..., Result]) -> Callable[..., Result]:
    """Do what a function of a matrix does in one thread, where the matrix is small."""

    @wraps(function)
    def wrapped(matrix: Any, *arguments: Any) -> Result:
        if matrix.shape[0] > SMALL:
            return function(matrix, *arguments)
        with _threads().limit(limits=1, user_api="blas"):
            return function(matrix, *arguments)

    return wrapped


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


@dataclass(frozen=True, eq=False)
class Steps:
    """A number of steps: the matrix (n, n) of their probabilities, and a bound on the L1 error of each row."""

    matrix: Vector
    error: float

    @cached_property
    def contraction(self) -> float:
        """A bound on the L1 norm of v P for v with sum 0 and L1 norm 1."""
        apart = np.abs(self.matrix - self.matrix.mean(axis=0)).sum(axis=1).max()
        return min(1.0, float(apart) + self.error)

    def then(self, other: "Steps") -> "Steps":
        """These steps, then the other ones."""
        n = self.matrix.shape[0]
        matrix, moved = settled(self.matrix @ other.matrix)
        own = 2 * (n + 6) * UNIT * moved
        return Steps(matrix, min(2.0, self.error * other.contraction + other.error + own))


def settled(matrix: Vector) -> tuple[Vector, float]:
    """Rows of sum one, and the largest chance of a move, at most 1. Overwrites the matrix."""
    diagonal = matrix.diagonal().copy()
    np.fill_diagonal(matrix, 0.0)
    moved = matrix.sum(axis=1)
    np.fill_diagonal(matrix, np.where(moved <= 0.5, 1.0 - moved, diagonal))
    matrix /= np.where(moved <= 0.5, 1.0, moved + diagonal)[:, None]
    return matrix, min(1.0, float(moved.max()))


def rates_of(matrix: Any) -> Vector:
    """The moves (n, n) between different states in floating point, zeros on the diagonal."""
    dense = matrix.toarray() if sparse.issparse(matrix) else np.array(matrix, dtype=np.float64)
    np.fill_diagonal(dense, 0.0)
    return dense


def one_step(rates: Vector, error: float) -> Steps:
    """A step of a discrete chain; `error` is the relative one of its rates."""
    stay = 1.0 - rates.sum(axis=1)
    matrix, moved = settled(rates + np.diag(np.maximum(stay, 0.0)))
    return Steps(matrix, 2 * (error + 2 * UNIT) * moved + rates.shape[0] * UNIT * moved)


def short_time(rates: Vector, error: float, time: float) -> tuple[Steps, Vector]:
    """exp(time K), and the integral of exp(s K) over [0, time], for time * (largest total rate) <= 1/2.

    By uniformisation: a sum of positive matrices, P^j with the chance of j jumps of a Poisson clock of rate q.
    """
    n = rates.shape[0]
    q = max(float(rates.sum(axis=1).max()), np.finfo(float).tiny)
    jump, x = one_step(rates / q, error), q * time
    power, weight = np.eye(n), np.exp(-x)
    total, integral, moved, j = weight * power, float(gammainc(1, x)) / q * power, 0.0, 0
    while weight > 1e-20 * x:
        j += 1
        power, weight = power @ jump.matrix, weight * x / j
        total += weight * power
        integral += float(gammainc(j + 1, x)) / q * power
    matrix, moved = settled(total)
    return Steps(matrix, 2 * (2 * error + (n + 20) * UNIT) * moved), integral


def power(step: Steps, count: int) -> Steps:
    """`count` >= 1 steps."""
    out = step
    for bit in bin(count)[3:]:
        out = out.then(out)
        if bit == "1":
            out = out.then(step)
    return out


def visits_in(step: Steps, visits: Vector, error: float, law: Vector, count: int) -> tuple[Vector, float]:
    """Visits (n,) in `count` >= 1 steps that begin at `law`, from those in one step; and their L1 error.

    v_2k = v_k + v_k P^k and v_k+1 = v_1 + v_k P; the sum of v is brought back to what it must be.
    """
    first, first_error = visits, error
    out, total, k, now = visits.copy(), visits.sum(), 1, step
    n = law.size
    for bit in bin(count)[3:]:
        out = out + out @ now.matrix
        error += error * now.contraction + k * total * (now.error + (n + 4) * UNIT)
        now, k = now.then(now), 2 * k
        if bit == "1":
            out = first + out @ step.matrix
            error = first_error + error * step.contraction + k * total * (step.error + (n + 4) * UNIT)
            now, k = now.then(step), k + 1
        out *= k * total / out.sum()
    return out, error
