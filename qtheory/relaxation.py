"""relaxation_bound(couplings): a proven lower bound on w'Jw / 2 over all signs w, from the semidefinite relaxation.

With |w|^2 = d and w_i^2 = 1, any y gives, for all w in {-1, 1}^d,

    w'Jw / 2 = (sum_i y_i + w'(J - diag y)w) / 2 >= (sum_i y_i + d lambda_min(J - diag y)) / 2.

The largest such bound is the value of: minimise <J, X> / 2 over X >= 0 with X_ii = 1. A solver finds y; that the bound
holds rests on the least eigenvalue alone, whatever the solver did.

Source: M. Goemans and D. Williamson, Improved approximation algorithms for maximum cut and satisfiability problems
using semidefinite programming, Journal of the ACM 42 (1995).
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _check
from ._check import Vector
from ._convex import _ONE_AT_A_TIME
from .problems.ising import symmetric

__all__ = ["Relaxation", "dual_bound", "relaxation_bound"]

SMALL = 24  # up to here an interior-point method, which is more precise; beyond it a first-order one, which is faster
PRECISION = 1e-6  # of the first-order method
SWEEPS = 1000  # through all coordinates, when signs are made locally optimal
_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A lower bound on F(w) = w'Jw / 2 over {-1, 1}^d, and so over [-1, 1]^d, since F is affine in each coordinate.

    couplings: (d, d) J.
    bound: F(w) >= bound for all w in the box, floating-point errors included.
    dual: (d,) the y that proves it: `dual_bound(couplings, dual)` gives the bound again.
    status: what the solver said. The bound holds whatever it says; it may be loose unless this is "optimal".
    """

    couplings: Vector
    bound: float
    dual: Vector
    status: str

    def gap_of(self, w: Any) -> Vector:
        """F(w) - bound >= F(w) - F*: how far w, (..., d) in the box, is from optimal at most.

        Raises: ValueError for a w of another shape, not finite, or outside the box.
        """
        return self._value(w) - self.bound

    def share_of(self, w: Any) -> Vector:
        """F(w) / bound, of w (..., d) in the box: at most 1, and at most the share of the optimum that w reaches.

        Raises: ValueError as `gap_of`, or where the bound is not negative (J = 0).
        """
        if not self.bound < 0:
            raise ValueError(f"couplings must not be zero for a share of the bound, which is {self.bound:g}")
        return self._value(w) / self.bound

    def _value(self, w: Any) -> Vector:
        w = _check.array("w", w)
        if w.shape[-1:] != (len(self.couplings),):
            raise ValueError(f"w must have shape (..., {len(self.couplings)}), got {w.shape}")
        if np.abs(w).max() > 1:
            raise ValueError(f"w must lie in the box [-1, 1], got an entry of size {np.abs(w).max():g}")
        return np.sum(w * (w @ self.couplings), axis=-1) / 2


def dual_bound(couplings: Any, dual: Any) -> float:
    """The lower bound on w'Jw / 2 over {-1, 1}^d that any dual vector y (d,) proves, however it was found.

    Floating-point errors are on the safe side: the diagonal of J - diag y is exact, the sum of y is rounded once, and
    the least eigenvalue of a matrix A is lowered by 8 d eps |A| (Frobenius), several times the error of a backward
    stable method such as LAPACK's.

    Raises: ValueError for couplings that are not symmetric with zero diagonal, a y of another shape, or not finite.
    """
    couplings = symmetric("couplings", couplings)
    dual = _check.array("dual", dual, shape=(len(couplings),))
    return _dual_bound(couplings, dual)


def _dual_bound(couplings: Vector, dual: Vector) -> float:
    d, shifted = len(couplings), couplings - np.diag(dual)
    least = float(np.linalg.eigvalsh(shifted)[0]) - 8 * d * _EPS * float(np.linalg.norm(shifted))
    total, rest = math.fsum(dual), d * least
    return (total + rest) / 2 - 2 * _EPS * (abs(total) + abs(rest))


def relaxation_bound(couplings: Any) -> Relaxation:
    """The bound of the semidefinite relaxation, proven by its dual: some seconds for d = 200.

    Of several dual vectors the best is kept: the solver's, zero, and that of the signs which the solution points to,
    y_i = w_i (Jw)_i, with which the bound is exact where the relaxation is tight. A solver that fails costs precision,
    never the proof.

    Arguments:
        couplings: (d, d) J, symmetric with zero diagonal, d >= 2.

    Raises: ValueError for other couplings.
    """
    couplings = symmetric("couplings", couplings)
    matrix, multipliers, status = _solve(couplings)
    candidates = [np.zeros(len(couplings))]
    if multipliers is not None:
        candidates += [2 * multipliers, -2 * multipliers]  # a solver's sign convention is no part of a proof
    if matrix is not None:
        w = _descend(couplings, np.where(np.linalg.eigh(matrix)[1][:, -1] >= 0, 1.0, -1.0))
        candidates.append(w * (couplings @ w))
    bounds = [_dual_bound(couplings, y) for y in candidates]
    best = int(np.argmax(bounds))
    dual = _check.array("dual", candidates[best])
    return Relaxation(couplings, bounds[best], dual, status)


def _solve(couplings: Vector) -> tuple[Vector | None, Vector | None, str]:
    """(X, multipliers of its diagonal, status); None for what the solver did not return."""
    import cvxpy as cp

    scale = float(np.abs(couplings).max()) or 1.0
    precise = {"solver": cp.CLARABEL}
    options = precise if len(couplings) <= SMALL else {"solver": cp.SCS, "eps": PRECISION, "max_iters": 50_000}
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an inaccurate solution is told by the status
        X, ones, program = _program(couplings / scale, cp)
        try:
            program.solve(**options)
        except cp.error.SolverError as error:
            return None, None, f"failed ({error})"
    multipliers = None if ones.dual_value is None else scale * np.ravel(ones.dual_value)
    usable = [v if v is not None and np.isfinite(v).all() else None for v in (X.value, multipliers)]
    return usable[0], usable[1], str(program.status)


def _program(couplings: Vector, cp: Any) -> Any:
    """X, its constraint X_ii = 1, and the program; `cp` is the module."""
    X = cp.Variable(couplings.shape, PSD=True)
    ones = cp.diag(X) == 1
    return X, ones, cp.Problem(cp.Minimize(cp.sum(cp.multiply(couplings, X)) / 2), [ones])


def _descend(couplings: Vector, w: Vector) -> Vector:
    """Signs from which no single flip lowers F, below w (d,)."""
    w, field = w.copy(), couplings @ w
    for _ in range(SWEEPS * len(w)):
        i = int(np.argmax(w * field))
        if not w[i] * field[i] > 0:
            break
        w[i] = -w[i]
        field += 2 * w[i] * couplings[i]
    return w
