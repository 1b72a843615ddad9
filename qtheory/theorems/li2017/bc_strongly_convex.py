"""Symbols: delta = Δ, mu, L, G, D, L2, d, T; w̄_T the mean of the real weights w_1, ..., w_T."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...methods import BC
from ...quantizers import NearestRounding
from ...schedules import InverseTime
from ...worst_case import Program
from .._base import Checked, Instance, Role, Verdict
from .._convergence import Convergence, binary_connect, strongly_convex
from . import _worst_cases
from ._families import one_bit_quadratic, quiet, wide_quadratic
from ._rates import strong_rate
from .bc_strongly_convex_stated import constants, cubic


def bound(T: int, *, mu: float, L: float, G: float, D: float, L2: float, d: int, delta: float) -> float:
    """G² H_T / (2 mu T) + min(D L2, L - mu) d Δ² / 8, with 0 * infinity = 0 for quadratics."""
    curvature = 0.0 if L2 == 0 else min(D * L2, L - mu)
    return strong_rate(T, mu=mu, G=G) + curvature * d * delta**2 / 8


class BCStronglyConvex(Convergence):
    r"""BinaryConnect under strong convexity, corrected.   (after Li et al. 2017, Theorem 4)

    Algorithm: BC, w_{t+1} = Pi(w_t - α_t g(Q_s(w_t))), α_t = 1/(μ(t+1)).
    Assumptions: F μ-strongly convex, L-smooth or with an L2-Lipschitz Hessian and D finite; E g = ∇F; E|g|² <= G²;
        stochastic rounding.
    Statement: $\mathbb E F(\bar w_T) - F^\star \le \frac{G^2 H_T}{2\mu T}
        + \min(D L_2, L - \mu)\frac{d\Delta^2}{8}$.
    Kind: upper.
    Status: of the right order in Δ and d on erratum E1's family; constants open.
    Arguments: an instance with method BC(StochasticRounding) and schedule InverseTime(mu).
    Errors raised: ValueError for an instance that `simulate` refuses.
    References: Li et al. 2017, Theorem 4; proofs/li2017/bc_strongly_convex.md.
    """

    title = "BinaryConnect, strongly convex: corrected"
    source = "after Li et al. 2017, Theorem 4 (corrected here)"
    statement = r"\mathbb{E}F(\bar{w}_T)-F^\star\leq\frac{G^2H_T}{2\mu T}+\min(DL_2,\,L-\mu)\,\frac{d\Delta^2}{8}"
    figure = "li2017_accuracy_floor"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from binary_connect(instance, stochastic=True)
        yield from strongly_convex(instance)
        _, L, L2, _, D = instance.problem.constants
        known = math.isfinite(L.value) or math.isfinite(D.value * L2.value)
        yield Checked("L or D L2 is finite", known, f"L = {L.value:.4g} {L.how}, L2 = {L2.value:.4g} {L2.how}")

    def bound(self, instance: Instance) -> float:
        return bound(instance.steps, L=instance.problem.constants.L.value, **constants(instance))

    def worst_case(self, horizon: int, *, kappa: Any = 0, c: Any = 1, **options: Any) -> Program:
        return _worst_cases.bc_strongly_convex(horizon, kappa, options)

    def worst_bound(self, horizon: int, *, kappa: Any = 0, c: Any = 1) -> float:
        return bound(horizon, mu=1, L=_worst_cases.L_STRONG, G=1, D=math.inf, L2=math.inf, d=1, delta=float(kappa))

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        wide = wide_quadratic()

        def case(name, problem, method, **more):
            return Instance(
                name=name, problem=problem, method=method, schedule=InverseTime(1.0), steps=2000, trials=512, **more
            )

        yield cubic(10_000, 1.6547, steps=2000, trials=16)
        if scale == "full":
            yield cubic(2500, 2.1547, steps=20_000)
            yield cubic(40_000, 1.6547, steps=20_000, trials=16)
        yield cubic(9, 1.6547, steps=2000, trials=512)
        yield case("quadratic, d=20, Gaussian", wide, BC(0.25))
        yield case("quadratic, d=1, one-bit", one_bit_quadratic(), BC(0.25))
        corner = dataclasses.replace(cubic(9, 1.6547, steps=1, trials=2), start=np.ones(9))
        yield dataclasses.replace(corner, name="first step only, from a corner", role=Role.EDGE)
        yield dataclasses.replace(
            case("deterministic rounding", quiet(wide), BC(NearestRounding(0.25))), trials=0, role=Role.CONTROL,
            expected=Verdict.OUT_OF_SCOPE,
        )  # fmt: skip
        yield dataclasses.replace(
            cubic(10_000, 1.6547, steps=2000, trials=16), name="a twentieth of the bound", planted=0.05,
            role=Role.CONTROL, expected=Verdict.VIOLATED,
        )  # fmt: skip


THEOREM = BCStronglyConvex()
