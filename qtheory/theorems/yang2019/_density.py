"""Densities of u = beta x, with the constants that errors are bounded by, and expectations by quadrature."""

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad

from ...statistics import Interval

TAIL = 1e-18  # mass outside `support`
STOPS = (-40.0, -12.0, -4.0, 0.0, 4.0, 12.0, 40.0)  # in units of 1/T, where the interval about a bias is cut


@dataclass(frozen=True)
class Normal:
    """N(mean, deviation^2)."""

    mean: float = 0.0
    deviation: float = 1.0

    def __call__(self, u):
        z = (u - self.mean) / self.deviation
        return np.exp(-z * z / 2) * self.peak

    @property
    def peak(self) -> float:
        """max ρ."""
        return 1 / (self.deviation * math.sqrt(2 * math.pi))

    @property
    def lipschitz(self) -> float:
        """The smallest L with abs(ρ(u) - ρ(v)) <= L abs(u - v)."""
        return self.peak / (self.deviation * math.sqrt(math.e))

    @property
    def curvature(self) -> float:
        """max abs(ρ''), infinite where ρ is not twice differentiable."""
        return self.peak / self.deviation**2

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where ρ is not smooth."""
        return ()

    @property
    def support(self) -> tuple[float, float]:
        """An interval that holds all mass but TAIL."""
        return self.mean - 9 * self.deviation, self.mean + 9 * self.deviation

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Independent draws."""
        return self.mean + self.deviation * rng.standard_normal(size)


@dataclass(frozen=True)
class Laplace:
    """Density exp(-abs(u) / scale) / (2 scale): a kink at 0."""

    scale: float = 1.0

    curvature = math.inf
    kinks = (0.0,)

    def __call__(self, u):
        return np.exp(-np.abs(u) / self.scale) * self.peak

    @property
    def peak(self) -> float:
        return 1 / (2 * self.scale)

    @property
    def lipschitz(self) -> float:
        return self.peak / self.scale

    @property
    def support(self) -> tuple[float, float]:
        return -42 * self.scale, 42 * self.scale

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return rng.laplace(scale=self.scale, size=size)


@dataclass(frozen=True)
class Triangular:
    """Density (1 - abs(u) / width) / width on [-width, width]: no density of this peak has a smaller constant L."""

    width: float = 1.0

    curvature = math.inf

    def __call__(self, u):
        return np.maximum(1 - np.abs(u) / self.width, 0) * self.peak

    @property
    def peak(self) -> float:
        return 1 / self.width

    @property
    def lipschitz(self) -> float:
        return 1 / self.width**2

    @property
    def kinks(self) -> tuple[float, ...]:
        return -self.width, 0.0, self.width

    @property
    def support(self) -> tuple[float, float]:
        return -self.width, self.width

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return rng.triangular(-self.width, 0, self.width, size)


@dataclass(frozen=True)
class Uniform:
    """Density 1 / (2 width) on [-width, width]: bounded, with jumps."""

    width: float = 1.0

    lipschitz = math.inf
    curvature = math.inf

    def __call__(self, u):
        return np.where(np.abs(u) <= self.width, self.peak, 0.0)

    @property
    def peak(self) -> float:
        return 1 / (2 * self.width)

    @property
    def kinks(self) -> tuple[float, ...]:
        return -self.width, self.width

    @property
    def support(self) -> tuple[float, float]:
        return -self.width, self.width

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return rng.uniform(-self.width, self.width, size)


Density = Normal | Laplace | Triangular | Uniform


def expectation(f: Callable, density: Density, biases: Iterable[float], T: float, most: float) -> Interval:
    """E f(u), by quadrature between cuts at the biases, some multiples of 1/T about them, and the kinks of ρ.

    Arguments
        f: of one number u.   most: a bound of abs(f), for the mass beyond the support.
    """
    low, high = density.support
    cuts = {low, high, *density.kinks, *(b + s / T for b in biases for s in STOPS)}
    inside = sorted(c for c in cuts if low <= c <= high)
    total, error = 0.0, TAIL * most
    for a, b in itertools.pairwise(inside):
        value, uncertain = quad(lambda u: f(u) * density(u), a, b, epsabs=1e-15, epsrel=1e-12, limit=100)[:2]
        total, error = total + value, error + uncertain
    return Interval.exact(total, error + 1e-15 * abs(total))
