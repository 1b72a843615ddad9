"""Chain: a finite Markov chain, in steps or in time, and what can be asked of it."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from .. import _check
from .._check import Vector
from ..problems._tails import UNIT
from ..statistics import Interval
from . import _clock, _hitting
from ._clock import MixingTime
from ._spectrum import spectral_gap
from ._stationary import Law, stationary

DENSE_BELOW = 2000  # up to so many states, chains are built as dense matrices
_SUM = 1e-9  # how far the rows of a matrix in floating point may be from their sum


@dataclass(frozen=True, eq=False)
class Chain:
    """A finite Markov chain.

    Arguments:
        points: (n, d) the states, as weights.
        matrix: (n, n) an array of floats or of Fractions, or a SciPy sparse array. A chain in steps has the transition
            probabilities, its rows sum to 1; a generator the rates, its rows sum to 0.
        generator: the chain moves in time. For a limit of training chains that is t = alpha * steps.
        error: a bound on the relative error of each off-diagonal entry; the diagonal is what the rows' sums make it.

    Results with an `error` are right up to it, in the chain as `matrix` and `error` describe it. A result that is large
    or that takes a solver says so in its docstring.

    Raises: ValueError for wrong shapes, NaN, negative off-diagonal entries, or rows with another sum.
    """

    points: Vector
    matrix: Any
    generator: bool = False
    error: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _check.array("points", self.points, ndim=2))
        object.__setattr__(self, "matrix", _matrix(self.matrix, self.size, self.generator))
        object.__setattr__(self, "error", _check.number("error", self.error, least=0))

    @property
    def size(self) -> int:
        """n, the number of states."""
        return self.points.shape[0]

    @property
    def rational(self) -> bool:
        """Whether the entries are Fractions."""
        return bool(self.matrix.dtype == object)

    @property
    def sparse(self) -> bool:
        """Whether the matrix is sparse."""
        return bool(sparse.issparse(self.matrix))

    def stationary(self) -> Law:
        """The law pi with pi P = pi (pi K = 0), by elimination without subtraction: each probability is right relative
        to itself, above 1e-250. Transient states have 0. Fractions give fractions.

        Above 4096 states by a sparse solver, with an estimate instead of a bound as its error.
        Raises: ValueError for several closed classes, or where a solver does not reach 1e-8.
        """
        return self._law

    @cached_property
    def _law(self) -> Law:
        return stationary(self.matrix, self.points, self.error)

    @cached_property
    def _error(self) -> float:
        """Of the rates in floating point."""
        return UNIT if self.rational else self.error

    @property
    def _moves(self) -> tuple[Any, float, bool]:
        return self.matrix, self._error, self.generator

    def spectral_gap(self) -> Interval:
        """1 - max |lambda| over the other eigenvalues; of a generator, -max Re lambda.

        Right relative to itself where states move to neighbours only; else up to rounding relative to the largest rate,
        which is an estimate unless the chain is reversible, and above 1500 states.
        """
        return spectral_gap(*self._moves, self.stationary)

    def distance(self, k: float) -> Interval:
        """max over x of TV(law from x after k, pi): k steps, or a time. At most 2048 states."""
        return _clock.reached(*self._moves, self.stationary(), self._clock("k", k))

    def mixing_time(self, epsilon: float) -> MixingTime:
        """The least k with distance(k) <= epsilon, by repeated squaring and descent: an integer, or a time to 1e-10.

        Raises: ValueError for epsilon outside (0, 1) or below the numerical error, more than 2048 states, or a chain
        that does not mix (several closed classes, or periodic).
        """
        epsilon = _check.number("epsilon", epsilon, above=0)
        if epsilon >= 1:
            raise ValueError(f"epsilon must lie in (0, 1), got {epsilon:g}")
        return _clock.mixing_time(*self._moves, self.stationary(), epsilon)

    def occupancy(self, steps: float, start: Any, *, with_error: bool = False) -> Any:
        """(n,) the expected number of visits in steps 1, ..., `steps`, step 1 being at `start`; of a generator, the
        expected time spent in each state up to the time `steps`.

        Arguments:
            start: the index of a state, or a law (n,).
            with_error: give (visits, a bound on their L1 error) instead.
        """
        found = _clock.occupancy(*self._moves, self._start(start), self._clock("steps", steps))
        return found if with_error else found[0]

    def evolve(self, law: Any, k: float, *, with_error: bool = False) -> Any:
        """(n,) the law after k steps (or a time k) from a state's index or a law; with_error: (law, L1 error)."""
        found = _clock.evolve(*self._moves, self._start(law), self._clock("k", k))
        return found if with_error else found[0]

    def hitting_time(self, target: Any, *, with_error: bool = False) -> Any:
        """(n,) the expected number of steps (time) until the chain is in `target` (n,) of bool: 0 on it, infinite where
        it may never come. Fractions give fractions; with_error: (times, a bound on their relative error)."""
        found = _hitting.hitting_time(self.matrix, self.error, self._set("target", target))
        return found if with_error else found[0]

    def survival(self, inside: Any, k: float, start: Any, *, with_error: bool = False) -> Any:
        """P(the chain from `start` has not left `inside` (n,) of bool by step, or time, k); with_error: (P, error)."""
        inside, law = self._set("inside", inside), self._start(start)
        law = np.append(law[inside], law[~inside].sum())
        watched = self._watched(inside)
        k = self._clock("k", k)
        value, error = _clock.evolve(watched, self._error, self.generator, law, k)
        stays = min(1.0, float(value[:-1].sum()))
        # The chance of having left is a sum of positive path weights, each right to so much of itself.
        pace = 1.0 if not self.generator else 2 * float(-watched.diagonal().min())
        share = np.expm1(min(700.0, (1 + k * pace) * (2 * self._error + (2 * law.size + 8) * UNIT)))
        return (stays, min(error / 2, float(share) * (1 - stays) + 4 * UNIT)) if with_error else stays

    def _watched(self, inside: np.ndarray) -> Any:
        """The chain with one absorbing state, the last, for all that is outside."""
        rates, exits = _hitting._inside(self.matrix, inside)
        inner, outer = sparse.csr_array(rates), sparse.csr_array(exits[:, None])
        moves = sparse.csr_array(sparse.block_array([[inner, outer], [None, sparse.csr_array((1, 1))]]))
        total = moves.sum(axis=1)
        matrix = moves + sparse.diags_array(-total if self.generator else 1 - total)
        return sparse.csr_array(matrix) if matrix.shape[0] > DENSE_BELOW else matrix.toarray()

    def escape_rate(self, inside: Any) -> Interval:
        """1 - rho(P_BB), or -rho(K_BB), for the states B of `inside` (n,) of bool: the rate at which the chain leaves B
        in the long run. Right relative to itself, however small it is; a two-sided bound, by Collatz and Wielandt."""
        inside = self._set("inside", inside)
        return Interval.exact(0.0) if inside.all() else _hitting.escape_rate(self.matrix, self._error, inside)

    def _clock(self, name: str, k: Any) -> float:
        return _check.number(name, k, least=0) if self.generator else _check.count(name, k, least=0, most=2**62)

    def _start(self, start: Any) -> Vector:
        """A law (n,), from itself or from the index of a state."""
        if np.ndim(start) == 0:
            law = np.zeros(self.size)
            law[_check.count("start", start, least=0, most=self.size - 1)] = 1.0
            return law
        law = _check.array("start", start, shape=(self.size,))
        if (law < 0).any() or abs(law.sum() - 1) > _SUM:
            raise ValueError(f"start must be a law: entries of at least 0 with sum 1, got the sum {law.sum():g}")
        return law / law.sum()

    def _set(self, name: str, states: Any) -> np.ndarray:
        found = np.asarray(states)
        if found.dtype != bool or found.shape != (self.size,):
            raise ValueError(f"{name} must be a bool array of shape ({self.size},), got {found.dtype} {found.shape}")
        if not found.any():
            raise ValueError(f"{name} must hold at least one state, got none")
        return found


