"""Symbols: delta = Δ, mu, L, sigma, d, c, T; U_t, R_T, V_T as in the proof note."""

import math
from collections.abc import Iterable

import numpy as np

from ...methods import SR
from ...optimum import optimum
from ...problems import OneBit, Rademacher, SeparableQuadratic
from ...quantizers import Grid
from ...schedules import InverseSqrt
from .._base import Checked, Instance, Role, Verdict, positive
from .._convergence import Convergence, unboxed


def bound(T: int, *, mu: float, L: float, sigma: float, d: int, delta: float, c: float, E1: float) -> float:
    """(2 R_T sqrt(T)/c + sqrt(V_T + d sigma² T))² / (2 mu T²), with U_1 = E1 = |w_1 - w*|²."""
    U, R2, V = E1, E1, 0.0
    for t in range(1, T + 1):
        alpha, G = c / math.sqrt(t), math.sqrt(L**2 * U + d * sigma**2)
        V += math.sqrt(d) * delta * math.sqrt(t) * G / c
        U = (1 - alpha * mu) ** 2 * U + alpha**2 * d * sigma**2 + alpha * math.sqrt(d) * delta * G
        R2 = max(R2, U)
    return (2 * math.sqrt(R2 * T) / c + math.sqrt(V + d * sigma**2 * T)) ** 2 / (2 * mu * T**2)


class SRQuadraticAverage(Convergence):
    r"""Averaged stochastic rounding has no floor on quadratics.   (derived here)

    Algorithm: SR, w_{t+1} = Q_s(w_t - α_t g(w_t)), α_t = c/√t, on an unbounded grid.
    Assumptions: F quadratic with μ I <= A <= L I; additive noise with E|ξ|² <= d σ²; c L <= 1; w_1 on the grid.
    Statement: $\mathbb E F(\bar w_T) - F^\star \le \frac{1}{2\mu T^2}
        \big(\frac{2R_T\sqrt T}{c} + \sqrt{V_T + d\sigma^2 T}\big)^2 = O(T^{-1/2})$, for any Δ.
    Kind: upper.
    Status: the order T^{-1/2} is the one measured; constants loose by the norm inequalities.
    Arguments: an instance with schedule InverseSqrt(c).
    Errors raised: ValueError for an instance that `propagate` refuses.
    References: proofs/li2017/sr_quadratic_average.md.
    """

    title = "Averaged SR has no floor on quadratics"
    source = "qtheory (derived here)"
    statement = (
        r"\mathbb{E}F(\bar{w}_T)-F^\star\leq\frac{1}{2\mu T^2}"
        r"\left(\frac{2R_T\sqrt{T}}{c}+\sqrt{V_T+d\sigma^2T}\right)^2=O(T^{-1/2})"
    )
    figure = "li2017_floor_scaling"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        problem, schedule = instance.problem, instance.schedule
        mu, L, *_ = problem.constants
        yield from unboxed(instance)
        yield Checked("F is quadratic", problem.quadratic, f"it is {type(problem).__name__}")
        yield positive("mu", mu)
        fits = isinstance(schedule, InverseSqrt) and schedule.c * L.value <= 1
        yield Checked("α_t = c/√t with c L <= 1", fits, f"{schedule!r}, L = {L.value:.4g} {L.how}")

    def bound(self, instance: Instance) -> float:
        problem = instance.problem
        mu, L, *_ = problem.constants
        return bound(
            instance.steps, mu=mu.value, L=L.value, sigma=math.sqrt(problem.noise.variance), d=problem.dim,
            delta=instance.method.grid.delta, c=instance.schedule.c,
            E1=float(np.sum((instance.w1 - optimum(problem).w) ** 2)),
        )  # fmt: skip

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        T = 100_000 if scale == "full" else 10_000

        def case(name, problem, steps=T, method=SR(1.0), c=1.0, **more):
            return Instance(
                name=name, problem=problem, method=method, schedule=InverseSqrt(c), steps=steps,
                start=[0.0] * problem.dim, **more,
            )  # fmt: skip

        line = SeparableQuadratic([1.0], 0.3, noise=Rademacher(1.0))
        three = SeparableQuadratic([0.5, 1.0, 2.0], [0.3, -0.4, 0.1], noise=Rademacher(0.7))
        yield case("d = 1, Δ = 1", line)
        yield case("d = 3, Δ = 1", three, c=0.5)
        yield case("no noise", SeparableQuadratic([1.0], 0.3), role=Role.EDGE)
        yield case("two steps", line, steps=2, role=Role.EDGE)
        bit = SeparableQuadratic([1.0], 0.3, noise=OneBit(2.0), box=(-1.0, 1.0))
        yield case("one-bit noise in a box", bit, role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE)
        yield case("step too long", three, c=0.6, role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE)
        binary = SR(Grid(1.0, box=(-2.0, 2.0)))
        yield case("grid with a box", line, method=binary, role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE)
        yield case("a third of the bound", line, planted=1 / 3, role=Role.CONTROL, expected=Verdict.VIOLATED)


THEOREM = SRQuadraticAverage()
