"""Who receives gradient, and how much. Symbols: u = beta x, ρ its density, D = dQ/du, κ = σ (1 - σ)."""

import math
from collections.abc import Iterable

import numpy as np

from ...statistics import Interval, share_interval
from .._base import Checked, Claim, Role, Theorem
from . import _function
from ._density import Laplace, Triangular, Uniform, expectation
from ._function import EXAMPLE, EXAMPLES, KAPPA, KAPPA_SQUARED, OUTSIDE, SPREAD, WRONG, FunctionCase

RESOLUTION = 1e-12  # of (a) in units of alpha sum s, of (b) in units of T (alpha sum s)²
LEVEL = 1e-3  # of clause (d): which slope counts as gradient, in units of alpha sum s


class SlopeMoments(Theorem):
    """The mean slope stays, its square grows like T, and the share of weights with gradient falls like 1/T.   (qtheory)

    Algorithm: the backward pass of the quantization function of Yang et al. at temperature T; u = beta x of density ρ.
    Assumptions: (a)-(c): ρ is Lipschitz with constant L; where B is finite, twice differentiable with abs(ρ'') <= B.
        (d): ρ is bounded.
    Statement: D = dQ/du. (a) E D = alpha sum_i s_i ρ(b_i) up to alpha sum_i s_i min(2 ln 2 L / T, π² B / (6 T²)).
        (b) E D² = (T/6) alpha² sum_i s_i² ρ(b_i) up to alpha² T sum_i s_i² min((ln 2 / 3 - 1/12) L / T,
        (π²/36 - 1/6) B / T²), and from above besides 2 alpha² T max(ρ) sum_(i<j) s_i s_j f(T (b_j - b_i)), with
        f(x) = (x coth(x/2) - 2) / (4 sinh²(x/2)) <= (1 + x) exp(-x). (c) Hence the participation ratio
        (E D)² / E D², a lower bound of P(S) E[D 1_S]^-2 (E D)² for every set S of weights, is, if sum s ρ > 0,
        (6/T) (sum s ρ)² / (sum s² ρ), with the errors of (a) and (b). (d) P(D >= c) <= (2 n max(ρ) / T)
        log(alpha T sum s / c) for 0 < c < alpha T sum s.
    Kind: limit.
    Status: constants attained in the limit: (a), (b) by triangular (L) and normal density (B); (d) by uniform, n = 1.
    Arguments: the case's function, T, density; part "mean" is (a), "second" (b), "ratio" (c), "share" (d), with
        c = 1e-3 alpha sum s. Measured: by quadrature; (d) of `trials` samples.
    Errors raised: none of its own.
    References: derived here, for the function of Yang et al. 2019; proofs/yang2019/slope_moments.md.
    """

    title = "The slope of the soft function: mean, second moment, and who receives it"
    source = "qtheory (derived here, for the quantization function of Yang et al. 2019)"
    kind = "limit"
    statement = (
        r"\mathbb{E}\,\partial_uQ_T=\alpha\sum_is_i\rho(b_i)+O(T^{-1}),\quad"
        r"\mathbb{E}(\partial_uQ_T)^2=\frac T6\,\alpha^2\sum_is_i^2\rho(b_i)+O(1)\quad"
        r"\bigl(O(T^{-2}),\ O(T^{-1})\text{ if }\rho''\text{ is bounded}\bigr)"
    )
    figure = "yang2019_quantization_function"

    def assumptions(self, instance: FunctionCase) -> Iterable[Checked]:
        peak = instance.density.peak
        yield Checked("ρ is bounded", math.isfinite(peak), f"max ρ = {peak:.4g}")
        if instance.part == "share":
            yield Checked("c < alpha T sum s", LEVEL < instance.T, f"c = {LEVEL:g} alpha sum s, T = {instance.T:g}")
        else:
            yield from _function.smooth(instance)

    def claim(self, instance: FunctionCase) -> Claim:
        i = instance
        if i.part == "share":
            n, peak = len(i.biases), i.density.peak
            return Claim(0.0, min(1.0, 2 * n * peak / i.T * math.log(i.T / LEVEL)))
        (low, high), (least, most) = mean(i), second(i)
        if i.part == "ratio":
            return Claim(max(low, 0.0) ** 2 / most, high**2 / least if least > 0 else math.inf)
        return Claim(low, high) if i.part == "mean" else Claim(least, most)

    def measure(self, instance: FunctionCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i = instance
        if i.part == "share":
            u = i.density.sample(np.random.default_rng(seed), i.trials)
            return share_interval(int((i.slope(u) >= LEVEL * i.scale).sum()), i.trials, failure=failure)
        first, square = (_moment(i, power) for power in (1, 2))
        if i.part == "ratio":
            low, high = max(first.low, 0.0) ** 2 / square.high, first.high**2 / square.low if square.low > 0 else 1.0
            value = first.estimate**2 / square.estimate
            return Interval(min(low, value), max(min(high, 1.0), value), value, 1.0, first.method)  # it never exceeds 1
        return first if i.part == "mean" else square

    def instances(self, scale: str = "quick") -> Iterable[FunctionCase]:
        for name, function in EXAMPLES:
            for part in ("mean", "second", "ratio"):
                for T in (30.0, 100.0) if scale == "quick" else (3.0, 10.0, 30.0, 100.0, 400.0, 2000.0):
                    yield FunctionCase(name=f"{name}, {part}, T = {T:g}", part=part, T=T, **function)
        for T in (20.0, 200.0):
            more: dict = {"part": "share", "T": T, "trials": 100_000}
            yield FunctionCase(name=f"±4, share, T = {T:g}", **more, **EXAMPLES[2][1])
        yield FunctionCase(name="share, Laplace", density=Laplace(0.5), part="share", T=50.0, trials=100_000)
        yield FunctionCase(name="Laplace", density=Laplace(0.7), part="second", T=100.0, **EXAMPLES[1][1])
        for part in ("mean", "second"):
            kind: dict = {"part": part, "role": Role.EDGE}
            yield FunctionCase(name=f"L attained, {part}", T=12.0, density=Triangular(1.0), **kind)
            yield FunctionCase(name=f"B attained, {part}", T=50.0, **kind)
            wrong: dict = {"levels": EXAMPLE, "biases": SPREAD, "T": 100.0, "part": part}
            yield FunctionCase(name=f"0.1% more, {part}", planted=1.001, **wrong, **WRONG)
        yield FunctionCase(name="a share of 1/T² claimed", planted=1 / 200, **more, **EXAMPLES[2][1], **WRONG)
        yield FunctionCase(name="a density with jumps", part="mean", density=Uniform(), **OUTSIDE)
        yield FunctionCase(name="a slope that is not reached", part="share", T=LEVEL, trials=1000, **OUTSIDE)


def mean(case: FunctionCase) -> tuple[float, float]:
    """(a): where E D lies."""
    value, error = _function.law(case, case.alpha * case.function.steps, KAPPA)
    error += RESOLUTION * case.scale
    return value - error, value + error


def second(case: FunctionCase) -> tuple[float, float]:
    """(b): where E D² lies."""
    factor = case.alpha**2 * case.T
    value, error = _function.law(case, factor * case.function.steps**2, KAPPA_SQUARED)
    error += RESOLUTION * case.T * case.scale**2
    cross = 2 * factor * case.density.peak * sum(s * r * overlap(case.T * x) for s, r, x in _function.pairs(case))
    return value - error, value + error + cross


def overlap(x: float) -> float:
    """∫ κ(z) κ(z - x) dz for x >= 0: (x coth(x/2) - 2) / (4 sinh²(x/2)), 1/6 at x = 0."""
    if x < 0.02:  # where the closed form cancels: its series, and it decreases
        return 1 / 6 - x * x / 60 + x**4 / 1008
    q = math.exp(-x)
    return q * (x * (1 + q) / (1 - q) - 2) / (1 - q) ** 2


def _moment(case: FunctionCase, power: int) -> Interval:
    most = (case.T * case.scale / 4) ** power
    return expectation(lambda u: float(case.slope(u)) ** power, case.density, case.biases, case.T, most)


THEOREM = SlopeMoments()
