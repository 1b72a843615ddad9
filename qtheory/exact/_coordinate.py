"""One coordinate of a problem in one number type: float64 (any problem), or fractions (piecewise quadratic)."""

from bisect import bisect_right
from fractions import Fraction
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector
from ..optimum import optimum
from ..problems import AbsoluteValue, Linear, PiecewiseQuadratic, Problem, SeparableQuadratic
from ..schedules import Constant, InverseTime, Schedule, Table


class RealCoordinate:
    """F_j, its slope and its noise; w is an array or a list throughout, results are arrays."""

    def __init__(self, problem: Problem, j: int, best: Any) -> None:
        self.problem, self.j = problem, j
        self.star = float(np.asarray(best.w)[j])
        self.least = float(self._term(np.array([self.star]))[0])
        self.curvature = float(problem.curvature[j]) if isinstance(problem, SeparableQuadratic) else None

    number = staticmethod(float)

    def _term(self, w: Vector) -> Vector:
        return self.problem.term(self.j, w) if self.problem.separable else self.problem.value(w[:, None])

    def excess(self, w: Any) -> Vector:
        """F_j(w) - F_j(w*)."""
        return self._term(np.asarray(w, dtype=np.float64)) - self.least

    def slope(self, w: Any) -> Vector:
        """F_j'(w)."""
        w = np.asarray(w, dtype=np.float64)
        return self.problem.slope(self.j, w) if self.problem.separable else self.problem.gradient(w[:, None])[:, 0]

    def outcomes(self, w: list) -> list[list[tuple[float, float]]]:
        """For each w the outcomes (g, probability) of the stochastic gradient."""
        values, chances = self.problem.noise.support(self.slope(w))
        return [list(zip(g, q, strict=True)) for g, q in zip(values.tolist(), chances.tolist(), strict=True)]


class RationalCoordinate:
    """The same in exact fractions of the stored numbers: on each piece F_j = bend e^2 / 2 + side e + offset, with
    e = w - center; the pieces are parted by knots, and a piece begins at its knot."""

    def __init__(self, problem: Problem, j: int) -> None:
        self.knots, self.pieces = _pieces(problem, j)
        self.noise = problem.noise
        self.curvature = self.pieces[0][0] if isinstance(problem, SeparableQuadratic) else None
        best: Any = problem.closed_form()
        self.star = Fraction(best[0][j])

    number = staticmethod(Fraction)

    def _piece(self, w: Fraction) -> tuple[Fraction, Fraction, Fraction, Fraction]:
        """(bend, side, offset, e) where w lies."""
        bend, center, side, offset = self.pieces[bisect_right(self.knots, w)]
        return bend, side, offset, w - center

    def _term(self, w: Fraction) -> Fraction:
        bend, side, offset, e = self._piece(w)
        return bend * e * e / 2 + side * e + offset

    def _slope(self, w: Fraction) -> Fraction:
        bend, side, _, e = self._piece(w)
        return bend * e + side

    def excess(self, w: list) -> np.ndarray:
        return _objects([self._term(v) - self._term(self.star) for v in w])

    def slope(self, w: list) -> np.ndarray:
        return _objects([self._slope(v) for v in w])

    def outcomes(self, w: list) -> list[list[tuple[Fraction, Fraction]]]:
        return [self.noise.outcomes(g) for g in self.slope(w)]


def _pieces(problem: Problem, j: int) -> tuple[list[Fraction], list[tuple[Fraction, ...]]]:
    """The knots, and (bend, center, side, offset) of each piece."""
    if isinstance(problem, SeparableQuadratic):
        knots, rows = [], [(problem.curvature[j], problem.center[j], 0, 0)]
    elif isinstance(problem, Linear | AbsoluteValue):
        knots, rows = [problem.center[j]], [(0, problem.center[j], side[j], 0) for side in problem.sides]
    elif isinstance(problem, PiecewiseQuadratic):
        rows = [(c, m, 0, o) for c, m, o in zip(problem.curvature, problem.center, problem.offset, strict=True)]
        knots = problem.knots
    else:
        raise ValueError(
            "rational=True needs a SeparableQuadratic, Linear, AbsoluteValue or PiecewiseQuadratic, "
            f"got {type(problem).__name__}"
        )
    return [Fraction(x) for x in knots], [tuple(Fraction(x) for x in row) for row in rows]


Coordinate = RealCoordinate | RationalCoordinate


def _objects(values: list) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def coordinates(problem: Problem, rational: bool, *, one: bool) -> list[Coordinate]:
    """The coordinates of a problem that falls apart into them. `one`: a single coordinate need not be `separable`."""
    _check.instance("problem", problem, Problem, "SeparableQuadratic([1.0, 2.0])")
    if not (problem.separable or (one and problem.dim == 1)):
        wanted = "separable" + one * " or one-dimensional"
        raise ValueError(f"problem must be {wanted}, got {type(problem).__name__} with d={problem.dim}")
    if problem.batch:
        raise ValueError(f"problem must use the whole data, got batch={problem.batch}: mini-batches are not enumerated")
    if rational:
        return [RationalCoordinate(problem, j) for j in range(problem.dim)]
    best = optimum(problem)
    return [RealCoordinate(problem, j, best) for j in range(problem.dim)]


def require_finite(problem: Problem) -> None:
    """ValueError for noise whose outcomes cannot be listed."""
    if not problem.noise.finite:
        raise ValueError(
            f"noise must have a finite support (NoNoise, Rademacher, OneBit, Finite), got {problem.noise!r}"
        )


def step_sizes(schedule: Schedule, steps: int, rational: bool) -> Any:
    """alpha_1, ..., alpha_steps; a table may end one earlier, as the last iterate takes no step."""
    _check.instance("schedule", schedule, Schedule, "InverseTime(1.0)")
    count = steps
    if isinstance(schedule, Table):
        count = min(steps, schedule.values.size)
        if count < steps - 1:
            raise ValueError(f"the schedule's table needs {steps - 1} values, got {schedule.values.size}")
    if not rational:
        return _check.array("schedule", schedule(np.arange(1, count + 1)), ndim=1)
    if isinstance(schedule, InverseTime):
        return [1 / (Fraction(schedule.mu) * (t + 1)) for t in range(1, count + 1)]
    if isinstance(schedule, Constant):
        return [Fraction(schedule.alpha)] * count
    if isinstance(schedule, Table):
        return [Fraction(alpha) for alpha in schedule.values[:count]]
    raise ValueError(f"rational=True needs InverseTime, Constant or a Table of step sizes, got {schedule!r}")
