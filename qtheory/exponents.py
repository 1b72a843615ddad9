"""Exponents of power laws between quantities that are known up to intervals: local, and of the best line.

y = C x^exponent
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from ._check import number, real
from .statistics import Interval

__all__ = ["PowerLaw", "local_exponent", "power_law"]


@dataclass(frozen=True)
class PowerLaw:
    """A fitted power law y = C x^exponent; see `power_law`.

    Arguments
        exponent: with its interval.   log_factor: log C.   points: number of values that it rests on.
        misfit: weighted sum of squares about the line over its degrees of freedom; about 1 where a power law and the
            intervals explain the values, NaN for two points.
    """

    exponent: Interval
    log_factor: float
    points: int
    misfit: float


def local_exponent(x: Sequence[float], y: Sequence[Interval]) -> Interval:
    """Interval for log(y2/y1) / log(x2/x1), from two independent intervals of positive quantities.

    The ends combine the distances from the estimates to the ends in squares (Zou and Donner's MOVER, on logarithms), so
    that intervals that are not symmetric, or not bounded, are carried through. Its confidence is the lesser of the two.

    Errors raised: ValueError unless there are two different positive x, and two y with positive estimates.

    References: Zou and Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27
    (2008).
    """
    if len(x) != 2 or len(y) != 2 or not (min(x) > 0.0 and x[0] != x[1]):
        raise ValueError(f"x={list(x)!r}, y of length {len(y)}: expected two different positive x, and two y")
    (first, second), run = (y if x[1] > x[0] else tuple(y)[::-1]), abs(math.log(x[1] / x[0]))
    (a, a_low, a_high), (b, b_low, b_high) = _logs(first), _logs(second)
    low, high = b - a - math.hypot(b - b_low, a_high - a), b - a + math.hypot(b_high - b, a - a_low)
    confidence = min(first.confidence, second.confidence)
    return Interval(low / run, high / run, (b - a) / run, confidence, "combined distances to the ends, on logarithms")


def power_law(x: ArrayLike, y: Sequence[Interval], *, failure: float) -> PowerLaw:
    """Weighted least squares of log y on log x: the exponent with its interval, and how well a power law fits.

    Weights come from the widths of the intervals; values whose interval is not bounded away from 0 and infinity, or has
    no width (an exact value has no weight), are left out. The normal interval is widened by sqrt(misfit) where that
    exceeds 1 (Birge's ratio). It speaks of the best line, and does not turn a curve into one.

    Arguments
        x: (k,) positive numbers.   y: k independent intervals of positive quantities.
        failure: probability in (0, 1) with which the interval may miss.

    Errors raised: ValueError for other shapes and numbers, and where fewer than two different x are left.
    """
    at = real("x", x)
    if at.shape != (len(y),) or not np.all((at > 0.0) & np.isfinite(at)):
        raise ValueError(f"x={at.tolist()}: expected {len(y)} positive numbers, one for each y")
    failure = number("failure", failure, above=0.0)
    if failure >= 1.0:
        raise ValueError(f"failure must be less than 1, got {failure}")
    used = [i for i, v in enumerate(y) if 0.0 < v.low < v.high < math.inf]
    if len({at[i] for i in used}) < 2:
        raise ValueError(f"y has {len(used)} intervals with 0 < low < high < infinity: expected two, at different x")
    log_x = np.log(at[used])
    log_y = np.log([y[i].estimate for i in used])
    error = np.array([math.log(y[i].high / y[i].low) / -2 / ndtri((1 - y[i].confidence) / 2) for i in used])
    weight = error**-2 / np.sum(error**-2)
    centre_x, centre_y = weight @ log_x, weight @ log_y
    spread = np.sum(((log_x - centre_x) / error) ** 2)
    slope = float(np.sum((log_x - centre_x) * (log_y - centre_y) / error**2) / spread)
    squares = float(np.sum(((log_y - centre_y - slope * (log_x - centre_x)) / error) ** 2))
    misfit = squares / (len(used) - 2) if len(used) > 2 else math.nan
    radius = float(-ndtri(failure / 2)) * math.sqrt(max(1.0, misfit if len(used) > 2 else 1.0) / spread)
    exponent = Interval(slope - radius, slope + radius, slope, 1 - failure, "weighted least squares on logarithms")
    return PowerLaw(exponent, float(centre_y - slope * centre_x), len(used), misfit)


def _logs(y: Interval) -> tuple[float, float, float]:
    """Logarithms of estimate, low and high."""
    if not y.estimate > 0.0:
        raise ValueError(f"y holds {y}: expected intervals of a positive quantity")
    return math.log(y.estimate), math.log(y.low) if y.low > 0.0 else -math.inf, math.log(y.high)
