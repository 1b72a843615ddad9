"""The population's coarse gradient for features that are not Gaussian. Symbols: mu, h, tau, beta(q), E_1(n), E_2(n)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import ndtr

from ...statistics import Interval
from .._base import Case, Checked, Claim, Role, Theorem
from ._finite import vertices
from ._noise import outside, wrong_claim

ROUNDING = 1e-13  # of the formula in floating point; the expectations are exact
MOST_SCALES = 12
LEAST, CUBIC, QUARTIC = 4, 0.02917, 0.006629  # n; constants of the proof note, rounded up


@dataclass(frozen=True, kw_only=True)
class DriftCase(Case):
    """A law of independent features, one hidden unit, identity estimator, Heaviside activation.

    Arguments
        name, role, expected, trials, planted: see Case.
        n: features.   law: "uniform" on [mean - half, mean + half], or "signs": mean + scales[k] times a fair sign.
        mean, half: rational.   scales: (n,) rational and positive, for "signs".
        teacher_sum: the sum of w*, for "uniform", whose expectations depend on it alone; "signs" takes w* = 1.
        without_mean: for controls: the formula forgets the force of the mean.
    """

    n: int
    law: str = "uniform"
    mean: Fraction = Fraction(0)
    half: Fraction = Fraction(1)
    scales: tuple[Fraction, ...] = ()
    teacher_sum: int = 0
    without_mean: bool = False


class NongaussianDrift(Theorem):
    """Symmetric features drive every coordinate as Gaussian ones do; a mean adds a force on all of them.   (qtheory)

    Algorithm: the population's coarse gradient g(q) = E[(1{z'q > 0} - 1{z'w* > 0}) z], identity estimator.
    Assumptions: independent coordinates; either uniform on [mu - h, mu + h], n >= 4, or symmetric: +-t_k, mean 0.
    Statement: uniform: g_k(q) = f_k(q) - f_k(w*) up to 2 (|mu| E_1(n) + h E_2(n)), with f_k(q) = mu Phi(beta) +
        tau q_k phi(beta) / sqrt n, beta = mu sum q / (tau sqrt n), tau = h / sqrt 3. Symmetric: exactly
        g_k(q) = A_k (q_k - w*_k) with A_k = E[z_k; z'1 > 0].
    Kind: limit.
    Status: the error is of the right order, 1/n and n^(-3/2); the force of the mean is of order n^(-1/2) or more.
    Arguments: those of DriftCase. Measured: the largest error over all q and k, from exact expectations.
    Errors raised: none of its own.
    References: derived here; that the method fails on general non-Gaussian data is announced in the abstract of Jeong,
        Xin and Yin (2025), arXiv:2505.18113; proofs/jeong2025/nongaussian_drift.md.
    """

    title = "Symmetric features drive as Gaussian ones do; a mean is one more force"
    source = "qtheory (derived here; after the abstract of Jeong, Xin and Yin 2025)"
    kind = "limit"
    statement = (
        r"\Bigl\lvert\mathbb Eg_k(q)-\mu[\Phi(\beta(q))-\Phi(\beta(w^\star))]-\tfrac{\tau}{\sqrt n}"
        r"[q_k\varphi(\beta(q))-w^\star_k\varphi(\beta(w^\star))]\Bigr\rvert\le2(\lvert\mu\rvert E_1+hE_2)"
    )
    figure = "jeong2025_normalization"

    def assumptions(self, instance: DriftCase) -> Iterable[Checked]:
        kind = type(instance).__name__
        yield Checked("the case is a DriftCase", isinstance(instance, DriftCase), f"it is of type {kind}")
        if instance.law == "uniform":
            yield Checked("n >= 4, h > 0", instance.n >= LEAST and instance.half > 0, f"n = {instance.n}")
            possible = abs(instance.teacher_sum) <= instance.n and (instance.n + instance.teacher_sum) % 2 == 0
            yield Checked("a w* has this sum", possible, f"sum {instance.teacher_sum}, n = {instance.n}")
        else:
            few = len(instance.scales) == instance.n <= MOST_SCALES and min(instance.scales) > 0
            yield Checked("n positive scales, n <= 12", few, f"{len(instance.scales)} scales, n = {instance.n}")
            fair = instance.without_mean or instance.mean == 0
            yield Checked("the law is symmetric", fair, f"mean = {instance.mean}")

    def claim(self, instance: DriftCase) -> Claim:
        if instance.law == "signs":
            return Claim(0.0, 0.0)
        mean, half = float(abs(instance.mean)), float(instance.half)
        return Claim(0.0, 2 * (mean * error_of_mass(instance.n) + half * error_of_slope(instance.n)))

    def measure(self, instance: DriftCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        if instance.law == "signs":
            return Interval.exact(float(asymmetry(instance)))
        error = largest_error(instance)
        scale = ROUNDING * float(abs(instance.mean) + instance.half)
        return Interval(max(error - scale, 0.0), error + scale, error, 1.0, "exact expectations, rounded formula")

    def instances(self, scale: str = "quick") -> Iterable[DriftCase]:
        for n in (8, 16, 32) if scale == "quick" else (8, 16, 32, 64, 128, 256):
            yield DriftCase(name=f"uniform on [-1, 1], n = {n}", n=n)
            yield DriftCase(name=f"uniform on [0, 1], n = {n}", n=n, mean=Fraction(1, 2), half=Fraction(1, 2))
        yield DriftCase(name="small mean, w* not balanced", n=21, mean=Fraction(1, 10), teacher_sum=5)
        yield DriftCase(name="n = 4", role=Role.EDGE, n=4, mean=Fraction(1, 3), teacher_sum=2)
        steep = tuple(Fraction(2) ** k for k in range(-3, 5))
        yield DriftCase(name="symmetric, scales 1/8 to 16", role=Role.EDGE, n=8, law="signs", scales=steep)
        equal = (Fraction(1),) * 9
        yield DriftCase(name="fair signs, n = 9", role=Role.EDGE, n=9, law="signs", scales=equal)
        unit: dict = {"mean": Fraction(1, 2), "half": Fraction(1, 2)}
        yield DriftCase(name="without the force of the mean", n=32, without_mean=True, **wrong_claim(), **unit)
        yield DriftCase(name="a hundredth of the bound", n=32, planted=0.01, **wrong_claim(), **unit)
        skew: dict = {"law": "signs", "scales": equal, "mean": Fraction(1, 4), "n": 9}
        yield DriftCase(name="signs with a mean, forgotten", without_mean=True, **wrong_claim(), **skew)
        yield DriftCase(name="signs with a mean", **outside(), **skew)


def error_of_mass(n: int) -> float:
    """E_1(n): how far P(S > 0) can be from Phi(beta), for sums of n uniform variables."""
    tail = (2 / math.pi) ** n / n + 12 / (math.pi**2 * n) * math.exp(-(math.pi**2) * n / 24)
    return (18 * QUARTIC / n + tail) / math.pi


def error_of_slope(n: int) -> float:
    """E_2(n): how far E[q_k (z_k - mu); S > 0] / h can be from tau phi(beta) / (h sqrt n)."""
    peak = math.sqrt(6 * math.pi) * (1.5 * CUBIC + 4.5 * QUARTIC) * n**-1.5
    tail = (1 + 2 / math.pi) * (2 / math.pi) ** n / n + 2 / (math.pi * n) * math.exp(-(math.pi**2) * n / 24)
    return (peak + tail) / math.pi


def uniform_half(n: int, mean: Fraction, half: Fraction, total: int) -> tuple[Fraction, Fraction]:
    """P(S > 0) and q_k E[z_k - mean; S > 0] for S = z'q, sum q = total, z_k uniform on mean +- half; exactly.

    q_k (z_k - mean) / half is uniform on [-1, 1] whatever q_k, so S is an affine function of an Irwin-Hall variable.
    """
    x = Fraction(n, 2) - mean * total / (2 * half)
    if x <= 0:
        return Fraction(1), Fraction(0)
    if x >= n:
        return Fraction(0), Fraction(0)
    terms = [(-1) ** j * math.comb(n, j) * (x - j) ** n for j in range(math.floor(x) + 1)]
    above = 1 - sum(terms) / math.factorial(n)
    below = sum(t * (x - j) for j, t in enumerate(terms)) / math.factorial(n + 1)  # E (x - sum U)_+
    first = (x * above + Fraction(n, 2) - x + below) / n  # E[U_k; sum U > x]
    return above, half * (2 * first - above)


def force(case: DriftCase, total: int) -> tuple[float, float]:
    """mu Phi(beta) and tau phi(beta) / sqrt n: f_k(q) is their sum where q_k = 1, their difference where -1."""
    mean, tau = float(case.mean), float(case.half) / math.sqrt(3)
    beta = mean * total / (tau * math.sqrt(case.n))
    slope = tau * math.exp(-beta * beta / 2) / math.sqrt(2 * math.pi * case.n)
    return (0.0 if case.without_mean else mean * float(ndtr(beta))), slope


def largest_error(case: DriftCase) -> float:
    """The largest |E g_k(q) - formula| over q and k, for uniform features."""
    gaps = {}
    for total in range(-case.n, case.n + 1, 2):
        mass, slope = uniform_half(case.n, case.mean, case.half, total)
        level, pull = force(case, total)
        gaps[total] = {s: float(case.mean * mass + s * slope) - (level + s * pull) for s in (1, -1)}
    at = gaps[case.teacher_sum]
    values = {total: (1,) if total == case.n else (-1,) if total == -case.n else (1, -1) for total in gaps}
    return max(
        abs(gaps[total][s] - at[t]) for total in gaps for s in values[total] for t in values[case.teacher_sum]
    )  # fmt: skip


def asymmetry(case: DriftCase) -> Fraction:
    """The largest |g_k(q) - A_k (q_k - w*_k)| over all q and k, w* = 1, for signs times scales plus a mean; exactly."""
    signs = vertices(case.n)
    scale = math.lcm(*(x.denominator for x in (case.mean, *case.scales)))
    mean, scales = int(case.mean * scale), [int(t * scale) for t in case.scales]
    small = (abs(mean) + sum(scales)) << case.n < 2**62  # otherwise in integers of any size
    kind = np.int64 if small else object
    rows = np.array(scales, dtype=kind) * signs.astype(kind) + mean  # (2^n, n) z, in units of 1 / scale
    q = signs.astype(kind)
    mass = (rows @ q.T > 0).astype(kind).T @ rows  # (2^n, n) of E[z; z'q > 0], in units of 1 / (2^n scale)
    pace = mass[(signs == 1).all(axis=1)][0]  # A_k
    errors = mass - pace - np.where(signs < 0, -2 * pace, 0)
    return Fraction(int(np.abs(errors).max()), scale * len(rows))


THEOREM = NongaussianDrift()
