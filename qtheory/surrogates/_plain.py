"""Surrogates made of powers: the straight-through estimator, its clipped form, MAD and ReSTE."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector
from ._base import BOUND, CLOSED_FORM, CONSTRUCTION, JUMPS, LIMIT, Constant, Surrogate
from ._ewgs import EWGS
from ._levels import number


@dataclass(frozen=True)
class STE(Surrogate):
    """Slope 1: the straight-through estimator. M is the identity and α = 1 on any grid, hence cyclical on any grid.

    Arguments:
        levels: see Surrogate.
    """

    def _slope(self, w: Vector) -> Vector:
        return np.ones(np.shape(w))

    def soft(self, w: Any) -> Vector:
        """w."""
        return number("w", w)

    cyclical = True
    low = high = Constant(1.0, CONSTRUCTION)
    lipschitz = Constant(0.0, CONSTRUCTION)

    @cached_property
    def alphas(self) -> Vector:
        return np.ones(self.levels.levels.size)

    alpha = 1.0

    def mirror(self, w: Any) -> Vector:
        return number("w", w)

    def mirror_inverse(self, u: Any) -> Vector:
        return number("u", u)

    def lower(self, real: type) -> Any:
        from ..core import surrogates

        return surrogates.STE(self.levels.lower(real))


@dataclass(frozen=True)
class Clipped(Surrogate):
    """The surrogate `inside` on [low, high], zero outside: with STE the piecewise linear one (PWL, hard tanh).

    A weight beyond the limits has slope 0 and never moves: no mirror map there, but the one of `inside` between them.

    Arguments:
        levels: see Surrogate.
        inside: another surrogate of the same levels; STE(levels) where not given.
        limits: (low, high) in the units of the weights; the outermost levels where not given.
    """

    inside: Surrogate = None  # type: ignore[assignment]
    limits: tuple[float, float] = None  # type: ignore[assignment]

    def _validate(self) -> None:
        inside = STE(self.levels) if self.inside is None else self.inside
        _check.instance("inside", inside, Surrogate, "DSQ(levels, k)")
        if isinstance(inside, EWGS | Clipped) or inside.levels != self.levels:
            raise ValueError(f"inside must be an unclipped slope with the same levels, got {inside!r}")
        limits = (self.levels.levels[0], self.levels.levels[-1]) if self.limits is None else self.limits
        self._set("inside", inside)
        self._set("limits", _check.interval("limits", limits))

    def _slope(self, w: Vector) -> Vector:
        return np.where(self._holds(w), self.inside._slope(w), 0.0)

    def _holds(self, w: Vector) -> np.ndarray:
        return (w >= self.limits[0]) & (w <= self.limits[1])

    def soft(self, w: Any) -> Vector:
        """The soft function of `inside`, constant beyond the limits."""
        return self.inside.soft(np.clip(number("w", w), *self.limits))

    positive = False
    low = Constant(0.0, "zero beyond the limits")

    @property
    def bounded(self) -> bool:
        return self.inside.bounded

    lipschitz = Constant(np.inf, f"{JUMPS} at the limits")

    @property
    def high(self) -> Constant:
        return Constant(self.inside.high, CONSTRUCTION if isinstance(self.inside, STE) else BOUND)

    @property
    def tolerance(self) -> float:
        return self.inside.tolerance

    @cached_property
    def alphas(self) -> Vector:
        return self.inside.alphas

    @cached_property
    def alpha(self) -> float:
        """α of `inside`, over whole bins."""
        return self.inside.alpha

    def mirror(self, w: Any) -> Vector:
        """M(w) of `inside`. ValueError beyond the limits, where the slope is 0."""
        w = number("w", w)
        self._require("w", w, self.limits)
        return self.inside.mirror(w)

    def mirror_inverse(self, u: Any) -> Vector:
        """M⁻¹(u) of `inside`. ValueError beyond M of the limits."""
        u = number("u", u)
        ends = self.inside.mirror(np.array(self.limits))
        self._require("u", u, (float(ends[0]), float(ends[1])))
        return self.inside.mirror_inverse(u)

    def _require(self, name: str, x: Vector, limits: tuple[float, float]) -> None:
        beyond = (x < limits[0]) | (x > limits[1])
        if beyond.any():
            first = float(np.asarray(x)[beyond].flat[0])
            raise ValueError(
                f"{name} must lie in [{limits[0]:g}, {limits[1]:g}], got {first!r}: the slope is 0 there, no mirror map"
            )

    def lower(self, real: type) -> Any:
        from ..core import surrogates

        return surrogates.Clipped(self.levels.lower(real), self.inside.lower(real), *map(real, self.limits))


@dataclass(frozen=True)
class MAD(Surrogate):
    """Slope 1 for |w| <= c and c / |w| beyond: magnitude-aware differentiation (after Sakr et al., 2022; recalled).

    Arguments:
        levels: see Surrogate.
        limit: c > 0, in the units of the weights; the greatest |level| where not given.
    """

    limit: float = None  # type: ignore[assignment]

    def _validate(self) -> None:
        limit = np.abs(self.levels.levels).max() if self.limit is None else self.limit
        self._set("limit", _check.number("limit", limit, above=0))

    def _slope(self, w: Vector) -> Vector:
        return self.limit / np.maximum(np.abs(w), self.limit)

    def soft(self, w: Any) -> Vector:
        """w for |w| <= c, ±c (1 + log(|w|/c)) beyond."""
        w = number("w", w)
        return np.where(
            np.abs(w) <= self.limit,
            w,
            np.copysign(self.limit * (1 + np.log(np.maximum(np.abs(w), self.limit) / self.limit)), w),
        )

    low = Constant(0.0, LIMIT)
    high = Constant(1.0, CONSTRUCTION)

    @property
    def lipschitz(self) -> Constant:
        return Constant(1 / self.limit, CLOSED_FORM)

    def _primitive(self, w: Vector) -> Vector:
        r, c = np.abs(w), self.limit
        return np.where(r <= c, w, np.copysign(c / 2 + r * (r / (2 * c)), w))

    def _unprimitive(self, v: Vector) -> Vector:
        r, c = np.abs(v), self.limit
        return np.where(r <= c, v, np.copysign(np.sqrt(c * np.maximum(2 * r - c, c)), v))

    def lower(self, real: type) -> Any:
        from ..core import surrogates

        return surrogates.MAD(self.levels.lower(real), real(self.limit))


@dataclass(frozen=True)
class ReSTE(Surrogate):
    """Slope |r|^((1-o)/o) / o, r = w - b, for two levels with boundary b: the derivative of sign(r) |r|^(1/o).

    After Wu et al., 2023 (recalled). For o > 1 the slope is unbounded near b, and infinite at b (`apply` is NaN there
    for h = 0): networks do not take it. `cut` replaces |r| by max(|r|, cut), which is this library's own way to bound
    it, and makes it Lipschitz.

    Arguments:
        levels: two of them.
        o: the power, at least 1 (1 is the straight-through estimator).
        cut: at least 0, in the units of the weights.
    """

    o: float = 3.0
    cut: float = 0.0

    def _validate(self) -> None:
        if self.levels.levels.size != 2:
            raise ValueError(f"levels must be two for ReSTE, got {self.levels.levels.size}")
        self._set("o", _check.number("o", self.o, least=1))
        self._set("cut", _check.number("cut", self.cut, least=0))

    @property
    def _power(self) -> float:
        return (1 - self.o) / self.o

    def _slope(self, w: Vector) -> Vector:
        r = np.maximum(np.abs(w - self.levels.boundaries[0]), self.cut)
        with np.errstate(divide="ignore"):
            return np.power(r, self._power) / self.o

    def soft(self, w: Any) -> Vector:
        """sign(r) |r|^(1/o), and the line that continues it for |r| <= cut, moved by a constant so that 0 goes to 0."""
        r = number("w", w) - self.levels.boundaries[0]
        steep = 0.0 if self.cut == 0 else self.cut ** (1 / self.o)
        line = 0.0 if self.cut == 0 else np.minimum(np.abs(r), self.cut) * self.cut**self._power / self.o
        return np.copysign(line + np.maximum(np.abs(r), self.cut) ** (1 / self.o) - steep, r)

    @property
    def bounded(self) -> bool:
        """False for o > 1 without a cut: infinite at the boundary."""
        return self.o == 1 or self.cut > 0

    @property
    def low(self) -> Constant:
        return Constant(1.0, CONSTRUCTION) if self.o == 1 else Constant(0.0, LIMIT)

    @property
    def high(self) -> Constant:
        if self.o == 1:
            return Constant(1.0, CONSTRUCTION)
        return Constant(self.cut**self._power / self.o if self.cut else np.inf, CLOSED_FORM)

    @property
    def lipschitz(self) -> Constant:
        if self.o == 1:
            return Constant(0.0, CONSTRUCTION)
        if not self.cut:
            return Constant(np.inf, "the slope is unbounded at the boundary")
        return Constant((self.o - 1) / self.o**2 * self.cut ** (self._power - 1), CLOSED_FORM)

    def _primitive(self, w: Vector) -> Vector:
        r = w - self.levels.boundaries[0]
        return np.copysign(self._line * np.minimum(np.abs(r), self.cut) + self._curve(np.abs(r)), r)

    @property
    def _line(self) -> float:
        return self.o * self.cut**-self._power

    def _curve(self, r: Vector) -> Vector:
        # ∫_cut^r o s^p ds with p = (o - 1) / o; zero below the cut.
        p = 1 - self._power
        return self.o / p * (np.maximum(r, self.cut) ** p - self.cut**p)

    def _unprimitive(self, v: Vector) -> Vector:
        first, p = self._line * self.cut, 1 - self._power
        over = np.maximum(np.abs(v) - first, 0.0)
        curve = (self.cut**p + over * p / self.o) ** (1 / p)
        line = np.abs(v) / self._line if self.cut else 0.0
        return self.levels.boundaries[0] + np.copysign(np.where(np.abs(v) <= first, line, curve), v)

    def lower(self, real: type) -> Any:
        from ..core import surrogates

        numbers = (1 / self.o, self._power, self.cut, self.levels.boundaries[0])
        return surrogates.ReSTE(self.levels.lower(real), *map(real, numbers))
