"""Psychometric curves: the chance of success against a size N, and N50, the size at which it is one half.

    P(success at N) = (1 - lapse) F(b log N - a),    F = Phi ("probit") or 1/(1 + e^-x) ("logit"),  0 <= b <= infinity.

N50 is the size with P = 1/2. Its interval holds every N50 whose likelihood, maximised over the slope b, is not too far
below the best one (profile likelihood): an end is infinite, or zero, where a constant chance of success on that side of
1/2 explains the counts as well, so that data which know no transition promise none. Slopes up to infinity are allowed:
of counts that jump from none to all, every N50 within the jump is as likely, and the interval holds the jump.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_expit, log_ndtr, logit, ndtri, xlog1py, xlogy
from scipy.stats import chi2

from ._check import number, real
from .statistics import Interval

__all__ = ["Curve", "fit_curve"]

Vector = NDArray[np.float64]
Link = Literal["probit", "logit"]

SHARP = 1e9  # of b: times the spacing of the levels, as good as infinite
FAR = 1e3  # of log N50: as good as infinite


@dataclass(frozen=True)
class Curve:
    """A fitted curve; see `fit_curve`.

    Arguments
        sizes: (k,) different sizes N, ascending.   trials, successes: (k,) counts at each.
        n50: the size with an even chance, with its interval; ends may be 0 and infinite.
        slope: b of the most likely curve, per unit of log N; infinite where a jump fits best, 0 where nothing rises.
        link, lapse: of the model.
        best: log-likelihood of the most likely curve, without binomial coefficients.
    """

    sizes: Vector
    trials: Vector
    successes: Vector
    n50: Interval
    slope: float
    link: Link
    lapse: float
    best: float

    def chance(self, sizes: ArrayLike) -> Vector:
        """P(success) of the most likely curve at each size: an array of the same shape."""
        x = np.log(real("sizes", sizes))
        distance = x - math.log(self.n50.estimate)
        with np.errstate(invalid="ignore"):
            z = np.where(distance == 0.0, 0.0, self.slope * distance)
        if self.slope == 0.0:
            return np.full(x.shape, self.successes.sum() / self.trials.sum())
        return np.asarray((1 - self.lapse) * np.exp(_LOG_F[self.link](_middle(self.link, self.lapse) + z)))

    def deviance(self, n50: float) -> float:
        """Twice the log-likelihood that is lost, the slope at its best, where `n50` is imposed; 0 at the estimate
        of a rising curve (a constant chance has no centre: its estimate is one that loses less than the interval)."""
        profile, _ = _profile(self, np.array([math.log(number("n50", n50, above=0.0))]))
        return max(0.0, 2 * (self.best - float(profile[0])))


def fit_curve(
    sizes: ArrayLike,
    trials: ArrayLike,
    successes: ArrayLike,
    *,
    failure: float,
    link: Link = "probit",
    lapse: float = 0.0,
) -> Curve:
    """The most likely curve, and the profile-likelihood interval of its N50.

    The interval rests on Wilks' chi-square limit with one degree of freedom: its coverage is approximate. Sizes may be
    chosen one after another in view of earlier counts; the likelihood is the same.

    Arguments
        sizes: (k,) positive numbers, the same size more than once adds up.
        trials, successes: (k,) whole numbers, 0 <= successes <= trials, at least one trial in all.
        failure: probability in (0, 1) with which the interval may miss.
        link: "probit" or "logit".
        lapse: known share of trials in [0, 1/2) that fail at whatever size.

    Errors raised
        ValueError: wrong shapes or counts, sizes not positive, an unknown link, a bad failure or lapse.

    References
        Wichmann and Hill, "The psychometric function: I. Fitting, sampling, and goodness of fit", Perception &
        Psychophysics 63 (2001).
        Wilks, "The large-sample distribution of the likelihood ratio", Annals of Mathematical Statistics 9 (1938).
    """
    levels, n, k = _counts(sizes, trials, successes)
    failure = number("failure", failure, above=0.0)
    lapse = number("lapse", lapse, least=0.0)
    if failure >= 1.0:
        raise ValueError(f"failure must be less than 1, got {failure}")
    if lapse >= 0.5:
        raise ValueError(f"lapse must be less than 1/2, got {lapse}")
    if link not in _LOG_F:
        raise ValueError(f"link must be 'probit' or 'logit', got {link!r}")
    blank = Curve(levels, n, k, Interval.exact(1.0), 0.0, link, lapse, 0.0)
    drop = float(chi2.isf(failure, 1)) / 2
    centre, slope, best = _peak(blank, drop)
    allowed = best - drop
    low, high = (_end(blank, centre, side, allowed) for side in (-1, 1))
    method = f"profile likelihood ({link}; chi-square limit)"
    estimate = math.exp(centre)
    n50 = Interval(min(math.exp(low), estimate), max(_exp(high), estimate), estimate, 1 - failure, method)
    return Curve(levels, n, k, n50, slope, link, lapse, best)


# The likelihood. Every function below works with t = log N50.

_LOG_F: dict[str, Callable[[Vector], Vector]] = {"probit": log_ndtr, "logit": log_expit}


def _middle(link: str, lapse: float) -> float:
    """Where (1 - lapse) F is one half."""
    share = 0.5 / (1 - lapse)
    return float(ndtri(share) if link == "probit" else logit(share))


def _likelihood(curve: Curve, t: Vector, b: Vector) -> Vector:
    """Log-likelihood (...) of centres t and slopes b (...)."""
    log_f = _LOG_F[curve.link]
    z = _middle(curve.link, curve.lapse) + b[..., None] * (np.log(curve.sizes) - t[..., None])
    fails = curve.trials - curve.successes
    if curve.lapse == 0.0:
        wins, losses = log_f(z), log_f(-z)
    else:
        wins = log_f(z) + math.log1p(-curve.lapse)
        losses = np.log(curve.lapse + (1 - curve.lapse) * np.exp(log_f(-z)))
    total = np.where(curve.successes > 0, curve.successes * wins, 0.0) + np.where(fails > 0, fails * losses, 0.0)
    return np.asarray(total.sum(-1))


def _profile(curve: Curve, t: Vector) -> tuple[Vector, Vector]:
    """For each centre t (k,): the log-likelihood at the best slope, and that slope (k,)."""
    gaps = np.diff(np.log(curve.sizes))
    unit = float(gaps.min()) if gaps.size else 1.0
    # b = tan(angle) / unit; each round looks at 17 angles around the best of the round before
    centre, reach = np.full(t.shape, np.pi / 4), np.pi / 4
    for _ in range(6):
        angles = np.clip(centre[:, None] + reach * np.linspace(-1, 1, 17), 0.0, math.atan(SHARP))
        values = _likelihood(curve, np.broadcast_to(t[:, None], angles.shape), np.tan(angles) / unit)
        best = np.argmax(values, axis=1)[:, None]
        centre, reach = np.take_along_axis(angles, best, 1)[:, 0], reach / 6
    return np.take_along_axis(values, best, 1)[:, 0], np.tan(centre) / unit


def _constant(curve: Curve, side: int) -> float:
    """Log-likelihood of the best constant chance of at most (side = 1) or at least (side = -1) one half.

    It is what the profile tends to as the centre goes to infinity on that side, the slope to zero.
    """
    wins, trials = float(curve.successes.sum()), float(curve.trials.sum())
    share = min(wins / trials, 0.5) if side > 0 else min(max(wins / trials, 0.5), 1 - curve.lapse)
    return float(xlogy(wins, share) + xlog1py(trials - wins, -share))


def _peak(curve: Curve, drop: float) -> tuple[float, float, float]:
    """Centre, slope and log-likelihood of the most likely curve; of equally likely centres the middle one.

    Where no rising curve is better than a constant chance, it is a centre that loses less than `drop`."""
    x = np.log(curve.sizes)
    span = float(np.ptp(x)) + 1.0
    low, high = x[0] - 3 * span, x[-1] + 3 * span
    # Where the counts jump, the profile jumps at the levels themselves.
    beside = np.concatenate([x - 1e-7 * span, x + 1e-7 * span])
    values, grid = np.empty(0), np.empty(0)
    for _ in range(5):
        grid = np.concatenate([np.linspace(low, high, 33), beside])
        values, slopes = _profile(curve, grid)
        top = grid[values >= values.max() - 1e-9]
        step = (high - low) / 32
        low, high = top.min() - step, top.max() + step
    best = float(values.max())
    flat, side = max((_constant(curve, side), side) for side in (1, -1))
    if flat >= best - 1e-9:
        return _beyond(curve, side, flat - drop), 0.0, flat
    centre = float(top.min() + top.max()) / 2
    slope = float(slopes[np.argmax(values)])
    return centre, math.inf if slope * np.min(np.diff(x), initial=1.0) > SHARP / 1e4 else slope, best


def _beyond(curve: Curve, side: int, allowed: float) -> float:
    """Where a constant chance fits best: the first centre from the last level on that is allowed, too."""
    x = np.log(curve.sizes)
    if 2 * curve.successes.sum() == curve.trials.sum():  # both sides are as good: the middle
        return float(x.mean())
    start, step = float(x[-1] if side > 0 else x[0]), 1e-6
    while step < FAR / 2 and _profile(curve, np.array([start + side * step]))[0][0] < allowed:
        step *= 1.5
    return start + side * step


def _end(curve: Curve, centre: float, side: int, allowed: float) -> float:
    """The farthest centre on one side whose profile is still allowed; ±infinity where a constant is."""
    if _constant(curve, side) >= allowed:
        return side * math.inf
    inside, step = centre, 1e-3
    while _profile(curve, np.array([centre + side * step]))[0][0] >= allowed:
        inside, step = centre + side * step, 2 * step
        if step > FAR:
            return side * math.inf
    outside = centre + side * step
    for _ in range(5):
        grid = np.linspace(inside, outside, 34)[1:]
        kept = int(np.argmin(_profile(curve, grid)[0] >= allowed))  # the first that is not; the last one never is
        inside, outside = (grid[kept - 1] if kept else inside), grid[kept]
    return float(outside)


def _counts(sizes: ArrayLike, trials: ArrayLike, successes: ArrayLike) -> tuple[Vector, Vector, Vector]:
    """Checked, added up by size, ascending; sizes without a trial are left out."""
    at, n, k = (real(name, v) for name, v in (("sizes", sizes), ("trials", trials), ("successes", successes)))
    if at.ndim != 1 or n.shape != at.shape or k.shape != at.shape:
        raise ValueError(f"sizes, trials, successes have shapes {at.shape}, {n.shape}, {k.shape}: expected one (k,)")
    if not (np.all(np.isfinite(at)) and np.all(at > 0.0)):
        raise ValueError(f"sizes={at.tolist()}: expected positive numbers")
    whole = np.all(n == np.floor(n)) and np.all(k == np.floor(k))
    if not (whole and np.all(k >= 0) and np.all(k <= n) and np.isfinite(n.sum()) and n.sum() > 0):
        raise ValueError(
            f"trials={n.tolist()}, successes={k.tolist()}: expected whole numbers, 0 <= successes <= trials, not all 0"
        )
    levels, place = np.unique(at[n > 0], return_inverse=True)
    counts = [np.bincount(place, v[n > 0]).astype(np.float64) for v in (n, k)]
    return levels, counts[0], counts[1]


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf
