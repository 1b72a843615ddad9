"""In which sense the soft function becomes the hard one. Symbols: u = beta x, ψ(z) = 1 / (1 + exp(abs(z)))."""

import itertools
from collections.abc import Iterable

import numpy as np
from scipy.special import expit

from ...statistics import Interval
from .._base import Checked, Claim, Role, Theorem
from . import _function
from ._function import EXAMPLES, OUTSIDE, WRONG, FunctionCase, even

GRID = 2001  # points between two biases


class HardLimit(Theorem):
    """Away from the biases the soft function becomes the hard one exponentially fast; at them never.   (qtheory)

    Algorithm: the quantization function of Yang et al. at temperature T (training) and its hard form (inference).
    Assumptions: levels and biases increase; alpha, beta, T > 0. (c): levels and biases are symmetric about zero.
    Statement: (a) The supremum of |soft - hard| over all u at distance >= m from all biases is at most
        W(m) = alpha max_k max(sum_(i<=k) s_i ψ(T (m + b_k - b_i)), sum_(i>=k) s_i ψ(T (m + b_i - b_k)))
        <= alpha sum_i s_i exp(-T m), and at least the first sum of k = n and the second of k = 1, so at least
        alpha max(s_1, s_n) ψ(T m). (b) At the biases it does not vanish: soft(b_k) is within alpha sum_(i != k) s_i
        ψ(T |b_k - b_i|) of the middle of the two values that meet there. (c) The soft function is odd. (d) It increases
        strictly, between the outer values; the hard one does not decrease.
    Kind: upper.
    Status: (a): equality where k = n or k = 1 is the maximum, so for equal steps with equal distances.
    Arguments: the case's function, T, margin; part "margin" is (a), "middle" (b), "odd" (c), "monotone" (d).
        Measured: on a grid that holds the ends of all intervals; (d): minus the least slope.
    Errors raised: none of its own.
    References: derived here, for the function of Yang et al. 2019; proofs/yang2019/hard_limit.md.
    """

    title = "Soft becomes hard exponentially fast away from the biases, never at them"
    source = "qtheory (derived here, for the quantization function of Yang et al. 2019)"
    statement = (
        r"\alpha\max(s_1,s_n)\psi(Tm)\le\sup_{\operatorname{dist}(u,b)\ge m}\lvert Q_T-Q_\infty\rvert\le W(m)"
        r"\le\alpha\sum_is_ie^{-Tm},\quad\psi(z)=\frac1{1+e^{\lvert z\rvert}}"
    )
    figure = "yang2019_quantization_function"

    def assumptions(self, instance: FunctionCase) -> Iterable[Checked]:
        yield Checked("m >= 0", instance.margin >= 0, f"m = {instance.margin:g}")
        if instance.part == "odd":
            yield Checked("levels and biases are symmetric", instance.function.symmetric, f"{instance.function}")

    def claim(self, instance: FunctionCase) -> Claim:
        i, s = instance, instance.function.steps
        if i.claimed == "uniform":  # convergence everywhere
            return _function.resolved(0.0, i.scale / i.T, i)
        if i.part == "margin":
            sides = reach(i)
            return _function.resolved(max(sides[0, -1], sides[1, 0]), float(sides.max()), i)
        if i.part == "middle":
            apart = np.abs(np.subtract.outer(i.biases, i.biases))
            near = expit(-i.T * apart) @ s - s / 2
            return _function.resolved(0.0, i.alpha * float(near.max()), i)
        if i.claimed == "decreasing":
            return Claim(0.0, np.inf)
        return _function.resolved(0.0, 0.0, i) if i.part == "odd" else Claim(-np.inf, 0.0)

    def measure(self, instance: FunctionCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i, b = instance, np.array(instance.biases)
        if i.part == "middle":
            values = i.function.values
            return _found(np.abs(i.soft(b) - (values[1:] + values[:-1]) / 2).max(), i)
        u = points(i)
        if i.part == "odd":
            return _found(np.abs(i.soft(u) + i.soft(-u)).max(), i)
        if i.part == "monotone":
            falls = np.diff(i.hard(u)).min()
            return Interval.exact(-float(min(np.diff(i.soft(u)).min(), i.slope(u).min()) if falls >= 0 else falls))
        sides = ((b + i.margin, i.function.values[1:]), (b - i.margin, i.function.values[:-1]))  # the limits, for m = 0
        ends = [np.abs(i.soft(at) - value)[_clear(at, b, i.margin)] for at, value in sides]
        inside = u[_clear(u, b, i.margin)]
        return _found(np.concatenate([*ends, np.abs(i.soft(inside) - i.hard(inside))]).max(), i)

    def instances(self, scale: str = "quick") -> Iterable[FunctionCase]:
        for name, function in EXAMPLES:
            for T, margin in ((10.0, 0.3), (50.0, 0.2), (100.0, 0.03)):
                of: dict = {"T": T, **function}
                yield FunctionCase(name=f"{name}, T = {T:g}, m = {margin:g}", part="margin", margin=margin, **of)
                yield FunctionCase(name=f"{name}, T = {T:g}, middles", part="middle", **of)
            yield FunctionCase(name=f"{name}, increasing", part="monotone", T=8.0, **function)
            yield FunctionCase(name=f"{name}, m = 0", part="margin", T=50.0, role=Role.EDGE, **function)
        for T in (0.1, 7.0, 300.0):
            yield FunctionCase(name=f"odd, T = {T:g}", part="odd", T=T, **EXAMPLES[2][1])
        yield FunctionCase(name="equal steps", part="margin", T=20.0, margin=0.3, role=Role.EDGE, **even(7))
        yield FunctionCase(name="uniform convergence", part="margin", T=100.0, claimed="uniform", **even(3), **WRONG)
        yield FunctionCase(name="claimed decreasing", part="monotone", claimed="decreasing", **even(3), **WRONG)
        yield FunctionCase(name="1% less", part="margin", T=20.0, margin=0.3, planted=0.99, **even(1), **WRONG)
        yield FunctionCase(name="not symmetric", part="odd", **EXAMPLES[3][1], **OUTSIDE)
        yield FunctionCase(name="a negative margin", part="margin", margin=-0.1, **OUTSIDE)


def reach(case: FunctionCase) -> np.ndarray:
    """(2, n) the sums in W(m), alpha included: over i <= k, and over i >= k."""
    s, b = case.function.steps, np.array(case.biases)
    apart = b[:, None] - b[None, :]  # b_k - b_i
    near = expit(-case.T * (case.margin + np.abs(apart)))
    return case.alpha * np.array([np.where(apart >= 0, near, 0.0) @ s, np.where(apart <= 0, near, 0.0) @ s])


def points(case: FunctionCase) -> np.ndarray:
    """A grid over the biases and 20/T beyond, symmetric where they are, and where the soft function still moves."""
    b = case.biases
    cuts = [b[0] - 20 / case.T, *b, b[-1] + 20 / case.T]
    if case.part == "monotone":  # farther out, or far between biases, floats stand still
        near = np.linspace(-15 / case.T, 15 / case.T, GRID)
        return np.unique(np.concatenate([near + x for x in b]).round(9))
    return np.unique(np.concatenate([np.linspace(x, y, GRID) for x, y in itertools.pairwise(cuts)]))


def _clear(u: np.ndarray, biases: np.ndarray, margin: float) -> np.ndarray:
    """Which u have no bias within the margin."""
    return (np.abs(u[:, None] - biases) >= margin * (1 - 1e-12)).all(axis=1)


def _found(value: float, case: FunctionCase) -> Interval:
    return Interval.exact(float(value), _function.RESOLUTION * case.scale / 2)


THEOREM = HardLimit()
