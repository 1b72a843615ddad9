"""Solving a worst case numerically: by cvxpy, in units in which every vector is about 1 long."""

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .. import _check
from ..optimum import InaccurateSolve
from ._algebra import Expression
from ._world import Required, World
from .program import Program

TOLERANCE = 1e-6  # of the primal value against the dual one, relative


@dataclass(frozen=True, eq=False)
class Solution:
    """A numerical solution.

    program, world: what was solved.   objective: what was maximized.   required: the linear constraints, with the
        roots replaced by their tangents at the solution.
    value: the dual value, an upper bound up to the solver's tolerance.   primal: the value that `gram` and `values`
        attain, up to the same.
    gram: (n, n) inner products.   values: (k,) function values.   multipliers: (len(required),), >= 0.
    slack: (n, n) the dual matrix, positive semidefinite.   seconds: it took.
    """

    program: Program
    world: World
    objective: Expression
    required: tuple[Required, ...]
    value: float
    primal: float
    gram: NDArray[np.float64]
    values: NDArray[np.float64]
    multipliers: NDArray[np.float64]
    slack: NDArray[np.float64]
    seconds: float


def solve(program: Program, *, patience: float = 300.0) -> Solution:
    """The worst case of a program.

    Arguments:
        program: the worst case.
        patience: about how many seconds the solver may take, estimated beforehand.

    Raises: InaccurateSolve, with the residuals, where the solver did not converge; ValueError where it would take
        longer than `patience`.
    """
    _within(program, _check.number("patience", patience, above=0))
    begin = time.perf_counter()
    world, objective = program.world()
    objective = world.kept(objective)
    scaled = _Scaled(world, objective)
    required = tuple(world.required)
    if any(r.under is not None for r in required):
        gram, values, *_ = scaled.solve(required)
        required = tuple(_tangent(r, gram, values) for r in required)
    gram, values, multipliers, slack = scaled.solve(required)
    primal = objective.at(gram, values)
    value = -sum(m * float(r.left.terms.get((), 0)) for m, r in zip(multipliers.tolist(), required, strict=True))
    if not abs(value - primal) <= TOLERANCE * max(1e-9, abs(value)) + 1e-9 * scaled.unit:
        raise InaccurateSolve(f"primal and dual values differ: {primal:.9g} against {value:.9g}")
    return Solution(
        program, world, objective, required, value, primal, gram, values, multipliers, slack,
        time.perf_counter() - begin,
    )  # fmt: skip


def seconds(program: Program) -> float:
    """About how long `solve` takes, from measurements: an iteration costs the sixth power of the vectors."""
    few, more = (len(replace(program, horizon=T).world()[0].names) for T in (3, 4))
    vectors = few + (program.horizon - 3) * (more - few)
    return 3.0 * (max(vectors, 1) / 60) ** 5.7 * (2 if getattr(program.method, "concave", False) else 1)


def _within(program: Program, patience: float) -> None:
    about = seconds(program)
    if about > patience:
        most = max(1, math.floor(program.horizon * (patience / about) ** (1 / 5.7)))
        raise ValueError(
            f"horizon {program.horizon} would take about {about:.0f} s: lower it to {most}, choose domain 'start' or a "
            f"method without noise, or allow it by patience={math.ceil(about)}"
        )


def _tangent(required: Required, gram: NDArray[np.float64], values: NDArray[np.float64]) -> Required:
    """left <= factor (under / m + m) / 2, which left <= factor sqrt(under) implies for every m > 0."""
    if required.under is None:
        return required
    m = Fraction(max(required.under.at(gram, values), 1e-12) ** 0.5).limit_denominator(10**6)
    half = required.factor / 2
    return Required(required.name, required.left - half / m * required.under - half * m)


class _Scaled:
    """A world in units of its sizes, as arrays for the solver."""

    def __init__(self, world: World, objective: Expression) -> None:
        n = len(world.names)
        self.world, self.n = world, n
        self.sizes, self.value_sizes = np.array(world.sizes), np.array(world.value_sizes)
        pairs = [(i, j) for i in range(n) for j in range(i, n) if (i, j) not in world.absent]
        self.keys = {key: k for k, key in enumerate([*pairs, *((k,) for k in range(len(world.values)))])}
        self.units = np.array([self._unit(key) for key in self.keys])
        self.pairs = np.array(pairs)
        self.objective, _ = self._row(objective)
        self.unit = float(abs(self.objective).max())

    def solve(self, required: Sequence[Required]) -> tuple[NDArray[np.float64], ...]:
        """(gram, values, multipliers, slack), in the world's units."""
        import cvxpy as cp

        n = self.n
        x = cp.Variable(len(self.keys))
        linear = [r for r in required if r.under is None]
        rows, constants = zip(*(self._row(r.left) for r in linear), strict=True)
        A, b = sparse.vstack(rows, format="csr"), np.array(constants)
        scale = np.maximum(abs(A).max(axis=1).toarray().ravel(), abs(b))
        inside = sparse.diags_array(1 / scale) @ A @ x + b / scale <= 0
        psd = cp.reshape(self._matrix() @ x, (n, n), order="F") >> 0  # type: ignore[attr-defined]
        constraints = [inside, psd]
        for r in required:
            if r.under is not None:
                (left, c), (under, e) = self._row(r.left), self._row(r.under)
                constraints.append(left @ x + c <= float(r.factor) * cp.sqrt(under @ x + e))  # type: ignore[attr-defined]
        problem = cp.Problem(cp.Maximize(self.objective @ x / self.unit), constraints)
        self._run(problem)
        gram, values = self._parts(np.asarray(x.value))
        slack = np.asarray(psd.dual_value) * self.unit / np.outer(self.sizes, self.sizes)
        return gram, values, np.asarray(inside.dual_value) / scale * self.unit, (slack + slack.T) / 2

    def _run(self, problem: Any) -> None:
        import cvxpy as cp

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of inaccuracy, which is an error here
            try:
                problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
            except cp.SolverError as error:
                raise InaccurateSolve(f"the solver failed: {error}") from None
        if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            raise InaccurateSolve(f"the solver ended with status {problem.status!r}")

    def _unit(self, key: tuple[int, ...]) -> float:
        return float(self.value_sizes[key[0]] if len(key) == 1 else self.sizes[key[0]] * self.sizes[key[1]])

    def _row(self, expression: Expression) -> tuple[Any, float]:
        """Coefficients in scaled units (1, keys), and the constant."""
        terms = [(self.keys[key], float(a)) for key, a in expression.terms.items() if key]
        columns = np.array([k for k, _ in terms], int)
        row = sparse.csr_array(
            (np.array([a for _, a in terms]) * self.units[columns], (np.zeros(len(terms), int), columns)),
            shape=(1, len(self.keys)),
        )
        return row, float(expression.terms.get((), 0))

    def _matrix(self) -> Any:
        """From the unknowns to the entries (n²,) of the Gram matrix."""
        (i, j), k = self.pairs.T, np.arange(len(self.pairs))
        rows = np.concatenate([i + self.n * j, (j + self.n * i)[i != j]])
        columns = np.concatenate([k, k[i != j]])
        return sparse.csr_array((np.ones(rows.size), (rows, columns)), shape=(self.n**2, len(self.keys)))

    def _parts(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        gram = (self._matrix() @ x).reshape(self.n, self.n) * np.outer(self.sizes, self.sizes)
        return gram, x[len(self.pairs) :] * self.value_sizes
