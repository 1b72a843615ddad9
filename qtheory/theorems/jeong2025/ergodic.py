"""The averaged signs. Symbols: epsilon_0, y, T_0 as in _finite; J_k the wrong times of k in a window of T steps."""

from collections.abc import Iterable

import numpy as np

from ...statistics import Interval
from .._base import Checked, Claim, Theorem
from . import _finite
from ._finite import OUTSIDE, WRONG, FiniteCase

LEVEL = 0.5  # of epsilon_0, for which the number of samples is stated
# (n, delta, data sets) of the statement with probability 1 - delta
SIZES = {"quick": ((6, 0.5, 40),), "full": ((6, 0.5, 40), (8, 0.1, 240), (10, 0.5, 40))}


class Ergodic(Theorem):
    """With order n² samples the sign of the time average is the teacher, from every start.   (derived here)

    Algorithm: u <- u - η g(q), q = sign(u), with the full-batch coarse gradient g, any step η > 0.
    Assumptions: (a), on a given data set: ε_0 < 2, found by enumeration; "sign": ε_0 < 1 and T > 2 / (1 - ε_0).
        (b): Gaussian rows, no label noise, identity (a = 1) or ReLU (a = 1/2), and N >= 60 κ_v² n x / a (identity: or
        171 n x), x = n ln 2 + ln(n/δ), κ_v = |v|_1² / |v|_2².
    Statement: (a) in any window of T steps after T_0 the share of steps at which k is wrong is at most ε_0/2 + 1/T, and
        in [0, T) at most ε_0/2 + (1 + y_k(0)^-/2) / T; so the sign of the average is w*. (b) With probability at least
        1 - δ over the data ε_0 <= 1/2: shares of at most 1/4 + 1/T, from all starts and with all steps at once.
    Kind: upper.
    Status: (a) tight: a constant push attains ε_0/2. (b) probably loose: simulated data need far fewer samples.
    Arguments: the case's data and starts. Measured, by `quantity`: "share", the largest share after T_0; "start", the
        largest one from 0, in units of its bound; "sign", how many signs of averages are wrong; "probability", of
        ε_0 > 1/2 (over `stricter`), from `trials` data sets.
    Errors raised: none of its own.
    References: Jeong, Xin, Yin, Beyond Discreteness (2025), arXiv:2505.18113, its second version titled Sample
        Complexity Analysis of Straight-Through Estimator for 1-bit Quantization, for the setting; exponent 2 at second
        hand, the text was not at hand; proofs/jeong2025/ergodic.md.
    """

    title = "Order n^2 samples: the averaged signs are the teacher's"
    source = "qtheory (derived here); exponent 2 as reported second-hand of Jeong, Xin, Yin (2025)"
    statement = (
        r"\frac{J_k}{T}\le\frac{\varepsilon_0}2+\frac1T;\quad "
        r"N\ge60\,\tfrac{\kappa_v^2}a\,n\,(n\ln2+\ln\tfrac n\delta)\Rightarrow P(\varepsilon_0\gt\tfrac12)\le\delta"
    )
    figure = "jeong2025_sample_complexity"

    def assumptions(self, instance: FiniteCase) -> Iterable[Checked]:
        yield _finite.enumerable(instance)
        yield _finite.has_speed(instance)
        if instance.quantity == "probability":
            yield from _finite.enough(instance, _finite.samples_ergodic)
            return
        e0 = instance.pushes.epsilon_0
        yield _finite.below("epsilon_0", 1.0 if instance.quantity == "sign" else 2.0, e0)
        if instance.quantity == "sign":
            least = 2 / (1 - e0)
            yield Checked("T > 2 / (1 - epsilon_0)", instance.steps > least, f"T = {instance.steps}, {least:.4g}")

    def claim(self, instance: FiniteCase) -> Claim:
        if instance.quantity == "probability":
            return Claim(0.0, instance.delta)
        if instance.quantity == "share":
            return Claim(0.0, instance.pushes.epsilon_0 / 2 + 1 / instance.steps)
        return Claim(0.0, 1.0 if instance.quantity == "start" else 0.0)

    def measure(self, instance: FiniteCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i = instance
        if i.quantity == "probability":
            return _finite.failing(i, lambda found: found.epsilon_0 > LEVEL / i.stricter, seed, failure)
        burn = 0 if i.quantity == "start" else int(i.settled.max())
        wrong = i.steps - i.problem.teacher * i.follow(burn + i.steps, burn=burn).total  # twice J
        if i.quantity == "sign":
            return Interval.exact(float((wrong >= i.steps).sum()))
        share = wrong / (2 * i.steps)
        if i.quantity == "share":
            return Interval.exact(float(share.max()))
        bound = i.pushes.epsilon_0 / 2 + (1 + np.maximum(-i.y0, 0.0) / 2) / i.steps
        return Interval.exact(float((share / bound).max()), _finite.ROUNDING)

    def instances(self, scale: str = "quick") -> Iterable[FiniteCase]:
        for quantity in ("share", "start", "sign"):
            yield from _finite.families(quantity)
        few: dict = {"label_noise": 1.0, "samples": 120, "steps": 5000}
        yield FiniteCase(name="few samples, much noise, share", quantity="share", **few)
        yield FiniteCase(name="few samples, much noise, sign", quantity="sign", data_seed=2, **few)
        yield FiniteCase(name="clipped, s = 0.2, share", quantity="share", ste="clipped", s=0.2, samples=4000)
        for n, delta, trials in SIZES[scale]:
            yield from _finite.typical(_finite.samples_ergodic, n, delta, trials)
        yield from _finite.atypical(_finite.samples_ergodic)
        yield FiniteCase(name="a tenth of the share", quantity="share", planted=0.1, **few, **WRONG)
        yield FiniteCase(name="a tenth of it, start", quantity="start", size=20.0, planted=0.1, **WRONG)
        yield FiniteCase(name="epsilon_0 > 2", quantity="share", n=10, samples=15, **OUTSIDE)
        yield FiniteCase(name="epsilon_0 > 1", quantity="sign", n=10, samples=40, **OUTSIDE)
        yield FiniteCase(name="a window that is too short", quantity="sign", steps=2, **OUTSIDE)
        yield FiniteCase(name="clipped without an s", quantity="share", ste="clipped", **OUTSIDE)


THEOREM = Ergodic()
