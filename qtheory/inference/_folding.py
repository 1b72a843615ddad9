"""Thresholds that decide exactly as a layer's affine map does.

A unit is +1 where a(z) = (m z - mean) * factor + shift >= 0, computed in float64 in this order, as
`qtheory.networks` does. Every one of the operations, rounded, is monotone in z, and so is a: bisection over all
integers, or over all floating-point numbers, that z may be finds where its sign changes. What is found is the decision
of the computed a, ties and rounding included, not of an a without rounding. No term is divided by, and where
factor < 0 the decision is turned round (m > 0).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check

EIGHT_BITS = 255


class Affine(NamedTuple):
    """a(z) = (m z - mean) * factor + shift, arrays (outputs,) float64."""

    magnitude: NDArray[np.float64]
    mean: NDArray[np.float64]
    factor: NDArray[np.float64]
    shift: NDArray[np.float64]

    def __call__(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore", invalid="ignore"):
            a = (z * self.magnitude - self.mean) * self.factor + self.shift
        return np.where(self.factor == 0, self.shift, a)  # where the first product overflowed, too

    @property
    def flips(self) -> NDArray[np.bool_]:
        """Where a falls as z rises: m > 0 there."""
        return self.factor < 0


def affine(outputs: int, magnitude: Any = 1.0, mean: Any = 0.0, factor: Any = 1.0, shift: Any = 0.0) -> Affine:
    """The checked map, each argument a number or an array (outputs,)."""
    named = {"magnitude": magnitude, "mean": mean, "factor": factor, "shift": shift}
    return Affine(*(_vector(name, value, outputs) for name, value in named.items()))


def integers(a: Affine, most: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """thresholds (outputs,) and flips: a(z) >= 0 where (z >= threshold) != flip, for integers z in [-most, most].

    A threshold is in [-most, most + 1]; the last means that no z reaches it.
    """
    size = a.shift.shape
    low, high = np.full(size, -most, np.int64), np.full(size, most + 1, np.int64)
    return _bisect(lambda z: a(z.astype(np.float64)), a.flips, low, high), a.flips


def reals(a: Affine) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """As `integers`, for finite float64 z; -inf: all reach it, inf: none does."""
    top = int(np.float64(np.finfo(np.float64).max).view(np.int64))
    size = a.shift.shape
    low, high = np.full(size, -top, np.int64), np.full(size, top + 1, np.int64)
    found = _bisect(lambda k: a(_nth(k)), a.flips, low, high)
    return np.where(found == -top, -np.inf, _nth(found)), a.flips  # the number after the last one is inf


def _bisect(
    value: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    flips: NDArray[np.bool_],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The least k in [low, high) with (value(k) >= 0) != flips, which stays so from there on; else high."""
    low, high = low.copy(), high.copy()
    while (open_ := low < high).any():
        middle = (low >> 1) + (high >> 1) + (low & high & 1)
        reached = (value(middle) >= 0) != flips
        high = np.where(open_ & reached, middle, high)
        low = np.where(open_ & ~reached, middle + 1, low)
    return low


def _nth(k: NDArray[np.int64]) -> NDArray[np.float64]:
    """The float64 that is k numbers above 0."""
    return np.where(k < 0, -np.abs(k).view(np.float64), np.abs(k).view(np.float64))


def _vector(name: str, value: Any, outputs: int) -> NDArray[np.float64]:
    x = _check.real(name, value)
    if x.shape not in ((), (outputs,)):
        raise ValueError(f"{name} must be a number or have shape ({outputs},), got {x.shape}")
    return _check.array(name, np.broadcast_to(x, (outputs,)))
