"""certify(problem, w): how far a point is from being a minimiser, from the point alone, whoever found it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _check
from ._check import Vector
from ._convex import curvature_of_loss, least_norm_solution
from .problems import AbsoluteValue, CustomProblem, Known, LeastSquares, LogisticRegression, Problem
from .problems._base import BY_EIGENVALUES
from .problems.ising import Ising

TOLERANCE = 1e-9  # the gap that an optimum may have, as a share of max(1, |F*|)


@dataclass(frozen=True)
class Certificate:
    """How far a point w is from being a minimiser of F on the domain W, in numbers.

    The multipliers of the faces of a box are the parts of the gradient that push against them, max(g, 0) below and
    max(-g, 0) above. Where F has a kink, g is the subgradient of least norm.

    stationarity: |w - P(w - g)|, P the projection on W; without a box, |g|.
    feasibility: the largest distance of a coordinate from W; 0 inside.
    complementarity: sum of |multiplier * slack| over the faces; 0 without a box.
    gap: a proven bound, F(w) - F* <= gap, up to the rounding of g itself; infinite where nothing is proven.
    how: what the bound rests on.
    """

    stationarity: float
    feasibility: float
    complementarity: float
    gap: float
    how: str

    def accurate(self, value: float) -> bool:
        """Whether w, with F(w) = value, may stand for a minimiser: it lies in W, and gap <= 1e-9 max(1, |value|)."""
        return bool(np.isfinite(value)) and self.feasibility == 0 and self.gap <= TOLERANCE * max(1.0, abs(value))


def certify(problem: Problem, w: Any) -> Certificate:
    """How far w (d,), any point, is from being a minimiser. ValueError for a w of another shape, or not finite."""
    require_problem(problem)
    w = _check.array("w", w, shape=(problem.dim,))
    low, high = problem.box or (-np.inf, np.inf)
    g = _least_subgradient(problem, w)
    outside = np.maximum(np.maximum(low - w, w - high), 0.0)
    complementarity = 0.0 if problem.box is None else float(np.sum(np.abs(g * _slack(g, w, low, high))))
    gap, how = _bound(problem, w, g)
    feasibility = float(outside.max())
    return Certificate(
        stationarity=float(np.linalg.norm(w - np.clip(w - g, low, high))),
        feasibility=feasibility,
        complementarity=complementarity,
        gap=max(gap, 0.0) if feasibility == 0 else gap,  # below 0 by rounding alone; outside W, F may be below F*
        how=how,
    )


def require_problem(problem: Any) -> None:
    if not isinstance(problem, Problem):
        raise ValueError(f"problem must be a problem such as DenseQuadratic(matrix), got {problem!r}")


# --- bounding the gap


def _least_subgradient(problem: Problem, w: Vector) -> Vector:
    g = problem.gradient(w)
    # At the kink the subdifferential [-left, right] holds 0.
    return np.where(w == problem.center, 0.0, g) if isinstance(problem, AbsoluteValue) else g


def _slack(g: Vector, w: Vector, low: float, high: float) -> Vector:
    """The way from w to the face that -g points to; 0 where g is 0."""
    return np.where(g > 0, w - low, np.where(g < 0, w - high, 0.0))


def _bound(problem: Problem, w: Vector, g: Vector) -> tuple[float, str]:
    """(gap, how): F(w) - F* <= gap."""
    if isinstance(problem, AbsoluteValue):
        best = problem.project(problem.center)
        terms = [problem.term(j, w[j]) - problem.term(j, best[j]) for j in range(w.size)]
        return float(np.sum(terms)), "exact: F_j falls up to its kink and rises from there"
    mu, how = strong_convexity(problem)
    if mu > 0:
        return _model_gap(problem, w, g, mu), f"by strong convexity, mu = {mu:.6g} ({how})"
    if isinstance(problem, CustomProblem):
        return np.inf, "not certified: no known mu > 0"
    if isinstance(problem, Ising) and problem.enumerable:
        return float(problem.value(w)) - problem.closed_form()[1], "exact: against all vectors of signs"
    if problem.constants.mu.value < 0:
        return np.inf, "not certified: F is not convex"
    if problem.box is not None:
        return _model_gap(problem, w, g, 0.0), "by convexity in a box (Frank-Wolfe gap)"
    if isinstance(problem, LeastSquares):
        return _least_squares_gap(problem, w)
    if isinstance(problem, LogisticRegression):
        return _logistic_gap(problem, w, g), "by a point of the dual"
    return _model_gap(problem, w, g, 0.0), "by convexity"


def strong_convexity(problem: Problem) -> Known:
    """A mu that holds in spite of rounding; 0 where none is known."""
    if isinstance(problem, CustomProblem) and problem.known is None:
        return Known(0.0, "known was not given")
    mu, how = problem.constants.mu
    if how == BY_EIGENVALUES:
        rows = problem.dim + len(getattr(problem, "X", ()))
        mu = max(mu - rows * np.finfo(float).eps * problem.constants.L.value, getattr(problem, "l2", 0.0))
    return Known(mu, how)


def _model_gap(problem: Problem, w: Vector, g: Vector, mu: float) -> float:
    """F(v) >= F(w) + g.(v - w) + mu/2 |v - w|^2 for all v in W: the right side's least value bounds F*.

    It is |g|^2 / (2 mu) without a box, the Frank-Wolfe gap with mu = 0, and at most either in general.
    """
    low, high = problem.box or (-np.inf, np.inf)
    pushed = g != 0  # 0 * infinity is 0 here
    g, w = g[pushed], w[pushed]
    if not mu > 0:
        return float(np.sum(g * _slack(g, w, low, high)))
    step = np.clip(-g / mu, low - w, high - w)
    return float(np.sum(-step * (g + mu / 2 * step)))


def _least_squares_gap(problem: LeastSquares, w: Vector) -> tuple[float, str]:
    """F(w) - F* = |part of X w - y in the range of X|^2 / (2 N), for X as singular as float64 can tell."""
    u, s, _ = np.linalg.svd(problem.X, full_matrices=False)
    rank = int(np.sum(s > s[0] * max(problem.X.shape) * np.finfo(float).eps))
    part = u[:, :rank].T @ (problem.X @ w - problem.y)
    return float(part @ part) / (2 * len(problem.X)), f"exact, at numerical rank {rank} of d = {problem.dim}"


def _logistic_gap(problem: LogisticRegression, w: Vector, g: Vector) -> float:
    """Without l2: a bound from the dual, max over a in [0, 1]^N with sum_n a_n y_n x_n = 0 of the mean entropy of a_n.

    Let a_n = 1 / (1 + exp(y_n x_n.w)), for which sum a_n y_n x_n = -N g, and a' = a + delta feasible. Then F(w) minus
    the dual value at a' is the mean of KL(a'_n | a_n) <= delta_n^2 / (a_n (1 - a_n)) = t_n^2. The least |t| with
    sum t_n sqrt(a_n (1 - a_n)) y_n x_n = N g gives twice the Newton decrement's estimate, but as a proven bound.
    """
    s = np.sqrt(curvature_of_loss(problem, w))
    rows = (s * problem.y)[:, None] * problem.X
    t = least_norm_solution(rows.T, len(rows) * g)
    a = -problem.y * problem._loss_slope(problem.X @ w) + s * t
    left = np.linalg.norm(problem.X.T @ (problem.y * a))
    feasible = left <= 1e-12 * np.sum(a * np.linalg.norm(problem.X, axis=1)) and a.min() >= 0 and a.max() <= 1
    return float(np.mean(t**2)) if feasible else np.inf
