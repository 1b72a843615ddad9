"""Step-size schedules alpha_t, t = 1, 2, ... (alpha_t takes w_t to w_{t+1})."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _check
from ._check import Vector


class Schedule:
    """A schedule is called with t >= 1 (a number or an array) and gives alpha_t."""

    def __call__(self, t: Any) -> Vector:
        t = np.asarray(t)
        if (t < 1).any():
            raise ValueError("t counts from 1")
        return self._alpha(t)

    def _alpha(self, t: np.ndarray) -> Vector:
        raise NotImplementedError

    def lower(self) -> Any:
        """The spec for the compiled core: the class of the same name, with the same fields."""
        from .core import schedules

        return getattr(schedules, type(self).__name__)(*self._fields())

    def _fields(self) -> tuple:
        return tuple(vars(self).values())


@dataclass(frozen=True)
class InverseTime(Schedule):
    """alpha_t = 1 / (mu (t + 1)), for mu-strongly convex objectives."""

    mu: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "mu", _check.number("mu", self.mu, above=0))

    def _alpha(self, t: np.ndarray) -> Vector:
        return 1.0 / (self.mu * (t + 1.0))


@dataclass(frozen=True)
class InverseSqrt(Schedule):
    """alpha_t = c / sqrt(t), for convex objectives."""

    c: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "c", _check.number("c", self.c, above=0))

    def _alpha(self, t: np.ndarray) -> Vector:
        return self.c / np.sqrt(t)


@dataclass(frozen=True)
class Constant(Schedule):
    """alpha_t = alpha."""

    alpha: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", _check.number("alpha", self.alpha, above=0))

    def _alpha(self, t: np.ndarray) -> Vector:
        return np.full(t.shape, self.alpha)


@dataclass(frozen=True, eq=False)
class Table(Schedule):
    """alpha_t = values[t - 1]: a user's own; it must reach as far as the run (steps - 1 values)."""

    values: Vector = field(repr=False)

    def __post_init__(self) -> None:
        values = _check.array("values", self.values, ndim=1)
        if (values < 0).any():
            raise ValueError(f"values must not be negative, got {values.min():g}")
        object.__setattr__(self, "values", values)

    def _alpha(self, t: np.ndarray) -> Vector:
        if (t > self.values.size).any():
            raise ValueError(f"the table has {self.values.size} values, step {int(t.max())} was asked for")
        return self.values[np.asarray(t, dtype=np.int64) - 1]
