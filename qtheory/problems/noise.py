"""Laws of the gradient noise: E g = grad F in each of them, independently over steps and coordinates."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector
from ._tails import UNIT, Parts, elementwise, integral, unit_loss


class Noise:
    """Base of the noise laws."""

    finite = True  # its outcomes can be listed

    def second_moment(self, gradient_square: float, dim: int) -> float:
        """The least bound on E|g|^2 that holds wherever |grad F|^2 <= gradient_square."""
        raise NotImplementedError

    def support(self, gradient: Any) -> tuple[Vector, Vector]:
        """(values, probabilities), each (..., n), of g where the partial derivative is `gradient` (...).

        Raises: ValueError for a law without finite support.
        """
        raise ValueError(f"{self!r} has no finite support: exact routes need NoNoise, Rademacher, OneBit or Finite")

    def outcomes(self, slope: Fraction) -> list[tuple[Fraction, Fraction]]:
        """The outcomes (g, probability) where the partial derivative is `slope`, from the numbers as they are stored.

        Raises: ValueError for a law without finite support.
        """
        raise ValueError(
            f"rational=True needs NoNoise, Rademacher, OneBit or Finite as noise: {self!r} has no finite support"
        )

    def excess(self, slope: Any, z: Any = 0.0) -> Vector:
        """E max(g - z, 0), where the partial derivative is `slope`: both of one shape (...), or numbers."""
        return self.above(slope, z).value

    def shortfall(self, slope: Any, z: Any = 0.0) -> Vector:
        """E max(z - g, 0), likewise."""
        return self.below(slope, z).value

    def above(self, slope: Any, z: Any = 0.0) -> Parts:
        """The excess, with a bound on its relative error."""
        return _summed(*self.support(slope), z, 1.0)

    def below(self, slope: Any, z: Any = 0.0) -> Parts:
        """The shortfall, with a bound on its relative error."""
        return _summed(*self.support(slope), z, -1.0)

    @property
    def variance(self) -> float:
        """E (g_i - dF/dw_i)^2, where it does not depend on the gradient."""
        raise ValueError(f"{self!r} has a variance that depends on the gradient")

    def lower(self, real: type) -> Any:
        """The spec for the compiled core: the class of the same name, with the same fields."""
        from ..core import noise

        return getattr(noise, type(self).__name__)(*(real(v) for v in vars(self).values()))


def _summed(values: Vector, chances: Vector, z: Any, side: float) -> Parts:
    """E max(side (g - z), 0) over outcomes g with a relative error of u each, and chances with one of u absolutely."""
    z = np.asarray(z, dtype=np.float64)[..., None]
    over = np.maximum(side * (values - z), 0.0)
    value = np.sum(chances * over, axis=-1)
    size = np.sum(((over.shape[-1] + 7) * chances * (np.abs(values) + np.abs(z)) + 2 * over) * (over > 0), axis=-1)
    return Parts(value, UNIT * np.divide(size, value, out=np.zeros_like(value), where=value > 0))


@dataclass(frozen=True)
class NoNoise(Noise):
    """g = grad F."""

    def second_moment(self, gradient_square: float, dim: int) -> float:
        return gradient_square

    def support(self, gradient: Any) -> tuple[Vector, Vector]:
        g = np.asarray(gradient, dtype=np.float64)[..., None]
        return g, np.ones_like(g)

    def outcomes(self, slope: Fraction) -> list[tuple[Fraction, Fraction]]:
        return [(slope, Fraction(1))]

    @property
    def variance(self) -> float:
        return 0.0


@dataclass(frozen=True)
class _Additive(Noise):
    sigma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", _check.number("sigma", self.sigma, least=0))

    def second_moment(self, gradient_square: float, dim: int) -> float:
        return gradient_square + dim * self.sigma**2

    @property
    def variance(self) -> float:
        return self.sigma**2


@dataclass(frozen=True)
class Gaussian(_Additive):
    """g_i = dF/dw_i + sigma * standard Gaussian."""

    finite = False

    def above(self, slope: Any, z: Any = 0.0) -> Parts:
        slope, z = np.broadcast_arrays(np.asarray(slope, dtype=np.float64), np.asarray(z, dtype=np.float64))
        return self._loss(z - slope, np.abs(slope) + np.abs(z))

    def below(self, slope: Any, z: Any = 0.0) -> Parts:
        slope, z = np.broadcast_arrays(np.asarray(slope, dtype=np.float64), np.asarray(z, dtype=np.float64))
        return self._loss(slope - z, np.abs(slope) + np.abs(z))

    def _loss(self, gap: Vector, size: Vector) -> Parts:
        """E max(sigma Z - gap, 0), Z standard Gaussian; `size` bounds the numbers that gap is the difference of."""
        if self.sigma == 0:
            value = np.maximum(-gap, 0.0)
            return Parts(value, UNIT * np.divide(size + value, value, out=np.zeros_like(value), where=value > 0))
        x = gap / self.sigma
        # Its logarithmic derivative is at most 1 + max(x, 0) + 1/x near the tail: bounded here by 2 + max(x, 0).
        steep = 2.0 + np.maximum(x, 0.0)
        return Parts(self.sigma * unit_loss(x), (32.0 + steep * (2.0 * np.abs(x) + size / self.sigma)) * UNIT)


@dataclass(frozen=True)
class Rademacher(_Additive):
    """g_i = dF/dw_i ± sigma, with equal chance."""

    def support(self, gradient: Any) -> tuple[Vector, Vector]:
        g = np.asarray(gradient, dtype=np.float64)[..., None]
        values = np.concatenate([g - self.sigma, g + self.sigma], axis=-1)
        return values, np.full_like(values, 0.5)

    def outcomes(self, slope: Fraction) -> list[tuple[Fraction, Fraction]]:
        return [(slope + sign * Fraction(self.sigma), Fraction(1, 2)) for sign in (-1, 1)]


@dataclass(frozen=True)
class OneBit(Noise):
    """g_i = ±scale with mean dF/dw_i: the noisiest law with |g_i| <= scale. Needs |dF/dw_i| <= scale on the domain."""

    scale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _check.number("scale", self.scale, above=0))

    def second_moment(self, gradient_square: float, dim: int) -> float:
        return dim * self.scale**2

    def support(self, gradient: Any) -> tuple[Vector, Vector]:
        g = np.asarray(gradient, dtype=np.float64)
        up = (1 + g / self.scale) / 2
        if ((up < 0) | (up > 1)).any():
            raise ValueError(f"OneBit's scale {self.scale:g} is below a partial derivative, {np.abs(g).max():g}")
        values = np.broadcast_to(np.array([-self.scale, self.scale]), (*g.shape, 2))
        return values, np.stack([1 - up, up], axis=-1)

    def outcomes(self, slope: Fraction) -> list[tuple[Fraction, Fraction]]:
        scale = Fraction(self.scale)
        if abs(slope) > scale:
            raise ValueError(f"OneBit's scale {self.scale:g} is below a partial derivative, {float(slope):g}")
        return [(sign * scale, (1 + sign * slope / scale) / 2) for sign in (-1, 1)]


@dataclass(frozen=True)
class Finite(Noise):
    """g_i = dF/dw_i + one of `values`, taken with `chances`.

    Arguments:
        values: (n,) what may be added; its mean is 0.
        chances: (n,) positive, with sum 1. In fractions the stored numbers are divided by their sum.
    """

    values: tuple[float, ...]
    chances: tuple[float, ...]

    def __post_init__(self) -> None:
        values = _check.array("values", self.values, ndim=1)
        chances = _check.array("chances", self.chances, shape=values.shape)
        if not (chances > 0).all() or abs(chances.sum() - 1) > 1e-12:
            raise ValueError(f"chances must be positive with sum 1, got {chances.tolist()}")
        mean, size = float(values @ chances), float(np.abs(values) @ chances)
        if abs(mean) > 1e-12 * size:
            raise ValueError(f"values must have mean 0 under chances, got {mean:g}")
        object.__setattr__(self, "values", tuple(values.tolist()))
        object.__setattr__(self, "chances", tuple(chances.tolist()))

    def second_moment(self, gradient_square: float, dim: int) -> float:
        return gradient_square + dim * self.variance

    @property
    def variance(self) -> float:
        return float(np.square(self.values) @ np.array(self.chances))

    def support(self, gradient: Any) -> tuple[Vector, Vector]:
        values = np.asarray(gradient, dtype=np.float64)[..., None] + np.array(self.values)
        return values, np.broadcast_to(np.array(self.chances), values.shape)

    def outcomes(self, slope: Fraction) -> list[tuple[Fraction, Fraction]]:
        chances = [Fraction(q) for q in self.chances]
        return [(slope + Fraction(v), q / sum(chances)) for v, q in zip(self.values, chances, strict=True)]

    def lower(self, real: type) -> Any:
        from ..core import noise

        below = np.cumsum(self.chances)[:-1]  # the first outcome is for uniforms below the first of these, and so on
        return noise.Finite(tuple(real(v) for v in self.values), tuple(real(c) for c in below))


@dataclass(frozen=True)
class FromCdf(Noise):
    """g_i = dF/dw_i + noise with a cumulative distribution function of your own.

    Arguments:
        cdf: from a float to P(noise <= x); its mean must be 0, and its variance finite.
        low, high: the noise lies between them; infinite where it has no such bound.

    Expectations are integrals of `cdf` by adaptive quadrature, with its error estimate; where the chance of a move is
    below about 1e-13, that error is all there is. For exact routes only: it cannot be simulated.

    Raises: ValueError where cdf is not 0 at `low`, 1 at `high` and in [0, 1] between, or where the mean is not 0.
    """

    cdf: Callable[[float], float]
    low: float = -np.inf
    high: float = np.inf

    finite = False

    def __post_init__(self) -> None:
        low, high = float(self.low), float(self.high)
        if not low < 0 < high:
            raise ValueError(f"low and high must have low < 0 < high, got ({self.low!r}, {self.high!r})")
        ends = (self.cdf(low), self.cdf(high)) if np.isfinite([low, high]).all() else (0.0, 1.0)
        between = [self.cdf(x) for x in np.linspace(max(low, -1e3), min(high, 1e3), 201)[1:-1]]
        if ends != (0.0, 1.0) or not (np.diff([0.0, *between, 1.0]) >= 0).all():
            raise ValueError(f"cdf must rise from 0 at low = {low:g} to 1 at high = {high:g}")
        above, below = self.above(0.0), self.below(0.0)
        size = float(above.value + below.value)
        if not abs(float(above.value - below.value)) <= 1e-8 * size:  # also where the integrals do not converge
            raise ValueError(f"cdf must belong to a law with mean 0, got {float(above.value - below.value):g}")

    def above(self, slope: Any, z: Any = 0.0) -> Parts:
        return elementwise(self._upper, np.asarray(z, dtype=np.float64) - slope)

    def below(self, slope: Any, z: Any = 0.0) -> Parts:
        return elementwise(self._lower, np.asarray(z, dtype=np.float64) - slope)

    def _upper(self, x: float) -> tuple[float, float]:
        """E max(noise - x, 0) = int_x 1 - cdf, and its absolute error. No integral where noise > x always."""
        return (-x, UNIT * abs(x)) if x <= self.low else integral(lambda y: 1.0 - self.cdf(y), x, self.high)

    def _lower(self, x: float) -> tuple[float, float]:
        return (x, UNIT * abs(x)) if x >= self.high else integral(self.cdf, self.low, x)

    def second_moment(self, gradient_square: float, dim: int) -> float:
        return gradient_square + dim * self.variance

    @cached_property
    def _variance(self) -> float:
        above = integral(lambda y: 2 * y * (1.0 - self.cdf(y)), 0.0, self.high)
        below = integral(lambda y: -2 * y * self.cdf(y), self.low, 0.0)
        return above[0] + below[0]

    @property
    def variance(self) -> float:
        return self._variance

    def lower(self, real: type) -> Any:
        raise ValueError(f"{self!r} cannot be simulated: use Gaussian, Rademacher, OneBit or Finite")
