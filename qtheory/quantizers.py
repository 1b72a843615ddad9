"""Grids, and the two quantizers of Li et al. 2017: rounding to nearest (Q_d) and stochastic rounding (Q_s)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _check
from ._check import Vector

_ON_GRID = 1e-12  # relative, and in units of delta: float64 arithmetic of a few grid points stays below


@dataclass(frozen=True)
class Grid:
    """The points delta * (k + offset), k an integer.

    Arguments:
        delta: the resolution Δ > 0, in the units of the weights.
        offset: 0 (zero is a point) or 1/2 (zero is a midpoint, as for binary weights).
        box: (low, high), both on the grid: the points between them only, rounding saturates there. None: all points.

    Raises: ValueError for delta <= 0, another offset, or a box whose faces are not on the grid.
    """

    delta: float
    offset: float = 0.0
    box: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", _check.number("delta", self.delta, above=0))
        if self.offset not in (0, 0.5):
            raise ValueError(f"offset must be 0 or 0.5 (in units of delta), got {self.offset!r}")
        object.__setattr__(self, "offset", float(self.offset))
        if self.box is not None:
            object.__setattr__(self, "box", _check.interval("box", self.box))
            self._require("box", np.array(self.box))

    @classmethod
    def of(cls, grid: "Grid | float") -> "Grid":
        """A grid as it is; a number is the resolution of an unbounded grid through zero."""
        return grid if isinstance(grid, cls) else cls(grid)  # type: ignore[arg-type]

    @classmethod
    def binary(cls) -> "Grid":
        """The weights -1 and +1: Δ = 2, the odd multiples of Δ/2 in [-1, 1]."""
        return cls(2.0, 0.5, (-1.0, 1.0))

    def point(self, k: Any) -> Vector:
        """The points of indices k (any shape)."""
        return self.delta * (np.asarray(k, dtype=np.float64) + self.offset)

    def contains(self, w: Any) -> np.ndarray:
        """Which entries of w are points of the grid."""
        v = np.asarray(w, dtype=np.float64) / self.delta - self.offset
        near = np.abs(v - np.rint(v)) <= _ON_GRID * np.maximum(1.0, np.abs(v))
        low, high = self.index_range
        return near & (np.rint(v) >= low) & (np.rint(v) <= high)

    def index(self, w: Any) -> Vector:
        """The indices of grid points w (any shape), as float64. ValueError if an entry is not on the grid."""
        self._require("w", w)
        return np.rint(np.asarray(w, dtype=np.float64) / self.delta - self.offset)

    @property
    def index_range(self) -> tuple[float, float]:
        """The least and the greatest index, infinite where there is no box."""
        if self.box is None:
            return -np.inf, np.inf
        low, high = np.rint(np.array(self.box) / self.delta - self.offset)
        return float(low), float(high)

    @property
    def levels(self) -> Vector:
        """All points, ascending. ValueError without a box."""
        if self.box is None:
            raise ValueError("levels needs a grid with a box, got an unbounded grid")
        low, high = self.index_range
        return self.point(np.arange(low, high + 1))

    def within(self, box: tuple[float, float] | None) -> "Grid":
        """The same grid, held to `box` too. ValueError where the faces of `box` are not on the grid."""
        if box is None:
            return self
        if self.box is not None:
            box = max(box[0], self.box[0]), min(box[1], self.box[1])
        return Grid(self.delta, self.offset, box)

    def _require(self, name: str, w: Any) -> None:
        v = np.asarray(w, dtype=np.float64) / self.delta - self.offset
        bad = ~(np.abs(v - np.rint(v)) <= _ON_GRID * np.maximum(1.0, np.abs(v)))
        if name != "box":
            bad |= ~self.contains(w)
        if bad.any():
            first = float(np.asarray(w, dtype=np.float64)[bad].flat[0])
            where = "" if self.box is None or name == "box" else f" in [{self.box[0]:g}, {self.box[1]:g}]"
            raise ValueError(
                f"{name} must lie on the grid of points {self.delta:g} * (k + {self.offset:g}){where}, got {first!r}"
            )


@dataclass(frozen=True)
class _Rounding:
    grid: Grid

    def __init__(self, grid: Grid | float) -> None:
        object.__setattr__(self, "grid", Grid.of(grid))

    def _units(self, w: Any) -> Vector:
        """w / delta, held to the box. ValueError where that is no number."""
        low, high = self.grid.index_range
        v = np.clip(_check.real("w", w) / self.grid.delta, low + self.grid.offset, high + self.grid.offset)
        if not np.isfinite(v).all():
            raise ValueError("w must not contain NaN, nor infinities where the grid has no box")
        return v

    def lower(self, real: type, box: tuple[float, float] | None) -> Any:
        """The spec for the compiled core, in the precision `real`, held to `box`."""
        from .core import rounding

        grid = self.grid.within(box)
        low, high = grid.index_range
        kind = rounding.Stochastic if isinstance(self, StochasticRounding) else rounding.Nearest
        return kind(*(real(v) for v in (grid.delta, 1 / grid.delta, grid.offset, low, high)))


@dataclass(frozen=True, init=False)
class NearestRounding(_Rounding):
    """Q_d: the nearest point of the grid.   (Li et al. 2017, section 3)

    Ties go away from zero; a tie at zero (offset 1/2) goes up, so that sign(0) = +1, also for -0.0.
    """

    def __call__(self, w: Any) -> Vector:
        """w (any shape) rounded. ValueError for NaN."""
        v, offset = self._units(w), self.grid.offset
        k = np.floor(v) if offset else np.rint(v)  # not floor(v + 1/2): that sum is rounded
        tie = np.abs(v - k) == 0.5 - offset
        return self.grid.point(np.where(tie, v - offset + np.where(np.asarray(w) < 0, -0.5, 0.5), k))

    def mean(self, w: Any) -> Vector:
        """E Q_d(w) = Q_d(w)."""
        return self(w)

    def variance(self, w: Any) -> Vector:
        """Zero: nothing is random."""
        return np.zeros(np.shape(w))


@dataclass(frozen=True, init=False)
class StochasticRounding(_Rounding):
    """Q_s: up with a chance equal to the fractional part q, so that E Q_s(w) = w.   (Li et al. 2017, section 3)"""

    def __call__(self, w: Any, u: Any) -> Vector:
        """w (any shape) rounded with uniforms u in [0, 1) of the same shape. ValueError for NaN or u outside."""
        down, q = self._split(w)
        u = _check.real("u", u)
        if not ((u >= 0) & (u < 1)).all():
            raise ValueError("u must lie in [0, 1)")
        return self.grid.point(down + (u < q))

    def mean(self, w: Any) -> Vector:
        """E Q_s(w) = w, held to the box."""
        return self.grid.delta * self._units(w)

    def variance(self, w: Any) -> Vector:
        """Var Q_s(w) = Δ² q (1 - q), at most Δ²/4."""
        _, q = self._split(w)
        return self.grid.delta**2 * q * (1 - q)

    def _split(self, w: Any) -> tuple[Vector, Vector]:
        """(down, q): the index below w, and the fraction above it."""
        v = self._units(w) - self.grid.offset
        down = np.floor(v)
        return down, v - down
