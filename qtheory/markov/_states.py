"""The states of SR on a finite grid: what every chain of it is built from."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector
from ..exact._coordinate import coordinates
from ..exact._moves import Rounding
from ..methods import SR
from ..problems import Problem


@dataclass(frozen=True)
class States:
    """All points of the grid in the box: d indices each, the last one running fastest."""

    problem: Problem
    method: SR
    rational: bool

    @classmethod
    def of(cls, problem: Any, method: Any, rational: bool, most: int, what: str) -> "States":
        """ValueError for what is not SR on a finite grid of at most `most` states."""
        _check.instance("problem", problem, Problem, "PiecewiseQuadratic.li2017_toy(Gaussian(2.0))")
        _check.instance("method", method, SR, "SR(Grid(0.5, box=(-4, 8)))")
        if problem.batch:
            raise ValueError(f"problem must use the whole data, got batch={problem.batch}: mini-batches make no chain")
        states = cls(problem, method, rational)
        finite_grid(states.method.grid.within(problem.box))
        if states.size > most:
            raise ValueError(
                f"{what} has at most {most} states, got {states.levels}^{problem.dim} = {states.size}: use a coarser "
                "grid, a smaller box or fewer coordinates"
            )
        if rational and not problem.noise.finite:
            problem.noise.outcomes(Fraction(0))  # raises
        return states

    @cached_property
    def grid(self) -> Any:
        return self.method.grid.within(self.problem.box)

    @property
    def levels(self) -> int:
        return int(self.grid.levels.size)

    @property
    def size(self) -> int:
        return int(prod([self.levels] * self.problem.dim))

    @cached_property
    def indices(self) -> np.ndarray:
        """(n, d) the level of each coordinate, from 0."""
        shape = (self.levels,) * self.problem.dim
        return np.stack(np.unravel_index(np.arange(self.size), shape), axis=-1)

    @cached_property
    def points(self) -> Vector:
        """(n, d) the weights."""
        return np.asarray(self.grid.levels)[self.indices]

    @cached_property
    def slopes(self) -> np.ndarray:
        """(n, d) the partial derivatives: float64, or Fractions of the problem's stored numbers."""
        if not self.rational:
            return self.problem.gradient(self.points)
        rounding = Rounding(self.grid, True, Fraction)
        levels = [rounding.point(int(rounding.low) + i) for i in range(self.levels)]
        parts = coordinates(self.problem, True, one=True)
        table = np.stack([part.slope(levels) for part in parts], axis=-1)
        return np.take_along_axis(table, self.indices, axis=0)


def finite_grid(grid: Any) -> None:
    """ValueError for a grid without a box."""
    if grid.box is None:
        raise ValueError(
            "the grid must be finite, got an unbounded one: give the problem or the grid a box. Stationary laws and "
            "mixing times are computed on finite grids, and the theory note does not cover infinite ones"
        )


def step_size(alpha: Any) -> tuple[float, Fraction]:
    """alpha > 0, as a float and as it is, exactly."""
    value = _check.number("alpha", alpha, above=0)
    return value, alpha if isinstance(alpha, Fraction) else Fraction(value)
