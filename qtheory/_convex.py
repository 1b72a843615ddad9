"""What an optimum needs of each convex problem: its cvxpy model, its Hessian, whether a minimiser exists at all."""

import threading
import warnings
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np

from ._check import Vector
from .problems import (
    AbsoluteValue,
    DenseQuadratic,
    LeastSquares,
    Linear,
    LogisticRegression,
    Problem,
    SeparableQuadratic,
)

SOLVER_OPTIONS = {"max_iter": 200}  # Clarabel's
NEWTON_STEPS = 100
LARGE = 2**18  # entries of X: past it the conic solver needs minutes where Newton's method needs seconds
_ONE_AT_A_TIME = threading.Lock()  # cvxpy keeps counters and scopes in globals


# --- models for cvxpy


@singledispatch
def model(problem: Problem, w: Any, cp: Any) -> Any:
    """F as a cvxpy expression of the variable w (d,); `cp` is the module."""
    raise ValueError(f"problem must be one that cvxpy can model, got {type(problem).__name__}")


def has_model(problem: Problem) -> bool:
    return model.dispatch(type(problem)) is not model.dispatch(object)


@model.register
def _separable_quadratic(problem: SeparableQuadratic, w: Any, cp: Any) -> Any:
    return cp.sum_squares(cp.multiply(np.sqrt(problem.curvature), w - problem.center)) / 2


@model.register
def _dense_quadratic(problem: DenseQuadratic, w: Any, cp: Any) -> Any:
    return cp.sum_squares(np.linalg.cholesky(problem.matrix).T @ (w - problem.center)) / 2


@model.register
def _least_squares(problem: LeastSquares, w: Any, cp: Any) -> Any:
    # [X y] = Q [R q]: |X w - y| = |R w - q|, with at most d + 1 rows however many data there are.
    root = np.asarray(np.linalg.qr(np.column_stack([problem.X, problem.y]), mode="r"))
    error = cp.sum_squares(root[:, :-1] @ w - root[:, -1]) / (2 * len(problem.X))
    return error + problem.l2 / 2 * cp.sum_squares(w)


@model.register
def _logistic(problem: LogisticRegression, w: Any, cp: Any) -> Any:
    loss = cp.sum(cp.logistic(-(problem.y[:, None] * problem.X) @ w)) / len(problem.X)
    return loss + problem.l2 / 2 * cp.sum_squares(w)


@model.register
def _linear(problem: Linear, w: Any, cp: Any) -> Any:
    return problem.slopes @ w


@model.register
def _absolute_value(problem: AbsoluteValue, w: Any, cp: Any) -> Any:
    return problem.right @ cp.pos(w - problem.center) + problem.left @ cp.pos(problem.center - w)


def conic(problem: Problem) -> tuple[Vector | None, str]:
    """(w, status) from Clarabel; w is None where it returned none. ValueError for a problem without a model."""
    import cvxpy as cp

    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an inaccurate solution is told by the status
        w = cp.Variable(problem.dim)
        constraints = [] if problem.box is None else [w >= problem.box[0], w <= problem.box[1]]
        program = cp.Problem(cp.Minimize(model(problem, w, cp)), constraints)
        try:
            program.solve(solver=cp.CLARABEL, **SOLVER_OPTIONS)
        except cp.error.SolverError as error:
            return None, f"failed ({error})"
    return (None if w.value is None else problem.project(w.value)), str(program.status)


# --- whether there is a minimiser


def require_attained(problem: Problem) -> None:
    """ValueError where F has no minimiser on the domain."""
    if problem.box is not None:
        return
    if isinstance(problem, Linear):
        problem.closed_form()  # which says so
    if isinstance(problem, LogisticRegression) and problem.l2 == 0 and _separating_direction(problem) is not None:
        raise ValueError(
            "a logistic regression of linearly separable data has no minimiser with l2 = 0 and no box: "
            "F falls for ever along a direction that separates the labels. Give the problem l2 > 0 or a box"
        )


def _separating_direction(problem: LogisticRegression) -> Vector | None:
    """v with y_n x_n . v >= 0 for all n and > 0 for one, the only obstacle to a minimiser; None if there is none."""
    from scipy.optimize import linprog

    rows = problem.y[:, None] * problem.X
    size = np.linalg.norm(rows, axis=1)
    rows = rows[size > 0] / size[size > 0, None]
    if rows.size == 0:
        return None
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(-rows.mean(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1), options=tight)
    if found.x is None:
        return None
    margins = rows @ found.x
    return found.x if margins.min() >= -1e-9 and margins.max() > 1e-6 else None


# --- polishing


@singledispatch
def hessian(problem: Problem, w: Vector) -> Vector:
    """The Hessian at w: (d, d), or (d,) where it is diagonal."""
    raise NotImplementedError


@hessian.register
def _separable_quadratic_hessian(problem: SeparableQuadratic, w: Vector) -> Vector:
    return problem.curvature


