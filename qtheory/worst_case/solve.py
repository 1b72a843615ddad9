"""Solving a worst case numerically: by cvxpy, in units in which every vector is about 1 long."""

import math
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .. import _check
from ..optimum import InaccurateSolve
from ._algebra import Expression
from ._world import Required, World
from .cost import TOO_FAR, in_range, require_affordable
from .program import Program

TOLERANCE = 1e-6  # of the primal value against the dual one, and of the residuals, relative
SETTINGS = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10, "max_iter": 200}  # of Clarabel
WHOLE = {"chordal_decomposition_enable": False}
AGAIN: tuple[dict[str, Any], ...] = (  # where the solver stalls, mostly since no point meets all conditions strictly
    {}, WHOLE | {"static_regularization_constant": 1e-7}, {"equilibrate_enable": False},
    WHOLE | {"max_step_fraction": 0.9},
)  # fmt: skip


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


@in_range()
def solve(program: Program, *, patience: float = 300.0) -> Solution:
    """The worst case of a program.

    Arguments:
        program: the worst case.
        patience: about how many seconds the solver may take, estimated beforehand.

    T = 30 takes seconds, but for BC with an adversarial error or the measure "average value", and for the domain
    "projected", which take minutes.

    Ctrl-C is heard at once, though a solver that was interrupted runs on, unheard, until it is done.

    Raises: InaccurateSolve, with the residuals, where the solver did not converge; ValueError where it would take
        longer than `patience`, and for constants that floating-point numbers do not reach.
    """
    _check.instance("program", program, Program, "theorem.worst_case(8)")
    require_affordable(program, patience)
    begin = time.perf_counter()
    world, objective = program.world()
    objective = world.kept(objective)
    scaled = _Scaled(world, objective)
    required = tuple(world.required)
    if any(r.under is not None for r in required):
        gram, values, *_ = scaled.solve(required)
        required = tuple(scaled.tangent(r, gram, values) for r in required)
    gram, values, multipliers, slack = scaled.solve(required)
    primal = objective.at(gram, values)
    value = -sum(m * float(r.left.terms.get((), 0)) for m, r in zip(multipliers.tolist(), required, strict=True))
    return Solution(
        program, world, objective, required, value, primal, gram, values, multipliers, slack,
        time.perf_counter() - begin,
    )  # fmt: skip


def _short_binary(x: float) -> Fraction:
    """x to 20 binary digits."""
    mantissa, exponent = math.frexp(x)
    return Fraction(round(mantissa * 2**20)) * Fraction(2) ** (exponent - 20)


