"""The share of time at the optimum where the sampling error vanishes. Symbols: rho_k / 2 = a_k / b_k; y of `_noise`."""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from ..._check import Vector
from ...statistics import Interval
from ...two_layer import TwoLayer, recover
from .._base import Checked, Claim, Role, Theorem
from . import _noise
from ._noise import NoiseCase, outside, rates, symmetric_design, wrong_claim

THIRDS = (Fraction(1, 3), Fraction(2, 5), Fraction(3, 7))


class NoiseOccupation(Theorem):
    """On data without sampling error the share of time at w* is the product of 1 - rho_k/2 over rho_k > 0.   (qtheory)

    Algorithm: u <- u - eta g(sign u) with the full batch, identity estimator, constant eta.
    Assumptions: g_k(q) = s_k (q_k - w*_k) - e_k at every vertex q, as on data invariant under changes of sign of each
        column; rho_k = -w*_k e_k / s_k < 2; rho_k / 2 = a_k / b_k in lowest terms, with pairwise coprime b_k.
    Statement: once every y_k is in its invariant interval, of every prod b_k steps in a row exactly prod (b_k - a_k)
        are at w*, both over rho_k > 0.
    Kind: identity.
    Status: tight: an identity, in integers. On other data the product is a heuristic, and no claim.
    Arguments: the case's problem, starts, step; the window is the least multiple of the period that is at least
        `steps`. Measured: least and largest share over the starts.
    Errors raised: none of its own.
    References: derived here; the setting is that of Jeong, Xin and Yin (2025), arXiv:2505.18113;
        proofs/jeong2025/noise_occupation.md.
    """

    title = "Without sampling error the time at w* is a product over the coordinates"
    source = "qtheory (derived here; in the setting of Jeong, Xin and Yin 2025)"
    kind = "identity"
    statement = r"\pi(w^\star)=\prod_{\rho_k>0}\Bigl(1-\frac{\rho_k}2\Bigr)"
    figure = "jeong2025_recurrence"

    def assumptions(self, instance: NoiseCase) -> Iterable[Checked]:
        kind = type(instance).__name__
        yield Checked("the case is a NoiseCase", isinstance(instance, NoiseCase), f"it is of type {kind}")
        p = instance.problem
        few = p.n <= _noise.MOST
        yield Checked("the vertices can be enumerated", few, f"n = {p.n}")
        free = _noise.coupling(p) is not None
        yield Checked("g_k(q) = s_k (q_k - w*_k) - e_k", free, f"in integers, over 2^{p.n} vertices")
        half = rates(p)
        yield Checked("rho_k < 2", max(half) < 1, f"rho/2 = {', '.join(map(str, half))}")
        below = [h.denominator for h in half if h > 0]
        coprime = math.lcm(*below) == math.prod(below)
        yield Checked("the periods are pairwise coprime", coprime, f"periods {below}")

    def claim(self, instance: NoiseCase) -> Claim:
        share = float(product(rates(instance.problem)))
        return Claim(share, share)

    def measure(self, instance: NoiseCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        share = shares(instance, seed, threads)
        return Interval(min(share), max(share), float(np.mean(share)), 1.0, f"exact: {len(share)} paths")

    def instances(self, scale: str = "quick") -> Iterable[NoiseCase]:
        more: dict = {"starts": 8, "steps": 1 if scale == "quick" else 100_000}
        three = symmetric_design(THIRDS, (1, -1, 1))
        yield NoiseCase(name="n = 3, periods 3, 5, 7", problem=three, **more)
        sign = symmetric_design(THIRDS, (-1, 1, 1), "sign")
        yield NoiseCase(name="the same with the sign activation", problem=sign, **more)
        half = (Fraction(1, 3), Fraction(1, 5), Fraction(2, 7), Fraction(5, 11))
        yield NoiseCase(name="n = 4, period 1155", problem=symmetric_design(half, (1, 1, -1, -1)), **more)
        half = (Fraction(1, 3), Fraction(-2, 9), Fraction(2, 5))
        yield NoiseCase(name="one coordinate driven home", problem=symmetric_design(half, (1, 1, 1)), **more)
        half = (Fraction(4, 5), Fraction(6, 7), Fraction(8, 9))
        yield NoiseCase(name="rho near 2", role=Role.EDGE, problem=symmetric_design(half, (1, 1, -1)), **more)
        half = (Fraction(-1, 3), Fraction(0), Fraction(-1, 7))
        home = symmetric_design(half, (1, 1, -1))
        yield NoiseCase(name="no drift to a wrong sign", role=Role.EDGE, problem=home, **more)
        yield NoiseCase(name="1% more", problem=three, planted=1.01, **wrong_claim(), **more)
        equal = symmetric_design((Fraction(1, 3), Fraction(1, 3)), (1, -1))
        yield NoiseCase(name="equal periods", problem=equal, **outside(), **more)
        far = symmetric_design((Fraction(7, 5), Fraction(1, 3)), (1, 1))
        yield NoiseCase(name="rho > 2", problem=far, **outside(), **more)
        random = TwoLayer.draw(6, 4096, label_noise=0.5, seed=1)
        yield NoiseCase(name="Gaussian data", problem=random, **outside(), **more)


def product(half: Iterable[Fraction | float]) -> Fraction | float:
    """The product of 1 - rho_k / 2 over rho_k > 0, 0 where a rho_k >= 2; `half` are the rho_k / 2."""
    return math.prod(max(1 - h, 0) for h in half if h > 0)


def shares(case: NoiseCase, seed: int = 0, threads: int | None = None) -> Vector:
    """(R,) shares of time at w* over whole periods, once all coordinates are in their invariant intervals."""
    p, u0, half = case.problem, case.start(seed), rates(case.problem)
    period = math.lcm(*(h.denominator for h in half if h > 0))
    steps = period * -(-case.steps // period)
    burn = settled(half, whole_distances(p, u0, case.unit))
    return recover(p, start=u0, step=case.eta, steps=burn + steps, burn=burn, threads=threads).share


def whole_distances(p: TwoLayer, u0: Vector, unit: float) -> list[list[Fraction]]:
    """(R, n) y_k / 2 of the starts, exactly."""
    pace, _ = _noise.coupling(p)
    whole = np.rint(u0 / unit).astype(np.int64) * p.teacher
    return [[Fraction(int(y), int(s)) for y, s in zip(row, pace, strict=True)] for row in whole]


def settled(half: Sequence[Fraction], y: list[list[Fraction]]) -> int:
    """Steps after which every y_k / 2 (R, n) is in [-rho_k / 2, 1 - rho_k / 2], or right where rho_k <= 0."""
    steps = 0
    for row in y:
        for a, x in zip(half, row, strict=True):
            up = math.floor(max(-x, Fraction(0)) / (1 - a)) + 1
            down = math.floor(max(x - (1 - a), Fraction(0)) / a) + 1 if a > 0 else 0
            steps = max(steps, up + down)
    return steps


THEOREM = NoiseOccupation()
