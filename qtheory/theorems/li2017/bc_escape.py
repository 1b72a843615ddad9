"""How long BinaryConnect stays in a basin. Symbols: alpha, T, beta, B, r, R, sigma, C."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...methods import BC, SR
from ...problems import Gaussian, NoNoise, Rademacher
from ...quantizers import Grid, NearestRounding
from ...schedules import Constant
from ...simulate import simulate
from ...statistics import Interval, share_interval
from .._base import Checked, Claim, Instance, Role, Theorem, Verdict, constant_step, uses
from ._averaged import Averaged
from ._chains import toy
from .bc_concentration import latent_chain

GRID = Grid(0.5)


@dataclass(frozen=True, kw_only=True)
class EscapeInstance(Instance):
    """A case with the stretch [r, R), units of the weights, that has to be climbed to the right."""

    stretch: tuple[float, float]


class BCEscape(Theorem):
    """BinaryConnect leaves a basin in a time exponential in 1/alpha: small steps exploit.   (qtheory)

    Algorithm: BC with either quantizer and a constant step alpha.
    Assumptions: d = 1; noise sub-Gaussian with variance proxy σ² (Gaussian, or ±σ); w_1 <= r < R; F' >= β > 0 at every
        level that a weight in [r, R) can be rounded to, F' >= -B at those of the weights below r.
    Statement: P(w_t >= R for some t <= T) <= (1 + C (T - 1)) exp(-2β(R - r) / (ασ²)), C = exp(2β(B + β)/σ²).
    Kind: upper.
    Status: loose in C; the exponent is that of the least slope, not of the barrier. The mirror image holds leftwards.
    Arguments: the instance's alpha (step per unit of gradient), steps T, start; stretch = (r, R), units of the weights.
        Measured: the probability itself for ±σ, P(w_T >= R) by sampling for Gaussian noise.
    Errors raised: ValueError where the latent weight can reach more points than a chain may have.
    References: derived here; proofs/li2017/bc_escape.md.
    """

    title = "BinaryConnect stays in its basin for a time exponential in 1/alpha"
    source = "qtheory (derived here)"
    statement = (
        r"\mathbb{P}(\exists t\leq T:w_t\geq R)\leq(1+C(T-1))\,e^{-2\beta(R-r)/(\alpha\sigma^2)},"
        r"\qquad C=e^{2\beta(B+\beta)/\sigma^2}"
    )
    figure = "li2017_greedy"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        problem, given = instance.problem, isinstance(instance, EscapeInstance)
        yield Checked("the case is an EscapeInstance", given, f"it is of type {type(instance).__name__}")
        r, R = instance.stretch
        yield uses(instance, BC)
        yield constant_step(instance)
        proxy = isinstance(problem.noise, Gaussian | Rademacher) and problem.noise.sigma > 0
        yield Checked("the noise is sub-Gaussian, sigma > 0", proxy, f"it is {problem.noise!r}")
        one = problem.dim == 1 and problem.box is not None
        yield Checked("d = 1, in a box", one, f"d = {problem.dim}, box = {problem.box}")
        yield Checked("w_1 <= r < R", instance.w1[0] <= r < R, f"w_1 = {instance.w1[0]:g}, [r, R) = [{r:g}, {R:g})")
        beta = slopes(instance)[0]
        yield Checked("F' >= beta > 0 on [r, R)", beta > 0, f"beta = {beta:g}")

    def claim(self, instance: Instance) -> Claim:
        (beta, B), (r, R), variance = slopes(instance), instance.stretch, instance.problem.noise.sigma ** 2
        log_C = 2 * beta * (B + beta) / variance
        exponent = 2 * beta * (R - r) / (instance.schedule.alpha * variance)
        return Claim(-math.inf, math.exp(-exponent) + math.exp(log_C - exponent) * (instance.steps - 1))

    def measure(self, instance: Instance, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        if isinstance(instance.problem.noise, Rademacher):
            chain, begin = latent_chain(instance)
            inside = chain.points[:, 0] < instance.stretch[1]
            stayed, error = chain.survival(inside, instance.steps - 1, begin, with_error=True)
            return Interval.exact(1 - stayed, error)
        i = instance
        run = simulate(
            i.problem, i.method, i.schedule, steps=i.steps, trials=i.trials, seed=seed, start=i.start, record=[i.steps],
            average=False, threads=threads, progress=False, keep_final=True,
        )  # fmt: skip
        return share_interval(int((np.asarray(run.final)[:, 0] >= i.stretch[1]).sum()), i.trials, failure=failure)

    def instances(self, scale: str = "quick") -> Iterable[EscapeInstance]:
        for alpha, T in ((1 / 32, 20), (1 / 64, 1_000), (1 / 128, 1_000_000)):
            yield case(f"toy, nearest, alpha = 1/{1 / alpha:g}, T = {T}", alpha, T)
        yield case("toy, stochastic", 1 / 64, 100, method=BC(Grid(0.25)))
        many = 20_000 if scale == "full" else 4_000
        yield case("toy, Gaussian noise", 1 / 32, 100, toy(Gaussian(2.0), box=(-1.0, 6.0)), trials=many)
        yield case("no time", 1 / 64, 1, role=Role.EDGE)
        wrong: dict = {"role": Role.CONTROL, "expected": Verdict.VIOLATED}
        yield case("a bound a million times too small", 1 / 16, 1_000, planted=1e-6, **wrong)
        outside: dict = {"role": Role.CONTROL, "expected": Verdict.OUT_OF_SCOPE}
        yield case("SR", 1 / 64, 100, method=SR(GRID), **outside)
        yield case("no noise", 1 / 64, 100, toy(NoNoise(), box=(-1.0, 6.0)), **outside)
        yield case("across the ridge", 1 / 64, 100, stretch=(0.25, 1.0), **outside)


def case(name, alpha, T, problem=None, *, method=None, stretch=(0.25, 0.75), **more) -> EscapeInstance:
    return EscapeInstance(
        name=name, problem=problem or toy(Rademacher(2.0), box=(-1.0, 6.0)), method=method or BC(NearestRounding(GRID)),
        schedule=Constant(alpha), steps=T, start=[0.0], stretch=stretch, **more,
    )  # fmt: skip


def slopes(instance: EscapeInstance) -> tuple[float, float]:
    """(beta, B): the least slope on the stretch, and how steeply F falls to the right below it."""
    (r, R), low = instance.stretch, Averaged(instance.problem, instance.method.grid).levels[0]
    return float(_reach(instance, r, R).min()), max(0.0, -float(_reach(instance, low, r).min()))


def _reach(instance: EscapeInstance, low: float, high: float) -> np.ndarray:
    """F' at the levels that a weight in [low, high) can be rounded to."""
    grid = instance.method.grid.within(instance.problem.box)
    x = grid.levels
    if isinstance(instance.method, BC) and isinstance(instance.method.quantizer, NearestRounding):
        ends = instance.method.quantizer(np.array([low, np.nextafter(high, low)]))
        near = (x >= ends[0]) & (x <= ends[1])
    else:
        near = (x > low - grid.delta) & (x < high + grid.delta)
    return np.asarray(instance.problem.slope(0, x[near]))


THEOREM = BCEscape()
