"""Symbols: delta = Δ, D, G, d, T, c; w̄_T the mean of w_1, ..., w_T; y_t the recursion of the note."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...optimum import optimum
from ...problems import AbsoluteValue, Linear, NoNoise, Rademacher, SeparableQuadratic
from ...worst_case import Program
from .._base import Checked, Instance, Role, Verdict
from .._convergence import Convergence, convex, on_grid
from . import _worst_cases
from ._families import small_quadratic, tilted_kink
from ._rates import sharp_rate
from .sr_convex_stated import case, constants


def bound(T: int, *, D: float, G: float, d: int, delta: float, c: float, start: float) -> float:
    """The lesser of the bound from D, if it is finite, and of that from start = |w_1 - w*|."""
    symbols = {"G": G, "c": c, "kappa": math.sqrt(d) * delta}
    from_start = sharp_rate(T, D=start, **symbols, bounded=False)
    return min(from_start, sharp_rate(T, D=D, **symbols)) if math.isfinite(D) else from_start


class SRConvexSharp(Convergence):
    r"""The rate of stochastic rounding under convexity, from the start's distance alone.   (derived here)

    Algorithm: SR, w_{t+1} = Q_s(w_t - α_t g(w_t)), α_t = c/√t.
    Assumptions: F convex with a minimiser, on any domain; E g = ∇F; E|g|² <= G²; w_1 and the box on the grid.
    Statement: $\mathbb E F(\bar w_T) - F^\star \le \frac1{2T}\Bigl(\frac{\lVert w_1-w^\star\rVert^2}{y_0^2}
        + G^2\bigl(\sum_{t<T}\frac{\alpha_t^2}{y_t^2} + \alpha_{T-1}\bigr)
        + \sum_{t<T}\frac{e_t}{y_t^2}\Bigr)$ with $e_t = \min(\sqrt d\,\Delta\alpha_t G, d\Delta^2/4)$,
        $y_{T-1} = \sqrt{\alpha_{T-1}}$ and $(T-t+1)\,y_{t-1} = (T-t)\,y_t + \alpha_t/y_t$; a smaller one where the
        domain is bounded.
    Kind: upper.
    Status: without rounding, and with c = D/G, the worst average of the gaps attains it at every T tried from 2 to 64;
        it does not for short steps, such as c < D/(2G) at T = 2. For T = 1 the bound is |w_1 - w*| G.
    Arguments: an instance with schedule InverseSqrt(c).
    Errors raised: ValueError for an instance that `simulate` or `propagate` refuses.
    References: proofs/li2017/sr_convex_sharp.md; Li et al. 2017, Theorem 2, for the setting.
    """

    title = "SR, convex: a sharper rate, without a bounded domain"
    source = "qtheory (derived here; sharpens Li et al. 2017, Theorem 2)"
    statement = (
        r"\mathbb{E}F(\bar{w}_T)-F^\star\leq\frac{1}{2T}\left(\frac{\|w_1-w^\star\|^2}{y_0^2}"
        r"+G^2\left(\sum_{t<T}\frac{\alpha_t^2}{y_t^2}+\alpha_{T-1}\right)"
        r"+\sum_{t<T}\frac{\min(\sqrt{d}\,\Delta\alpha_tG,\,d\Delta^2/4)}{y_t^2}\right)"
    )
    figure = "worst_case_sandwich"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from on_grid(instance)
        yield from (found for found in convex(instance) if not found.assumption.startswith("D "))
        yield _attained(instance)

    def bound(self, instance: Instance) -> float:
        start = float(np.linalg.norm(instance.w1 - optimum(instance.problem).w))
        return bound(instance.steps, **constants(instance), start=start)

    def worst_case(self, horizon: int, *, kappa: Any = 0, c: Any = 1, **options: Any) -> Program:
        return _worst_cases.sr_convex(horizon, kappa, c, {"domain": "start"} | options)

    def worst_bound(self, horizon: int, *, kappa: Any = 0, c: Any = 1) -> float:
        return sharp_rate(horizon, D=1, G=1, c=float(c), kappa=float(kappa), bounded=False)

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        slope = AbsoluteValue([1.0], 1.0, 1.0, noise=NoNoise())
        walk = AbsoluteValue([0.5, 0.5], 0.5, 1.0, noise=Rademacher(0.5))
        bowl = small_quadratic()
        yield case("no box, noise", walk, c=0.5, steps=300 if scale == "quick" else 2000, delta=0.25, trials=4096)
        yield case("no box, no noise", slope, c=0.4, steps=60, delta=1 / 64)
        yield case("a kink inside a box", tilted_kink(0.2), c=1, steps=20_000, delta=0.01)
        yield case("quadratic in a box, d=3", bowl, c=0.5, steps=2000, delta=0.25)
        yield case("three steps down a slope", slope, c=0.3, steps=3, delta=1 / 1024, role=Role.EDGE)
        yield case(
            "gradients without a bound", SeparableQuadratic(bowl.curvature, bowl.center), c=0.1, steps=20, delta=0.25,
            role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE,
        )  # fmt: skip
        yield case(
            "no minimiser", Linear([0.5]), c=0.1, steps=20, delta=0.25, role=Role.CONTROL,
            expected=Verdict.OUT_OF_SCOPE,
        )  # fmt: skip
        yield case(
            "half the bound", slope, c=0.3, steps=3, delta=1 / 1024, planted=0.5, role=Role.CONTROL,
            expected=Verdict.VIOLATED,
        )  # fmt: skip


def _attained(instance: Instance) -> Checked:
    """w* exists, which a bounded domain would have implied."""
    try:
        found = optimum(instance.problem)
    except ValueError as error:
        return Checked("F has a minimiser", False, str(error))
    return Checked("F has a minimiser", True, found.certificate.how)


THEOREM = SRConvexSharp()
