"""How often a sign is wrong. Symbols: epsilon, epsilon_0, y, T_0 as in _finite; J_k[a, b): wrong times of k."""

import math
from collections.abc import Iterable

import numpy as np

from ...statistics import Interval
from .._base import Checked, Claim, Theorem
from . import _finite
from ._finite import OUTSIDE, WRONG, FiniteCase


class Visits(Theorem):
    """A sign is wrong at most once more than half of the noise that pushes it there.   (qtheory)

    Algorithm: u <- u - η g(q), q = sign(u), sign(0) = +1, with the full-batch coarse gradient g, any step η > 0.
    Assumptions: none on the data: any features, label noise, estimator and any s > 0. ε_0 < 2 for (b) and (c).
    Statement: with y_k = w*_k u_k / (η s) and ε_k(q) = -w*_k (g_k(q) - s (q - w*)_k) / s, (a) J_k[a, b) <=
        1 + (y_k(a)^- + sum of ε_k(q_t)^- over a <= t <= b - 2) / 2; (b) every k is right at some time <= T_0 =
        floor(max_k y_k(0)^- / (2 - ε_0)) + 1, and y_k >= -ε_0 from then on; (c) later visits to the wrong side last at
        most ceil(ε_0 / (2 - ε_0)) steps.
    Kind: upper.
    Status: tight: a constant push attains (a) up to one visit, and (c).
    Arguments: the case's data and starts. Measured, by `quantity`: "count", the largest (J_k - 1) / (half of the noise)
        over starts, k and windows; "first", the largest (first right time) / T_0; "floor", the largest -y_k / ε_0 from
        that time on; "stay", the longest later visit.
    Errors raised: none of its own.
    References: derived here, for the setting of Jeong, Xin, Yin (2025), arXiv:2505.18113, whose full text was not at
        hand; proofs/jeong2025/visits.md.
    """

    title = "A sign is wrong at most once more than half the noise that pushes it"
    source = "qtheory (derived here)"
    statement = r"J_k[a,b)\le1+\tfrac12\Bigl(y_k(a)^-+\sum_{t=a}^{b-2}\varepsilon_k(q_t)^-\Bigr)"
    figure = "jeong2025_sample_complexity"

    def assumptions(self, instance: FiniteCase) -> Iterable[Checked]:
        yield _finite.enumerable(instance)
        yield _finite.has_speed(instance)
        if instance.quantity != "count":
            yield _finite.below("epsilon_0", 2.0, instance.pushes.epsilon_0)

    def claim(self, instance: FiniteCase) -> Claim:
        if instance.quantity != "stay":
            return Claim(-math.inf, 1.0)
        e0 = instance.pushes.epsilon_0
        return Claim(-math.inf, float(math.ceil(e0 / (2 - e0))))

    def measure(self, instance: FiniteCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        wrong, epsilon, y = history(instance)
        if instance.quantity == "count":
            return Interval.exact(counted(wrong, epsilon, y), _finite.ROUNDING)
        first = np.argmin(wrong, axis=1)  # (starts, n): the first right time; there is one by (b), or else 0
        first = np.where(wrong.all(axis=1), wrong.shape[1], first)
        if instance.quantity == "first":
            return Interval.exact(float((first / instance.settled[:, None]).max()))
        later = np.arange(wrong.shape[1])[None, :, None] >= first[:, None]
        if instance.quantity == "floor":
            lowest = float(np.where(later, -y, 0.0).max())
            return Interval.exact(lowest / instance.pushes.epsilon_0, _finite.ROUNDING)
        return Interval.exact(float(longest(wrong & later)))

    def instances(self, scale: str = "quick") -> Iterable[FiniteCase]:
        for quantity in ("count", "first", "floor", "stay"):
            yield from _finite.families(quantity)
        yield FiniteCase(name="clipped, any s, count", quantity="count", ste="clipped", s=0.1, samples=300)
        yield FiniteCase(name="few samples, epsilon_0 > 2, count", quantity="count", n=10, samples=15)
        if scale == "full":
            for n in (10, 12):
                yield FiniteCase(name=f"n = {n}, count", quantity="count", n=n, samples=200, steps=2000, starts=200)
        yield FiniteCase(name="half of it, count", quantity="count", size=20.0, planted=0.5, **WRONG)
        yield FiniteCase(name="half of it, first", quantity="first", size=20.0, planted=0.5, **WRONG)
        yield FiniteCase(name="a tenth of it, floor", quantity="floor", samples=400, planted=0.1, **WRONG)
        yield FiniteCase(
            name="no later visit, stay", quantity="stay", samples=900, label_noise=1.0, planted=0.0, **WRONG
        )
        yield FiniteCase(name="epsilon_0 > 2, stay", quantity="stay", n=10, samples=15, **OUTSIDE)
        yield FiniteCase(name="clipped without an s", quantity="count", ste="clipped", **OUTSIDE)
        yield FiniteCase(name="too many vertices", quantity="count", n=15, samples=50, **OUTSIDE)


def history(case: FiniteCase) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(starts, T, n): whether k is wrong at t; ε_k(q_t); y_k(t). T: the case's steps, after T_0 where that exists."""
    known = case.pushes
    steps = case.steps + (int(case.settled.max()) if known.epsilon_0 < 2 else 0)
    rows = _finite.rows_on(case.follow(steps, paths=True), steps)
    wrong = _finite.vertices(case.n)[rows] != case.problem.teacher
    epsilon = known.epsilon[rows]
    moves = np.cumsum(2 * wrong + epsilon, axis=1)
    y = case.y0[:, None] + np.concatenate([np.zeros_like(moves[:, :1]), moves[:, :-1]], axis=1)
    return wrong, epsilon, y


def counted(wrong: np.ndarray, epsilon: np.ndarray, y: np.ndarray, windows: int = 12) -> float:
    """The largest (J_k[a, b) - 1) / ((y_k(a)^- + noise) / 2), over some a and all b > a; 0 where no J_k exceeds 1."""
    away, worst = np.maximum(-epsilon, 0.0), 0.0
    for a in np.unique(np.linspace(0, wrong.shape[1] - 2, windows).astype(int)):
        again = np.cumsum(wrong[:, a:], axis=1)[:, 1:] - 1
        noise = np.maximum(-y[:, a : a + 1], 0.0) + np.cumsum(away[:, a:-1], axis=1)
        found = again > 0
        if found.any():
            worst = max(worst, float((2 * again[found] / np.maximum(noise[found], 1e-300)).max()))
    return worst


def longest(wrong: np.ndarray) -> int:
    """The longest run of True along axis 1."""
    run, most = np.zeros(wrong.shape[::2], int), 0
    for t in range(wrong.shape[1]):
        run = (run + 1) * wrong[:, t]
        most = max(most, int(run.max()))
    return most


THEOREM = Visits()
