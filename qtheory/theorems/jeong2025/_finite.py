"""What the theorems on finitely many samples share: vertices, perturbations, cases, and how many samples suffice.

Symbols: epsilon_k(q) is what the full-batch coarse gradient adds to the drift s (q - w*), in units of s and counted
toward w*; epsilon_0 its largest push away from w*; beta the largest sum of such pushes for each wrong sign;
y_k = w*_k u_k / (eta s); T_0 as in proofs/jeong2025/visits.md.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ... import _check
from ..._check import Vector
from ...statistics import Interval, share_interval
from ...two_layer import Recovery, TwoLayer, recover
from ...two_layer.recovery import latent
from .._base import Checked, Role, Verdict
from ._cases import TwoLayerCase

MOST = 14  # features: 2^14 vertices
ROUNDING = 1e-9  # of the sums below: under 1e4 terms, each exact to 1e-15 of numbers below 1e2
UNITS = {"identity": 1.0, "relu": 0.5}  # a of the notes
CONSTANTS = {0.25: (221, 643), 0.5: (60, 171), 1.0: (18, 48)}  # K for epsilon_0 <= level: by kappa_v, for any v
WRONG: dict = {"role": Role.CONTROL, "expected": Verdict.VIOLATED}
OUTSIDE: dict = {"role": Role.CONTROL, "expected": Verdict.OUT_OF_SCOPE}


# How many samples suffice.


def samples_ergodic(n: int, delta: float, *, kappa: float = 1.0, ste: str = "identity", level: float = 0.5) -> int:
    """Samples with which epsilon_0 <= level, with probability 1 - delta: proofs/jeong2025/ergodic.md (b).

    Arguments: n features; delta in (0, 1); kappa = |v|_1^2 / |v|_2^2; ste: "identity" or "relu"; level: 1/4, 1/2 or 1.
    Errors raised: ValueError for anything else.
    """
    if level not in CONSTANTS:
        raise ValueError(f"level must be one of {', '.join(map(str, CONSTANTS))}, got {level!r}")
    factor = _factor(CONSTANTS[level], kappa, ste)
    n, delta = _check.count("n", n), _chance(delta)
    return math.ceil(factor * n * (n * math.log(2) + math.log(n / delta)))


def samples_simple(n: int, delta: float, *, kappa: float = 1.0, ste: str = "identity") -> int:
    """Samples with which epsilon_0 <= 1/n, likewise: proofs/jeong2025/last_iterate_simple.md (b)."""
    return samples_ergodic(n, delta, kappa=kappa, ste=ste, level=1.0) * n**2


def samples_last(n: int, delta: float, *, kappa: float = 1.0, ste: str = "identity") -> int:
    """Samples with which beta <= 1, likewise: proofs/jeong2025/last_iterate.md (b)."""
    factor = _factor((30, 87), kappa, ste)
    n, delta = _check.count("n", n), _chance(delta)
    return math.ceil(factor * n**1.5 * (n * math.log(2) + math.log(n**2 / delta)))


def _factor(constants: tuple[int, int], kappa: float, ste: str) -> float:
    kappa = _check.number("kappa", kappa, least=1.0)
    if ste not in UNITS:
        raise ValueError(f"ste must be identity or relu, got {ste!r}")
    by_kappa, for_any = constants
    return min(by_kappa * kappa**2 / UNITS[ste], for_any if ste == "identity" else math.inf)


def _chance(delta: float) -> float:
    delta = _check.number("delta", delta, above=0.0)
    if delta >= 1:
        raise ValueError(f"delta must be less than 1, got {delta!r}")
    return delta


def kappa_of(problem: TwoLayer) -> float:
    """kappa_v = |v|_1^2 / |v|_2^2, between 1 and m."""
    v = np.abs(problem.output_weights)
    return float(max(v.sum() ** 2 / (v @ v), 1.0))


# Vertices and perturbations.


def vertices(n: int) -> np.ndarray:
    """(2^n, n) int8: all of {-1, 1}^n; entry k of row i is 1 if bit k of i is set. ValueError for n > 14."""
    n = _check.count("n", n, most=MOST)
    return (2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1).astype(np.int8)


def row_of(q: np.ndarray) -> np.ndarray:
    """(...,) the rows of `vertices` in which patterns (..., n) stand."""
    return (q > 0) @ (1 << np.arange(q.shape[-1]))


def perturbation(problem: TwoLayer, s: float | None = None) -> Vector:
    """(2^n, n) epsilon_k(q) at all vertices, in the order of `vertices`; label noise included.

    Arguments: s: the speed of the drift, per step and eta; default `problem.speed`.
    """
    s = problem.speed if s is None else _check.number("s", s, above=0.0)
    q = vertices(problem.n)
    return -problem.teacher * (problem.coarse_gradient(q) / s - (q - problem.teacher))


class Pushes(NamedTuple):
    """What a data set does at all vertices. epsilon_0 and beta are rounded up, by ROUNDING."""

    epsilon: Vector  # (2^n, n)
    epsilon_0: float
    beta: float


def pushes(problem: TwoLayer, s: float | None = None) -> Pushes:
    """epsilon, epsilon_0 and beta of a data set, by enumeration of the vertices."""
    epsilon = perturbation(problem, s)
    away = np.maximum(-epsilon, 0.0)
    d = (vertices(problem.n) != problem.teacher).sum(axis=1)
    beta = float((away.sum(axis=1)[d > 0] / d[d > 0]).max())
    return Pushes(epsilon, float(away.max()) + ROUNDING, beta + ROUNDING)


# Cases.


@dataclass(frozen=True, kw_only=True)
class FiniteCase(TwoLayerCase):
    """A data set with starts, or a law of data sets.

    Arguments:
        name, role, expected, planted, and of the data, starts and step: see TwoLayerCase.
        trials: data sets to draw, for quantity "probability"; else 0.   steps: of the window.
        quantity: what is measured; the theorem says what it can be.
        s: the speed; None: that of the Gaussian drift.
        begin: the starts where `start` is None: "normal", "teacher" (the same with its signs), "opposite", "zero"
            (u = 0, so that q = 1).   size: their standard deviation.
        delta: failure probability in the bound on N.   stricter: for controls: the condition asks for this many times
            less.
    """

    quantity: str
    n: int = 6
    samples: int = 2000
    steps: int = 200
    starts: int = 32
    s: float | None = None
    begin: str = "normal"
    size: float = 1.0
    delta: float = 0.5
    stricter: float = 1.0

    def u0(self, seed: int) -> Vector:
        if self.start is not None:
            return super().u0(seed)
        normal = self.size * super().u0(seed)
        signed = self.problem.teacher * abs(normal)
        return {"normal": normal, "zero": 0 * normal, "teacher": signed, "opposite": -signed}[self.begin]

    @cached_property
    def latents(self) -> Vector:
        """(starts, n) u_0."""
        return self.u0(self.data_seed)

    @property
    def speed(self) -> float:
        """s."""
        return self.problem.speed if self.s is None else self.s

    @cached_property
    def pushes(self) -> Pushes:
        """The perturbation at all vertices."""
        return pushes(self.problem, self.s)

    @cached_property
    def y0(self) -> Vector:
        """(starts, n) y_k(0), of the latent weights as `recover` rounds them."""
        unit = self.problem.lattice.gradient / self.samples  # of a gradient; of a latent weight, divided by eta
        return self.problem.teacher * (latent(self.latents, self.step * unit) * (unit / self.speed))

    @cached_property
    def settled(self) -> np.ndarray:
        """(starts,) T_0, for epsilon_0 < 2; rounded up, if anywhere."""
        far = np.maximum(-self.y0, 0.0).max(axis=1) + ROUNDING
        return np.floor(far / (2 - self.pushes.epsilon_0)).astype(np.int64) + 1

    def follow(self, steps: int, *, burn: int = 0, paths: bool = False) -> Recovery:
        """The dynamics from `latents`."""
        return recover(self.problem, start=self.latents, step=self.step, steps=steps, burn=burn, paths=paths)


def families(quantity: str, scale: int = 1) -> Iterable[FiniteCase]:
    """Cases on given data sets inside and at the edge of a statement: `scale` times as many samples as for visits."""

    def case(name: str, samples: int, **more) -> FiniteCase:
        return FiniteCase(name=f"{name}, {quantity}", quantity=quantity, samples=scale * samples, **more)

    kind: dict = {"m": 3, "activation": "sign", "ste": "relu", "output_weights": (1.0, -0.5, 0.25)}
    yield case("Gaussian", 600)
    yield case("three units, sign, ReLU", 4000, **kind)
    yield case("label noise", 900, label_noise=1.0)
    yield case("Rademacher", 900, n=7, law="rademacher")
    yield case("u = 0", 600, begin="zero", starts=1, role=Role.EDGE)
    yield case("far, long steps", 600, begin="opposite", size=1e3, step=10.0, role=Role.EDGE)


def typical(needed: Callable[..., int], n: int, delta: float = 0.5, trials: int = 40) -> Iterable[FiniteCase]:
    """Laws of data sets with just as many samples as the statement asks for."""
    kinds: tuple[dict, ...] = ({}, {"ste": "relu"}, {"m": 3, "activation": "sign"})
    for kind, name in zip(kinds, ("identity", "ReLU", "three units, sign"), strict=True):
        yield asked(needed, f"{name}, n = {n}, delta = {delta}", n, delta, trials=trials, role=Role.EDGE, **kind)


def atypical(needed: Callable[..., int]) -> Iterable[FiniteCase]:
    """More than enough samples, and controls."""
    yield asked(needed, "twice as many samples, n = 4", 4, times=2.0)
    yield asked(needed, "a condition 16 times stricter", 6, stricter=16.0, **WRONG)
    yield asked(needed, "1% too few samples", 6, times=0.99, **OUTSIDE)
    yield asked(needed, "features that are not Gaussian", 6, law="uniform", **OUTSIDE)
    yield asked(needed, "label noise", 6, label_noise=0.5, **OUTSIDE)


def asked(
    needed: Callable[..., int], name: str, n: int, delta: float = 0.5, *, times: float = 1.0, trials: int = 40, **kind
) -> FiniteCase:
    """A law of data sets with `times` the samples that the statement asks for."""
    least = needed(n, delta, kappa=float(kind.get("m", 1)), ste=kind.get("ste", "identity"))
    return FiniteCase(
        name=f"{name}, probability", quantity="probability", n=n, samples=math.ceil(times * least), delta=delta,
        trials=trials, **kind,
    )  # fmt: skip


def rows_on(recovery: Recovery, steps: int) -> np.ndarray:
    """(starts, steps) the rows of `vertices` at which q_0, ..., q_{steps-1} stand; of a run that kept its paths."""
    paths = recovery.paths or ()
    return np.array([np.repeat(row_of(p.patterns), np.diff(np.append(p.times, steps))) for p in paths])


# Assumptions and measurements.


def enumerable(case: FiniteCase) -> Checked:
    return Checked("all vertices can be enumerated", case.n <= MOST, f"n = {case.n}, at most {MOST}")


def has_speed(case: FiniteCase) -> Checked:
    known = case.s is not None or case.ste in UNITS
    return Checked("the drift has a speed s", known, f"ste {case.ste}" + (f", s = {case.s}" if case.s else ""))


def below(name: str, limit: float, value: float) -> Checked:
    """A condition that was found by enumeration."""
    return Checked(f"{name} < {limit:.4g}", value < limit, f"{name} = {value:.4g}, all vertices enumerated")


def enough(case: FiniteCase, needed: Callable[..., int]) -> Iterable[Checked]:
    """The assumptions of the statements with probability 1 - delta."""
    yield Checked("the rows are Gaussian", case.law == "gaussian", f"law {case.law}, rounded to a lattice")
    yield Checked("no label noise", case.label_noise == 0, f"{case.label_noise}")
    yield Checked("the STE is the identity or ReLU", case.ste in UNITS, case.ste)
    least = needed(case.n, case.delta, kappa=kappa_of(case.problem), ste=case.ste)
    yield Checked(f"N >= {least}", case.samples >= least, f"N = {case.samples}, delta = {case.delta}")


def failing(case: FiniteCase, fails: Callable[[Pushes], bool], seed: int, failure: float) -> Interval:
    """How probable it is that a data set misses a condition: Clopper-Pearson, over `case.trials` of them."""
    seeds = np.random.SeedSequence(seed).generate_state(case.trials, np.uint64) >> np.uint64(1)
    missed = sum(fails(pushes(case.draw(int(k)), case.s)) for k in seeds)
    return share_interval(missed, case.trials, failure=failure)


def first_visits(case: FiniteCase, bounds: np.ndarray) -> Interval:
    """The largest time at which w* was reached, and without label noise for good, in units of its bound (starts,)."""
    steps = int(bounds.max()) + 2
    seen = case.follow(steps)
    kept = (seen.escapes == 0) & (seen.last == case.problem.teacher).all(axis=1)
    reached = (seen.hit >= 0) & (kept | (case.label_noise > 0))
    return Interval.exact(float((np.where(reached, seen.hit, steps) / bounds).max()))
