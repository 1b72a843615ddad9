"""What the theorems on label noise share: their cases, exact gradients as integers, and designs without sampling error.

Symbols: eps_k(q) = -w*_k g_k(q) / s_k - 2 [q_k != w*_k], noise included; rho = -eps(w*), the drift toward wrong signs;
y_k = w*_k u_k / (eta s_k), the distance of a coordinate from turning wrong, in units of eta s_k.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from ..._check import Vector
from ...two_layer import TwoLayer
from ...two_layer.recovery import latent
from .._base import Case, Checked, Role, Verdict
from ._finite import MOST, vertices


@dataclass(frozen=True, kw_only=True)
class NoiseCase(Case):
    """A data set with label noise, and a few starts.

    Arguments
        name, role, expected, trials, planted: see Case.
        problem: the data.   starts: R >= 1.   step: eta times the drift `pace`.   spread: standard deviation of the
            starts, in steps of the drift.   steps: length of the window.
        at_teacher: the starts have the signs of w*.
        naive: for controls: the claim forgets that sign(0) = +1 treats the two signs differently.
    """

    problem: TwoLayer
    starts: int = 4
    step: float = 0.25
    spread: float = 4.0
    steps: int = 2000
    at_teacher: bool = False
    naive: bool = False

    @property
    def eta(self) -> float:
        """The step size, in the units of u per unit of gradient."""
        return self.step / pace(self.problem)

    def start(self, seed: int) -> Vector:
        """(R, n) u_0: normal, and with the signs of w* if so wished."""
        rng = np.random.Generator(np.random.Philox([seed, 2025]))
        u = rng.standard_normal((self.starts, self.problem.n)) * self.spread * self.step
        u = np.abs(u) * self.problem.teacher if self.at_teacher else u
        return latent(u, self.unit) * self.unit

    @property
    def unit(self) -> float:
        """Of the latent weights, on whose multiples the dynamics runs without rounding."""
        return self.eta / self.problem.samples * self.problem.lattice.gradient


def wrong_claim(**more) -> dict:
    """What a control has that must be violated."""
    return {"role": Role.CONTROL, "expected": Verdict.VIOLATED, **more}


def outside(**more) -> dict:
    """What a control has that lies outside the assumptions."""
    return {"role": Role.CONTROL, "expected": Verdict.OUT_OF_SCOPE, **more}


def pace(p: TwoLayer) -> float:
    """The population's s for Gaussian features, or 1 for an estimator that has none: a scale for step sizes."""
    try:
        return p.speed
    except ValueError:
        return 1.0


def whole_gradient(p: TwoLayer, patterns: np.ndarray) -> np.ndarray:
    """(P, n) int64: N g(q) in units of the gradient's lattice, exactly."""
    return np.rint(p.coarse_gradient(patterns) * p.samples / p.lattice.gradient).astype(np.int64)


@dataclass(frozen=True)
class Perturbation:
    """The numbers of a data set on which `jeong2025/noise_return` rests, by enumeration of the 2^n vertices.

    speed: (n,) 2 s_k is the mean push home of coordinate k over the vertices at which it is wrong; where it is not
    positive for all k, all the rest is 0.   drift: (n,) rho.   push: gamma, the least push on a wrong coordinate.
    blow: a, the hardest on a right one.   lift: b, the largest of all eps.   low, high: theta_-, theta_+: sums of the
    parts of eps^0 over distances.
    """

    speed: Vector
    drift: Vector
    push: float
    blow: float
    lift: float
    low: float
    high: float

    @property
    def total(self) -> float:
        """|rho_+|_1."""
        return float(np.maximum(self.drift, 0).sum())


