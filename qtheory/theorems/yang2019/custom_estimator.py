"""The slope of the soft function as a custom gradient estimator. Symbols: Δ the distance of biases, q = exp(-T Δ)."""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad

from ...quantization_network import harmonic_mean
from ...statistics import Interval
from .._base import Checked, Claim, Role, Theorem
from ._function import OUTSIDE, WRONG, FunctionCase, even

SHARPEST = math.sqrt(3) / 18  # max abs((σ (1 - σ))')
MOST_STEPS = 10**6
RESOLUTION = 1e-8  # relative, of integrals
ROUNDING = 1e-14  # of a ratio of two sums of slopes


@dataclass(frozen=True, kw_only=True)
class EstimatorCase(FunctionCase):
    """A quantization function with equal steps at equal distances, as an estimator of its hard form.

    Arguments
        see FunctionCase; margin: "freeze": how far beyond the last bias the weight starts.
        push: η H, the rate times the largest gradient.
        bin: "alpha": which interval between biases, from 1.
    """

    push: float = 0.01
    bin: int = 1

    @property
    def gap(self) -> float:
        """Δ, the distance of the first two biases."""
        return self.biases[1] - self.biases[0]

    @property
    def q(self) -> float:
        """exp(-T Δ)."""
        return math.exp(-self.T * self.gap)

    @property
    def height(self) -> float:
        """alpha s."""
        return self.alpha * float(self.function.steps[0])

    @property
    def excess(self) -> float:
        """ε = 4q / (1 - q): by how much the sum over all integers may exceed the sum of n, relative to it."""
        return 4 * self.q / (1 - self.q)

    @property
    def lipschitz(self) -> float:
        """Λ = alpha s T² (√3/18 + q / (1 - q)), a Lipschitz constant of the slope."""
        return sharpness(self.height, self.T, self.gap)


