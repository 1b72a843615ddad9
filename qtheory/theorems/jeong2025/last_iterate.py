"""The last iterate, by pushes that few wrong signs cause. Symbols: epsilon, epsilon_0, beta, y, T_0 as in _finite."""

from collections.abc import Iterable

import numpy as np

from ...statistics import Interval
from .._base import Checked, Claim, Theorem
from . import _finite
from ._finite import OUTSIDE, ROUNDING, WRONG, FiniteCase

# (n, delta, data sets) of the statement with probability 1 - delta
SIZES = {"quick": ((6, 0.5, 40),), "full": ((6, 0.1, 240), (8, 0.5, 40), (10, 0.5, 40))}


class LastIterate(Theorem):
    """With order n^(5/2) samples the teacher itself is reached, from every start.   (qtheory)

    Algorithm: u <- u - η g(q), q = sign(u), with the full-batch coarse gradient g, any step η > 0.
    Assumptions: (a), on a given data set: β < 2, β = max over q != w* of (sum of ε_k(q)^-) / d(q), found by
        enumeration; "settled": ε_0 < 2 too. (b): Gaussian rows, no label noise, identity (a = 1) or ReLU (a = 1/2),
        and N >= 30 κ_v² n^(3/2) x' / a (identity: or 87 n^(3/2) x'), x' = n ln 2 + ln(n²/δ).
    Statement: (a) q_t = w* for some t <= floor((2n + sum of y_k(0)^-) / (2 - β)), and for some t <=
        T_0 + floor((2 + ε_0) n / (2 - β)); without label noise it stays. (b) With probability at least 1 - δ over the
        data β <= 1; with 1 - 2δ also ε_0 <= 1, and w* is reached by T_0 + 3n, from all starts and with all steps.
    Kind: upper.
    Status: (a) tight in β < 2: at β = 2 there are pushes for which w* is never reached. (b) probably loose: simulated
        thresholds grow with exponents between 2 and 5/2.
    Arguments: the case's data and starts. Measured, by `quantity`: "hit" and "settled", the largest time at which w* is
        reached (for good, without label noise), in units of the first and of the second bound; "probability", of β > 1,
        and "both", of β > 1 or ε_0 > 1 (1 over `stricter`), from `trials` data sets.
    Errors raised: none of its own.
    References: derived here, for the setting of Jeong, Xin, Yin (2025), arXiv:2505.18113, whose full text was not at
        hand; proofs/jeong2025/last_iterate.md.
    """

    title = "Order n^(5/2) samples: the teacher is reached"
    source = "qtheory (derived here)"
    statement = (
        r"\sum_k\varepsilon_k(q)^-\le\beta d(q),\ \beta\lt2\Rightarrow q_t=w^\star\text{ by }"
        r"\Bigl\lfloor\frac{2n+\sum_ky_k(0)^-}{2-\beta}\Bigr\rfloor;\quad "
        r"N\ge30\,\tfrac{\kappa_v^2}a\,n^{3/2}(n\ln2+\ln\tfrac{n^2}\delta)\Rightarrow P(\beta\gt1)\le\delta"
    )
    figure = "jeong2025_sample_complexity"

    def assumptions(self, instance: FiniteCase) -> Iterable[Checked]:
        yield _finite.enumerable(instance)
        yield _finite.has_speed(instance)
        if instance.quantity in ("probability", "both"):
            yield from _finite.enough(instance, _finite.samples_last)
            return
        yield _finite.below("beta", 2.0, instance.pushes.beta)
        if instance.quantity == "settled":
            yield _finite.below("epsilon_0", 2.0, instance.pushes.epsilon_0)

    def claim(self, instance: FiniteCase) -> Claim:
        if instance.quantity in ("hit", "settled"):
            return Claim(0.0, 1.0)
        return Claim(0.0, instance.delta * (2 if instance.quantity == "both" else 1))

    def measure(self, instance: FiniteCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i = instance
        if i.quantity == "probability":
            return _finite.failing(i, lambda found: found.beta > 1 / i.stricter, seed, failure)
        if i.quantity == "both":
            return _finite.failing(i, lambda found: max(found.beta, found.epsilon_0) > 1 / i.stricter, seed, failure)
        return _finite.first_visits(i, latest(i))

    def instances(self, scale: str = "quick") -> Iterable[FiniteCase]:
        for quantity in ("hit", "settled"):
            yield from _finite.families(quantity)
            yield FiniteCase(name=f"beta close to 2, {quantity}", quantity=quantity, n=8, samples=190, starts=500)
        for n, delta, trials in SIZES[scale]:
            yield from _finite.typical(_finite.samples_last, n, delta, trials)
        yield from _finite.atypical(_finite.samples_last)
        both: dict = {"samples": _finite.samples_last(6, 0.25), "delta": 0.25, "trials": 40}
        yield FiniteCase(name="beta and epsilon_0, N as asked for", quantity="both", **both)
        yield FiniteCase(name="no step", quantity="hit", planted=0.0, **WRONG)
        yield FiniteCase(name="a tenth of the time", quantity="settled", planted=0.1, **WRONG)
        yield FiniteCase(name="beta > 2", quantity="hit", n=10, samples=60, **OUTSIDE)
        yield FiniteCase(name="clipped without an s", quantity="hit", ste="clipped", **OUTSIDE)


def latest(case: FiniteCase) -> np.ndarray:
    """(starts,) the bound on the time: the first, or for quantity "settled" the second."""
    found = case.pushes
    if case.quantity == "settled":
        return case.settled + np.floor((2 + found.epsilon_0) * case.n / (2 - found.beta) + ROUNDING)
    return np.floor((2 * case.n + np.maximum(-case.y0, 0.0).sum(axis=1)) / (2 - found.beta) + ROUNDING)


THEOREM = LastIterate()
