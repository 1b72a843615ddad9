"""The law of one step of SR in one coordinate: where Q_s(x - alpha g) lies, for noise of finite support or not.

With s = -alpha g / delta, in grid units, the target at distance j gets E max(0, 1 - |s - j|), a second difference of
j -> E max(s - j, 0); a face gets E min(1, max(0, s - j + 1)), a first one.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from .._check import Vector
from ..exact._moves import Rounding
from ..problems import Noise
from ..problems._tails import UNIT, Parts


def exact_rows(noise: Noise, slopes: np.ndarray, levels: np.ndarray, alpha: Fraction, rounding: Rounding) -> np.ndarray:
    """(m, levels) Fractions: from the level `levels[i]` (counted from 0) with the slope `slopes[i]`, for each i."""
    low = int(rounding.low)
    out = np.full((len(slopes), int(rounding.high) - low + 1), Fraction(0), dtype=object)
    for row, slope, level in zip(out, slopes, levels.tolist(), strict=True):
        for g, chance in noise.outcomes(Fraction(slope)):
            for k, part in rounding.jump(low + level, -alpha * g * rounding.inverse):
                row[k - low] += chance * part
    return out


def rows(
    noise: Noise, slopes: Vector, levels: np.ndarray, alpha: float, delta: float, count: int
) -> tuple[Vector, float]:
    """The same in floating point for noise without finite support: (rows (m, count), the largest relative error)."""
    ramps = _Ramps(noise, np.asarray(slopes)[:, None], levels[:, None], alpha, delta, count)
    inside = ramps.second()
    inside.value[:, 0], inside.error[:, 0] = _faced(ramps, -1)
    inside.value[:, -1], inside.error[:, -1] = _faced(ramps, +1)
    own = np.arange(count) == levels[:, None]
    value = np.where(own, 0.0, inside.value)
    error = float(np.max(np.where(own | (value == 0), 0.0, inside.error)))
    moved = value.sum(axis=1)
    value[own] = np.where(moved <= 0.5, 1.0 - moved, np.maximum(inside.value[own], 0.0))
    return value, error


class _Ramps:
    """E max(s - j, 0) and E max(j - s, 0) at the distances j from each level to the levels -1, ..., count."""

    def __init__(self, noise: Noise, slopes: Any, levels: Any, alpha: float, delta: float, count: int) -> None:
        self.width = delta / alpha
        self.j = np.arange(-1.0, count + 1) - levels
        z, slopes = np.broadcast_arrays(-self.j * self.width, slopes)
        above, below = noise.below(slopes, z), noise.above(slopes, z)  # s > j means g < z
        self.up, self.down = (Parts(p.value / self.width, p.error + 2 * UNIT) for p in (above, below))
        self.mean = -slopes / self.width

    def second(self) -> Parts:
        """Second differences, on the side of the mean where the terms are small: nothing large cancels there."""
        parts = [_difference([p[..., :-2], p[..., 1:-1], p[..., 2:]], (1, -2, 1)) for p in self._sides()]
        return _choose(self.j[:, 1:-1] >= self.mean[:, 1:-1], *parts)

    def first(self, side: int) -> Parts:
        """What goes to the target or beyond it, upwards (side 1) or downwards (-1)."""
        up, down = self._sides()
        if side > 0:
            near = _difference([up[..., :-2], up[..., 1:-1]], (1, -1))
            far = _difference([down[..., 1:-1], down[..., :-2]], (1, -1))
            return _choose(self.j[:, 1:-1] >= self.mean[:, 1:-1], near, _rest(far))
        near = _difference([down[..., 2:], down[..., 1:-1]], (1, -1))
        far = _difference([up[..., 1:-1], up[..., 2:]], (1, -1))
        return _choose(self.j[:, 1:-1] <= self.mean[:, 1:-1], near, _rest(far))

    def _sides(self) -> list[np.ndarray]:
        return [np.stack([p.value, p.error]) for p in (self.up, self.down)]


def _difference(terms: list[np.ndarray], signs: tuple[int, ...]) -> Parts:
    """A signed sum of (value, error) pairs; its error is theirs and the rounding, relative to what is left."""
    value = sum(sign * term[0] for sign, term in zip(signs, terms, strict=True))
    size = sum(abs(sign) * term[0] * (term[1] + 3 * UNIT) for sign, term in zip(signs, terms, strict=True))
    value = np.maximum(value, 0.0)
    # Nothing is left where the terms agree to their last bit: a move that no float64 sees.
    return Parts(value, np.divide(size, value, out=np.zeros_like(value), where=value > 0))


def _rest(part: Parts) -> Parts:
    value = np.maximum(1.0 - part.value, 0.0)
    return Parts(value, np.divide(part.value * part.error + UNIT, value, out=np.zeros_like(value), where=value > 0))


def _choose(where: np.ndarray, a: Parts, b: Parts) -> Parts:
    return Parts(np.where(where, a.value, b.value), np.where(where, a.error, b.error))


def _faced(ramps: _Ramps, side: int) -> tuple[Vector, Vector]:
    part, i = ramps.first(side), 0 if side < 0 else -1
    return part.value[:, i], part.error[:, i]
