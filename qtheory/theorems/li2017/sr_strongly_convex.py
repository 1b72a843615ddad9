"""Symbols: delta = Δ, mu, G, d, T, H_n the harmonic number; w̄_T the mean of w_1, ..., w_T."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...methods import SR, R
from ...problems import OneBit, SeparableQuadratic
from ...quantizers import Grid
from ...schedules import Constant, InverseTime
from ...worst_case import Program
from .._base import Checked, Instance, Role, Verdict
from .._convergence import Convergence, on_grid, strongly_convex
from . import _worst_cases
from ._families import one_bit_quadratic, small_quadratic, wide_quadratic
from ._rates import strong_rate


def bound(T: int, *, mu: float, G: float, d: int, delta: float) -> float:
    """G² H_T / (2 mu T) + (1 - 1/T) sqrt(d) Δ G / 2."""
    return strong_rate(T, mu=mu, G=G) + (1 - 1 / T) * math.sqrt(d) * delta * G / 2


def bound_sharp(T: int, *, mu: float, G: float, d: int, delta: float) -> float:
    """G² H_T / (2 mu T) + the lesser of (1/T) sum over t < T of min(κ G / 2, mu (t+1) κ² / 8), a remark of the note,
    and κ G / 2 - mu κ² / 8 where mu κ <= 2 G (proofs/worst_case/sandwich.md, b), κ = sqrt(d) Δ."""
    kappa = math.sqrt(d) * delta
    floor = float(np.minimum(kappa * G / 2, mu * np.arange(2, T + 1) * kappa**2 / 8).sum()) / T
    if mu * kappa <= 2 * G:
        floor = min(floor, kappa * G / 2 - mu * kappa**2 / 8)
    return strong_rate(T, mu=mu, G=G) + floor


def bound_stated(T: int, *, mu: float, G: float, d: int, delta: float) -> float:
    """(1 + log(T+1)) G² / (2 mu T) + sqrt(d) Δ G / 2, never below `bound`."""
    return (1 + math.log(T + 1)) * G**2 / (2 * mu * T) + math.sqrt(d) * delta * G / 2


class SRStronglyConvex(Convergence):
    r"""Accuracy floor of stochastic rounding under strong convexity.   (Li et al. 2017, Theorem 1)

    Algorithm: SR, w_{t+1} = Q_s(w_t - α_t g(w_t)), α_t = 1/(μ(t+1)).
    Assumptions: F μ-strongly convex on the domain; E g = ∇F; E|g|² <= G² there; w_1 and the box on the grid.
    Statement: $\mathbb E F(\bar w_T) - F^\star \le \frac{G^2 H_T}{2\mu T}
        + \left(1 - \frac1T\right) \frac{\sqrt d\,\Delta G}{2}$,
        which is less than the reconstructed form, $1 + \log(T+1)$ for $H_T$ and no $\frac1T$.
    Kind: upper.
    Status: loose on quadratics (floor Δ E|g|_1 / 8 there); the floor is sharp for general convex F; without rounding
        the average of the gaps attains the rate for every T tried from 5 to 30.
    Arguments: an instance with schedule InverseTime(mu).
    Errors raised: ValueError for an instance that `simulate` or `propagate` refuses.
    References: Li et al. 2017, Theorem 1; proofs/li2017/sr_strongly_convex.md.
    """

    title = "Accuracy floor of SR, strongly convex"
    source = "Li et al. 2017, Theorem 1 (as reconstructed; compare with the paper)"
    statement = r"\mathbb{E}F(\bar{w}_T)-F^\star\leq\frac{G^2H_T}{2\mu T}+(1-\tfrac{1}{T})\frac{\sqrt{d}\,\Delta G}{2}"
    figure = "li2017_accuracy_floor"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from on_grid(instance)
        yield from strongly_convex(instance)

    def bound(self, instance: Instance) -> float:
        mu = getattr(instance.schedule, "mu", instance.problem.constants.mu.value)
        return bound(
            instance.steps, mu=mu, G=instance.problem.constants.G.value, d=instance.problem.dim,
            delta=instance.method.grid.delta,
        )  # fmt: skip

    def worst_case(self, horizon: int, *, kappa: Any = 0, c: Any = 1, **options: Any) -> Program:
        return _worst_cases.sr_strongly_convex(horizon, kappa, options)

    def worst_bound(self, horizon: int, *, kappa: Any = 0, c: Any = 1) -> float:
        return bound(horizon, mu=1, G=1, d=1, delta=float(kappa))

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        T = 2000 if scale == "quick" else 20000
        bowl, wide, bit = small_quadratic(), wide_quadratic(), one_bit_quadratic()

        def case(name, problem, steps=T, method=SR(0.25), schedule=InverseTime(1.0), **more):
            return Instance(name=name, problem=problem, method=method, schedule=schedule, steps=steps, **more)

        yield case("quadratic, d=3", bowl)
        yield case("quadratic, d=20, Gaussian", wide, trials=512)
        yield case("one-bit gradients", bit)
        yield case("binary weights", bit, method=SR(Grid.binary()))
        yield case("first step only", bowl, steps=1, role=Role.EDGE)
        rim = SeparableQuadratic([1.0], noise=OneBit(1.0), box=(-1, 1))
        yield case("two steps from the rim", rim, steps=2, method=SR(2**-10), start=[1.0], role=Role.EDGE)
        yield case("optimum on a face", SeparableQuadratic([1.0], 2.0, noise=bowl.noise, box=(-1, 1)), role=Role.EDGE)
        yield case("deterministic rounding", bowl, method=R(0.25), role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE)
        yield case("constant step", bowl, schedule=Constant(0.1), role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE)
        yield case("mu overstated", bowl, schedule=InverseTime(2.0), role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE)
        yield case("a sixth of the bound", bit, role=Role.CONTROL, expected=Verdict.VIOLATED, planted=1 / 6)


THEOREM = SRStronglyConvex()
