"""Symbols: delta = Δ, mu, G, D, L2, d, T; w̄_T the mean of the real weights w_1, ..., w_T."""

import math
from collections.abc import Iterable

import numpy as np

from ...methods import BC
from ...problems import CubicPerturbed
from ...quantizers import Grid, StochasticRounding
from ...schedules import InverseTime
from .._base import Checked, Instance, Role, Verdict, finite
from .._convergence import Convergence, binary_connect, strongly_convex
from ._families import wide_quadratic


def bound(T: int, *, mu: float, G: float, D: float, L2: float, d: int, delta: float) -> float:
    """(1 + log(T+1)) G² / (2 mu T) + D L2 sqrt(d) Δ / 2."""
    return (1 + math.log(T + 1)) * G**2 / (2 * mu * T) + D * L2 * math.sqrt(d) * delta / 2


def constants(instance: Instance) -> dict:
    """The symbols of the bounds, from an instance."""
    known = instance.problem.constants
    return {
        "mu": getattr(instance.schedule, "mu", known.mu.value), "G": known.G.value, "D": known.D.value,
        "L2": known.L2.value, "d": instance.problem.dim, "delta": instance.method.grid.delta,
    }  # fmt: skip


def cubic(d: int, kappa: float, steps: int, trials: int = 32, **more) -> Instance:
    """Erratum E1's counterexample: binary weights, no gradient noise, w_1 = w* = 0."""
    problem = CubicPerturbed(d, kappa)
    return Instance(
        name=f"E1: d = {d}, kappa = {kappa}", problem=problem, method=BC(StochasticRounding(Grid.binary())),
        schedule=InverseTime(problem.constants.mu.value), steps=steps, start=np.zeros(d), trials=trials, **more,
    )  # fmt: skip


def predicted_gap(d: int, kappa: float) -> float:
    """kappa/2 (sqrt(kappa² + 1) - kappa)² d^{3/2}: where the averaged iterate of E1's counterexample goes."""
    return kappa / 2 * (math.sqrt(kappa**2 + 1) - kappa) ** 2 * d**1.5


class BCStronglyConvexStated(Convergence):
    r"""BinaryConnect under strong convexity, as reported second-hand.   (Li et al. 2017, Theorem 4)

    Algorithm: BC, w_{t+1} = Pi(w_t - α_t g(Q_s(w_t))), α_t = 1/(μ(t+1)).
    Assumptions: F μ-strongly convex with an L2-Lipschitz Hessian on a domain of diameter D; E g = ∇F; E|g|² <= G².
    Statement: $\mathbb E F(\bar w_T) - F^\star \le \frac{(1+\log(T+1))G^2}{2\mu T} + \frac{D L_2 \sqrt d\,\Delta}{2}$.
    Kind: upper.
    Status: false as reported (erratum E1): the floor does not scale like F under w -> s w. See bc_strongly_convex.
    Arguments: an instance with method BC and schedule InverseTime(mu).
    Errors raised: ValueError for an instance that `simulate` refuses.
    References: Li et al. 2017, Theorem 4; proofs/li2017/bc_strongly_convex_stated.md.
    """

    title = "BinaryConnect, strongly convex: as reported"
    source = "Li et al. 2017, Theorem 4 (second-hand: floor from reading notes, rest recalled; compare with the paper)"
    statement = (
        r"\mathbb{E}F(\bar{w}_T)-F^\star\leq\frac{(1+\log(T+1))G^2}{2\mu T}+\frac{DL_2\sqrt{d}\,\Delta}{2}"
    )
    expected = Verdict.VIOLATED
    figure = "li2017_errata"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from binary_connect(instance, stochastic=True)
        yield from strongly_convex(instance)
        yield finite("D", instance.problem.constants.D)
        yield finite("L2", instance.problem.constants.L2)

    def bound(self, instance: Instance) -> float:
        return bound(instance.steps, **constants(instance))

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        violated = {"expected": Verdict.VIOLATED}
        yield cubic(10_000, 1.6547, steps=2000, trials=16, **violated)
        if scale == "full":
            yield cubic(2500, 2.1547, steps=20_000, **violated)
            yield cubic(40_000, 1.6547, steps=20_000, trials=16, **violated)
        yield cubic(9, 1.6547, steps=2000, trials=512)
        wide = wide_quadratic()
        yield Instance(
            name="quadratic, d=20", problem=wide, method=BC(0.25), schedule=InverseTime(1.0), steps=2000, trials=512
        )
        small = cubic(9, 1.6547, steps=2000, trials=512)
        yield Instance(
            name="a twentieth of the bound", problem=small.problem, method=small.method, schedule=small.schedule,
            steps=small.steps, start=small.start, trials=small.trials, planted=0.05, role=Role.CONTROL,
            expected=Verdict.VIOLATED,
        )  # fmt: skip


THEOREM = BCStronglyConvexStated()
