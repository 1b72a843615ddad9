"""Separable objectives: quadratic, linear, absolute value."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector
from ._base import BY_CONSTRUCTION, Known, Separable, on_coordinates


@dataclass(frozen=True, eq=False)
class SeparableQuadratic(Separable):
    """F(w) = sum_j curvature_j / 2 (w_j - center_j)^2.

    Arguments:
        curvature: (d,) the spectrum, all > 0.
        center: (d,), or a number for all: the unconstrained minimiser.
        noise, box: see Problem.
    """

    curvature: Vector
    center: Vector = 0.0  # type: ignore[assignment]

    quadratic = True

    def _validate(self) -> None:
        self._set("curvature", _check.array("curvature", self.curvature, ndim=1))
        if not (self.curvature > 0).all():
            raise ValueError(f"curvature must be positive (mu > 0), got {self.curvature.min():g}")
        self._set("center", on_coordinates("center", self.center, self.curvature.size))

    @property
    def dim(self) -> int:
        return self.curvature.size

    def slope(self, j: int, w: Any) -> Vector:
        return self.curvature[j] * (np.asarray(w) - self.center[j])

    def term(self, j: int, w: Any) -> Vector:
        return self.curvature[j] / 2 * (np.asarray(w) - self.center[j]) ** 2

    def value(self, w: Any) -> Vector:
        return (np.asarray(w) - self.center) ** 2 @ self.curvature / 2

    def gradient(self, w: Any) -> Vector:
        return self.curvature * (np.asarray(w) - self.center)

    def _curvature(self) -> tuple[Known, Known, Known]:
        low, high = float(self.curvature.min()), float(self.curvature.max())
        return Known(low, BY_CONSTRUCTION), Known(high, BY_CONSTRUCTION), Known(0.0, BY_CONSTRUCTION)

    def closed_form(self) -> tuple[Vector, float]:
        w = self.project(self.center)
        return w, float(self.value(w))

    def lower(self, real: type) -> Any:
        from ..core import objectives

        return objectives.SeparableQuadratic(self.curvature.astype(real), self.center.astype(real))


class _PiecewiseLinear(Separable):
    """F_j has one slope to the left of center_j and another from there on."""

    center: Vector

    @property
    def sides(self) -> tuple[Vector, Vector]:
        """The slopes (d,) to the left and to the right of center."""
        raise NotImplementedError

    @property
    def dim(self) -> int:
        return self.center.size

    def slope(self, j: int, w: Any) -> Vector:
        left, right = self.sides
        return np.where(np.asarray(w) >= self.center[j], right[j], left[j])

    def term(self, j: int, w: Any) -> Vector:
        return self.slope(j, w) * (np.asarray(w) - self.center[j])

    def _unbounded_gradient(self) -> Known:
        return Known(float(np.linalg.norm(np.abs(self.sides).max(axis=0))), BY_CONSTRUCTION)

    def lower(self, real: type) -> Any:
        from ..core import objectives

        return objectives.PiecewiseLinear(*(a.astype(real) for a in (*self.sides, self.center)))


@dataclass(frozen=True, eq=False)
class Linear(_PiecewiseLinear):
    """F(w) = sum_j slopes_j w_j. Has an optimum only in a box.

    Arguments:
        slopes: (d,).
        noise, box: see Problem.
    """

    slopes: Vector
    linear = True

    def _validate(self) -> None:
        self._set("slopes", _check.array("slopes", self.slopes, ndim=1))
        self._set("center", np.zeros_like(self.slopes))

    @property
    def sides(self) -> tuple[Vector, Vector]:
        return self.slopes, self.slopes

    def _curvature(self) -> tuple[Known, Known, Known]:
        return (Known(0.0, BY_CONSTRUCTION),) * 3

    def closed_form(self) -> tuple[Vector, float]:
        if self.box is None:
            raise ValueError("a linear objective has no optimum without a box: give the problem one")
        w = np.where(self.slopes > 0, *self.box)
        return w, float(self.value(w))


@dataclass(frozen=True, eq=False)
class AbsoluteValue(_PiecewiseLinear):
    """F(w) = sum_j right_j (w_j - center_j)^+ + left_j (center_j - w_j)^+.

    Arguments:
        left, right: (d,), > 0: how steeply F rises to each side of center. A number for `right` stands for all.
        center: (d,), or a number for all: the unconstrained minimiser.
        noise, box: see Problem.
    """

    left: Vector
    right: Vector
    center: Vector = 0.0  # type: ignore[assignment]

    def _validate(self) -> None:
        self._set("left", _check.array("left", self.left, ndim=1))
        self._set("right", on_coordinates("right", self.right, self.left.size))
        self._set("center", on_coordinates("center", self.center, self.left.size))
        if not ((self.left > 0) & (self.right > 0)).all():
            raise ValueError("left and right must be positive: F must rise to both sides of center")

    @property
    def sides(self) -> tuple[Vector, Vector]:
        return -self.left, self.right

    @property
    def linear(self) -> bool:  # type: ignore[override]
        return self.box is not None and bool(((self.center <= self.box[0]) | (self.center >= self.box[1])).all())

    def _curvature(self) -> tuple[Known, Known, Known]:
        kink = Known(np.inf, "F has kinks")
        return Known(0.0, BY_CONSTRUCTION), kink, kink

    def closed_form(self) -> tuple[Vector, float]:
        w = self.project(self.center)
        return w, float(self.value(w))
