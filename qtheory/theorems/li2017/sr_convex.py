"""Symbols: delta = Δ, D, G, d, T, c; w̄_T the mean of w_1, ..., w_T."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ...methods import SR
from ...problems import Linear, OneBit, SeparableQuadratic
from ...worst_case import Program
from .._base import Checked, Instance, Role, Verdict
from .._convergence import Convergence, convex, on_grid
from . import _worst_cases
from ._families import small_quadratic, tilted_kink, tilted_line, wide_quadratic
from ._rates import convex_rate
from .sr_convex_stated import case, constants


def bound(T: int, *, D: float, G: float, d: int, delta: float, c: float) -> float:
    """`convex_rate` + (1 - 1/T) sqrt(d) Δ G / 2."""
    return convex_rate(T, D=D, G=G, c=c) + (1 - 1 / T) * math.sqrt(d) * delta * G / 2


class SRConvex(Convergence):
    r"""Accuracy floor of stochastic rounding under convexity, corrected.   (after Li et al. 2017, Theorem 2)

    Algorithm: SR, w_{t+1} = Q_s(w_t - α_t g(w_t)), α_t = c/√t.
    Assumptions: F convex on a domain of diameter D; E g = ∇F; E|g|² <= G²; w_1 and the box on the grid.
    Statement: $\mathbb E F(\bar w_T) - F^\star \le \frac{D^2\sqrt n}{2cT}
        + \frac{cG^2}{2T}\left(2\sqrt n - 1 + \frac1{\sqrt n}\right) + \frac nT\,\frac{\sqrt d\,\Delta G}{2}$ for
        $n = T - 1 \ge 1$, which is less than $\frac{D^2}{2c\sqrt T} + \frac{cG^2}{\sqrt T}
        + \frac{\sqrt d\,\Delta G}{2}$; $DG$ for $T = 1$.
    Kind: upper.
    Status: the floor is sharp (sr_linear_floor); a smaller rate is a recursion (sr_convex_sharp), less than
        this one by 6 percent where c = D/G and T is large.
    Arguments: an instance with schedule InverseSqrt(c).
    Errors raised: ValueError for an instance that `simulate` or `propagate` refuses.
    References: Li et al. 2017, Theorem 2; proofs/li2017/sr_convex.md.
    """

    title = "Accuracy floor of SR, convex: corrected"
    source = "after Li et al. 2017, Theorem 2 (corrected here)"
    statement = (
        r"\mathbb{E}F(\bar{w}_T)-F^\star\leq\frac{D^2\sqrt{n}}{2cT}+\frac{cG^2}{2T}\left(2\sqrt{n}-1+\frac{1}{\sqrt{n}}\right)"
        r"+\frac{n}{T}\,\frac{\sqrt{d}\,\Delta G}{2},\ n=T-1"
    )
    figure = "li2017_accuracy_floor"

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
        line, bowl = tilted_line(0.2), small_quadratic()
        unbounded = SeparableQuadratic(bowl.curvature, bowl.center, noise=bowl.noise)
        yield case("E3: F = 0.2 w, c = 4", line, c=4, steps=100_000)
        if scale == "full":
            yield case("E3: F = 0.1 w, c = 8", tilted_line(0.1), c=8, steps=400_000)
        yield case("optimum inside", tilted_kink(0.2), c=1, steps=20_000, delta=0.01)
        yield case("quadratic, d=3", bowl, c=0.5, steps=2000, delta=0.25)
        yield case("quadratic, d=20, Gaussian", wide_quadratic(), c=0.5, steps=2000, delta=0.25, trials=512)
        long = Linear([0.1], noise=OneBit(1.0), box=(0.0, 5.0))
        yield case("floor nearly met", long, c=3.5, steps=1_000_000, delta=0.1, role=Role.EDGE)
        yield case("two steps", line, c=1, steps=2, role=Role.EDGE)
        worst = case("the worst function of two steps: F = w", tilted_line(1.0), c=0.5, steps=2, role=Role.EDGE)
        yield replace(worst, method=SR(2**-10), start=[1.0])
        yield case(
            "unbounded domain", unbounded, c=0.1, steps=200, delta=0.25, role=Role.CONTROL,
            expected=Verdict.OUT_OF_SCOPE,
        )  # fmt: skip
        yield case(
            "half the bound", line, c=4, steps=100_000, planted=0.5, role=Role.CONTROL, expected=Verdict.VIOLATED
        )


THEOREM = SRConvex()
