"""Symbols: delta = Δ, D, G, L, d, T, c; w̄_T the mean of the real weights w_1, ..., w_T."""

from collections.abc import Iterable
from typing import Any

from ...problems import AbsoluteValue, SeparableQuadratic
from ...quantizers import NearestRounding
from ...worst_case import Program
from .._base import Checked, Instance, Role, Verdict, finite
from .._convergence import Convergence, binary_connect, convex
from . import _worst_cases
from ._families import quiet, small_quadratic, tilted_line, wide_quadratic
from ._rates import convex_rate
from .bc_convex_stated import case, constants


def bound(T: int, *, D: float, G: float, L: float, d: int, delta: float, c: float) -> float:
    """`convex_rate` + L d Δ² / 8."""
    return convex_rate(T, D=D, G=G, c=c) + L * d * delta**2 / 8


class BCConvex(Convergence):
    r"""BinaryConnect under convexity, with a corrected rate and a floor of second order.   (after Theorem 3)

    Algorithm: BC, w_{t+1} = Pi(w_t - α_t g(Q(w_t))), α_t = c/√t, any rounding Q with E|Q(w) - w|² <= d Δ²/4.
    Assumptions: F convex and L-smooth on a domain of diameter D; E g = ∇F; E|g|² <= G².
    Statement: $\mathbb E F(\bar w_T) - F^\star \le \frac{D^2\sqrt n}{2cT}
        + \frac{cG^2}{2T}\left(2\sqrt n - 1 + \frac1{\sqrt n}\right) + \frac{L d\Delta^2}{8}$ for $n = T - 1 \ge 1$,
        which is less than $\frac{D^2}{2c\sqrt T} + \frac{cG^2}{\sqrt T} + \frac{L d\Delta^2}{8}$; the rate is $DG$ for
        $T = 1$.
    Kind: upper.
    Status: the floor is sharp for nearest rounding (bc_nearest_floor); the rate's constants are open.
    Arguments: an instance with method BC and schedule InverseSqrt(c).
    Errors raised: ValueError for an instance that `simulate` refuses.
    References: Li et al. 2017, Theorem 3; proofs/li2017/bc_convex.md.
    """

    title = "BinaryConnect, convex: corrected, floor L d Δ²/8"
    source = "after Li et al. 2017, Theorem 3 (corrected and sharpened here)"
    statement = (
        r"\mathbb{E}F(\bar{w}_T)-F^\star\leq\frac{D^2\sqrt{n}}{2cT}+\frac{cG^2}{2T}\left(2\sqrt{n}-1+\frac{1}{\sqrt{n}}\right)"
        r"+\frac{Ld\Delta^2}{8},\ n=T-1"
    )
    figure = "li2017_accuracy_floor"

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
        line, bowl, wide = tilted_line(0.2), small_quadratic(), wide_quadratic()
        sharp = SeparableQuadratic([1.0], 1e-3, box=(0.0, 1.0))
        kink = AbsoluteValue([1.0], 1.0, 0.1, box=(-1.0, 1.0))
        yield case("E3: F = 0.2 w, c = 4", line, c=4, steps=20_000, delta=0.5, trials=2048)
        yield case("quadratic, d=3, nearest", quiet(bowl), c=0.3, steps=2000, delta=0.25, quantizer=NearestRounding)
        yield case("quadratic, d=20, Gaussian", wide, c=0.3, steps=2000, delta=0.25, trials=512)
        yield case(
            "nearest, optimum near a level", sharp, c=0.05, steps=10**7 if scale == "full" else 10**6, delta=1.0,
            quantizer=NearestRounding, start=[0.5], role=Role.EDGE,
        )  # fmt: skip
        yield case(
            "the worst function of two steps: F = w", tilted_line(1.0), c=0.49, steps=2, delta=2**-10, trials=64,
            start=[1.0], role=Role.EDGE,
        )  # fmt: skip
        yield case(
            "F with a kink", kink, c=0.5, steps=2000, delta=0.5, quantizer=NearestRounding, role=Role.CONTROL,
            expected=Verdict.OUT_OF_SCOPE,
        )  # fmt: skip
        yield case(
            "half the bound", sharp, c=0.05, steps=1_000_000, delta=1.0, quantizer=NearestRounding, start=[0.5],
            planted=0.5, role=Role.CONTROL, expected=Verdict.VIOLATED,
        )  # fmt: skip


THEOREM = BCConvex()
