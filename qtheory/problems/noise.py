"""Laws of the gradient noise: E g = grad F in each of them, independently over steps and coordinates."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector


class Noise:
    """Base of the noise laws."""

    def second_moment(self, gradient_square: float, dim: int) -> float:
        """The least bound on E|g|^2 that holds wherever |grad F|^2 <= gradient_square."""
        raise NotImplementedError

    def support(self, gradient: Any) -> tuple[Vector, Vector]:
        """(values, probabilities), each (..., n), of g where the partial derivative is `gradient` (...).

        Raises: ValueError for a law without finite support.
        """
        raise ValueError(f"{self!r} has no finite support: exact routes need NoNoise, Rademacher or OneBit")

    @property
    def variance(self) -> float:
        """E (g_i - dF/dw_i)^2, where it does not depend on the gradient."""
        raise ValueError(f"{self!r} has a variance that depends on the gradient")

    def lower(self, real: type) -> Any:
        """The spec for the compiled core: the class of the same name, with the same fields."""
        from ..core import noise

        return getattr(noise, type(self).__name__)(*(real(v) for v in vars(self).values()))


@dataclass(frozen=True)
class NoNoise(Noise):
    """g = grad F."""

    def second_moment(self, gradient_square: float, dim: int) -> float:
        return gradient_square

    def support(self, gradient: Any) -> tuple[Vector, Vector]:
        g = np.asarray(gradient, dtype=np.float64)[..., None]
        return g, np.ones_like(g)

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


@dataclass(frozen=True)
class Rademacher(_Additive):
    """g_i = dF/dw_i ± sigma, with equal chance."""

    def support(self, gradient: Any) -> tuple[Vector, Vector]:
        g = np.asarray(gradient, dtype=np.float64)[..., None]
        values = np.concatenate([g - self.sigma, g + self.sigma], axis=-1)
        return values, np.full_like(values, 0.5)


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
