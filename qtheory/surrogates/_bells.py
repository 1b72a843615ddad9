"""Surrogates that are derivatives of sigmoids: DSQ, the binary tanh, and the sigmoid sum of quantization networks."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _check
from .._check import Vector
from ._base import BOUND, CLOSED_FORM, JUMPS, LIMIT, Constant, Surrogate
from ._levels import number

if TYPE_CHECKING:
    from ._quadrature import Antiderivative

_STEEPEST = 0.5 * np.log(2 + np.sqrt(3))  # where |(1/cosh²)'| is greatest: tanh² = 1/3; there it is 4 / (3 sqrt 3)
_MOST = 170.0  # then the least slope, and its inverse squared, are floating-point numbers
_BLOCK = 2**21  # numbers in one product of weights and boundaries
_FASTEST = 1e100  # its square is a floating-point number


def bell(x: Vector) -> Vector:
    """1 / cosh(x)^2, without overflow."""
    t = np.exp(-2 * np.abs(x))
    return 4 * t / ((1 + t) * (1 + t))


def logistic_slope(x: Vector) -> Vector:
    """s (1 - s), s the logistic function of x, without overflow."""
    t = np.exp(-np.abs(x))
    return t / ((1 + t) * (1 + t))


@dataclass(frozen=True)
class DSQ(Surrogate):
    """Slope (d/2) c k / cosh²(k (w - m)), c = 1/tanh(k d/2), on the section of width d around the boundary m.

    A section reaches from one level to the next; there the slope is the derivative of a tanh from level to level
    (differentiable soft quantization, after Gong et al., 2019). Beyond the outermost levels the outermost section
    repeats. On a uniform grid this is Δ-periodic and Lipschitz; otherwise the slope jumps at levels.

    Arguments:
        levels: boundaries must be midpoints.
        k: the steepness > 0, per unit of the weights; k times half the greatest gap at most 170.
    """

    k: float

    def _validate(self) -> None:
        if not self.levels.has_midpoints:
            raise ValueError("levels must have midpoints as boundaries for DSQ")
        self._set("k", _check.number("k", self.k, above=0))
        if not self._ends.max() <= _MOST:
            most = _MOST / (self.levels.gaps.max() / 2)
            raise ValueError(f"k must be at most {most:g} on these levels, got {self.k!r}")

    @cached_property
    def _ends(self) -> Vector:
        """k d/2 of every section."""
        return self.k * self.levels.gaps / 2

    @cached_property
    def _heights(self) -> Vector:
        return self._ends / np.tanh(self._ends)

    def _section(self, w: Vector) -> tuple[np.ndarray, Vector]:
        """The section of w, and its boundary."""
        levels, gaps = self.levels.levels, self.levels.gaps
        j = np.searchsorted(levels, w, side="right") - 1
        held = np.clip(j, 0, gaps.size - 1)
        beyond = np.where(j == held, 0.0, np.floor((w - levels[held]) / gaps[held]))
        return held, self.levels.boundaries[held] + gaps[held] * beyond

    def _slope(self, w: Vector) -> Vector:
        j, m = self._section(w)
        return self._heights[j] * bell(self.k * (w - m))

    def soft(self, w: Any) -> Vector:
        """m + (d/2) c tanh(k (w - m)): every level to itself."""
        w = number("w", w)
        j, m = self._section(w)
        return m + self._heights[j] / self.k * np.tanh(self.k * (w - m))

    @property
    def cyclical(self) -> bool:
        return self.levels.delta is not None

    @property
    def low(self) -> Constant:
        return Constant(float((self._heights * bell(self._ends)).min()), CLOSED_FORM)

    @property
    def high(self) -> Constant:
        return Constant(float(self._heights.max()), CLOSED_FORM)

    @property
    def lipschitz(self) -> Constant:
        if not self.cyclical:
            return Constant(np.inf, f"{JUMPS} at levels between unequal gaps")
        x = min(_STEEPEST, float(self._ends.max()))
        return Constant(float(self._heights.max() * self.k * 2 * bell(np.asarray(x)) * np.tanh(x)), CLOSED_FORM)

    @cached_property
    def _scales(self) -> Vector:
        """A = scale * share on each section: half the integral of 1 / slope over it."""
        e = self._ends
        return np.exp(2 * e) * _folded(e) / (8 * self.k * self._heights)

    @cached_property
    def _centres(self) -> Vector:
        """A at the boundaries."""
        steps = self._scales[:-1] + self._scales[1:]
        return np.concatenate([[0.0], np.cumsum(steps)])

    def _primitive(self, w: Vector) -> Vector:
        j, m = self._section(w)
        z, e = self.k * (w - m), self._ends[j]
        # (z + sinh z cosh z) / (e + sinh e cosh e), by factors that cannot overflow
        share = np.exp(2 * (np.abs(z) - e)) * _folded(np.abs(z)) / _folded(e)
        repeats = (m - self.levels.boundaries[j]) / self.levels.gaps[j]
        return self._centres[j] + self._scales[j] * (2 * repeats + np.copysign(share, z))

    def lower(self, real: type) -> Any:
        from ..core import surrogates

        gaps = self.levels.gaps
        return surrogates.DSQ(self.levels.lower(real), real(self.k), self._heights.astype(real), gaps.astype(real))


def _folded(x: Vector) -> Vector:
    """4 e^(-2x) (x + sinh x cosh x) for x >= 0."""
    return 4 * x * np.exp(-2 * x) - np.expm1(-4 * x)


@dataclass(frozen=True)
class BinaryTanh(Surrogate):
    """Slope k / cosh²(k (w - b)) for two levels with boundary b: the derivative of tanh(k (w - b)).

    M(w) = b + (z + sinh z cosh z) / (2 k²), z = k (w - b), with α = 1.

    Arguments:
        levels: two of them.
        k: the steepness > 0, per unit of the weights.
    """

    k: float

    def _validate(self) -> None:
        if self.levels.levels.size != 2:
            raise ValueError(f"levels must be two for BinaryTanh, got {self.levels.levels.size}")
        self._set("k", _check.number("k", self.k, above=0))

    def _slope(self, w: Vector) -> Vector:
        return self.k * bell(self.k * (w - self.levels.boundaries[0]))

    def soft(self, w: Any) -> Vector:
        """tanh(k (w - b))."""
        return np.tanh(self.k * (number("w", w) - self.levels.boundaries[0]))

    low = Constant(0.0, LIMIT)

    @property
    def high(self) -> Constant:
        return Constant(self.k, CLOSED_FORM)

    @property
    def lipschitz(self) -> Constant:
        return Constant(self.k**2 * 4 / (3 * np.sqrt(3)), CLOSED_FORM)

    def _primitive(self, w: Vector) -> Vector:
        z = self.k * (w - self.levels.boundaries[0])
        with np.errstate(over="ignore"):
            return (z + np.sinh(2 * z) / 2) / (2 * self.k**2)

    def lower(self, real: type) -> Any:
        from ..core import surrogates

        return surrogates.BinaryTanh(self.levels.lower(real), real(self.k), real(self.levels.boundaries[0]))


@dataclass(frozen=True)
class SigmoidSum(Surrogate):
    """The derivative of l_0 + Σ_i gap_i σ(T β (w - b_i)), the soft function of quantization networks at temperature T.

    In the notation of Yang et al. 2019, equation (7), α (Σ_i s_i σ(T (β w - B_i)) - o): the levels are α times those
    of the paper, gap_i = α s_i, and the boundaries are b_i = B_i / β. The slope is T β Σ_i gap_i σ_i (1 - σ_i). It
    saturates beyond the outermost boundaries, so it is not cyclical on any grid (nearly so between them on a uniform
    one).

    Arguments:
        levels: any.
        T: the temperature > 0; T β at most 1e100.
        beta: the scale β > 0 of the weights.
    """

    T: float
    beta: float = 1.0

    def _validate(self) -> None:
        self._set("T", _check.number("T", self.T, above=0))
        self._set("beta", _check.number("beta", self.beta, above=0))
        if not self.rate <= _FASTEST:
            raise ValueError(f"T * beta must be at most {_FASTEST:g}, got {self.rate!r}")

    @property
    def rate(self) -> float:
        """T β, per unit of the weights."""
        return self.T * self.beta

    def _blocks(self, w: Vector) -> list[Vector]:
        """w, flat, in parts whose product with the boundaries is of moderate size."""
        parts = -(-w.size * self.levels.boundaries.size // _BLOCK)
        return np.array_split(w.ravel(), max(parts, 1))

    def _arguments(self, w: Vector) -> Vector:
        with np.errstate(over="ignore"):
            return self.rate * (w[:, None] - self.levels.boundaries)

    def _slope(self, w: Vector) -> Vector:
        heights = self.rate * self.levels.gaps
        w = np.asarray(w)
        parts = [logistic_slope(self._arguments(part)) @ heights for part in self._blocks(w)]
        return np.concatenate(parts).reshape(w.shape)

    def soft(self, w: Any) -> Vector:
        """l_0 + Σ_i gap_i σ(T β (w - b_i))."""
        w = number("w", w)
        parts = []
        for x in map(self._arguments, self._blocks(w)):
            t = np.exp(-np.abs(x))
            parts.append(self.levels.levels[0] + np.where(x >= 0, 1.0, t) / (1 + t) @ self.levels.gaps)
        return np.concatenate(parts).reshape(w.shape)

    low = Constant(0.0, LIMIT)

    def _crowd(self) -> tuple[float, float]:
        """Bounds at any w, by e^(-|x|): of the second nearest boundary's part, and of all the others together."""
        if self.levels.boundaries.size == 1:
            return 0.0, 0.0
        x = self.rate * float(np.diff(self.levels.boundaries).min())
        q = float(np.exp(-x))
        return float(np.exp(-x / 2)), 2 * q / (1 - q) if q < 1 else np.inf

    @property
    def high(self) -> Constant:
        second, others = self._crowd()
        gaps = self.levels.gaps
        value = self.rate * min(gaps.sum() / 4, gaps.max() * (1 / 4 + second + others))
        return Constant(float(value), CLOSED_FORM if gaps.size == 1 else BOUND)

    @property
    def lipschitz(self) -> Constant:
        second, others = self._crowd()
        gaps, steepest = self.levels.gaps, 1 / (6 * np.sqrt(3))  # of σ (1 - σ)
        value = self.rate**2 * min(gaps.sum() * steepest, gaps.max() * (steepest + min(second, steepest) + others))
        return Constant(float(value), CLOSED_FORM if gaps.size == 1 else BOUND)

    @cached_property
    def _table(self) -> "Antiderivative":
        from ._quadrature import Antiderivative

        b = self.levels.boundaries
        ends = np.array([b[0] - 1 / self.rate, b[-1] + 1 / self.rate])
        return Antiderivative(self._slope, np.unique(np.concatenate([b, b[:-1] / 2 + b[1:] / 2, ends])), 1 / self.rate)

    def _primitive(self, w: Vector) -> Vector:
        return self._table(w)

    @property
    def tolerance(self) -> float:
        return float(self.alphas.max()) * self._table.error

    def lower(self, real: type) -> Any:
        from ..core import surrogates

        heights: Vector = (self.rate * self.levels.gaps).astype(real)
        return surrogates.SigmoidSum(self.levels.lower(real), real(self.rate), heights)
