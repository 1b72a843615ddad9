"""The values that a quantizer takes, and the boundaries between them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector

MOST = 256  # eight bits
_EQUAL = 1e-9  # relative: distances of neighbours that differ by no more count as one


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels l_0 < ... < l_n and boundaries b_1 < ... < b_n: Q(w) = l_i for b_i <= w < b_{i+1}, b_0 = -∞, b_{n+1} = ∞.

    Arguments:
        levels: (n + 1,), 2 to 256 of them, strictly increasing, in the units of the weights; any distances.
        boundaries: (n,), strictly increasing; the midpoints of neighbouring levels where not given.

    Raises: ValueError for too few or too many levels, or where either array is not strictly increasing.
    """

    levels: Vector
    boundaries: Vector = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        levels = _check.array("levels", self.levels, ndim=1)
        if not 2 <= levels.size <= MOST:
            raise ValueError(f"levels must be 2 to {MOST} numbers, got {levels.size}")
        _require_increasing("levels", levels)
        given = self.boundaries is not None
        middle = levels[:-1] / 2 + levels[1:] / 2  # not (a + b) / 2: that sum may overflow
        boundaries = _check.array("boundaries", self.boundaries if given else middle, ndim=1, shape=(levels.size - 1,))
        _require_increasing("boundaries", boundaries)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "boundaries", boundaries)

    @classmethod
    def uniform(cls, bits: int, R: float = 1.0) -> "Levels":
        """2^bits levels from -R to R, R > 0 in the units of the weights: Δ = 2 R / (2^bits - 1). `bits` is 1 to 8."""
        n = 2 ** _check.count("bits", bits, most=8) - 1
        R = _check.number("R", R, above=0)
        # Integers over n: symmetric about 0 to the last bit, and the middle boundary is 0 exactly.
        return cls(R * (2 * np.arange(n + 1) - n) / n, R * (2 * np.arange(n) + 1 - n) / n)

    @cached_property
    def delta(self) -> float | None:
        """Δ, the distance of all neighbouring levels, where boundaries are midpoints; None where there is no such Δ."""
        gaps, n = self.gaps, self.boundaries.size
        delta = float(self.levels[-1] - self.levels[0]) / n
        even = np.abs(gaps - delta).max() <= _EQUAL * delta
        return delta if even and self.has_midpoints else None

    @property
    def has_midpoints(self) -> bool:
        """Whether every boundary is the midpoint of its levels."""
        middle = self.levels[:-1] / 2 + self.levels[1:] / 2
        return bool((np.abs(self.boundaries - middle) <= _EQUAL * self.gaps).all())

    @cached_property
    def gaps(self) -> Vector:
        """(n,): the distances of neighbouring levels."""
        gaps = np.diff(self.levels)
        gaps.setflags(write=False)
        return gaps

    def index(self, w: Any) -> np.ndarray:
        """The index 0..n of the level that w (any shape) is rounded to. ValueError for NaN."""
        w = number("w", w, finite=False)
        return np.searchsorted(self.boundaries, w, side="right")

    def quantize(self, w: Any) -> Vector:
        """Q(w) for w of any shape: a boundary belongs to the level above it, so sign(0) = +1. ValueError for NaN."""
        return self.levels[self.index(w)]

    def lower(self, real: type = np.float64) -> Any:
        """The grid for the compiled core, in the precision `real`. ValueError where it cannot tell the levels apart."""
        from ..core import surrogates

        with np.errstate(over="ignore"):
            levels: np.ndarray = self.levels.astype(real)
            boundaries: np.ndarray = self.boundaries.astype(real)
            inverse = real(0.0 if self.delta is None else 1 / self.delta)
        for name, x in (("levels", levels), ("boundaries", boundaries)):
            if not (np.isfinite(x).all() and (np.diff(x) > 0).all()):
                raise ValueError(f"{name} must be finite and different in {real.__name__}, got {getattr(self, name)}")
        return surrogates.Grid(levels, boundaries, inverse if np.isfinite(inverse) else real(0.0))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Levels):
            return NotImplemented
        return np.array_equal(self.levels, other.levels) and np.array_equal(self.boundaries, other.boundaries)

    def __hash__(self) -> int:
        return hash((tuple(self.levels), tuple(self.boundaries)))


def number(name: str, value: Any, *, finite: bool = True) -> Vector:
    """A float64 array without NaN, and without infinities where `finite`; any shape."""
    x = _check.real(name, value)
    if np.isnan(x).any() or (finite and not np.isfinite(x).all()):
        raise ValueError(f"{name} must not contain NaN{' or infinities' if finite else ''}, got {x!r}")
    return x


def _require_increasing(name: str, x: Vector) -> None:
    wrong = np.flatnonzero(~(np.diff(x) > 0))
    if wrong.size:
        i = int(wrong[0])
        raise ValueError(f"{name} must be strictly increasing, got {x[i]:.17g} before {x[i + 1]:.17g} at index {i}")
