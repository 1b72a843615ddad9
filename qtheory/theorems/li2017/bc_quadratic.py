"""Symbols: mu, G, T; w̄_T the mean of the real weights w_1, ..., w_T."""

import dataclasses
from collections.abc import Iterable

from ...methods import BC
from ...problems import SeparableQuadratic
from ...quantizers import Grid, NearestRounding
from ...schedules import InverseTime
from .._base import Checked, Instance, Role, Verdict
from .._convergence import Convergence, binary_connect, strongly_convex
from ._families import one_bit_quadratic, wide_quadratic
from ._rates import strong_rate


def bound(T: int, *, mu: float, G: float) -> float:
    """G² H_T / (2 mu T): no floor."""
    return strong_rate(T, mu=mu, G=G)


class BCQuadratic(Convergence):
    r"""BinaryConnect with stochastic rounding has no floor on quadratics.   (Li et al. 2017, Corollary 1)

    Algorithm: BC, w_{t+1} = Pi(w_t - α_t g(Q_s(w_t))), α_t = 1/(μ(t+1)).
    Assumptions: F quadratic and μ-strongly convex; E g = ∇F; E|g|² <= G²; stochastic rounding.
    Statement: $\mathbb E F(\bar w_T) - F^\star \le \frac{G^2 H_T}{2\mu T}$, whatever Δ.
    Kind: upper.
    Status: holds for stochastic rounding; false for nearest rounding (erratum E2), whose floor is bc_nearest_floor.
    Arguments: an instance with method BC(StochasticRounding) and schedule InverseTime(mu).
    Errors raised: ValueError for an instance that `simulate` refuses.
    References: Li et al. 2017, Corollary 1; proofs/li2017/bc_quadratic.md.
    """

    title = "BC with stochastic rounding has no floor on quadratics"
    source = "Li et al. 2017, Corollary 1 (as reconstructed; compare with the paper)"
    statement = r"\mathbb{E}F(\bar{w}_T)-F^\star\leq\frac{G^2H_T}{2\mu T}"
    figure = "li2017_floor_scaling"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from binary_connect(instance, stochastic=True)
        yield from strongly_convex(instance)
        yield Checked("F is quadratic", instance.problem.quadratic, f"it is {type(instance.problem).__name__}")

    def bound(self, instance: Instance) -> float:
        known = instance.problem.constants
        return bound(instance.steps, mu=getattr(instance.schedule, "mu", known.mu.value), G=known.G.value)

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        def case(name, problem, method, steps=20_000, trials=512, **more):
            return Instance(
                name=name, problem=problem, method=method, schedule=InverseTime(1.0), steps=steps, trials=trials, **more
            )

        bit = one_bit_quadratic()
        yield case("quadratic, d=20, Gaussian", wide_quadratic(), BC(0.5), steps=2000)
        yield case("one-bit gradients, Δ = 1", bit, BC(1.0))
        yield case("binary weights", bit, BC(Grid.binary()), role=Role.EDGE)
        still = SeparableQuadratic([1.0], 0.1, box=(-1.0, 1.0))
        nearest = case("E2: nearest rounding, a = 0.1", still, BC(NearestRounding(1.0)), trials=0, role=Role.CONTROL)
        yield dataclasses.replace(nearest, expected=Verdict.OUT_OF_SCOPE)
        yield case(
            "a twentieth of the bound", bit, BC(1.0), steps=2000, trials=4096, planted=0.05, role=Role.CONTROL,
            expected=Verdict.VIOLATED,
        )  # fmt: skip


THEOREM = BCQuadratic()
