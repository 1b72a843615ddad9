"""The averaged gradient that BinaryConnect with the stochastic quantizer follows, in one dimension."""

import numpy as np

from ...problems import Problem
from ...quantizers import Grid


class Averaged:
    """b(w) = E F'(Q_s(w)): F' at the levels, linear between them. V' = b, V = 0 at the lowest level.

    slopes: (N,) b at the levels.   M: Lipschitz constant of b.
    """

    def __init__(self, problem: Problem, grid: Grid) -> None:
        self.levels = grid.within(problem.box).levels
        self.slopes = np.asarray(problem.slope(0, self.levels))
        self.delta = grid.delta
        self.M = float(np.abs(np.diff(self.slopes)).max() / self.delta)
        pieces = self.delta * (self.slopes[1:] + self.slopes[:-1]) / 2
        self._V = np.concatenate([[0.0], np.cumsum(pieces)])

    def b(self, w: np.ndarray) -> np.ndarray:
        """The averaged gradient at points w of the box."""
        return np.interp(w, self.levels, self.slopes)

    def V(self, w: np.ndarray) -> np.ndarray:
        """Its antiderivative: exact, a quadratic in each cell."""
        i = np.clip(np.searchsorted(self.levels, w, side="right") - 1, 0, self.levels.size - 2)
        e = w - self.levels[i]
        return self._V[i] + e * (self.slopes[i] + e * (self.slopes[i + 1] - self.slopes[i]) / (2 * self.delta))

    @property
    def zeros(self) -> np.ndarray:
        """The points where b crosses zero upwards: the valleys of V."""
        i = np.flatnonzero((self.slopes[:-1] < 0) & (self.slopes[1:] >= 0))
        return self.levels[i] - self.slopes[i] * self.delta / (self.slopes[i + 1] - self.slopes[i])

    @property
    def least(self) -> float:
        """inf V over the box."""
        return float(np.min(np.concatenate([self._V, self.V(self.zeros)])))
