"""What the theorems on twin runs share: the cases, the assumptions on an estimator, and the runs.

    g    estimator: the backward pass hands on g(w) h          α    harmonic mean of g over a bin
    M    mirror map, M' = α / g, fixing every boundary         Λ    Lipschitz constant of g on all of R
    λ    Lipschitz constant of log g                           H    bound of |h|
    φ    φ(x) = -log(1 - x) - x                                X    Λ η H
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...statistics import Interval
from ...surrogates import DSQ, EWGS, BinaryTanh, Clipped, Levels, Surrogate
from ...twins import Adam, Drawn, Momentum, Pair, twins
from .._base import Case, Checked, Claim
from ._estimators import Tent, Wave, steepest, width
from ._steps import OUTSIDE, WRONG, phi

RESOLUTION = 1e-5  # of upper bounds that are attained, relative
PLAIN = Momentum(0.0)  # SGD
UNIT = float(np.finfo(float).eps)
TWO_BITS = Levels.uniform(2)
SHARP = DSQ(TWO_BITS, k=6.5)  # the estimator of the authors' public experiment code at two bits
TENT = Tent(TWO_BITS, steep=0.9 * 2 / width(TWO_BITS))  # Λ = 2.7, from 1 down to 0.1
STRANGERS: dict = {  # estimators outside the assumptions
    "EWGS": EWGS(TWO_BITS, strength=0.5),
    "a clipped estimator": Clipped(TWO_BITS),
    "a single bump": BinaryTanh(Levels([-1.0, 1.0]), k=2.0),
}


@dataclass(frozen=True, kw_only=True)
class TwinCase(Case):
    """An estimator, and gradients that both runs share.

    Arguments
        name, role, expected, trials, planted: see Case.
        surrogate: the estimator.   rate: η.   steps: T.   coordinates: independent weights, started evenly over two
            bins, or all at `start`.   rule: optimizer.
        law, deviation, drift: h = mean + deviation * noise (see `qtheory.twins.Drawn`), means evenly in ±drift; where
            law is "constant", h = deviation.
        wrong: for controls: "rate" (α is left out), "alpha" (α is 5% too large), "start" (M is left out), "both".
    """

    surrogate: Surrogate = SHARP
    rate: float = 1e-3
    steps: int = 1000
    coordinates: int = 64
    start: float | None = None
    rule: Momentum | Adam = PLAIN
    law: str = "sign"
    deviation: float = 0.7
    drift: float = 0.3
    wrong: str = ""

    @property
    def H(self) -> float:
        """The largest |h|, infinite for normal noise."""
        drift = 0.0 if self.law in ("constant", "alternating") else self.drift
        return math.inf if self.law == "normal" else drift + self.deviation

    @property
    def X(self) -> float:
        """Λ η H."""
        return float(self.surrogate.lipschitz) * self.rate * self.H

    @property
    def weights(self) -> np.ndarray:
        """(n,) where they start."""
        if self.start is not None:
            return np.full(self.coordinates, self.start)
        low, gap = float(self.surrogate.levels.boundaries[0]), float(self.surrogate.levels.gaps[0])
        return low + gap * (2 * (np.arange(self.coordinates) + 0.5) / self.coordinates - 1)

    def source(self, seed: int) -> Drawn:
        """Of h."""
        if self.law in ("constant", "alternating"):
            mean = np.full(self.coordinates, self.deviation * (self.law == "constant"))
            return Drawn(tuple(mean), 0.0 if self.law == "constant" else self.deviation, "alternating")
        place = (np.arange(self.coordinates) * 0.6180339887498949) % 1  # not in step with the starts
        return Drawn(tuple(self.drift * (2 * place - 1)), self.deviation, self.law, seed)

    def run(self, seed: int, **more: Any) -> Pair:
        """The two runs."""
        if self.wrong in ("start", "both"):
            more["mirror"] = False
        if self.wrong in ("rate", "both", "alpha"):
            more["ratio"] = 1.05 * self.surrogate.alpha if self.wrong == "alpha" else 1.0
        arguments = {"rate": self.rate, "steps": self.steps, "rule": self.rule, **more}
        return twins(self.surrogate, self.weights, self.source(seed), **arguments)

    def at(self, **changes: Any) -> "TwinCase":
        """The same with changes."""
        return replace(self, **changes)


def product(s: Surrogate) -> Iterable[Checked]:
    """The estimator multiplies the gradient by a positive Lipschitz function of the weight."""
    yield Checked("the estimator is g(w) h", not isinstance(s, EWGS), type(s).__name__)
    yield Checked("g > 0", s.positive, f"inf g = {s.low!r}")
    smooth = math.isfinite(s.lipschitz)
    yield Checked("g is Lipschitz on all of R, across boundaries too", smooth, f"Λ = {s.lipschitz!r}")


def cyclical(s: Surrogate) -> Checked:
    """One α serves all bins."""
    return Checked("g is the same in every bin", s.cyclical, type(s).__name__)


def largest_error(pair: Pair, case: TwinCase) -> Interval:
    """The largest error of a coordinate, with what rounding can have added."""
    return Interval.exact(float(pair.error.max()), rounding(case.surrogate, pair))


def rounding(s: Surrogate, pair: Pair) -> float:
    """What rounding can have added to an error: some units in the last place in every step, through M."""
    steep = s.alpha / float(s.low)  # of M
    size = float(np.abs([pair.w, pair.u]).max()) + 1
    return UNIT * size * (4 + steep) * (pair.steps + 10) + s.tolerance


def at_most(bound: float) -> Claim:
    """The claim of an upper bound, which some cases attain: resolved to RESOLUTION."""
    return Claim(-math.inf, bound * (1 + RESOLUTION))


def waves(number: int, bits: Iterable[int] = (1, 2, 3, 4)) -> Iterable[tuple[str, Wave]]:
    """Random smooth estimators, with their names."""
    each = list(bits)
    for seed in range(number):
        b = each[seed % len(each)]
        yield f"wave {seed}, {b} bit{'s' * (b > 1)}", Wave(Levels.uniform(b), seed=seed, strength=0.5 + seed % 3 / 2)


__all__ = [
    "OUTSIDE", "PLAIN", "SHARP", "STRANGERS", "TENT", "TWO_BITS", "WRONG", "Tent", "TwinCase", "Wave", "at_most",
    "cyclical", "largest_error", "phi", "product", "steepest", "waves",
]  # fmt: skip
