"""Symbols: delta = Δ, D, G, L, d, T, c; w̄_T the mean of the real weights w_1, ..., w_T."""

import math
from collections.abc import Iterable
from typing import Any

from ...methods import BC
from ...quantizers import NearestRounding, StochasticRounding
from ...schedules import InverseSqrt
from ...worst_case import Program
from .._base import Checked, Instance, Role, Verdict, finite
from .._convergence import Convergence, binary_connect, convex
from . import _worst_cases
from ._families import quiet, small_quadratic, tilted_line


def bound(T: int, *, D: float, G: float, L: float, d: int, delta: float, c: float) -> float:
    """D² / (2 c sqrt T) + sqrt(T+1) c G² / (2 T) + sqrt(d) Δ L D."""
    rate = D**2 / (2 * c * math.sqrt(T)) + math.sqrt(T + 1) / (2 * T) * c * G**2
    return rate + math.sqrt(d) * delta * L * D


def case(name, problem, *, c, steps, delta, quantizer=StochasticRounding, start=None, **more) -> Instance:
    """BinaryConnect on a grid of resolution delta, or on the grid given."""
    return Instance(
        name=name, problem=problem, method=BC(quantizer(delta)), schedule=InverseSqrt(c), steps=steps,
        start=[0.0] * problem.dim if start is None else start, **more,
    )  # fmt: skip


def constants(instance: Instance) -> dict:
    """The symbols of the BC bounds, from an instance."""
    known = instance.problem.constants
    return {
        "D": known.D.value, "G": known.G.value, "L": known.L.value, "d": instance.problem.dim,
        "delta": instance.method.grid.delta, "c": getattr(instance.schedule, "c", math.nan),
    }  # fmt: skip


class BCConvexStated(Convergence):
    r"""BinaryConnect under convexity, as reconstructed.   (Li et al. 2017, Theorem 3)

    Algorithm: BC, w_{t+1} = Pi(w_t - α_t g(Q(w_t))), α_t = c/√t, any rounding Q to an adjacent level.
    Assumptions: F convex and L-smooth on a domain of diameter D; E g = ∇F; E|g|² <= G².
    Statement: $\mathbb E F(\bar w_T) - F^\star \le \frac{D^2}{2c\sqrt T} + \frac{\sqrt{T+1}}{2T} c G^2
        + \sqrt d\,\Delta L D$.
    Kind: upper.
    Status: false as reconstructed (erratum E3, as in sr_convex_stated): on a linear F, L = 0 and BC is projected SGD.
        See bc_convex for the corrected bound.
    Arguments: an instance with method BC and schedule InverseSqrt(c).
    Errors raised: ValueError for an instance that `simulate` refuses.
    References: Li et al. 2017, Theorem 3; proofs/li2017/bc_convex_stated.md.
    """

    title = "BinaryConnect, convex: as reconstructed"
    source = "Li et al. 2017, Theorem 3 (as reconstructed, recalled with medium confidence; compare with the paper)"
    statement = (
        r"\mathbb{E}F(\bar{w}_T)-F^\star\leq\frac{D^2}{2c\sqrt{T}}+\frac{\sqrt{T+1}}{2T}cG^2+\sqrt{d}\,\Delta LD"
    )
    expected = Verdict.VIOLATED
    figure = "li2017_errata"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from binary_connect(instance, stochastic=False)
        yield from convex(instance)
        yield finite("L", instance.problem.constants.L)

    def bound(self, instance: Instance) -> float:
        return bound(instance.steps, **constants(instance))

    def worst_case(self, horizon: int, *, kappa: Any = 0, c: Any = 1, **options: Any) -> Program:
        return _worst_cases.bc_convex(horizon, kappa, c, options)

    def worst_bound(self, horizon: int, *, kappa: Any = 0, c: Any = 1) -> float:
        return bound(horizon, D=1, G=1, L=_worst_cases.L, d=1, delta=float(kappa), c=float(c))

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        line, bowl = tilted_line(0.2), small_quadratic()
        yield case(
            "E3: F = 0.2 w, c = 4", line, c=4, steps=20_000, delta=0.5, trials=2048, expected=Verdict.VIOLATED
        )
        yield case("quadratic, d=3", quiet(bowl), c=0.3, steps=2000, delta=0.25, quantizer=NearestRounding)
        yield case(
            "bound doubled", line, c=4, steps=20_000, delta=0.5, trials=2048, planted=2.0, role=Role.CONTROL
        )


THEOREM = BCConvexStated()
