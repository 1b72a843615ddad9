"""A rugged objective of one coordinate: quadratic on pieces, with as many valleys."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector
from ._base import BY_CONSTRUCTION, UNBOUNDED, Known, Separable
from .noise import Noise


@dataclass(frozen=True, eq=False)
class PiecewiseQuadratic(Separable):
    """F(w) = sum_j f(w_j), f(w) = curvature_i / 2 (w - center_i)^2 + offset_i on the i-th piece.

    Arguments:
        knots: (k,) ascending: piece 0 lies left of knots[0], piece i begins at knots[i - 1].
        curvature, center, offset: (k + 1,) of the pieces; curvature >= 0. f may jump at a knot.
        dimension: d, how many coordinates have this same f.
        noise, box: see Problem.
    """

    knots: Vector
    curvature: Vector
    center: Vector
    offset: Vector
    dimension: int = 1

    def _validate(self) -> None:
        self._set("knots", _check.array("knots", self.knots, ndim=1))
        if not (np.diff(self.knots) > 0).all():
            raise ValueError(f"knots must be ascending, got {self.knots.tolist()}")
        for name in ("curvature", "center", "offset"):
            self._set(name, _check.array(name, getattr(self, name), shape=(self.knots.size + 1,)))
        if (self.curvature < 0).any():
            raise ValueError(f"curvature must not be negative, got {self.curvature.min():g}")
        self._set("dimension", _check.count("dimension", self.dimension))

    @classmethod
    def li2017_toy(
        cls, noise: Noise | None = None, box: tuple[float, float] | None = (-4.0, 8.0), dimension: int = 1
    ) -> "PiecewiseQuadratic":
        """The toy of Li et al. 2017, section 5 (as reconstructed; compare with the paper): minima 2 at 0, 0.75 at 2.5
        and, the global one, 0.19 at 4.75."""
        more: dict[str, Any] = {} if noise is None else {"noise": noise}
        return cls([1.0, 3.5], [2.0] * 3, [0.0, 2.5, 4.75], [2.0, 0.75, 0.19], dimension, box=box, **more)  # type: ignore[arg-type]

    @property
    def dim(self) -> int:
        return self.dimension

    def _piece(self, w: Any) -> tuple[Vector, Vector, Vector]:
        """(w - center, curvature, offset) where w lies."""
        w = np.asarray(w, dtype=np.float64)
        i = np.searchsorted(self.knots, w, side="right")
        return w - self.center[i], self.curvature[i], self.offset[i]

    def slope(self, j: int, w: Any) -> Vector:
        e, curvature, _ = self._piece(w)
        return curvature * e

    def term(self, j: int, w: Any) -> Vector:
        e, curvature, offset = self._piece(w)
        return curvature / 2 * e * e + offset

    def value(self, w: Any) -> Vector:
        return self.term(0, w).sum(axis=-1)

    def gradient(self, w: Any) -> Vector:
        return self.slope(0, w)

    def _curvature(self) -> tuple[Known, Known, Known]:
        kink = Known(np.inf, "F has kinks")
        return Known(-np.inf, "F is not convex"), kink, kink

    def _ends(self) -> Vector:
        """(k + 1, 2) the ends of the pieces, within the box."""
        low, high = self.box or (-np.inf, np.inf)
        inner = np.concatenate([[low], np.clip(self.knots, low, high), [high]])
        return np.stack([inner[:-1], inner[1:]], axis=-1)

    def _gradient_norm(self) -> Known:
        if self.box is None:
            return UNBOUNDED
        ends = self._ends()
        steepest = np.abs(self.curvature[:, None] * (ends - self.center[:, None]))[ends[:, 0] < ends[:, 1]].max()
        return Known(float(np.sqrt(self.dim) * steepest), BY_CONSTRUCTION)

    def closed_form(self) -> tuple[Vector, float]:
        ends = self._ends()
        if not np.isfinite(np.append(ends[[0, -1]], self.center)).all() and self.curvature[[0, -1]].min() == 0:
            raise ValueError("a piecewise quadratic that is flat far out needs a box to have an optimum")
        # The piece's own least point; at its open right end the next piece begins, and is looked at itself.
        best = np.clip(self.center, ends[:, 0], np.nextafter(ends[:, 1], -np.inf))
        best = np.append(best, [] if self.box is None else self.box)
        best = best[np.argmin(self.term(0, best))]
        w = np.full(self.dim, best)
        return w, float(self.value(w))

    def lower(self, real: type) -> Any:
        from ..core import objectives

        fields = (self.knots, self.curvature, self.center, self.offset)
        return objectives.PiecewiseQuadratic(*(tuple(real(v) for v in field) for field in fields))