@lru_cache(maxsize=32)
def perturbation(p: TwoLayer) -> Perturbation:
    """Perturbation of a data set. ValueError for more than 14 coordinates."""
    if p.n > MOST:
        raise ValueError(f"n is {p.n}: expected at most {MOST}, whose vertices can be enumerated")
    patterns = vertices(p.n)
    wrong = patterns != p.teacher
    distance = wrong.sum(axis=1)
    pushes = -p.teacher * p.coarse_gradient(patterns)
    speed = np.where(wrong, pushes - pushes[distance == 0], 0.0).sum(axis=0) / len(patterns)
    if not (speed > 0).all():
        return Perturbation(speed, np.zeros(p.n), 0.0, 0.0, 0.0, 0.0, 0.0)
    eps = pushes / speed - 2.0 * wrong
    drift = -eps[distance == 0][0]
    rest, away = eps + drift, distance > 0
    low, high = (float((np.maximum(sign * rest, 0).sum(axis=1)[away] / distance[away]).max()) for sign in (-1.0, 1.0))
    push, blow = float((2 + eps)[wrong].min()), max(0.0, float(-eps[~wrong].min()))
    return Perturbation(speed, drift, push, blow, max(0.0, float(eps.max())), low, high)


def distances(case: NoiseCase, start: Vector) -> Vector:
    """(R, n) y_k(0)."""
    return start * case.problem.teacher / (case.eta * perturbation(case.problem).speed)


def noisy(p: TwoLayer) -> Checked:
    """Some coordinate drifts toward its wrong sign, at w*."""
    drift = p.teacher * whole_gradient(p, p.teacher[None])[0]
    return Checked("some rho_k > 0", bool((drift > 0).any()), f"{int((drift > 0).sum())} of {p.n}")


def coupling(p: TwoLayer) -> tuple[np.ndarray, np.ndarray] | None:
    """(n,) 2 s_k and (n,) rho_k s_k, as integers in equal units, where g_k(q) = s_k (q_k - w*_k) - e_k; else None."""
    patterns = vertices(p.n)
    wrong = patterns != p.teacher
    gradient = whole_gradient(p, patterns)
    at = gradient[~wrong.any(axis=1)][0]
    moved = (at - gradient) * p.teacher  # w*_k (g(w*) - g(q))_k = 2 s_k where wrong, else 0
    pace = moved[wrong.all(axis=1)][0]
    return (pace, at * p.teacher) if (moved == wrong * pace).all() and (pace > 0).all() else None


def rates(p: TwoLayer) -> tuple[Fraction, ...]:
    """(n,) rho_k / 2 of a decoupled data set. ValueError for any other."""
    found = coupling(p)
    if found is None:
        raise ValueError("problem must be decoupled: g_k(q) = s_k (q_k - w*_k) - e_k at every vertex q")
    return tuple(Fraction(int(e), int(pace)) for pace, e in zip(*found, strict=True))


def symmetric_design(half: Sequence[Fraction], teacher: Iterable[int], activation: str = "heaviside") -> TwoLayer:
    """A data set of 2 * 2^n rows without sampling error, whose noise has rho_k / 2 = half[k] exactly.

    Every pattern of signs comes twice: once times D - 1 without noise, once as it is with the noise xi = z'b; D is the
    product of the denominators, so that all numbers are whole multiples of a power of two. ValueError where the label
    noise would be rounded.
    """
    signs = vertices(len(half)).astype(float)
    total = signs.sum(axis=1)
    out = (total > 0) * 1.0 if activation == "heaviside" else np.where(total >= 0, 1.0, -1.0)
    pace = Fraction(float(np.mean(out * signs[:, 0])))  # E sigma(z'1) z_1, a dyadic fraction
    size = max(math.prod(h.denominator for h in half), 2)
    b = [-w * 2 * size * pace * h for w, h in zip(teacher, half, strict=True)]  # rho_k = -w*_k e_k / s, s = pace D / 2
    noise = np.concatenate([np.zeros(len(signs)), signs @ np.array([float(x) for x in b])])
    features = np.concatenate([signs * (size - 1), signs])
    problem = TwoLayer(features, np.asarray(list(teacher)), label_noise=noise, activation=activation)
    if not ((problem.label_noise == noise).all() and (problem.features[:, 0] == features).all()):
        raise ValueError(f"half is {half}: expected fractions whose label noise has at most 12 bits")
    return problem
