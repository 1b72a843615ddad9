"""Periodic estimators to try theorems on: smooth ones drawn at random, and one that reaches the bounds.

Both are cyclical, positive and Lipschitz on all of R, with constants known by a proof.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..._check import count, number
from ...surrogates import DSQ, Levels, Surrogate
from ...surrogates._base import BOUND, CLOSED_FORM, CONSTRUCTION, Constant

POINTS = 4096  # of a period
TERMS = 128  # of the Fourier series of 1 / g; the rest is below rounding for the waves drawn here


def width(levels: Levels) -> float:
    """Δ of uniform levels."""
    assert levels.delta is not None
    return levels.delta


@dataclass(frozen=True)
class Wave(Surrogate):
    """g = exp(Σ_k a_k cos(kx) + b_k sin(kx)), x = 2π (w - b_1) / Δ, with random coefficients: smooth and periodic.

    Arguments: levels: uniform.   seed: of the coefficients.   harmonics: K.   strength: Σ_k (a_k² + b_k²)^(1/2).
    """

    seed: int = 0
    harmonics: int = 3
    strength: float = 1.0

    def _validate(self) -> None:
        count("harmonics", self.harmonics, most=8)
        number("strength", self.strength, above=0.0)
        if self.levels.delta is None:
            raise ValueError(f"levels must be uniform, got {self.levels!r}")

    @cached_property
    def _coefficients(self) -> Any:
        """a, b (K,)."""
        both = np.random.default_rng([20240507, self.seed]).standard_normal((2, self.harmonics))
        return both * self.strength / np.hypot(*both).sum()

    @cached_property
    def _rate(self) -> float:
        return 2 * math.pi / width(self.levels)

    def _log(self, w: Any) -> Any:
        k, (a, b) = np.arange(1, self.harmonics + 1), self._coefficients
        x = self._rate * (np.asarray(w)[..., None] - self.levels.boundaries[0])
        return (a * np.cos(k * x) + b * np.sin(k * x)).sum(axis=-1)

    def _slope(self, w: Any) -> Any:
        return np.exp(self._log(w))

    @property
    def cyclical(self) -> bool:
        return True

    @property
    def log_lipschitz(self) -> float:
        """Σ_k k (2π/Δ) (a_k² + b_k²)^(1/2), a Lipschitz constant of log g."""
        return float((np.arange(1, self.harmonics + 1) * np.hypot(*self._coefficients)).sum()) * self._rate

    @cached_property
    def _period(self) -> tuple[Any, Any]:
        """Points of a period, and g there."""
        w = self.levels.boundaries[0] + width(self.levels) * np.arange(POINTS) / POINTS
        return w, self._slope(w)

    @property
    def low(self) -> Constant:
        return Constant(float(self._period[1].min()) * math.exp(-self._between), BOUND)

    @property
    def high(self) -> Constant:
        return Constant(float(self._period[1].max()) * math.exp(self._between), BOUND)

    @property
    def _between(self) -> float:
        """How much log g can change from a point to the nearest of the POINTS."""
        return self.log_lipschitz * width(self.levels) / POINTS / 2

    @cached_property
    def steepest(self) -> float:
        """The point of a period, among POINTS, where |g'| is largest."""
        w, g = self._period
        return float(w[np.abs(g * self._slant(w)).argmax()])

    def _slant(self, w: Any) -> Any:
        """(log g)'."""
        k, (a, b) = np.arange(1, self.harmonics + 1), self._coefficients
        x = self._rate * (np.asarray(w)[..., None] - self.levels.boundaries[0])
        return (self._rate * k * (b * np.cos(k * x) - a * np.sin(k * x))).sum(axis=-1)

    @cached_property
    def lipschitz(self) -> Constant:
        """The largest |g'| among POINTS, and what it can grow by between them: |g''| <= L+ (λ² + λ')."""
        w, g = self._period
        squares = np.arange(1, self.harmonics + 1) ** 2
        bend = float((squares * np.hypot(*self._coefficients)).sum()) * self._rate**2
        second = float(self.high) * (self.log_lipschitz**2 + bend)
        return Constant(float(np.abs(g * self._slant(w)).max()) + second * width(self.levels) / POINTS / 2, BOUND)

    @cached_property
    def _series(self) -> Any:
        """Complex Fourier coefficients of 1 / g, from 0 on."""
        return np.fft.rfft(1 / self._period[1])[:TERMS] / POINTS

    def _primitive(self, w: Any) -> Any:
        x = self._rate * (np.asarray(w, dtype=np.float64) - self.levels.boundaries[0])
        c, z = self._series, np.exp(1j * x)
        integrals = np.append(0, 2 * c[1:] / (1j * np.arange(1, TERMS)))
        waves = np.polyval(integrals[::-1], z) - integrals.sum()
        return (c[0].real * x + waves.real) / self._rate

    def lower(self, real: type) -> Any:
        from ...core import waves

        a, b = (c.astype(real) for c in self._coefficients)
        return waves.Wave(self.levels.lower(real), real(0), a, b, real(self._rate), real(self.levels.boundaries[0]))


