"""How far the soft function is from the hard one on average. Symbols: ρ the density of u = beta x, L, B as below."""

import math
from collections.abc import Iterable

import numpy as np

from ...statistics import Interval, mean_interval
from .._base import Checked, Claim, Role, Theorem
from . import _function
from ._density import Laplace, Triangular, Uniform, expectation
from ._function import EXAMPLE, EXAMPLES, OUTSIDE, PSI, SPREAD, WRONG, FunctionCase


class TemperatureGap(Theorem):
    """The mean distance of the soft from the hard function is of order 1/T, with its constant.   (qtheory)

    Algorithm: the quantization function of Yang et al. at temperature T, and its hard limit; u = beta x has density ρ.
    Assumptions: (a): ρ is bounded. (b): ρ is Lipschitz with constant L, and where B is finite, it is twice
        differentiable with abs(ρ'') <= B.
    Statement: (a) E|soft - hard| <= (2 ln 2 / T) alpha max(ρ) sum_i s_i. (b) E|soft - hard| = (2 ln 2 / T) alpha
        sum_i s_i ρ(b_i), up to alpha sum_i s_i min(π² L / (6 T²), 3 ζ(3) B / (2 T³)) on either side, and on the lower
        side (4 alpha max(ρ) / T) sum_(i<j) sqrt(s_i s_j) exp(-T (b_j - b_i) / 2) besides.
    Kind: limit.
    Status: constants of all three orders attained in the limit: triangular density (L), normal density (B).
    Arguments: the case's function, T, density; part "bound" is (a), "law" is (b). Measured: the mean distance, by
        quadrature, or of `trials` samples.
    Errors raised: none of its own.
    References: derived here, for the function of Yang et al. 2019; proofs/yang2019/temperature_gap.md.
    """

    title = "The soft function is 2 ln 2 / T from the hard one, on average"
    source = "qtheory (derived here, for the quantization function of Yang et al. 2019)"
    kind = "limit"
    statement = (
        r"\mathbb{E}\lvert Q_T-Q_\infty\rvert=\frac{2\ln2}{T}\,\alpha\sum_is_i\rho(b_i)+O(T^{-2})\ \bigl(O(T^{-3})"
        r"\text{ if }\rho''\text{ is bounded}\bigr),\quad\le\frac{2\ln2}{T}\,\alpha\max\rho\sum_is_i"
    )
    figure = "yang2019_quantization_function"

    def assumptions(self, instance: FunctionCase) -> Iterable[Checked]:
        peak = instance.density.peak
        yield Checked("ρ is bounded", math.isfinite(peak), f"max ρ = {peak:.4g}")
        if instance.part == "law":
            yield from _function.smooth(instance)

    def claim(self, instance: FunctionCase) -> Claim:
        i = instance
        if i.claimed == "exponential":  # as it is at a fixed distance from all biases
            return Claim(0.0, i.scale * math.exp(-i.T * i.margin))
        steps = i.alpha * i.function.steps / i.T
        if i.part == "bound":
            return _function.resolved(0.0, PSI[0] * i.density.peak * float(steps.sum()), i)
        value, error = _function.law(i, steps, PSI)
        return _function.resolved(value - error - overlap(i), value + error, i)

    def measure(self, instance: FunctionCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i, most = instance, instance.scale / 2
        if not i.trials:
            return expectation(lambda u: abs(float(i.soft(u) - i.hard(u))), i.density, i.biases, i.T, most)
        u = i.density.sample(np.random.default_rng(seed), i.trials)
        distance = np.minimum(np.abs(i.soft(u) - i.hard(u)), most)  # rounding apart, it never is larger
        return mean_interval(distance, failure=failure, bounds=(0.0, most))

    def instances(self, scale: str = "quick") -> Iterable[FunctionCase]:
        for name, function in EXAMPLES:
            for T in (5.0, 30.0, 100.0) if scale == "quick" else (1.0, 5.0, 30.0, 100.0, 400.0, 2000.0):
                yield FunctionCase(name=f"{name}, T = {T:g}", part="law", T=T, **function)
        density: dict = {"density": Laplace(0.7)}
        yield FunctionCase(name="ternary, Laplace", part="law", T=100.0, **EXAMPLES[1][1], **density)
        yield FunctionCase(name="±4, sampled", part="bound", T=20.0, trials=100_000, **EXAMPLES[2][1])
        edge: dict = {"role": Role.EDGE}
        yield FunctionCase(name="L attained", part="law", T=12.0, density=Triangular(1.0), **edge)
        yield FunctionCase(name="B attained", part="law", T=50.0, **edge)
        yield FunctionCase(name="(a) attained", part="bound", T=20.0, density=Uniform(1.0), **edge)
        kind: dict = {"levels": EXAMPLE, "biases": SPREAD, "T": 100.0}
        yield FunctionCase(name="0.1% more", part="law", planted=1.001, **kind, **WRONG)
        yield FunctionCase(name="claimed exponential", part="law", claimed="exponential", margin=0.45, **kind, **WRONG)
        yield FunctionCase(name="a density with jumps", part="law", density=Uniform(1.0), **OUTSIDE)


def overlap(case: FunctionCase) -> float:
    """What neighbours of opposite sign may cancel."""
    terms = sum(math.sqrt(s * r) * math.exp(-case.T * apart / 2) for s, r, apart in _function.pairs(case))
    return 4 * case.alpha * case.density.peak / case.T * terms


THEOREM = TemperatureGap()
