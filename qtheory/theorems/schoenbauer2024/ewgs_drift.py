"""EWGS is STE and a pull. Symbols: δ = strength, r = w - Q(w), ρ = 1 - η δ m, m = E abs(h), q_0 = Q(w_0)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ...statistics import Interval
from ...surrogates import EWGS, Levels
from .._base import Case, Checked, Claim, Theorem
from ._steps import EDGE, OUTSIDE, SOURCE, WRONG, P, binomial_tail, ewgs_step, nearest


class Law(NamedTuple):
    """A law of the noise: E abs(h), the largest abs(h), sub-Gaussian scales of h and of abs(h) - m, and symmetry."""

    mean: float
    most: float
    sigma: float
    sigma_abs: float
    symmetric: bool = True


CUT = 8.0  # normal draws are clipped there, which changes E abs(h) by less than 1e-14
LAWS = {
    "signs": Law(1.0, 1.0, 1.0, 0.0),
    "paths": Law(1.0, 1.0, 1.0, 0.0),  # signs again, but all 2^T of their sequences
    "uniform": Law(0.5, 1.0, math.sqrt(1 / 3), math.sqrt(1 / 12)),
    "gaussian": Law(math.sqrt(2 / math.pi), CUT, 1.0, 1.0),
    "skewed": Law(4 / 3, 2.0, 2.0, 0.5, symmetric=False),  # 2 with probability 1/3, otherwise -1
}
LEVELS = (Fraction(-1), Fraction(-1, 3), Fraction(1, 3), Fraction(1))  # of 2 bits on [-1, 1]
HOME, HALF, FARTHEST = 2, 1 / 3, 4 / 3  # the level of the start; half a step; the farthest other level


@dataclass(frozen=True, kw_only=True)
class EWGSCase(Case):
    """A layer of weights at one residual, and gradients that do not know them.

    Arguments
        name, role, expected, trials, planted: see Case; trials is the number of weights of a layer.
        law: of h: a key of LAWS, independent over steps and weights; "paths": the mean over all sequences of signs, in
            fractions; or "alternating": 1, -1, 1, -1, ...
        eta, steps: the rate and the number of steps (even, where h alternates).
        strength: δ.   r0: the residual of every weight at the start, in the bin of the level 1/3, with levels at
            -1, -1/3, 1/3, 1.
        run: for controls: the strength that is run, not the one that is claimed.
    """

    law: str = "gaussian"
    eta: Fraction
    steps: int
    strength: Fraction = Fraction(1, 2)
    r0: Fraction = Fraction(-133, 1000)
    run: Fraction | None = None

    @property
    def applied(self) -> Fraction:
        return self.strength if self.run is None else self.run


class EWGSDrift(Theorem):
    """EWGS is the straight-through estimator and a pull to the level, of the order of its steps.   (qtheory)

    Algorithm: w <- w - η h (1 + δ sign(h) (w - Q(w))), the gradients h given, the levels uniform.
    Assumptions: δ >= 0, η δ abs(h) <= 1; the start is inside a bin; h alternates between 1 and -1, or is independent,
        symmetric and bounded, and h and abs(h) - m are sub-Gaussian with scales σ and σ'.
    Statement: (a) the step is w - η h - η δ abs(h) (w - Q(w)). (b) For alternating h, r* = η / (2 - η δ) and
        abs(r_0) and r* below Δ/2 - η: r_T = r* + (1 - η δ)^T (r_0 - r*), T even, while the straight-through estimator
        is back at r_0; so abs(M(w_T) - u_T) >= c abs(r_0 - r*) (1 - (1 - η δ)^T) for every rate and every M with
        abs(M(x) - M(y)) >= c abs(x - y). (c) For random h, E(w_T - q_0) is within S P_A of ρ^T r_0, with
        P_A = 2 exp(-(Δ/2 - abs(r_0))² / (2 η² T σ²)), S = max abs(q - q_0). (d) Over N weights, the mean of w_T - q_0
        is within η (σ + δ abs(r_0) σ') sqrt(2 T ln(2/p) / N) + S X of it, except with probability 2 p; X bounds the
        share of weights that leave the bin.
    Kind: identity.
    Status: (b) is checked in fractions, (c) in fractions over all paths of signs, (d) on one layer, with p = 1e-12.
    Arguments: the case's law, eta, steps, strength, r0, trials (N). Measured: r_T, E(w_T - q_0), mean of w_T - q_0.
    Errors raised: none of its own.
    References: derived here; the estimator is that of Lee, Kim and Ham, Network Quantization with Element-wise Gradient
        Scaling (2021); proofs/schoenbauer2024/ewgs_drift.md.
    """

    title = "EWGS drifts to the levels, at a rate that does not vanish with the step"
    source = SOURCE
    kind = "identity"
    statement = (
        r"w_{t+1}=w_t-\eta h_t-\eta\delta|h_t|(w_t-Q(w_t)),\qquad"
        r"\mathbb{E}\,r_T\approx(1-\eta\delta\,\mathbb{E}|h|)^T r_0"
    )
    figure = "schoenbauer2024_failures"

    def assumptions(self, instance: EWGSCase) -> Iterable[Checked]:
        i = instance
        yield Checked("δ >= 0", i.strength >= 0, f"δ = {float(i.strength):g}")
        law = LAWS.get(i.law)
        most = 1.0 if law is None else law.most
        product = float(i.eta * i.strength) * most
        yield Checked("η δ abs(h) <= 1", product <= 1, f"at most {product:g}")
        yield Checked("the start is inside a bin", abs(i.r0) < HALF, f"r_0 = {float(i.r0):g}, Δ/2 = {HALF:g}")
        if law is None:
            reach = float(max(abs(i.r0), i.eta / (2 - i.eta * i.strength)) + i.eta)
            yield Checked("h alternates, T is even", i.law == "alternating" and i.steps % 2 == 0, f"T = {i.steps}")
            yield Checked("the weight stays in its bin", reach < HALF, f"abs(r) <= {reach:g}")
        else:
            yield Checked("h is symmetric", law.symmetric, f"the law is {i.law}")
            if i.law == "paths":
                yield Checked("T <= 12 (a limit of the check)", i.steps <= 12, f"T = {i.steps}")
            else:
                yield Checked("there are weights", i.trials > 0, f"N = {i.trials}")

    def claim(self, instance: EWGSCase) -> Claim:
        i = instance
        if i.law == "alternating":
            value = float(alternating(i.r0, i.eta, i.strength, i.steps))
            return Claim(value, value)
        mean = predicted(float(i.r0), float(i.eta), float(i.strength), i.steps, i.law)
        error = tolerance(i)
        return Claim(mean - error, mean + error)

    def measure(self, instance: EWGSCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i = instance
        if i.law == "alternating":
            return Interval.exact(float(follow(i)))
        if i.law == "paths":
            return Interval.exact(float(every_path(i)[0]))
        return Interval.exact(float(np.mean(layer(i, seed))))

    def instances(self, scale: str = "quick") -> Iterable[EWGSCase]:
        yield from _alternating_cases()
        yield from _layers(scale)


def alternating(r0: Fraction, eta: Fraction, strength: Fraction, steps: int) -> Fraction:
    """r_T of statement (b), T even."""
    rest = eta / (2 - eta * strength)
    return rest + (1 - eta * strength) ** steps * (r0 - rest)


def follow(case: EWGSCase) -> Fraction:
    """w_T - q_0 under alternating gradients, in fractions, by the definition of the estimator."""
    w = LEVELS[HOME] + case.r0
    for t in range(case.steps):
        w = ewgs_step(w, Fraction((-1) ** t), case.eta, case.applied, LEVELS)
    return w - LEVELS[HOME]


def every_path(case: EWGSCase) -> tuple[Fraction, Fraction]:
    """The mean of w_T - q_0 over all sequences of signs, and the share of those that leave the bin; T steps double."""
    home = LEVELS[HOME]
    paths = [(home + case.r0, False)]
    for _ in range(case.steps):
        moved = [(ewgs_step(w, Fraction(h), case.eta, case.applied, LEVELS), out) for w, out in paths for h in (-1, 1)]
        paths = [(w, out or nearest(LEVELS, w) != home) for w, out in moved]
    return sum((w for w, _ in paths), Fraction(0)) / len(paths) - home, Fraction(sum(o for _, o in paths), len(paths))


def predicted(r0: float, eta: float, strength: float, steps: int, law: str) -> float:
    """ρ^T r_0."""
    return r0 * math.exp(steps * math.log1p(-eta * strength * LAWS[law].mean)) if strength else r0


def tolerance(case: EWGSCase) -> float:
    """What the mean of a layer may differ from ρ^T r_0 by statement (c)."""
    law, eta, r0 = LAWS[case.law], float(case.eta), abs(float(case.r0))
    scale = eta * math.sqrt(case.steps)
    chance = 2 * math.exp(-((HALF - r0) ** 2) / (2 * (scale * law.sigma) ** 2))
    if case.law == "paths":
        return FARTHEST * chance
    noise = scale * (law.sigma + float(case.strength) * r0 * law.sigma_abs)
    spread = noise * math.sqrt(2 * math.log(2 / P) / case.trials)
    return spread + FARTHEST * binomial_tail(chance, case.trials)


def gradients(law: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """(size,) independent draws of h."""
    if law == "signs":
        return rng.integers(0, 2, size).astype(np.float64) * 2 - 1
    if law == "uniform":
        return rng.uniform(-1, 1, size)
    return np.clip(rng.standard_normal(size), -CUT, CUT)


def layer(case: EWGSCase, seed: int) -> np.ndarray:
    """(N,) w_T - q_0 of the weights of a layer."""
    rng = np.random.Generator(np.random.Philox([seed, case.steps]))
    estimator = EWGS(Levels([float(x) for x in LEVELS]), strength=float(case.applied))
    home, eta = float(LEVELS[HOME]), float(case.eta)
    w = np.full(case.trials, home + float(case.r0))
    for _ in range(case.steps):
        w = w - eta * estimator.apply(w, gradients(case.law, case.trials, rng))
    return w - home


def _alternating_cases() -> Iterable[EWGSCase]:
    more: dict = {"law": "alternating", "eta": Fraction(1, 100), "steps": 200}
    yield EWGSCase(name="alternating, δ = 1/2", **more)
    yield EWGSCase(name="alternating, δ = 8, from above", strength=Fraction(8), r0=Fraction(3, 10), **more)
    rest = Fraction(1, 100) / (2 - Fraction(1, 200))
    yield EWGSCase(name="alternating, at rest", r0=rest, **EDGE, **more)
    yield EWGSCase(name="alternating, the straight-through estimator", strength=Fraction(0), **EDGE, **more)
    yield EWGSCase(name="alternating, η δ = 1", strength=Fraction(100), r0=Fraction(1, 5), **EDGE, **more)
    yield EWGSCase(name="alternating, no drift run", run=Fraction(0), **WRONG, **more)
    yield EWGSCase(name="alternating, no drift claimed", strength=Fraction(0), run=Fraction(1, 2), **WRONG, **more)
    yield EWGSCase(name="alternating, near the boundary", r0=Fraction(33, 100), **OUTSIDE, **more)


def _layers(scale: str) -> Iterable[EWGSCase]:
    all_signs: dict = {"law": "paths", "steps": 10, "r0": Fraction(-1, 8), "eta": Fraction(1, 60)}
    yield EWGSCase(name="every path of signs", strength=Fraction(6), **all_signs)
    yield EWGSCase(name="every path, some leave", strength=Fraction(1), **EDGE, **{**all_signs, "eta": Fraction(1, 30)})
    yield EWGSCase(name="every path, no drift run", strength=Fraction(6), run=Fraction(0), **WRONG, **all_signs)
    coarse: dict = {"eta": Fraction(1, 1000), "steps": 5000, "trials": 2048}
    fine: dict = {"eta": Fraction(1, 2000), "steps": 10_000, "trials": 2048}
    yield EWGSCase(name="a layer, normal noise", **fine)
    yield EWGSCase(name="a layer, signs", law="signs", **{**fine, "trials": 1024})
    yield EWGSCase(name="a layer, uniform noise", law="uniform", strength=Fraction(2), **coarse)
    yield EWGSCase(name="a layer, many weights leave", **EDGE, **coarse)
    still: dict = {**coarse, "law": "uniform", "strength": Fraction(2)}
    yield EWGSCase(name="a layer, no drift run", run=Fraction(0), **WRONG, **still)
    yield EWGSCase(name="a layer, skewed noise", law="skewed", **OUTSIDE, **coarse)
    big: dict = {**coarse, "eta": Fraction(1, 2)}
    yield EWGSCase(name="a layer, η δ abs(h) > 1", **OUTSIDE, **big)
    if scale != "quick":
        finest: dict = {"eta": Fraction(1, 10_000), "steps": 50_000, "trials": 2048}
        yield EWGSCase(name="a layer, η = 1e-4", **finest)
        yield EWGSCase(name="a layer, η = 1e-4, no drift run", run=Fraction(0), **WRONG, **finest)


THEOREM = EWGSDrift()
