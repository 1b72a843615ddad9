"""Convex functions through given points, values and (sub)gradients: those that worst cases are made of."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector
from ._base import BY_A_BOUND, BY_CONSTRUCTION, UNBOUNDED, Known, Problem


@dataclass(frozen=True, eq=False)
class Interpolant(Problem):
    """A mu-strongly convex function with value f_i and (sub)gradient g_i at x_i.

    Without L the least one: F(w) = mu/2 |w|² + max_i (f_i - mu/2 |x_i|² + s_i.(w - x_i)), s_i = g_i - mu x_i, whose
    gradient is that of the first largest piece. With L the largest one with an L-Lipschitz gradient, and M = L - mu:
    F(w) = mu/2 |w|² + min_a M/2 |w - sum a_i z_i|² + sum a_i c_i over the simplex, z_i = x_i - s_i/M and
    c_i = f_i - mu/2 |x_i|² - |s_i|²/(2M) (Taylor, Hendrickx, Glineur 2017, Remark 2). A ridge on the weights a, of
    1e-11 in units of M times the square of the points' reach, keeps it unique; F stays L-smooth and mu-strongly convex.

    Arguments:
        points: (n, d) x_i.   gradients: (n, d) g_i.   values: (n,) f_i.
        mu: >= 0.   L: > mu, or None: F has kinks.
        tolerance: F may differ at x_i from f_i by this share of the largest |f_i|, |g_i| |x_i|; F >= f_i in any case
            without L.
        minimiser: (d,) w*, which is believed where no point contradicts it; by default the point with the least value,
            if its gradient vanishes.
        noise, box: see Problem.

    Raises: ValueError naming the argument; for values and gradients that no function of the class has.
    """

    points: Vector
    gradients: Vector
    values: Vector
    mu: float = 0.0
    L: float | None = None
    tolerance: float = 1e-9
    minimiser: Vector = None  # type: ignore[assignment]
    _spec: Any = field(init=False, repr=False, default=None)

    def _validate(self) -> None:
        self._set("points", _check.array("points", self.points, ndim=2))
        self._set("gradients", _check.array("gradients", self.gradients, shape=self.points.shape))
        self._set("values", _check.array("values", self.values, shape=self.points.shape[:1]))
        self._set("mu", _check.number("mu", self.mu, least=0))
        if self.L is not None:
            self._set("L", _check.number("L", self.L, above=self.mu))
        self._set("tolerance", _check.number("tolerance", self.tolerance, least=0))
        self._set("minimiser", self._least_point())
        self._set("_spec", self.lower(np.float64))
        off = np.abs(self.value(self.points) - self.values)
        if not off.max() <= self.tolerance * self._size:
            i = int(off.argmax())
            raise ValueError(
                f"values and gradients must be those of one function, but at point {i} it is {off[i]:.3g} off"
            )
        below = float(self.value(self.minimiser)) - self.value(self.project(self.points))
        if below.max() > self.tolerance * self._size:
            i = int(below.argmax())
            raise ValueError(f"minimiser must be where F is least, but at point {i} it is {below[i]:.3g} less")

    def _least_point(self) -> Vector:
        if self.minimiser is not None:
            return _check.array("minimiser", self.minimiser, shape=(self.dim,))
        i = int(np.argmin(self.values))
        if self.gradients[i].any():
            raise ValueError("minimiser must be given where no gradient vanishes at the point with the least value")
        return self.points[i]

    @property
    def _size(self) -> float:
        reach = float(np.max(np.linalg.norm(self.gradients, axis=1)) * np.max(np.linalg.norm(self.points, axis=1)))
        return max(float(np.abs(self.values).max()), reach)

    @property
    def dim(self) -> int:
        return self.points.shape[1]

    def value(self, w: Any) -> Vector:
        w = np.asarray(w, dtype=np.float64)
        if self.L is None:
            return (w @ self._spec.slopes.T + self._spec.levels).max(axis=-1) + self.mu / 2 * np.sum(w * w, axis=-1)
        return self._along(w)[0]

    def gradient(self, w: Any) -> Vector:
        w = np.asarray(w, dtype=np.float64)
        if self.L is None:
            return self._spec.slopes[(w @ self._spec.slopes.T + self._spec.levels).argmax(axis=-1)] + self.mu * w
        return self._along(w)[1]

    def _along(self, w: Vector) -> tuple[Vector, Vector]:
        from ..core.interpolants import envelope

        rows = np.ascontiguousarray(w.reshape(-1, self.dim))
        out, a = np.empty_like(rows), np.empty(len(self.values))
        found = [envelope(self._spec, row, a, g) for row, g in zip(rows, out, strict=True)]
        return np.array(found).reshape(w.shape[:-1]), out.reshape(w.shape)

    def _curvature(self) -> tuple[Known, Known, Known]:
        mu, unknown = Known(self.mu, BY_CONSTRUCTION), Known(np.inf, "its gradient has kinks")
        return mu, Known(np.inf, "F has kinks") if self.L is None else Known(self.L, BY_CONSTRUCTION), unknown

    def _gradient_norm(self) -> Known:
        if self.L is not None:
            return self._smooth_norm(self.L)
        if self.box is None:
            steepest = float(np.linalg.norm(self._spec.slopes, axis=1).max())
            return UNBOUNDED if self.mu else Known(steepest, BY_CONSTRUCTION)
        # Each coordinate of mu w + s is affine in w: largest at a face.
        faces = self.mu * np.array(self.box)[:, None, None] + self._spec.slopes
        return Known(float(np.linalg.norm(np.abs(faces).max(axis=0), axis=1).max()), BY_CONSTRUCTION)

    def _smooth_norm(self, L: float) -> Known:
        if self.box is None:
            return UNBOUNDED
        corner = np.abs(np.array(self.box)[:, None] - self.minimiser).max(axis=0)
        at_minimiser = float(np.linalg.norm(self.gradient(self.minimiser)))
        return Known(at_minimiser + float(L * np.linalg.norm(corner)), BY_A_BOUND)

    def closed_form(self) -> tuple[Vector, float]:
        return self.minimiser, float(self.value(self.minimiser))

    def lower(self, real: type) -> Any:
        from ..core import interpolants

        slopes = self.gradients - self.mu * self.points
        levels = self.values - self.mu / 2 * np.sum(self.points**2, axis=1)
        if self.L is None:
            levels = levels - np.sum(slopes * self.points, axis=1)
            return interpolants.LargestPiece(slopes.astype(real), levels.astype(real), real(self.mu))
        bend = self.L - self.mu
        vertices, levels = self.points - slopes / bend, levels - np.sum(slopes**2, axis=1) / (2 * bend)
        reach = max(float(np.sum(x**2, axis=1).max()) for x in (vertices, self.points))
        return interpolants.Envelope(vertices, levels, bend, self.mu, interpolants.RIDGE * reach)
