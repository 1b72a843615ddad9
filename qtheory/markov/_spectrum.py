"""Spectral gaps, with the error of their computation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg, sparse

from .._check import Vector
from ..problems._tails import UNIT
from ..statistics import Interval
from ._graph import is_tridiagonal
from ._hitting import perron
from ._powers import rates_of
from ._sparse import off_diagonal
from ._stationary import Law

MOST_EIGENVALUES = 1500  # states of a chain all of whose eigenvalues are computed


def spectral_gap(matrix: Any, error: float, generator: bool, law: Callable[[], Law]) -> Interval:
    """See Chain.spectral_gap."""
    if matrix.shape[0] == 1:
        raise ValueError("a chain of one state has no spectral gap")
    if is_tridiagonal(matrix) and matrix.shape[0] <= 4 * MOST_EIGENVALUES:
        return _of_neighbours(rates_of(matrix), error, generator)
    if matrix.shape[0] > MOST_EIGENVALUES:
        return _by_arnoldi(sparse.csr_array(matrix), generator)
    rates = rates_of(matrix)
    values, spread = _eigenvalues(rates, np.asarray(law().probabilities, dtype=np.float64), error)
    rest = np.delete(values, np.argmin(np.abs(values)))
    gap = float(-rest.real.max() if generator else 1 - np.abs(1 + rest).max())
    return Interval.exact(gap, spread)


def _of_neighbours(rates: Vector, error: float, generator: bool) -> Interval:
    """Differences f(x + 1) - f(x) evolve like a chain of n - 1 states that is left at both ends (Siegmund's dual): the
    gap is its escape rate, found with a small relative error."""
    up, down = rates.diagonal(1), rates.diagonal(-1)
    # Transposed, so that the rows are those of a chain: from x to x + 1 with down[x], back with up[x + 1].
    dual = np.diag(down[:-1], 1) + np.diag(up[1:], -1)
    exits = np.zeros(up.size)
    exits[0] += up[0]
    exits[-1] += down[-1]
    gap = perron(dual, exits, error)
    if generator:
        return gap
    root = np.sqrt(up * down)
    diagonal = -rates.sum(axis=1)
    least = float(linalg.eigh_tridiagonal(diagonal, root, eigvals_only=True, select="i", select_range=(0, 0))[0])
    if 2 + least >= gap.high:
        return gap
    return Interval.exact(2 + least, 8 * up.size * UNIT + 4 * error)


def _eigenvalues(rates: Vector, law: Vector, error: float) -> tuple[np.ndarray, float]:
    """The eigenvalues (n,) of rates less their row sums, and a bound on their error; unless reversible, an estimate."""
    n = law.size
    generator = rates - np.diag(rates.sum(axis=1))
    size = float(np.abs(generator).sum(axis=1).max())
    change = (4 * n * UNIT + error) * size  # by rounding, and by the errors of the rates
    if (law > 0).all():
        root = np.sqrt(law)
        similar = generator * (root[:, None] / root)
        skew = float(np.linalg.norm(similar - similar.T)) / 2
        if skew <= 1e-10 * size:
            return np.linalg.eigvalsh((similar + similar.T) / 2), skew + change
    values, left, right = linalg.eig(generator, left=True, right=True)
    overlap = np.abs(np.sum(left.conj() * right, axis=0))
    order = np.argsort(np.abs(values))[: min(n, 4)]  # the ones that a gap may depend on
    worst = float(np.max(1 / np.maximum(overlap[order], UNIT)))
    return values, worst * change


def _by_arnoldi(matrix: sparse.csr_array, generator: bool) -> Interval:
    """The two dominant eigenvalues of I + K / (2 max rate), or of P; their residuals weighed by their condition."""
    rates = off_diagonal(matrix)
    total = rates.sum(axis=1)
    clock = 2 * float(total.max()) if generator else 1.0
    step = sparse.csr_array(sparse.diags_array(1 - total / clock) + rates / clock)
    start = np.linspace(1.0, 2.0, total.size)
    found = [sparse.linalg.eigs(m, k=2, which="LM", v0=start, tol=1e-12) for m in (step, step.T)]
    (value, right), (_, left) = [_second(values, vectors) for values, vectors in found]
    residual = float(np.linalg.norm(step @ right - value * right))
    condition = 1 / max(abs(float(np.abs(left.conj() @ right))), abs(float(np.abs(left @ right))), UNIT)
    gap = 1 - (value.real if generator else abs(value))
    return Interval.exact(float(gap * clock), clock * condition * (residual + 64 * UNIT))


def _second(values: np.ndarray, vectors: np.ndarray) -> tuple[Any, np.ndarray]:
    i = int(np.argmax(np.abs(values - 1)))
    return values[i], vectors[:, i]
