"""The last iterate, by wrong shares that sum to less than one. Symbols: epsilon_0, y, T_0 as in _finite."""

from collections.abc import Iterable

import numpy as np

from ...statistics import Interval
from .._base import Checked, Claim, Theorem
from . import _finite
from ._finite import OUTSIDE, ROUNDING, WRONG, FiniteCase

# (n, delta, data sets) of the statement with probability 1 - delta
SIZES = {"quick": ((5, 0.5, 40),), "full": ((5, 0.1, 240), (6, 0.5, 40), (7, 0.5, 40))}


class LastIterateSimple(Theorem):
    """With order n⁴ samples the teacher itself is reached, from every start.   (derived here)

    Algorithm: u <- u - η g(q), q = sign(u), with the full-batch coarse gradient g, any step η > 0.
    Assumptions: (a), on a given data set: ε_0 < 2/n, found by enumeration. (b): Gaussian rows, no label noise, identity
        (a = 1) or ReLU (a = 1/2), and N >= 18 κ_v² n³ x / a (identity: or 48 n³ x), x = n ln 2 + ln(n/δ).
    Statement: (a) q_t = w* for some t <= T_0 + floor(2n / (2 - n ε_0)); without label noise it stays. (b) With
        probability at least 1 - δ over the data ε_0 <= 1/n, and w* is reached by T_0 + 2n, from all starts and with all
        steps at once.
    Kind: upper.
    Status: superseded by jeong2025/last_iterate, which needs order n^(5/2); kept for its exponent.
    Arguments: the case's data and starts. Measured, by `quantity`: "hit", the largest time at which w* is reached (for
        good, without label noise), in units of its bound; "probability", of ε_0 > 1/n (over `stricter`), from `trials`
        data sets.
    Errors raised: none of its own.
    References: Jeong, Xin, Yin, Beyond Discreteness (2025), arXiv:2505.18113, its second version titled Sample
        Complexity Analysis of Straight-Through Estimator for 1-bit Quantization, for the setting; exponent 4 at second
        hand, the text was not at hand; proofs/jeong2025/last_iterate_simple.md.
    """

    title = "Order n^4 samples: the teacher is reached (simple)"
    source = "qtheory (derived here); exponent 4 as reported second-hand of Jeong, Xin, Yin (2025)"
    statement = (
        r"\varepsilon_0\lt\tfrac2n\Rightarrow q_t=w^\star\text{ by }T_0+"
        r"\Bigl\lfloor\frac{2n}{2-n\varepsilon_0}\Bigr\rfloor;\quad "
        r"N\ge18\,\tfrac{\kappa_v^2}a\,n^3(n\ln2+\ln\tfrac n\delta)\Rightarrow P(\varepsilon_0\gt\tfrac1n)\le\delta"
    )
    figure = "jeong2025_sample_complexity"

    def assumptions(self, instance: FiniteCase) -> Iterable[Checked]:
        yield _finite.enumerable(instance)
        yield _finite.has_speed(instance)
        if instance.quantity == "probability":
            yield from _finite.enough(instance, _finite.samples_simple)
        else:
            yield _finite.below("epsilon_0", 2 / instance.n, instance.pushes.epsilon_0)

    def claim(self, instance: FiniteCase) -> Claim:
        return Claim(0.0, instance.delta if instance.quantity == "probability" else 1.0)

    def measure(self, instance: FiniteCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i = instance
        if i.quantity == "probability":
            return _finite.failing(i, lambda found: found.epsilon_0 > 1 / (i.n * i.stricter), seed, failure)
        return _finite.first_visits(i, i.settled + np.floor(2 * i.n / (2 - i.n * i.pushes.epsilon_0) + ROUNDING))

    def instances(self, scale: str = "quick") -> Iterable[FiniteCase]:
        yield from _finite.families("hit", scale=8)
        yield FiniteCase(name="epsilon_0 close to 2/n", quantity="hit", samples=950, starts=500)
        for n, delta, trials in SIZES[scale]:
            yield from _finite.typical(_finite.samples_simple, n, delta, trials)
        yield from _finite.atypical(_finite.samples_simple)
        yield FiniteCase(name="no step", quantity="hit", samples=5000, planted=0.0, **WRONG)
        yield FiniteCase(name="a tenth of the time", quantity="hit", samples=5000, planted=0.1, **WRONG)
        yield FiniteCase(name="epsilon_0 > 2/n", quantity="hit", samples=100, **OUTSIDE)
        yield FiniteCase(name="clipped without an s", quantity="hit", ste="clipped", **OUTSIDE)


THEOREM = LastIterateSimple()
