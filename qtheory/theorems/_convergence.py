"""What the convergence theorems share: the gap of the averaged iterate, measured by the best route that reaches it."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..exact import propagate
from ..methods import BC, SR
from ..problems import NoNoise, OneBit
from ..quantizers import StochasticRounding
from ..schedules import InverseSqrt, InverseTime
from ..simulate import simulate
from ..statistics import Interval, mean_interval
from ..worst_case import Program
from ._base import Checked, Claim, Instance, Theorem, finite, uses


class Convergence(Theorem):
    """An upper bound on E[F(w̄_T)] - F*, with w̄_T the mean of w_1, ..., w_T (BinaryConnect: of the real weights)."""

    def measure(self, instance: Instance, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        if instance.trials:
            return sampled(instance, "average_gap", seed=seed, failure=failure, threads=threads)
        if isinstance(instance.method, BC):
            return deterministic(instance)
        law = propagate(
            instance.problem, instance.method, instance.schedule, steps=instance.steps, start=instance.start,
            record=[instance.steps],
        )  # fmt: skip
        return between(law)

    def claim(self, instance: Instance) -> Claim:
        return Claim(-math.inf, self.bound(instance))

    def bound(self, instance: Instance) -> float:
        """The right-hand side, from the constants of the instance."""
        raise NotImplementedError

    def worst_case(self, horizon: int, *, kappa: Any = 0, c: Any = 1, **options: Any) -> Program:
        """The program of the largest E F(w̄_T) - F* that the assumptions allow, in units where D = G = 1 (where mu is
        given: mu = G = 1), with kappa = sqrt(d) Δ; `options` replace fields of the program."""
        raise ValueError(f"{self.id} has no worst-case program")

    def worst_bound(self, horizon: int, *, kappa: Any = 0, c: Any = 1) -> float:
        """The right-hand side in the same units."""
        raise ValueError(f"{self.id} has no worst-case program")


def sampled(instance: Instance, name: str, *, seed: int, failure: float, threads: int | None = None) -> Interval:
    """The mean of a statistic at the last step, over independent trials (Student's t: see `mean_interval`)."""
    ensemble = simulate(
        instance.problem, instance.method, instance.schedule, steps=instance.steps, trials=instance.trials, seed=seed,
        start=instance.start, record=[instance.steps], threads=threads, progress=False,
    )  # fmt: skip
    found = mean_interval(ensemble.last(name), failure=failure)
    slip = ensemble.optimum.certificate.gap  # how far F* itself may be off
    return Interval(found.low - slip, found.high + slip, found.estimate, found.confidence, found.method)


def deterministic(instance: Instance) -> Interval:
    """The gap where nothing is random: one trial says all."""
    if not isinstance(instance.problem.noise, NoNoise) or instance.problem.batch:
        raise ValueError(f"instance {instance.name!r} is random: give it trials")
    if isinstance(getattr(instance.method, "quantizer", None), StochasticRounding):
        raise ValueError(f"instance {instance.name!r} rounds stochastically: give it trials")
    ensemble = simulate(
        instance.problem, instance.method, instance.schedule, steps=instance.steps, trials=1, start=instance.start,
        record=[instance.steps], threads=1, progress=False,
    )  # fmt: skip
    # Each step rounds the weight by at most 2^-53 of the box, and does so once more in the mean; no step magnifies it.
    value, d = float(ensemble.last("average_gap")[0]), instance.problem.dim
    return Interval.exact(value, 4 * d * instance.steps * 2.0**-53 * max(1.0, abs(value)))


def between(law) -> Interval:
    """E F(w̄_T) - F* from an exact law: itself where it is known, else between Jensen's two bounds."""
    steps, average, mean = (float(v[-1]) for v in (law.steps, law.average_gap, law.mean_gap))
    if math.isfinite(average):
        return computed(average, steps, scale=mean)
    low, high = computed(float(law.lower_gap[-1]), steps, scale=mean), computed(mean, steps)
    return Interval(
        max(low.low, 0.0), high.high, high.estimate, 1.0, "exact law; Jensen's inequality on both sides of the average"
    )


def computed(value: float, steps: float, *, scale: float | None = None) -> Interval:
    """A mean over an exactly propagated law, with its floating-point error.

    A step multiplies and adds numbers that are not negative, fewer than 14 a state, so that it adds at most 16 units of
    2^-53 to the relative error of each probability, and hence of a mean of a function that is not negative. For the
    averaged iterate, whose deviations have signs, that error is relative to `scale`, the mean of the gaps: by
    Cauchy-Schwarz it is at least the sum that results when every term is taken without its sign.
    """
    return Interval.exact(value, (abs(value) if scale is None else scale) * rounding(steps))


def rounding(steps: float) -> float:
    """The relative floating-point error of a mean over a law that was propagated for so many steps."""
    return 16 * steps * 2.0**-53


# Assumptions


def strongly_convex(instance: Instance) -> Iterable[Checked]:
    """F is mu-strongly convex for the mu of the schedule 1 / (mu (t + 1))."""
    schedule, (mu, how) = instance.schedule, instance.problem.constants.mu
    matches = isinstance(schedule, InverseTime)
    yield Checked("alpha_t = 1 / (mu (t + 1))", matches, f"the schedule is {schedule!r}")
    if matches:
        yield Checked("F is mu-strongly convex", mu >= schedule.mu, f"mu = {mu:.4g} {how}")


def convex(instance: Instance) -> Iterable[Checked]:
    """F is convex on a bounded domain, and alpha_t = c / sqrt(t)."""
    mu, how = instance.problem.constants.mu
    yield Checked("F is convex", mu >= 0, f"mu = {mu:.4g} {how}")
    yield Checked("alpha_t = c / sqrt(t)", isinstance(instance.schedule, InverseSqrt), f"it is {instance.schedule!r}")
    yield finite("D", instance.problem.constants.D)


def unbiased(instance: Instance) -> Checked:
    """E g = grad F on the domain: all laws of noise have it, but OneBit only where its scale suffices."""
    problem, noise = instance.problem, instance.problem.noise
    if not isinstance(noise, OneBit):
        return Checked("E g = ∇F", True, "by construction")
    if not problem.separable or problem.box is None:
        return Checked("E g = ∇F", False, "OneBit's scale is not known to bound every partial derivative")
    steepest = max(float(np.abs(problem.gradient(np.full(problem.dim, face))).max()) for face in problem.box)
    return Checked("E g = ∇F", steepest <= noise.scale, f"max |∂F| = {steepest:.4g}, scale = {noise.scale:.4g}")


def covers(instance: Instance) -> Checked:
    """The levels span the domain, from face to face: rounding errs by one resolution at most, and keeps w* in reach."""
    grid, box = instance.method.grid, instance.problem.box
    try:
        spans = grid.within(box).box == box
    except ValueError as error:
        return Checked("the grid spans the domain", False, str(error))
    return Checked("the grid spans the domain", spans, f"grid box = {grid.box}, domain = {box}")


def starts_on_grid(instance: Instance) -> Checked:
    """w_1 is a point of the grid, inside the box."""
    try:
        instance.method.encode(instance.w1, instance.problem.box)
    except ValueError as error:
        return Checked("w_1 is on the grid", False, str(error))
    return Checked("w_1 is on the grid", True, "its entries are levels")


def unboxed(instance: Instance) -> Iterable[Checked]:
    """SR on a grid without faces, from a level, with additive noise of its own alone."""
    problem = instance.problem
    yield uses(instance, SR)
    additive = not isinstance(problem.noise, OneBit) and problem.batch == 0
    yield Checked("the noise is additive", additive, f"it is {problem.noise!r}, batch = {problem.batch}")
    free = problem.box is None and instance.method.grid.box is None
    yield Checked("no box", free, f"box = {problem.box}, grid box = {instance.method.grid.box}")
    yield starts_on_grid(instance)


def on_grid(instance: Instance) -> Iterable[Checked]:
    """SR on a grid that spans the domain, from a level, with gradients bounded by G."""
    yield uses(instance, SR)
    yield unbiased(instance)
    yield covers(instance)
    yield starts_on_grid(instance)
    yield finite("G", instance.problem.constants.G)


def binary_connect(instance: Instance, *, stochastic: bool) -> Iterable[Checked]:
    """BC, with the stochastic quantizer where its zero mean is needed; G bounds its gradients."""
    yield uses(instance, BC)
    yield unbiased(instance)
    yield covers(instance)
    if stochastic:
        quantizer = instance.method.quantizer
        zero_mean = isinstance(quantizer, StochasticRounding)
        yield Checked("E[Q(w)] = w", zero_mean, f"the quantizer is {type(quantizer).__name__}")
    yield finite("G", instance.problem.constants.G)


def harmonic(n: int) -> float:
    """H_n = 1 + 1/2 + ... + 1/n."""
    return math.fsum(1 / k for k in range(1, n + 1))
