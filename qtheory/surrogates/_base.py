"""What every surrogate gradient is: a quantizer, a slope that stands for its derivative, and what is known of both.

w is a latent weight, Q(w) its level, h the loss's derivative by Q(w); the backward pass hands on slope(w) * h. L- and
L+ are the infimum and the supremum of the slope, Λ is its Lipschitz constant, all over R; α is the rate of the
equivalent straight-through estimator, and M the mirror map to it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .._check import Vector, instance
from . import _mirror
from ._levels import Levels, number


class Constant(float):
    """A number that says how it is known; otherwise a float.

    Arguments:
        value: the number (possibly infinite).
        how: "by construction", "by a bound", "sampled", or why it is what it is.
    """

    how: str

    def __new__(cls, value: float, how: str) -> "Constant":
        made = super().__new__(cls, value)
        made.how = how
        return made

    def __getnewargs__(self) -> tuple[float, str]:  # type: ignore[override]
        return float(self), self.how

    def __repr__(self) -> str:
        return f"{float(self)!r} ({self.how})"

    @property
    def value(self) -> float:
        return float(self)


CLOSED_FORM, CONSTRUCTION, BOUND, LIMIT = "closed form", "by construction", "by a bound", "a limit, not attained"
JUMPS = "the slope jumps"


@dataclass(frozen=True)
class Surrogate:
    """Base of all surrogates. Weights w and gradients h are arrays of any shape.

    The mirror map M is increasing, fixes every boundary of the quantizer, so that Q(M(w)) = Q(w), and has
    M' = α_i / slope on the bin i between two neighbouring boundaries, with α_i the harmonic mean of the slope over it.

    * Cyclical surrogates: all α_i are one α; bins, boundaries and M go on beyond the outermost levels.
    * Others: `alphas` holds α_i of every bin. The two outermost bins are unbounded: they take the α of their neighbour,
      and 1 where there is a single boundary (then every α gives a map that fixes it). `alpha` is the harmonic mean
      over [b_1, b_n], and 1 for a single boundary.

    Arguments:
        levels: the quantizer.
    """

    levels: Levels

    def __post_init__(self) -> None:
        instance("levels", self.levels, Levels, "Levels([-1, 1])")
        self._validate()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _validate(self) -> None:
        pass

    # The slope

    def quantize(self, w: Any) -> Vector:
        """Q(w). ValueError for NaN."""
        return self.levels.quantize(w)

    def slope(self, w: Any) -> Vector:
        """The surrogate derivative at w (any shape). ValueError for NaN or infinities."""
        return self._slope(number("w", w))

    def apply(self, w: Any, h: Any) -> Vector:
        """What the backward pass hands on at w when h comes from above (shapes broadcast): slope(w) * h."""
        return self.slope(w) * number("h", h)

    def soft(self, w: Any) -> Vector:
        """The function whose derivative the slope is, where the surrogate comes from one. ValueError otherwise."""
        raise ValueError(f"{type(self).__name__} is not made from a soft function")

    def _slope(self, w: Vector) -> Vector:
        raise NotImplementedError

    @property
    def cyclical(self) -> bool:
        """Whether the slope is the same in every bin, with one Δ for all of them."""
        return False

    @property
    def positive(self) -> bool:
        """Whether the slope is positive on all of R."""
        return True

    @property
    def bounded(self) -> bool:
        """Whether the factor is finite at every weight."""
        return True

    @property
    def low(self) -> Constant:
        """L-, the infimum of the slope over R."""
        raise NotImplementedError

    @property
    def high(self) -> Constant:
        """L+, the supremum of the slope over R."""
        raise NotImplementedError

    @property
    def lipschitz(self) -> Constant:
        """Λ, a Lipschitz constant of the slope on R; infinite where the slope jumps."""
        raise NotImplementedError

    # The mirror map

    def _primitive(self, w: Vector) -> Vector:
        """An antiderivative of 1 / slope: on one period around b_1 for cyclical surrogates, else on R."""
        raise NotImplementedError

    def _unprimitive(self, v: Vector) -> Vector | None:
        """The inverse of `_primitive`, or None where there is no closed form."""
        return None

    @property
    def tolerance(self) -> float:
        """An estimate of |error| of M beside rounding: 0 where M has a closed form, else from the quadrature."""
        return 0.0

    @cached_property
    def alphas(self) -> Vector:
        """(n + 1,): the harmonic mean of the slope over each bin. ValueError where the slope is not positive."""
        return _mirror.alphas(self)

    @cached_property
    def alpha(self) -> float:
        """α, the harmonic mean of the slope over a bin. ValueError where the slope is not positive."""
        return _mirror.alpha(self)

    def mirror(self, w: Any) -> Vector:
        """M(w), any shape. ValueError where the slope is not positive, or M(w) is beyond the floating-point numbers."""
        return _mirror.mirror(self, number("w", w))

    def mirror_inverse(self, u: Any) -> Vector:
        """The w with M(w) = u, any shape: in closed form, else by bracketed Newton steps until |M(w) - u| is within
        `tolerance` and the rounding of M, or w cannot be told from its neighbours."""
        return _mirror.inverse(self, number("u", u))

    # The compiled core

    @property
    def spec(self) -> Any:
        """The spec for the compiled core, in double precision."""
        return self.lower(np.float64)

    def lower(self, real: type) -> Any:
        """The spec for the compiled core, in the precision `real`."""
        raise NotImplementedError