@hessian.register
def _dense_quadratic_hessian(problem: DenseQuadratic, w: Vector) -> Vector:
    return problem.matrix


@hessian.register
def _least_squares_hessian(problem: LeastSquares, w: Vector) -> Vector:
    return problem.X.T @ problem.X / len(problem.X) + problem.l2 * np.eye(problem.dim)


@hessian.register
def _logistic_hessian(problem: LogisticRegression, w: Vector) -> Vector:
    weights = curvature_of_loss(problem, w) / len(problem.X)
    return problem.X.T @ (weights[:, None] * problem.X) + problem.l2 * np.eye(problem.dim)


def curvature_of_loss(problem: LogisticRegression, w: Vector) -> Vector:
    """(N,) s(z)(1 - s(z)) at z = x_n . w, s the logistic function."""
    from scipy.special import expit

    z = problem.X @ w
    return expit(z) * expit(-z)


def polish(problem: Problem, w: Vector, gap: Callable[[Vector], float]) -> Vector:
    """From a solver's precision to that of the arithmetic: a better point than w (d,), where there is one."""
    if isinstance(problem, Linear | AbsoluteValue):
        corner = _corner(problem, w)
        return corner if gap(corner) <= gap(w) else w
    if isinstance(problem, LeastSquares | LogisticRegression) and problem.box is None and problem.l2 == 0:
        return _least_norm(problem, w, gap)
    return newton(problem, w, gap)


def _corner(problem: Linear | AbsoluteValue, w: Vector) -> Vector:
    """Each coordinate that is close to a face or to the kink goes there: a piecewise linear F has a minimiser there."""
    places: list[Any] = [] if problem.box is None else list(problem.box)
    for place in (*places, problem.center) if isinstance(problem, AbsoluteValue) else places:
        w = np.where(np.abs(w - place) <= 1e-5 * (1 + np.abs(w)), place, w)
    return problem.project(w)


def _least_norm(problem: LeastSquares | LogisticRegression, w: Vector, gap: Callable[[Vector], float]) -> Vector:
    """Where X is singular, minimisers differ by vectors of its null space: the one of least norm has no part in it."""
    if isinstance(problem, LeastSquares):
        return least_norm_solution(problem.X, problem.y)
    return newton(problem, least_norm_solution(problem.X, problem.X @ w), gap)


def newton(problem: Problem, w: Vector, gap: Callable[[Vector], float]) -> Vector:
    """The best point that projected Newton steps reach from w (d,), judged by `gap`.

    Source: D. Bertsekas, Projected Newton methods for optimization problems with simple constraints, 1982.
    """
    best, least, value = w, gap(w), float(problem.value(w))
    for _ in range(NEWTON_STEPS):
        w, before = _newton_step(problem, w, value), value
        now, value = gap(w), float(problem.value(w))
        if now < least:
            best, least = w, now
        elif not value < before - 1e-12 * abs(before):
            break
    return best


def _newton_step(problem: Problem, w: Vector, value: float) -> Vector:
    """Newton's step in the coordinates that a gradient step leaves free, a gradient step in those it brings to a face.

    Two ends are tried, and the lower one is taken: the step projected on the box, which may bring many coordinates to
    their faces at once, and the step cut short at the first face. Both are halved until F does not rise, which
    happens in the end since both set off downhill.
    """
    step = -problem.gradient(w) / (problem.constants.L.value or 1.0)
    free = np.ones(w.size, dtype=bool)
    if problem.box is not None:
        free = (w + step > problem.box[0]) & (w + step < problem.box[1])
    if free.any():
        step[free] = _newton_direction(problem, w, free)
    straight = _share_inside(problem, w, step, free)
    for _ in range(40):
        trials = problem.project(np.stack([w + step, w + np.where(free, straight, 1.0) * step]))
        values = problem.value(trials)
        if values.min() <= value + 1e-15 * max(1.0, abs(value)):
            return trials[np.argmin(values)]
        step /= 2
    return w


def _share_inside(problem: Problem, w: Vector, step: Vector, free: np.ndarray) -> float:
    """The largest share t <= 1 of the step that keeps the free coordinates that can move at all inside the box."""
    if problem.box is None:
        return 1.0
    room = np.where(step > 0, problem.box[1] - w, w - problem.box[0])
    moving = free & (step != 0) & (room > 0)
    return float(np.min(room[moving] / np.abs(step[moving]), initial=1.0))


def _newton_direction(problem: Problem, w: Vector, free: np.ndarray) -> Vector:
    """-H^-1 grad F over the free coordinates; of least norm where H is singular."""
    matrix, g = hessian(problem, w), problem.gradient(w)[free]
    if matrix.ndim == 1:
        return -g / matrix[free]
    return least_norm_solution(matrix[np.ix_(free, free)], -g)


def least_norm_solution(matrix: Vector, right: Vector) -> Vector:
    """The x of least norm among those with the least |matrix x - right|."""
    return np.asarray(np.linalg.lstsq(matrix, right, rcond=None)[0], dtype=np.float64)
