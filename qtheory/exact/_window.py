"""The law of one coordinate in floating point: the compiled kernel, on a window of the grid that follows the mass."""

from typing import Any

import numpy as np
from scipy.special import erf, ndtri

from .._check import Vector
from ..methods import SR, R
from ..problems import Gaussian, OneBit
from ._coordinate import RealCoordinate

START_STATES = 64  # to each side of the first state; a grid with fewer levels is taken whole
SMALL_GRID = 4096
MOST_STATES = 2**20


def window_law(
    coordinate: RealCoordinate, method: R | SR, start: float, alphas: Vector, steps: int, marks: Any, leak: float
) -> tuple[Vector, tuple[np.ndarray, Vector], float]:
    """(results (m, RESULTS), the law of w_T as (indices, probabilities), the mass that was cut off).

    leak: the mass that may be cut off over all steps.
    """
    from ..core import propagate as core

    noise, box = coordinate.problem.noise, coordinate.problem.box
    q = method.quantizer.lower(np.float64, box)
    # A step may cut off four pieces: two tails of the law, and two of a Gaussian.
    allowance = leak / (4 * steps)
    sigma = noise.sigma if isinstance(noise, Gaussian) else 0.0
    if sigma > 0 and leak == 0:
        raise ValueError("leak must be greater than 0 with Gaussian noise, whose tails have to be cut off, got 0")
    reach = -float(ndtri(allowance)) if sigma > 0 else 0.0
    tables = _Tables(coordinate, method, core.Window)
    window = tables.start(int(start), rows=1 + (coordinate.curvature is not None))
    out = np.full((marks.size, core.RESULTS), np.nan)
    missing = core.evolve(q, sigma, reach, window, alphas, steps, marks, allowance, out)
    while not np.isnan(missing):
        window = tables.grow(window, missing, leak)
        missing = core.evolve(q, sigma, reach, window, alphas, steps, marks, allowance, out)
    begin, end = window.place[core.BEGIN], window.place[core.END]
    final = window.states[begin:end].astype(np.int64), window.law[window.place[core.SIDE], 0, begin:end].copy()
    return out, final, float(window.sums[core.LEAKED])


class _Tables:
    """What the kernel must know of each state, made anew whenever the window grows."""

    def __init__(self, coordinate: RealCoordinate, method: R | SR, kind: Any) -> None:
        self.coordinate, self.kind = coordinate, kind
        self.grid = method.grid.within(coordinate.problem.box)

    def start(self, k: int, rows: int) -> Any:
        low, high = self.grid.index_range
        if high - low >= SMALL_GRID:
            low, high = max(low, k - START_STATES), min(high, k + START_STATES)
        window = self._empty(int(low), int(high) - int(low) + 1, rows)
        i = k - int(low)
        window.law[0, 0, i] = 1.0
        window.place[-2:] = i, i + 1
        return window

    def grow(self, old: Any, missing: float, leak: float) -> Any:
        """A window that reaches the index `missing`, and half as far again as the old one did."""
        first, last = int(old.states[0]), int(old.states[-1])
        if first <= missing <= last:
            noise, w = self.coordinate.problem.noise, self.grid.point(missing)
            slope = self.coordinate.slope([w])
            noise.support(slope)  # this raises, for a slope beyond what the noise can have as its mean
            raise ValueError(f"{noise!r} has no outcomes at w = {w:g}, where the slope is {slope[0]:g}")
        shift, margin = first, old.states.size // 2
        low, high = self.grid.index_range
        span = max(last, missing) - min(first, missing) + 1
        if not span <= MOST_STATES:
            raise ValueError(
                f"leak={leak:g} cannot be kept: the law has spread over {span:.3g} levels of the grid, at most "
                f"{MOST_STATES} are held. Lower the step sizes, or give the problem a box"
            )
        first = int(max(low, missing - margin)) if missing < first else first
        last = int(min(high, missing + margin)) if missing > last else last
        new = self._empty(first, last - first + 1, old.law.shape[1])
        shift -= first
        kept = slice(shift, shift + old.states.size)
        new.law[:, :, kept], new.occupation[kept] = old.law, old.occupation
        new.place[:], new.sums[:] = old.place, old.sums
        new.place[-2:] += shift
        return new

    def _empty(self, first: int, n: int, rows: int) -> Any:
        states = np.arange(first, first + n, dtype=np.float64)
        w = self.grid.point(states)
        values, chances, square, absolute = _noise_tables(self.coordinate.problem.noise, self.coordinate.slope(w))
        offset = w - self.coordinate.star
        return self.kind(
            states=states,
            values=values,
            chances=chances,
            offset=offset,
            observed=np.stack([self.coordinate.excess(w), offset**2, square, absolute]),
            law=np.zeros((2, rows, n)),
            occupation=np.zeros(n),
            work=np.empty((3, n)),
            place=np.zeros(5, dtype=np.int64),
            sums=np.zeros(2),
        )


def _noise_tables(noise: Any, slope: Vector) -> tuple[Vector, Vector, Vector, Vector]:
    """The outcomes (m, n) and their probabilities, E g^2 and E|g| (n,), for slopes (n,)."""
    if isinstance(noise, Gaussian):
        return _gaussian_tables(noise.sigma, slope)
    # The window also holds states that the run never reaches; only reaching one is an error.
    refused = np.abs(slope) > noise.scale if isinstance(noise, OneBit) else np.zeros(slope.shape, dtype=bool)
    values, chances = (np.array(a.T, order="C") for a in noise.support(np.where(refused, 0.0, slope)))
    square, absolute = np.sum(chances * values**2, axis=0), np.sum(chances * np.abs(values), axis=0)
    values[:, refused] = np.nan
    return values, chances, square, absolute


def _gaussian_tables(sigma: float, slope: Vector) -> tuple[Vector, Vector, Vector, Vector]:
    absolute = np.abs(slope)
    if sigma > 0:
        z = absolute / (sigma * np.sqrt(2))
        absolute = absolute * erf(z) + sigma * np.sqrt(2 / np.pi) * np.exp(-z * z)
    return slope[None].copy(), np.ones((1, slope.size)), slope**2 + sigma**2, absolute
