"""Antiderivatives of 1 / slope where there is no closed form: adaptive quadrature, kept as a table of its panels."""

from collections.abc import Callable

import numpy as np
from scipy.integrate import quad_vec

from .._check import Vector

_RELATIVE = 1e-12  # asked of the integral
_ENOUGH = 1e-9  # taken, where rounding prevents _RELATIVE
_PANELS = 200  # at most, and 20 for every knot
_BLOCK = 2**16  # weights at a time: each needs 21 slopes
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(21)
_LEAST = 1e-290  # a smaller slope counts as beyond the floating-point numbers
_FALL = 1e-2  # of the slope, at most, over one piece of a tail, so that the error is small beside every part of it


class Antiderivative:
    """A(w) = ∫ ds / slope(s), zero at the first knot.

    Arguments:
        slope: the slope at weights of any shape.
        knots: ascending, two or more; the slope is smooth between two of them.
        scale: of the first piece beyond the outermost knots; each further one is twice as wide, and is integrated when
            it is asked for. A is infinite where the slope leaves the floating-point numbers. None: A ends there.

    The panels that `scipy.integrate.quad_vec` settled on are kept; inside a panel 21 Gauss points give the rest.
    (Not `scipy.integrate.quad`: it extrapolates, and finds a finite value for some integrals that diverge.) `error` is
    its own estimate of the error between the knots given; beyond them errors are relative to A. ValueError where the
    slope is not positive between the knots, or the quadrature does not converge.
    """

    def __init__(self, slope: Callable[[Vector], Vector], knots: Vector, scale: float | None = None) -> None:
        self._slope = slope
        starts, parts, error = self._panels(float(knots[0]), float(knots[-1]), knots[1:-1])
        self._edges, self._sums = np.append(starts, knots[-1]), np.append(0.0, np.cumsum(parts))
        self.error = error
        self._steps = [scale, scale]  # of the next piece below and above; None where the end is reached
        self._endless = scale is not None

    def __call__(self, w: Vector) -> Vector:
        """A(w), any shape; infinite beyond the ends of a table that has a scale."""
        w = np.asarray(w, dtype=np.float64)
        if w.size == 0:
            return w
        if w.size > _BLOCK:
            return np.concatenate([self(part) for part in np.array_split(w.ravel(), -(-w.size // _BLOCK))]).reshape(
                w.shape
            )
        self._cover(float(w.min()), float(w.max()))
        held = np.clip(w, self._edges[0], self._edges[-1])
        i = np.clip(np.searchsorted(self._edges, held, side="right") - 1, 0, self._edges.size - 2)
        half = (held - self._edges[i]) / 2
        inside = self._reciprocal(self._edges[i][..., None] + half[..., None] * (1 + _NODES)) @ _WEIGHTS
        value = self._sums[i] + half * inside
        if not self._endless:
            return value
        return np.where(w < self._edges[0], -np.inf, np.where(w > self._edges[-1], np.inf, value))

    def _cover(self, low: float, high: float) -> None:
        while (step := self._steps[0]) is not None and low < self._edges[0]:
            step = self._step(float(self._edges[0]), -step)
            if step is not None:
                starts, parts, _ = self._panels(float(self._edges[0]) + step, float(self._edges[0]))
                sums = self._sums[0] - np.cumsum(parts[::-1])[::-1]
                self._edges, self._sums = np.append(starts, self._edges), np.append(sums, self._sums)
            self._steps[0] = None if step is None else -2 * step
        while (step := self._steps[1]) is not None and high > self._edges[-1]:
            step = self._step(last := float(self._edges[-1]), step)
            if step is not None:
                starts, parts, _ = self._panels(last, last + step)
                sums = self._sums[-1] + np.cumsum(parts)
                self._edges = np.concatenate([self._edges, starts[1:], [last + step]])
                self._sums = np.append(self._sums, sums)
            self._steps[1] = None if step is None else 2 * step

    def _step(self, start: float, step: float) -> float | None:
        """`step`, or less, so that the slope falls by no more than _FALL; None where that is below _LEAST."""
        least = _FALL * float(self._slope(np.asarray(start)))
        if not least > _LEAST:
            return None
        while not float(self._slope(np.asarray(start + step))) > least:
            step /= 2
            if start + step == start:
                raise ValueError(
                    f"slope must be positive for a mirror map, got a zero or a jump to one at w = {start!r}"
                )
        return step

    def _panels(self, a: float, b: float, knots: Vector | None = None) -> tuple[Vector, Vector, float]:
        def f(w: float) -> float:
            return float(self._reciprocal(np.asarray(w)))

        limit = _PANELS + (0 if knots is None else 20 * knots.size)
        settings = {"epsabs": 0, "epsrel": _RELATIVE, "limit": limit, "norm": "max", "quadrature": "gk21"}
        value, error, info = quad_vec(f, a, b, points=knots, full_output=True, **settings)
        if not info.success and not error <= _ENOUGH * abs(value):
            worst = float(info.intervals[np.argmax(info.errors)].mean())
            raise ValueError(
                "slope must be positive, and smooth between its knots, for a mirror map, got "
                f"{float(self._slope(np.asarray(worst))):g} at w = {worst!r}, where quadrature fails"
            )
        order = np.argsort(info.intervals[:, 0])
        return info.intervals[order, 0], info.integrals[order], float(error)

    def _reciprocal(self, w: Vector) -> Vector:
        slope = self._slope(w)
        wrong = ~(slope > _LEAST)
        if wrong.any():
            raise ValueError(
                f"slope must be positive for a mirror map, got {float(np.asarray(slope)[wrong].flat[0])!r} "
                f"at w = {float(np.asarray(w)[wrong].flat[0])!r}"
            )
        return 1 / slope