def _matrix(matrix: Any, n: int, generator: bool) -> Any:
    """The matrix in its final type, read-only; ValueError for what is no chain."""
    if sparse.issparse(matrix):
        matrix = sparse.csr_array(matrix, dtype=np.float64)
        entries, diagonal = matrix.data, matrix.diagonal()
    else:
        matrix = _dense(matrix)
        entries, diagonal = matrix, matrix.diagonal() if matrix.ndim == 2 else None
    if matrix.shape != (n, n):
        raise ValueError(f"matrix must have shape ({n}, {n}), one row for each of the points, got {matrix.shape}")
    exact = matrix.dtype == object
    if not exact and not np.isfinite(entries).all():
        raise ValueError(f"matrix must be finite, got {int(np.sum(~np.isfinite(entries)))} NaN or infinite entries")
    negative = (entries < 0).sum() - ((diagonal < 0).sum() if generator else 0)
    if negative:
        raise ValueError(f"matrix must not have negative {'rates' if generator else 'entries'}, got {int(negative)}")
    sums, wanted = matrix.sum(axis=1), 0 if generator else 1
    scale = np.maximum(np.abs(diagonal), 1) if generator and not exact else 1
    wrong = np.abs(sums - wanted) > (0 if exact else _SUM * scale)
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"matrix must have rows with sum {wanted}, got {float(sums[i])!r} in row {i}")
    if not sparse.issparse(matrix):
        matrix.setflags(write=False)
    return matrix


def _dense(matrix: Any) -> np.ndarray:
    found = np.array(matrix)
    if found.dtype == object:
        if not all(isinstance(q, Fraction | int) for q in found.ravel()):
            raise ValueError("matrix must hold floats only, or Fractions only")
        return found
    return np.array(_check.real("matrix", found))
