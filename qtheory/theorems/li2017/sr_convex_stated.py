"""Symbols: delta = Δ, D, G, d, T, c; w̄_T the mean of w_1, ..., w_T."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ...methods import SR
from ...schedules import InverseSqrt
from ...worst_case import Program
from .._base import Checked, Instance, Role, Verdict
from .._convergence import Convergence, convex, on_grid
from . import _worst_cases
from ._families import small_quadratic, tilted_kink, tilted_line


def bound(T: int, *, D: float, G: float, d: int, delta: float, c: float) -> float:
    """D² / (c sqrt T) + sqrt(T+1) c G² / (2 T) + sqrt(d) Δ G / 2: the weaker of the two recalled first terms."""
    return D**2 / (c * math.sqrt(T)) + math.sqrt(T + 1) / (2 * T) * c * G**2 + math.sqrt(d) * delta * G / 2


def case(name, problem, *, c, steps, delta=1e-3, method=SR, **more) -> Instance:
    """A run from the left end of erratum E3's segment, or from 0."""
    start = [0.0] * problem.dim
    return Instance(
        name=name, problem=problem, method=method(delta), schedule=InverseSqrt(c), steps=steps, start=start, **more
    )


def constants(instance: Instance) -> dict:
    """The symbols of the SR bounds, from an instance."""
    known = instance.problem.constants
    return {
        "D": known.D.value, "G": known.G.value, "d": instance.problem.dim, "delta": instance.method.grid.delta,
        "c": getattr(instance.schedule, "c", math.nan),
    }  # fmt: skip


class SRConvexStated(Convergence):
    r"""Accuracy floor of stochastic rounding under convexity, as reconstructed.   (Li et al. 2017, Theorem 2)

    Algorithm: SR, w_{t+1} = Q_s(w_t - α_t g(w_t)), α_t = c/√t.
    Assumptions: F convex on a domain of diameter D; E g = ∇F; E|g|² <= G²; w_1 and the box on the grid.
    Statement: $\mathbb E F(\bar w_T) - F^\star \le \frac{D^2}{c\sqrt T} + \frac{\sqrt{T+1}}{2T} c G^2
        + \frac{\sqrt d\,\Delta G}{2}$.
    Kind: upper.
    Status: false as reconstructed (erratum E3): its second term needs sum_{t<=T} 1/√t <= √(T+1), which fails from
        T = 3 on. See sr_convex for the corrected bound.
    Arguments: an instance with schedule InverseSqrt(c).
    Errors raised: ValueError for an instance that `simulate` or `propagate` refuses.
    References: Li et al. 2017, Theorem 2; proofs/li2017/sr_convex_stated.md.
    """

    title = "Accuracy floor of SR, convex: as reconstructed"
    source = "Li et al. 2017, Theorem 2 (as reconstructed, rate constants recalled; compare with the paper)"
    statement = (
        r"\mathbb{E}F(\bar{w}_T)-F^\star\leq"
        r"\frac{D^2}{c\sqrt{T}}+\frac{\sqrt{T+1}}{2T}cG^2+\frac{\sqrt{d}\,\Delta G}{2}"
    )
    expected = Verdict.VIOLATED
    figure = "li2017_errata"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from on_grid(instance)
        yield from convex(instance)

    def bound(self, instance: Instance) -> float:
        return bound(instance.steps, **constants(instance))

    def worst_case(self, horizon: int, *, kappa: Any = 0, c: Any = 1, **options: Any) -> Program:
        return _worst_cases.sr_convex(horizon, kappa, c, options)

    def worst_bound(self, horizon: int, *, kappa: Any = 0, c: Any = 1) -> float:
        return bound(horizon, D=1, G=1, d=1, delta=float(kappa), c=float(c))

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        yield case("E3: F = 0.2 w, c = 4", tilted_line(0.2), c=4, steps=100_000, expected=Verdict.VIOLATED)
        short = case("E3 in 3000 steps", tilted_line(0.25), c=3.9, steps=3000, expected=Verdict.VIOLATED)
        yield replace(short, start=[0.64])
        if scale == "full":
            yield case("E3: F = 0.1 w, c = 8", tilted_line(0.1), c=8, steps=400_000, expected=Verdict.VIOLATED)
        yield case("E3, optimum inside", tilted_kink(0.2), c=8, steps=100_000, expected=Verdict.VIOLATED)
        yield case("quadratic, d=3", small_quadratic(), c=0.5, steps=2000, delta=0.25, role=Role.EDGE)
        yield case(
            "bound doubled", tilted_line(0.2), c=4, steps=100_000, planted=2.0, role=Role.CONTROL
        )


THEOREM = SRConvexStated()
