"""Large sparse chains: sparse LU where the states lie in a narrow band, else Krylov iterations."""

import numpy as np
from scipy import sparse
from scipy.sparse import linalg
from scipy.sparse.csgraph import reverse_cuthill_mckee

from .._check import Vector
from ..problems._tails import UNIT

MOST_DENSE = 4096  # states of a dense matrix: 128 MiB
MOST_FILL = 5e7  # entries of a sparse LU
VANISHING = 1e-250  # a probability below this is too near to the end of floating point for a relative error
TOLERANCE = 1e-8  # of a relative error; what is worse is refused


def off_diagonal(matrix: sparse.csr_array) -> sparse.csr_array:
    """The moves between different states."""
    return sparse.csr_array(matrix - sparse.diags_array(matrix.diagonal()))


def fits(rates: sparse.csr_array) -> bool:
    """Whether a sparse LU may be tried: by the bandwidth after reordering."""
    order = reverse_cuthill_mckee(rates)
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    row, column = rates.nonzero()
    return bool(np.abs(place[row] - place[column]).max(initial=0) * rates.shape[0] <= MOST_FILL)


class Factored:
    """M = diag(exits + row sums) - rates, factored: `solve` for M x = b, `solve_left` for x M = b."""

    def __init__(self, rates: sparse.csr_array, exits: Vector) -> None:
        self.rates, self.exits, self.total = rates, exits, rates.sum(axis=1) + exits
        self._moves = sparse.coo_array(rates)
        self.matrix = sparse.csc_array(sparse.diags_array(self.total) - rates)
        # Pivots stay on the diagonal, which dominates: that is stable, and keeps the fill small.
        options = {"SymmetricMode": True}
        self._lu = linalg.splu(self.matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)

    def solve(self, b: Vector) -> tuple[Vector, float]:
        """x with M x = b >= 0, and an estimate of the largest relative error in it: what the last refinement changed.

        Rounding on the diagonal of M alone costs u * rate * x. Refinement wins that back, as its residuals are made of
        differences of x.
        """
        x = self._lu.solve(b)
        for _ in range(3):
            change = self._lu.solve(b - self._times(x))
            x = x + change
        if not (np.isfinite(x).all() and (x > 0).all()):
            return x, np.inf
        return x, float(np.max(np.abs(change) / x)) + 16 * UNIT

    def _times(self, x: Vector) -> Vector:
        """M x."""
        moves = self._moves
        flow = moves.data * (x[moves.row] - x[moves.col])
        return np.bincount(moves.row, weights=flow, minlength=x.size) + self.exits * x

    def solve_left(self, b: Vector) -> Vector:
        return self._lu.solve(b, trans="T")

    def left_error(self, x: Vector, b: Vector) -> float:
        """An estimate of the largest relative error of x >= 0 with x M = b >= 0: |r| M^-1 against x."""
        inner = x @ self.rates
        residual = np.abs(b + inner - x * self.total) + 8 * UNIT * (b + inner + x * self.total)
        seen = x > VANISHING
        return float(np.max(self.solve_left(residual)[seen] / x[seen]))


def sparse_weights(matrix: sparse.csr_array) -> tuple[Vector, float]:
    """The stationary law (n,) of an irreducible chain, and an estimate of the largest relative error in it."""
    rates = off_diagonal(matrix)
    values, error = _by_factoring(rates) if fits(rates) else _by_iteration(rates)
    if not error <= TOLERANCE:
        raise ValueError(
            f"the stationary law of {rates.shape[0]} states was found to a relative error of {error:.1e} only, "
            f"{TOLERANCE:g} was expected: the chain mixes too slowly for a sparse solver"
        )
    return values, error


def _by_factoring(rates: sparse.csr_array) -> tuple[Vector, float]:
    """Visits of the other states between two visits of the likeliest one: x M = rates from there."""
    home = int(np.argmax(_stepped(rates, np.full(rates.shape[0], 1 / rates.shape[0]), 64)))
    rest = np.delete(np.arange(rates.shape[0]), home)
    exits = rates[rest][:, [home]].toarray().ravel()
    factored = Factored(sparse.csr_array(rates[rest][:, rest]), exits)
    start = rates[[home]][:, rest].toarray().ravel()
    visits = factored.solve_left(start)
    if not (visits >= 0).all():
        return visits, np.inf
    out = np.insert(visits, home, 1.0)
    return out / out.sum(), 2 * factored.left_error(visits, start)


def _stepped(rates: sparse.csr_array, law: Vector, steps: int) -> Vector:
    """A positive law after steps of I + K / (2 max rate)."""
    total = rates.sum(axis=1)
    clock = 2 * total.max()
    stay, moves = 1 - total / clock, sparse.csr_array(rates.T / clock)
    for _ in range(steps):
        law = stay * law + moves @ law
    return law / law.sum()


def _by_iteration(rates: sparse.csr_array) -> tuple[Vector, float]:
    """The dominant left vector by Arnoldi iterations, then positive steps until its smallest entries are right too.

    With h = law / pi - 1 and r = law K the reversed chain K* has K* h = r / pi. So |h| <= |r / pi| times the integral
    of |exp(t K*) - 1 pi|, at most (2 + log(1 / min pi)) / gap for a reversible chain; for others that is an estimate.
    """
    total = rates.sum(axis=1)
    clock = 2 * total.max()
    step = sparse.csr_array(sparse.diags_array(1 - total / clock) + rates / clock).T
    start = _stepped(rates, np.full(total.size, 1 / total.size), 256)
    values, vectors = linalg.eigs(step, k=2, which="LM", v0=start, tol=1e-13)
    law = np.abs(vectors[:, np.argmax(values.real)].real)
    law, error = np.maximum(law / law.sum(), start * 1e-9), np.inf
    time = (2 - np.log(max(law.min(), VANISHING))) / float((1 - np.sort(values.real)[0]) * clock)
    for _ in range(64):
        law = _stepped(rates, law, 64)
        residual = np.abs(law @ rates - law * total)
        before, error = error, time * float(np.max((residual / law)[law > VANISHING]))
        if error > 0.5 * before and error < TOLERANCE:
            break
    return law, error
