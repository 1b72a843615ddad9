"""When the drift reaches the teacher. Symbols: u latent weights, q = sign(u), η step, h = 2 η s."""

import math
from collections.abc import Iterable
from fractions import Fraction

from ...statistics import Interval
from ...two_layer import population
from .._base import Checked, Claim, Role, Theorem
from . import _population
from ._population import OUTSIDE, STUDENT, WRONG, HittingCase


class PopulationHittingTime(Theorem):
    """Over infinitely many samples the straight-through estimator finds w* with every step size.   (qtheory)

    Algorithm: u <- u - η E g(sign(u)), sign(0) = 1, E g(q) = s (q - w*).
    Assumptions: v = v*, not zero; the estimator is identity or relu; w* in {-1, 1}^n; η > 0.
    Statement: coordinate k is right from step t_k on, and not before: with h = 2 η s, t_k = max(0, ceil(-u_k/h)) where
        w*_k = 1, and max(0, floor(u_k/h) + 1) where w*_k = -1. So w* is reached at max t_k and never left, for every
        η > 0; the sequence of the q depends on u_0/η alone.
    Kind: identity.
    Status: tight: an identity, checked in integers.
    Arguments: the case's u, w_star, step, v, activation, ste. Measured: the first step at w*, by running the recursion
        with η s as a fraction.
    Errors raised: none of its own.
    References: derived here; proofs/jeong2025/population_hitting_time.md.
    """

    title = "Over infinitely many samples w* is reached with every step size, in a time known exactly"
    source = "qtheory (derived here)"
    kind = "identity"
    statement = (
        r"T=\max_kt_k,\qquad t_k=\lceil-u_k/2\eta s\rceil^+\;(w^*_k=1),"
        r"\quad(\lfloor u_k/2\eta s\rfloor+1)^+\;(w^*_k=-1)"
    )
    figure = "jeong2025_population"

    def assumptions(self, instance: HittingCase) -> Iterable[Checked]:
        yield from _population.drift(instance)
        known = instance.ste in population.ESTIMATORS.get(instance.activation, ())
        yield Checked("the estimator belongs to the activation", known, f"{instance.ste}, {instance.activation}")
        signs = len(instance.u) == len(instance.w_star) > 0 and all(abs(x) == 1 for x in instance.w_star)
        yield Checked("w* in {-1, 1}^n", signs, f"{instance.w_star}")
        finite = all(map(math.isfinite, (*instance.u, instance.step)))
        yield Checked("η > 0, u finite", finite and instance.step > 0, f"η = {instance.step}")

    def claim(self, instance: HittingCase) -> Claim:
        i = instance
        if i.counted == "floor":
            far = max(abs(Fraction(u)) for u, w in zip(i.u, i.w_star, strict=True) if u * w < 0)
            T = far // (2 * rate(i)) + 1
        else:
            T = population.hitting_time(i.u, i.w_star, i.step, speed(i))
        return Claim(T, T)

    def measure(self, instance: HittingCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return Interval.exact(first_visit(instance.u, instance.w_star, rate(instance)))

    def instances(self, scale: str = "quick") -> Iterable[HittingCase]:
        start = {"u": (-1.0, 0.3, 0.7, -0.2, 0.05), "w_star": (1.0, -1.0, 1.0, -1.0, -1.0)}
        for step in (1e3, 1.0, 0.1, 1e-4) if scale == "quick" else (1e300, 1e3, 7.3, 1.0, 0.1, 1e-3, 1e-5):
            yield HittingCase(name=f"η = {step:g}", step=step, **start)
        for activation, ste in (("heaviside", "relu"), ("sign", "identity"), ("sign", "relu")):
            v = (1.0, -0.5, 0.75)
            kind: dict = {"activation": activation, "ste": ste, "v": v, "v_star": v}
            yield HittingCase(name=f"{activation}, {ste}, three units", step=0.01, **kind, **start)
        yield from _edges()
        yield HittingCase(name="1% more", step=1e-3, planted=1.01, **start, **WRONG)
        on = _on_the_lattice(1.0)
        yield HittingCase(name="floor + 1 on the side of +1", step=0.125, counted="floor", **on, **WRONG)
        yield HittingCase(name="v != v*", step=0.1, **STUDENT, **start, **OUTSIDE)
        yield HittingCase(name="a window", step=0.1, ste="clipped", **start, **OUTSIDE)
        yield HittingCase(name="η < 0", step=-0.1, **start, **OUTSIDE)


def speed(case: HittingCase) -> float:
    """s of the case."""
    return population.speed(case.v, len(case.u), activation=case.activation, ste=case.ste)


def rate(case: HittingCase) -> Fraction:
    """η s, from the two floating-point numbers, exactly."""
    return Fraction(case.step) * Fraction(speed(case))


def first_visit(u: Iterable[float], w_star: Iterable[float], rate: Fraction) -> int:
    """The first t with sign(u_t) = w* of u <- u - rate (sign(u) - w*), in whole units of the common denominator."""
    start, signs = [Fraction(x) for x in u], [int(x) for x in w_star]
    unit = math.lcm(rate.denominator, *(x.denominator for x in start))
    place, move, t = [int(x * unit) for x in start], int(rate * unit), 0
    while any((1 if x >= 0 else -1) != w for x, w in zip(place, signs, strict=True)):
        place = [x - move * ((1 if x >= 0 else -1) - w) for x, w in zip(place, signs, strict=True)]
        t += 1
    return t


def _on_the_lattice(side: float) -> dict:
    """Four steps of η = 1/8 lead one of four wrong weights exactly to zero."""
    s = population.speed((1.0,), 4)
    return {"u": (-side * s, side / 8, side / 8, side / 8), "w_star": (side,) * 4}


def _edges() -> Iterable[HittingCase]:
    edge: dict = {"step": 0.125, "role": Role.EDGE}
    for side in (1.0, -1.0):
        yield HittingCase(name=f"zero is met exactly, w* = {side:+g}", **_on_the_lattice(side), **edge)
        yield HittingCase(name=f"starts at zero, w* = {side:+g}", u=(0.0, -0.0), w_star=(side,) * 2, **edge)
    yield HittingCase(name="starts at w*", u=(0.5, -0.5), w_star=(1.0, -1.0), **edge)


THEOREM = PopulationHittingTime()