@dataclass(frozen=True)
class Tent(Surrogate):
    """g = 1 - Λ (distance of w from the nearest boundary): attains the bounds of one step exactly.

    Arguments: levels: uniform.   steep: Λ, in (0, 2/Δ).
    """

    steep: float = 1.0

    def _validate(self) -> None:
        if self.levels.delta is None or not 0 < number("steep", self.steep) * self.levels.delta < 2:
            raise ValueError(f"steep must be between 0 and 2/Δ, got {self.steep!r} with Δ = {self.levels.delta!r}")

    @property
    def cyclical(self) -> bool:
        return True

    @property
    def low(self) -> Constant:
        return Constant(1 - self.steep * width(self.levels) / 2, CONSTRUCTION)

    @property
    def high(self) -> Constant:
        return Constant(1.0, CONSTRUCTION)

    @property
    def lipschitz(self) -> Constant:
        return Constant(self.steep, CONSTRUCTION)

    @property
    def log_lipschitz(self) -> float:
        """Λ / L-."""
        return self.steep / float(self.low)

    @property
    def steepest(self) -> float:
        """Halfway between boundary and level: g falls on one side of it and rises on the other, equally steeply."""
        return float(self.levels.boundaries[0] + width(self.levels) / 4)

    def _slope(self, w: Any) -> Any:
        x = (np.asarray(w) - self.levels.boundaries[0]) / width(self.levels)
        return 1 - self.steep * width(self.levels) * np.abs(x - np.round(x))

    def _primitive(self, w: Any) -> Any:
        x = np.asarray(w, dtype=np.float64) - self.levels.boundaries[0]
        return -np.sign(x) * np.log1p(-self.steep * np.abs(x)) / self.steep

    def lower(self, real: type) -> Any:
        from ...core import waves

        start, delta = self.levels.boundaries[0], width(self.levels)
        return waves.Tent(self.levels.lower(real), real(1), real(self.steep), real(start), real(delta))


def log_lipschitz(surrogate: Surrogate) -> Constant:
    """λ, a Lipschitz constant of log g: in closed form where known, Λ / L- otherwise."""
    if isinstance(surrogate, Wave | Tent):
        return Constant(surrogate.log_lipschitz, BOUND)
    if isinstance(surrogate, DSQ) and surrogate.levels.delta is not None:
        return Constant(2 * surrogate.k * math.tanh(surrogate.k * width(surrogate.levels) / 2), CLOSED_FORM)
    low, steep = float(surrogate.low), float(surrogate.lipschitz)
    return Constant(steep / low if low > 0 else math.inf, "Λ / L-")


def steepest(surrogate: Surrogate) -> float:
    """A point where |g'| is (nearly) largest."""
    if isinstance(surrogate, DSQ):
        z = min(math.atanh(1 / math.sqrt(3)), surrogate.k * width(surrogate.levels) / 2 * (1 - 1e-3))
        return float(surrogate.levels.boundaries[0]) + z / surrogate.k
    return surrogate.steepest
