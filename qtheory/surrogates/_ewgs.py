"""Element-wise gradient scaling: no slope, because its factor depends on the sign of the gradient."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector
from ._base import Constant, Surrogate
from ._levels import number


@dataclass(frozen=True)
class EWGS(Surrogate):
    """h -> h (1 + δ sign(h) (w - Q(w))) = h + δ |h| (w - Q(w)): element-wise gradient scaling (after Lee et al., 2021).

    The factor depends on the sign of h, so that there is no slope and no mirror map: it is the straight-through
    estimator plus a pull towards the level. Beyond the outermost levels w - Q(w), and with it the factor, is unbounded.

    Arguments:
        levels: see Surrogate.
        strength: δ >= 0, per unit of the weights.
    """

    strength: float = 0.5

    def _validate(self) -> None:
        self._set("strength", _check.number("strength", self.strength, least=0))

    def apply(self, w: Any, h: Any) -> Vector:
        """h + δ |h| (w - Q(w)) (shapes broadcast)."""
        w, h = number("w", w), number("h", h)
        return h + self.strength * np.abs(h) * (w - self.quantize(w))

    def _slope(self, w: Vector) -> Vector:
        raise ValueError("EWGS has no slope: its factor depends on the sign of h; use apply(w, h)")

    def _primitive(self, w: Vector) -> Vector:
        raise ValueError("EWGS has no mirror map: its factor depends on the sign of h")

    positive = False
    low = Constant(-np.inf, "the factor is unbounded beyond the outermost levels")
    high = Constant(np.inf, "the factor is unbounded beyond the outermost levels")
    lipschitz = Constant(np.inf, "the factor depends on the sign of h")

    def lower(self, real: type) -> Any:
        from ..core import surrogates

        return surrogates.EWGS(self.levels.lower(real), real(self.strength))
