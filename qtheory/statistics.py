"""Confidence: intervals for means, shares and slopes, and one error budget over all checks of a run.

An interval here is a statement with a failure probability: before the samples are drawn, the chance that the interval
will miss the quantity it speaks of is at most `failure`. What the statement rests on is written into `Interval.method`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainccinv, betaincinv, stdtrit

__all__ = ["ErrorBudget", "Interval", "fit_slope", "mean_interval", "share_interval"]


@dataclass(frozen=True)
class Interval:
    """A quantity known to lie in [low, high], with the confidence of that statement.

    Arguments
        low, high: ends of the interval, in the units of the quantity; an infinite end says that nothing is known there.
        estimate: the best single value, finite, inside [low, high].
        confidence: probability in (0, 1] that [low, high] holds the quantity; 1 where it was computed, not sampled.
        method: how the interval was made, in words.

    Errors raised
        ValueError: low <= estimate <= high fails, an end is NaN, or the confidence is outside (0, 1].
    """

    low: float
    high: float
    estimate: float
    confidence: float
    method: str

    def __post_init__(self) -> None:
        for name in ("low", "high", "estimate", "confidence"):
            object.__setattr__(self, name, _real(name, getattr(self, name)))
        if not math.isfinite(self.estimate):
            raise ValueError(f"estimate={self.estimate}: expected a finite number")
        if not self.low <= self.estimate <= self.high:
            raise ValueError(
                f"low={self.low}, estimate={self.estimate}, high={self.high}: expected low <= estimate <= high"
            )
        if not 0.0 < self.confidence <= 1.0:
            raise ValueError(f"confidence={self.confidence}: expected a probability in (0, 1]")

    @classmethod
    def exact(cls, value: float, error: float = 0.0) -> Interval:
        """The certain interval value ± error: `error` bounds the numerical error, in the units of `value`."""
        value, error = _real("value", value), _real("error", error)
        if not (math.isfinite(value) and 0.0 <= error < math.inf):
            raise ValueError(f"value={value}, error={error}: expected a finite value and a finite error >= 0")
        if error == 0.0:
            return cls(value, value, value, 1.0, "exact")
        # The two sums are rounded outward, so that the ends never lie inside the true ones.
        low, high = math.nextafter(value - error, -math.inf), math.nextafter(value + error, math.inf)
        return cls(low, high, value, 1.0, "exact up to a bounded numerical error")

    @property
    def width(self) -> float:
        """high - low, in the units of the quantity."""
        return self.high - self.low

    def contains(self, x: float) -> bool:
        """Whether low <= x <= high."""
        return self.low <= x <= self.high

    def below(self, x: float) -> bool:
        """Whether the whole interval is at most x: high <= x."""
        return self.high <= x

    def above(self, x: float) -> bool:
        """Whether the whole interval exceeds x: low > x. Neither `below` nor `above`: the interval straddles x."""
        return self.low > x

    def __truediv__(self, bound: float) -> Interval:
        """The interval in units of a positive bound: measured / bound is the slack of a theorem."""
        if not isinstance(bound, Real):
            return NotImplemented
        if not 0.0 < bound < math.inf:
            raise ValueError(f"bound={bound}: expected a positive finite number to divide by")
        bound = float(bound)
        return Interval(self.low / bound, self.high / bound, self.estimate / bound, self.confidence, self.method)

    def __str__(self) -> str:
        show = _formatter([x for x in (self.low, self.high, self.estimate) if math.isfinite(x)], self.width)
        return f"{show(self.estimate)} [{show(self.low)}, {show(self.high)}]"


@dataclass(frozen=True)
class ErrorBudget:
    """One failure probability for a whole run, shared out evenly over its checks.

    By the union bound (Bonferroni), when each of `checks` intervals misses with probability at most `share`, the chance
    that any of them misses is at most `total`, however they depend on one another.

    Arguments
        total: failure probability of the run, in (0, 1).
        checks: number of intervals the run will report, >= 1. It is fixed before the run, not counted after it.
    """

    total: float = 1e-6
    checks: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", _probability("total", self.total))
        object.__setattr__(self, "checks", _whole("checks", self.checks, 1))
        if self.share == 0.0:
            raise ValueError(f"total={self.total}, checks={self.checks}: expected a share above the smallest float")

    @property
    def share(self) -> float:
        """Failure probability that each check may spend."""
        return self.total / self.checks


def mean_interval(samples: ArrayLike, *, failure: float, bounds: tuple[float, float] | None = None) -> Interval:
    """Two-sided interval for the mean of independent, identically distributed samples.

    With `bounds` the interval is rigorous for every sample size: Hoeffding's and the empirical Bernstein interval, each
    at failure/2, are intersected with each other and with the bounds. Without them it is Student's t interval, which is
    exact for normal samples and otherwise rests on the central limit theorem: on skewed samples it misses more often
    than it says.

    Arguments
        samples: (n,) finite numbers, n >= 2.
        failure: probability in (0, 1) with which the interval may miss the mean.
        bounds: (lowest, highest) value that a sample can take, known before the samples were drawn.

    Errors raised
        ValueError: a wrong shape, fewer than two samples, a sample not finite or outside the bounds, a bad failure.

    References
        Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58 (1963), Theorem 2.
        Maurer and Pontil, "Empirical Bernstein bounds and sample-variance penalization", COLT 2009, Theorem 4.
    """
    failure = _probability("failure", failure)
    samples = _vector("samples", samples, least=2)
    n = samples.size
    with np.errstate(over="ignore"):  # a variance beyond the largest float makes the interval infinite, which is true
        mean, deviation = float(np.mean(samples)), float(np.std(samples, ddof=1))
    if bounds is None:
        radius = -float(stdtrit(n - 1, failure / 2)) * deviation / math.sqrt(n)
        return Interval(mean - radius, mean + radius, mean, 1 - failure, "Student t (approximate unless normal)")
    low, high = _bounds(bounds, samples)
    radius = min(_hoeffding(n, high - low, failure / 2), _bernstein(n, high - low, deviation, failure / 2))
    mean = min(max(mean, low), high)  # the mean of n equal samples can be rounded past them
    method = "Hoeffding and empirical Bernstein (rigorous)"
    return Interval(max(low, mean - radius), min(high, mean + radius), mean, 1 - failure, method)


def share_interval(successes: int, trials: int, *, failure: float) -> Interval:
    """Two-sided Clopper-Pearson interval for a probability, from `successes` in `trials` independent trials.

    Rigorous for every number of trials: each end misses with probability at most failure/2.

    Arguments
        successes: number of successes, 0 <= successes <= trials.
        trials: number of trials, >= 1.
        failure: probability in (0, 1) with which the interval may miss.

    Errors raised
        ValueError: counts that are not whole or out of range, a bad failure.

    References
        Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934).
    """
    failure = _probability("failure", failure)
    trials = _whole("trials", trials, 1)
    successes = _whole("successes", successes, 0)
    if successes > trials:
        raise ValueError(f"successes={successes}: expected at most trials={trials}")
    # The ends solve P(X >= successes; low) = failure/2 and P(X <= successes; high) = failure/2 for a binomial X.
    low = float(betaincinv(successes, trials - successes + 1, failure / 2)) if successes > 0 else 0.0
    high = float(betainccinv(successes + 1, trials - successes, failure / 2)) if successes < trials else 1.0
    return Interval(low, high, successes / trials, 1 - failure, "Clopper-Pearson (rigorous)")


def fit_slope(x: ArrayLike, y: ArrayLike, *, failure: float, y_error: ArrayLike | None = None) -> Interval:
    """Interval for s in y = c x^s: least-squares slope of log y on log x, with Student's t on n - 2 degrees of freedom.

    The interval speaks of the scatter about a power law, with independent normal errors in log y. It does not know
    whether the points follow a power law at all.

    Arguments
        x, y: (n,) positive finite numbers, n >= 3, with x not all equal.
        failure: probability in (0, 1) with which the interval may miss the slope.
        y_error: (n,) positive errors of y in the units of y, or None for equal errors in log y. They are used as
            relative weights (y / y_error)^2; the size of the errors is always estimated from the scatter.

    Errors raised
        ValueError: shapes that differ, fewer than three points, data not positive and finite, equal x, a bad failure.
    """
    failure = _probability("failure", failure)
    x, y = _positive("x", x, least=3), _positive("y", y, least=3)
    if y.shape != x.shape:
        raise ValueError(f"y has {y.size} values: expected as many as x, {x.size}")
    weights = None
    if y_error is not None:
        y_error = _positive("y_error", y_error, least=3)
        if y_error.shape != y.shape:
            raise ValueError(f"y_error has {y_error.size} values: expected as many as y, {y.size}")
        weights = y / y_error  # 1 / (error of log y), to first order
    log_x = np.log(x)
    if np.ptp(log_x) == 0.0:
        raise ValueError(f"x={x[0]} at every point: expected at least two different values")
    coefficients, covariance = np.polyfit(log_x, np.log(y), 1, w=weights, cov=True)
    slope = float(coefficients[0])
    radius = -float(stdtrit(x.size - 2, failure / 2)) * math.sqrt(covariance[0, 0])
    return Interval(slope - radius, slope + radius, slope, 1 - failure, "log-log least squares")


def _hoeffding(n: int, span: float, failure: float) -> float:
    """Radius r with P(|mean - E| > r) <= failure for n samples in an interval of length `span`."""
    return span * math.sqrt(math.log(2 / failure) / (2 * n))


def _bernstein(n: int, span: float, deviation: float, failure: float) -> float:
    """Radius of the empirical Bernstein interval; `deviation` is the sample standard deviation (ddof=1)."""
    # Theorem 4 is one-sided and costs log(2/δ); with δ = failure/2 on each side that is log(4/failure).
    log_term = math.log(4 / failure)
    return deviation * math.sqrt(2 * log_term / n) + 7 * span * log_term / (3 * (n - 1))


def _bounds(bounds: tuple[float, float], samples: np.ndarray) -> tuple[float, float]:
    """The a-priori bounds as floats, checked against the samples."""
    if not isinstance(bounds, Iterable) or len(pair := tuple(bounds)) != 2:
        raise ValueError(f"bounds={bounds!r}: expected a pair (lowest, highest)")
    low, high = _real("bounds[0]", pair[0]), _real("bounds[1]", pair[1])
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"bounds=({low}, {high}): expected finite numbers with lowest < highest")
    outside = samples[(samples < low) | (samples > high)]
    if outside.size:
        raise ValueError(f"samples hold {outside[0]}: expected every sample inside bounds=({low}, {high})")
    return low, high


def _real(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(value):
        raise ValueError(f"{name}={value!r}: expected a real number")
    return float(value)


def _probability(name: str, value: float) -> float:
    value = _real(name, value)
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name}={value}: expected a probability strictly between 0 and 1")
    return value


def _whole(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r}: expected a whole number >= {least}")
    return int(value)


def _vector(name: str, values: ArrayLike, least: int) -> np.ndarray:
    """`values` as a float64 vector, checked for shape, length and finiteness."""
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected real numbers ({error})") from None
    if vector.ndim != 1 or vector.size < least:
        raise ValueError(f"{name} has shape {vector.shape}: expected one axis with at least {least} values")
    if not np.all(np.isfinite(vector)):
        raise ValueError(f"{name} holds {vector[~np.isfinite(vector)][0]}: expected finite numbers")
    return vector


def _positive(name: str, values: ArrayLike, least: int) -> np.ndarray:
    vector = _vector(name, values, least)
    if np.any(vector <= 0.0):
        raise ValueError(f"{name} holds {vector[vector <= 0.0][0]}: expected positive numbers")
    return vector


def _formatter(numbers: list[float], width: float) -> Callable[[float], str]:
    """A number format that shows two digits of the width and at least four of the largest number."""
    scale = max(abs(x) for x in numbers)
    digits = 4
    if scale > 0.0 and 0.0 < width < math.inf:
        digits = min(max(4, math.ceil(math.log10(scale) - math.log10(width)) + 2), 12)
    if scale == 0.0 or 1e-4 <= scale < 1e6:
        decimals = max(0, digits - 1 - (math.floor(math.log10(scale)) if scale else 0))
        return lambda x: f"{x:.{decimals}f}"
    return lambda x: f"{x:.{digits - 1}e}"