class CustomEstimator(Theorem):
    """The soft function's slope is a custom estimator whose equivalent STE slows down exponentially in T.   (qtheory)

    Algorithm: w <- w - η g(w) h with g = dQ/du at temperature T and h the gradient at the hard value, abs(h) <= H,
        against the straight-through estimator (STE) with rate a η started at M(w), M' = a / g.
    Assumptions: biases at equal distances Δ, equal steps s; for "step": Λ η H < 1; for "freeze": T² η H alpha s < 8.
    Statement: q = exp(-TΔ), ε = 4q/(1-q), c = TΔ/2. (a) On [b_1, b_n] g differs from a Δ-periodic function by a factor
        in [1, 1 + ε]. (b) Its harmonic mean over each interval between biases is in [A, (1 + ε) A], A = (alpha s / Δ)
        2c² / I(c), I(c) = tanh c + c (2 - sech² c) + 2 (sinh³ c / cosh² c) atan(tanh²(c/2)); as TΔ grows,
        A ~ (alpha s / Δ) (2/π) (TΔ)² exp(-TΔ/2). (c) With a the harmonic mean over [b_1, b_n] and M(b_1) = b_1, M fixes
        b_n too and moves no bias by more than Δ ε (n-1)/2. (d) For every w, inside [b_1, b_n] or not:
        |M(w - η g h) - M(w) + a η h| <= a Λ η² H² / (2 (1 - Λ η H)), Λ = alpha s T² (√3/18 + q/(1-q)). (e) A weight at
        b_n + x, pushed back by h = H, needs at least (1-q) (exp(T x) - 1) / (4 v), at most
        ceil((exp(T x) - 1) / (v (1 - v/2))) steps to b_n, v = T² η H alpha s / 4.
    Kind: upper.
    Status: (b) is an equality for n = 2. (d) is the bound known for periodic estimators; it needs no period.
    Arguments: the case's function, T, push; part "cyclic" is (a), "alpha" (b), "boundaries" (c), "step" (d), "freeze"
        (e), with margin = x. Measured: integrals by quadrature, (a) and (d) on a grid, (e) by running it.
    Errors raised: none of its own.
    References: derived here, after Schoenbauer et al. 2024 and Yang et al. 2019; proofs/yang2019/custom_estimator.md.
    """

    title = "At finite T the quantization function is a custom estimator, with an exponentially slow STE"
    source = "qtheory (derived here; after Yang et al. 2019 and Schoenbauer et al. 2024)"
    statement = (
        r"\frac{\alpha s}{\Delta}\,\frac{2c^2}{I(c)}\le\frac{\Delta}{\int_{b_k}^{b_{k+1}}du/\partial_uQ_T}"
        r"\le(1+\varepsilon)\frac{\alpha s}{\Delta}\,\frac{2c^2}{I(c)}\sim\frac{\alpha s}{\Delta}\,\frac2\pi"
        r"(T\Delta)^2e^{-T\Delta/2},\quad c=\frac{T\Delta}2"
    )
    figure = "yang2019_quantization_function"

    def assumptions(self, instance: EstimatorCase) -> Iterable[Checked]:
        i, steps = instance, instance.function.steps
        yield Checked("n >= 2", len(steps) >= 2, f"n = {len(steps)}")
        yield Checked("equal steps", bool(np.ptp(steps) <= 1e-12 * steps[0]), f"s = {steps.tolist()}")
        apart = np.diff(i.biases)
        yield Checked("equal distances", bool(np.ptp(apart) <= 1e-12 * apart[0]), f"{apart.tolist()}")
        if i.part == "step":
            yield Checked("Λ η H < 1", i.lipschitz * i.push < 1, f"Λ η H = {i.lipschitz * i.push:.4g}")
        if i.part == "freeze":
            fast = i.T**2 * i.push * i.height
            yield Checked("T² η H alpha s < 8", fast < 8, f"{fast:.4g}")

    def claim(self, instance: EstimatorCase) -> Claim:
        i = instance
        if i.part == "cyclic":
            return Claim(-4 * ROUNDING, i.excess + 4 * ROUNDING)
        if i.part == "alpha":
            least = i.height / i.gap * harmonic_mean(i.T * i.gap)
            return Claim(least * (1 - RESOLUTION), least * (1 + i.excess) * (1 + RESOLUTION))
        if i.part == "boundaries":
            return Claim(0.0, i.gap * i.excess * (len(i.biases) - 1) / 2 + RESOLUTION * i.gap)
        if i.part == "step":
            return Claim(0.0, over_all(i) * i.lipschitz / (2 * (1 - i.lipschitz * i.push)))
        v, y = i.T**2 * i.push * i.height / 4, math.expm1(i.T * i.margin)
        return Claim((1 - i.q) * y / (4 * v), float(math.ceil(y / (v * (1 - v / 2)))))

    def measure(self, instance: EstimatorCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i = instance
        if i.part == "cyclic":
            u = np.linspace(i.biases[0], i.biases[-1], 4001)
            return Interval.exact(float((periodic(i, u) / i.slope(u) - 1).max()), ROUNDING)
        if i.part == "alpha":
            value, error = inverse(i, i.biases[i.bin - 1], i.biases[i.bin])
            return Interval.exact(i.gap / value, i.gap * error / value**2)
        if i.part == "boundaries":
            b, a = i.biases, over_all(i)
            parts = [inverse(i, x, y)[0] for x, y in itertools.pairwise(b)]
            moved = b[0] + a * np.cumsum(parts) - np.array(b[1:])
            return Interval.exact(float(np.abs(moved).max()))
        if i.part == "step":
            return Interval.exact(_worst(i))
        return Interval.exact(float(_thaw(i)))

    def instances(self, scale: str = "quick") -> Iterable[EstimatorCase]:
        for n, gap, step in ((3, 2 / 3, 2 / 3), (7, 0.25, 0.5)) if scale == "quick" else FULL:
            for T in (8.0, 20.0, 40.0):
                of: dict = {"T": T, **even(n, gap, step)}
                name = f"n = {n}, T = {T:g}"
                for part in ("cyclic", "boundaries"):
                    yield EstimatorCase(name=f"{name}, {part}", part=part, **of)
                for k in (1, (n + 1) // 2):
                    yield EstimatorCase(name=f"{name}, bin {k}", part="alpha", bin=k, **of)
                for fraction in (0.5, 0.01):
                    push = fraction / sharpness(step, T, gap)
                    yield EstimatorCase(name=f"{name}, step, η H = {push:.3g}", part="step", push=push, **of)
            slow: dict = {"push": 0.001 / step, "margin": 0.2}
            yield EstimatorCase(name=f"n = {n}, freeze", part="freeze", **slow, **of)
        two: dict = {"T": 20.0, **even(2, 0.5)}
        yield EstimatorCase(name="n = 2: equality", part="alpha", role=Role.EDGE, **two)
        yield EstimatorCase(name="no way back", part="freeze", margin=0.0, role=Role.EDGE, **two)
        yield EstimatorCase(name="1% more", part="alpha", planted=1.01, **two, **WRONG)
        yield EstimatorCase(name="half of Λ", part="step", push=1e-4, planted=0.5, **even(3), T=20.0, **WRONG)
        yield EstimatorCase(name="a tenth of the time", part="freeze", margin=0.3, planted=0.1, **two, **WRONG)
        yield EstimatorCase(name="too strong a push", part="freeze", margin=0.3, push=0.05, **two, **OUTSIDE)
        yield EstimatorCase(name="too long a step", part="step", push=1.0, **two, **OUTSIDE)
        steps: dict = {"levels": (-3.0, -1.0, 0.0, 1.0), "biases": (-1.0, 0.0, 1.0)}
        yield EstimatorCase(name="unequal steps", part="alpha", **steps, **OUTSIDE)
        yield EstimatorCase(name="binary", part="alpha", **OUTSIDE)


FULL = ((2, 1.0, 1.0), (3, 2 / 3, 2 / 3), (7, 0.25, 0.5), (15, 2 / 15, 0.3))


def sharpness(height: float, T: float, gap: float) -> float:
    """Λ = alpha s T² (√3/18 + q / (1 - q)), q = exp(-TΔ).   height: alpha s.   gap: Δ."""
    return height * T**2 * (SHARPEST + 1 / math.expm1(T * gap))


def periodic(case: EstimatorCase, u: np.ndarray) -> np.ndarray:
    """The sum of slopes over biases b_1 + kΔ, all integers k that a float can see."""
    more = math.ceil(40 / (case.T * case.gap)) + len(case.biases)
    biases = case.biases[0] + case.gap * np.arange(-more, more + 1)
    z = np.abs(case.T * (u[:, None] - biases))
    return case.height * case.T * (np.exp(-z) / (1 + np.exp(-z)) ** 2).sum(axis=1)


def inverse(case: EstimatorCase, low: float, high: float) -> tuple[float, float]:
    """∫ du / g(u), and a bound of its error."""
    middle = (low + high) / 2
    total, error = 0.0, 0.0
    for x, y in ((low, middle), (middle, high)):
        value, uncertain = quad(lambda u: 1 / float(case.slope(u)), x, y, epsabs=0.0, epsrel=1e-11, limit=200)[:2]
        total, error = total + value, error + uncertain
    return total, error


def over_all(case: EstimatorCase) -> float:
    """a: the harmonic mean of g over [b_1, b_n]."""
    b = case.biases
    return (b[-1] - b[0]) / sum(inverse(case, x, y)[0] for x, y in itertools.pairwise(b))


def _worst(case: EstimatorCase) -> float:
    """sup |M(w - η g h) - M(w) + a η h| / (η H)² over a grid of w, from b_1 - Δ to b_n + Δ, and h = ±H.

    M(w + step) - M(w) + a η h is the integral of a / g - a / g(w) over the step, by Gauss's rule: nothing cancels.
    """
    a, push, b = over_all(case), case.push, case.biases
    nodes, weights = np.polynomial.legendre.leggauss(24)
    w = np.linspace(b[0] - case.gap, b[-1] + case.gap, 2001)
    found = 0.0
    for sign in (1, -1):
        step = -sign * push * case.slope(w)
        at = w[:, None] + step[:, None] * (1 + nodes) / 2
        excess = a / case.slope(at) - a / case.slope(w)[:, None]
        found = max(found, float(np.abs(step / 2 * (excess @ weights)).max()))
    return found / push**2


def _thaw(case: EstimatorCase) -> int:
    """Steps from b_n + margin until w <= b_n."""
    end, w, steps = case.biases[-1], case.biases[-1] + case.margin, 0
    biases, rate = np.array(case.biases), case.height * case.T * case.push
    while w > end and steps < MOST_STEPS:
        z = np.exp(-case.T * (w - biases))  # (n,) w is above all biases
        w -= rate * float((z / (1 + z) ** 2).sum())
        steps += 1
    return steps


THEOREM = CustomEstimator()