def _aside(work: Callable[[], Any]) -> None:
    """work() in a thread of its own: in the main thread, a solver would let nobody hear Ctrl-C before it is done."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


class _Scaled:
    """A world in units of its sizes, as arrays for the solver."""

    def __init__(self, world: World, objective: Expression) -> None:
        n = len(world.names)
        self.world, self.n = world, n
        self.sizes, self.value_sizes = np.array(world.sizes), np.array(world.value_sizes)
        pairs = [(i, j) for i in range(n) for j in range(i, n) if (i, j) not in world.absent]
        self.keys = {key: k for k, key in enumerate([*pairs, *((k,) for k in range(len(world.values)))])}
        with np.errstate(all="ignore"):
            self.units = np.array([self._unit(key) for key in self.keys])
        self.pairs = np.array(pairs)
        if not ((self.units > 0).all() and np.isfinite(self.units).all()):
            raise ValueError(TOO_FAR)
        self.objective, _ = self._row(objective)
        self.unit = float(abs(self.objective).max())

    def solve(self, required: Sequence[Required]) -> tuple[NDArray[np.float64], ...]:
        """(gram, values, multipliers, slack), in the world's units."""
        errors = []
        for settings in AGAIN:
            try:
                return self._solve(required, settings)
            except InaccurateSolve as error:
                errors.append(error)
                if "no point" in str(error):
                    break
        raise errors[0]

    def _solve(self, required: Sequence[Required], settings: dict[str, Any]) -> tuple[NDArray[np.float64], ...]:
        import cvxpy as cp

        n = self.n
        x = cp.Variable(len(self.keys))
        linear = [r for r in required if r.under is None]
        rows, constants = zip(*(self._row(r.left) for r in linear), strict=True)
        A, ends = sparse.vstack(rows, format="csr"), np.array(constants)
        scale = np.maximum(abs(A).max(axis=1).toarray().ravel(), abs(ends))
        inside = sparse.diags_array(1 / scale) @ A @ x + ends / scale <= 0
        psd = cp.reshape(self._matrix() @ x, (n, n), order="F") >> 0  # type: ignore[attr-defined]
        constraints = [inside, psd]
        for r in required:
            if r.under is not None:
                (left, c), (under, e) = self._row(r.left), self._row(r.under)
                a, b = self._size(r.left), self._size(r.under)
                root = cp.sqrt(under / b @ x + e / b)  # type: ignore[attr-defined]
                constraints.append(left / a @ x + c / a <= float(r.factor) * b**0.5 / a * root)
        problem = cp.Problem(cp.Maximize(self.objective @ x / self.unit), constraints)
        self._run(problem, settings)
        at, multipliers = np.asarray(x.value), np.asarray(inside.dual_value)
        slack = (psd.dual_value + psd.dual_value.T) / 2
        # Roots only serve to find their tangents, with which the program is solved again.
        if len(linear) == len(required) or not problem.status.startswith("optimal"):
            balance = self.objective / self.unit - multipliers / scale @ A + self._matrix().T @ slack.ravel(order="F")
            excess = (A @ at + ends) / scale
            primal, dual = (self.objective @ at).item() / self.unit, -float(multipliers @ (ends / scale))
            self._precise(problem.status, at, excess, multipliers, slack, balance, min(1.0, abs(primal)))
            if len(linear) == len(required) and not abs(dual - primal) <= TOLERANCE * abs(dual):
                raise InaccurateSolve(f"primal and dual values differ: {primal:.9g} against {dual:.9g} (scaled)")
        gram, values = self._parts(at)
        return gram, values, multipliers / scale * self.unit, slack * self.unit / np.outer(self.sizes, self.sizes)

    def tangent(self, r: Required, gram: NDArray[np.float64], values: NDArray[np.float64]) -> Required:
        """left <= factor (under / m + m) / 2, which left <= factor sqrt(under) implies for every m > 0."""
        if r.under is None:
            return r
        m = _short_binary(max(r.under.at(gram, values), 1e-12 * self._size(r.under)) ** 0.5)
        half = r.factor / 2
        return Required(r.name, r.left - half / m * r.under - half * m)

    def _size(self, expression: Expression) -> float:
        row, constant = self._row(expression)
        return float(max(abs(row).max(), abs(constant)))

    def _precise(
        self, status: str, x: Any, excess: Any, multipliers: Any, slack: Any, balance: Any, value: float
    ) -> None:
        """Refuse what is not solved, or not feasible on either side for a value of that size; all in scaled units."""
        gram = self._parts(x)[0] / np.outer(self.sizes, self.sizes)
        residuals = {
            "requirements exceeded by": excess.max(),
            "Gram matrix below zero by": -np.linalg.eigvalsh(gram)[0],
            "multipliers below zero by": -multipliers.min(),
            "slack below zero by": -np.linalg.eigvalsh(slack)[0],
            "dual equations missed by": abs(balance).max(),
        }
        if not status.startswith("optimal") or not max(residuals.values()) <= TOLERANCE * value:
            said = ", ".join(f"{name} {max(r, 0.0):.3g}" for name, r in residuals.items())
            raise InaccurateSolve(f"the solver ended with status {status!r}, not precise enough: {said}")

    def _run(self, problem: Any, settings: dict[str, Any]) -> None:
        import cvxpy as cp

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of inaccuracy, which is an error here
            try:
                _aside(lambda: problem.solve(solver=cp.CLARABEL, **(SETTINGS | settings)))
            except BaseException as error:  # a panic of Clarabel is no Exception
                if isinstance(error, cp.SolverError) or type(error).__name__ == "PanicException":
                    raise InaccurateSolve(f"the solver failed: {error}") from None
                raise
        if any(v.value is None for v in problem.variables()):
            raise InaccurateSolve(f"the solver ended with status {problem.status!r} and no point, so no residuals")

    def _unit(self, key: tuple[int, ...]) -> float:
        return float(self.value_sizes[key[0]] if len(key) == 1 else self.sizes[key[0]] * self.sizes[key[1]])

    def _row(self, expression: Expression) -> tuple[Any, float]:
        """Coefficients in scaled units (1, keys), and the constant."""
        terms = [(self.keys[key], a) for key, a in expression.floats().items() if key]
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
