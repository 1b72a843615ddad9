"""BC with stochastic rounding on Huber functions of one weight: all outcomes of its roundings, and the hardest one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import methods
from ..problems import Interpolant
from ..quantizers import StochasticRounding
from ..schedules import Schedule

Array = NDArray[np.float64]
LIMITS = (0.02, 1.0), (0.05, 1.0), (0.01, 1.0), (0.05, 1.0), (0.0, 1.0)  # of the fields below, but kappa
NEGLIGIBLE = 1e-15  # chance of an outcome that is not followed


@dataclass(frozen=True)
class Huber:
    """F(w) = curvature/2 e² for e = w - w*, |e| <= knee, from there straight on; w_1 = w* - way.

    share: Δ in units of kappa.   phase: where the levels lie: e = Δ (k + phase).
    """

    way: float
    curvature: float
    knee: float
    share: float
    phase: float
    kappa: float

    @classmethod
    def of(cls, x: Array, kappa: float) -> "Huber":
        """From the numbers that an optimizer moves."""
        way, curvature, knee, share, phase = x.tolist()
        return cls(way, curvature, knee, share, phase, kappa)

    @property
    def delta(self) -> float:
        """Δ <= κ."""
        return self.share * self.kappa

    def value(self, e: Array) -> Array:
        """F - F*."""
        bent, straight = self.curvature / 2 * e * e, self.curvature * self.knee * (np.abs(e) - self.knee / 2)
        return np.where(np.abs(e) <= self.knee, bent, straight)

    def gaps(self, schedule: Schedule, T: int) -> tuple[float, float]:
        """(the mean of E F(w_t) - F*, E F(w̄_T) - F*), over all 2^(T-1) outcomes of the roundings."""
        e, chance = np.array([-self.way]), np.ones(1)
        total, gaps = e.copy(), float(self.value(e)[0])
        for t in range(1, T):
            v = e / self.delta - self.phase
            down, q = np.floor(v), v - np.floor(v)
            level, chance = np.concatenate([down, down + 1]), np.concatenate([chance * (1 - q), chance * q])
            kept = chance > NEGLIGIBLE
            at = np.clip((level[kept] + self.phase) * self.delta, -self.knee, self.knee)
            e, total = np.tile(e, 2)[kept] - float(schedule(t)) * self.curvature * at, np.tile(total, 2)[kept]
            total, chance = total + e, chance[kept]
            gaps += float(chance @ self.value(e))
        return gaps / T, float(chance @ self.value(total / T))

    def instance(self, reach: float) -> tuple[Interpolant, methods.BC, Array]:
        """(problem, method, start) for `simulate`; the problem is this function for |e| <= reach."""
        w, slope = -self.phase * self.delta, self.curvature * self.knee
        points, high = w + np.array([[0.0], [-1.0], [1.0]]) * (self.knee + reach), slope * (reach + self.knee / 2)
        problem = Interpolant(
            points, np.array([[0.0], [-slope], [slope]]), np.array([0.0, high, high]), L=self.curvature, tolerance=1e-6
        )
        return problem, methods.BC(StochasticRounding(self.delta)), np.array([w - self.way])


def hardest(T: int, kappa: float, schedule: Schedule, which: int, seed: int, evaluations: int) -> Huber:
    """The Huber function with the largest of the two `gaps`, by differential evolution."""
    from scipy.optimize import differential_evolution

    result = differential_evolution(
        lambda x: -Huber.of(x, kappa).gaps(schedule, T)[which], LIMITS, seed=seed, popsize=8,
        maxiter=max(1, evaluations // 40), polish=False,
    )  # fmt: skip
    return Huber.of(result.x, kappa)
