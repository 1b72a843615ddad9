"""Symbols: delta = Δ, a, g0, rho = a/g0, q = (1-rho)/(1+rho), M levels above the lowest, kappa_M, lambda_1, d, T."""

import math
from collections.abc import Iterable

import numpy as np

from ...exact import propagate
from ...methods import SR
from ...problems import AbsoluteValue, Linear, OneBit
from ...schedules import Constant, InverseSqrt
from ...statistics import Interval
from .._base import Checked, Claim, Instance, Role, Theorem, Verdict, finite, uses
from .._convergence import computed, covers, rounding


def level_mean(rho: float, M: int) -> float:
    """kappa_M: the mean level of the law with weights q^k on 0, ..., M."""
    q = (1 - rho) / (1 + rho)
    return q / (1 - q) - (M + 1) * q ** (M + 1) / (1 - q ** (M + 1))


def limit(*, rho: float, G: float, d: int, delta: float) -> float:
    """(1 - rho) sqrt(d) Δ G / 2, the gap in a large box."""
    return (1 - rho) * math.sqrt(d) * delta * G / 2


def error(rho: float, M: int, steps_over_delta: np.ndarray) -> float:
    """sqrt(1/pi_0 - 1) sd(pi) prod (1 - s_t lambda_1): how far from kappa_M the mean level still is, in levels."""
    q, k = (1 - rho) / (1 + rho), np.arange(M + 1)
    pi = q**k / np.sum(q**k)
    deviation = math.sqrt(np.sum(pi * k**2) - np.sum(pi * k) ** 2)
    lambda_1 = 1 - math.sqrt(1 - rho**2) * math.cos(math.pi / (M + 1))
    return math.sqrt(1 / pi[0] - 1) * deviation * float(np.prod(1 - steps_over_delta * lambda_1))


class SRLinearFloor(Theorem):
    r"""The floor of stochastic rounding is sharp on linear functions.   (derived here)

    Algorithm: SR, w_{t+1} = Q_s(w_t - α_t g(w_t)), on a box of M + 1 levels, from the lowest one.
    Assumptions: F = a sum_i w_i; g_i = ±g0 with mean a, 0 < a < g0; α_t g0 <= Δ for all t.
    Statement: with ρ = a/g0 and G = √d g0, $\mathbb E F(w_t) - F^\star \to d a \Delta \kappa_M$, which tends to
        $(1-\rho)\frac{\sqrt d\,\Delta G}{2}$ as the box grows; the error after t steps is explicit and geometric.
    Kind: limit.
    Status: tight; it shows that the floor √d Δ G / 2 of sr_convex cannot be lowered.
    Arguments: an instance with Linear equal slopes and OneBit noise.
    Errors raised: ValueError for an instance that `propagate` refuses.
    References: proofs/li2017/sr_linear_floor.md.
    """

    title = "The floor of SR is sharp on linear functions"
    source = "qtheory (derived here)"
    kind = "limit"
    statement = r"\mathbb{E}F(w_T)-F^\star\to d\,a\,\Delta\,\kappa_M\to(1-\rho)\,\tfrac{1}{2}\sqrt{d}\,\Delta G"
    figure = "li2017_floor_scaling"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        problem, noise = instance.problem, instance.problem.noise
        yield uses(instance, SR)
        slopes = getattr(problem, "slopes", np.array([]))
        equal = slopes.size > 0 and bool((slopes == slopes.flat[0]).all()) and slopes.flat[0] > 0
        yield Checked("F = a sum w_i, a > 0", equal, f"it is {type(problem).__name__}")
        yield Checked("g_i = ±g0", isinstance(noise, OneBit), f"the noise is {noise!r}")
        yield Checked("0 < a < g0", 0 < slopes[0] < noise.scale, f"a = {slopes[0]:.4g}, g0 = {noise.scale:.4g}")
        largest = float(np.max(instance.schedule(np.arange(1, max(2, instance.steps)))))
        fits = largest * noise.scale <= instance.method.grid.delta
        yield Checked("α_t g0 <= Δ", fits, f"max α_t g0 = {largest * noise.scale:.4g}")
        yield finite("D", problem.constants.D)
        yield covers(instance)
        low, _ = problem.box or (math.nan, math.nan)
        at_low = bool((instance.w1 == low).all())
        yield Checked("w_1 is the lowest level", at_low, f"w_1 = {instance.w1}, box = {problem.box}")

    def claim(self, instance: Instance) -> Claim:
        problem, delta = instance.problem, instance.method.grid.delta
        a, g0 = float(problem.slopes[0]), problem.noise.scale
        low, high = problem.box or (math.nan, math.nan)
        M = round((high - low) / delta)
        s = instance.schedule(np.arange(1, max(2, instance.steps))) * g0 / delta
        unit = problem.dim * a * delta
        value, off = unit * level_mean(a / g0, M), unit * error(a / g0, M, s[: instance.steps - 1])
        off += value * rounding(instance.steps)  # the bound on the error can be met with equality (M = 1)
        return Claim(value - off, value + off)

    def measure(self, instance: Instance, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        law = propagate(
            instance.problem, instance.method, instance.schedule, steps=instance.steps, start=instance.start,
            record=[instance.steps],
        )  # fmt: skip
        return computed(float(law.gap[-1]), instance.steps)

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        def case(name, problem=None, rho=0.1, d=1, levels=200, steps=4000, schedule=None, **more):
            problem = problem or Linear([rho] * d, noise=OneBit(1.0), box=(0.0, float(levels)))
            return Instance(
                name=name, problem=problem, method=SR(1.0), schedule=schedule or Constant(0.9), steps=steps,
                start=[0.0] * problem.dim, **more,
            )  # fmt: skip

        yield case("rho = 0.1", schedule=InverseSqrt(1.0), steps=100_000)
        yield case("rho = 0.5, d = 4", rho=0.5, d=4, steps=100)
        yield case("three levels", levels=2, steps=8, role=Role.EDGE)
        yield case("rho = 0.02", rho=0.02, levels=400, steps=40_000, role=Role.EDGE)
        kink = AbsoluteValue([1.0], 0.1, 0.0, noise=OneBit(1.0), box=(0.0, 200.0))
        yield case("not linear", kink, role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE)
        yield case("1% more", rho=0.5, planted=1.01, role=Role.CONTROL, expected=Verdict.VIOLATED)


THEOREM = SRLinearFloor()
