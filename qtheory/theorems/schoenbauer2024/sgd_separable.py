"""SGD in closed loop on a separable convex loss. Symbols: see `_twins`; D = M(w) - u."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...statistics import Interval
from ...twins import Pair, Pull, twins
from .._base import Checked, Claim, Role, Theorem
from . import _twins
from ._twins import OUTSIDE, PLAIN, STRANGERS, TENT, WRONG, TwinCase


@dataclass(frozen=True, kw_only=True)
class SeparableCase(TwinCase):
    """h_j = curvature (q_j - target_j) ± deviation with quantized weights q.

    Arguments: see TwinCase; targets are spread evenly over the levels and `beyond` of that range on both sides.
        coupled: for controls: least squares instead, which is not separable.
    """

    curvature: float = 1.0
    beyond: float = 0.2
    deviation: float = 0.5
    coupled: bool = False
    coordinates: int = 48

    @property
    def H(self) -> float:
        ends = self.surrogate.levels.levels[[0, -1]]
        return float(self.curvature * (ends[1] - ends[0]) * (1 + self.beyond) + self.deviation)

    def pair(self, seed: int) -> Pair:
        """The runs."""
        low, high = self.surrogate.levels.levels[[0, -1]]
        room = self.beyond * (high - low)
        target = np.linspace(low - room, high + room, self.coordinates)
        source = Pull(tuple(np.full(self.coordinates, self.curvature)), tuple(target), self.deviation, seed)
        start = np.random.default_rng(seed).uniform(low, high, self.coordinates)
        off = {"rate": 1.0, "alpha": 1.05 * self.surrogate.alpha}
        more: dict = {"ratio": off[self.wrong]} if self.wrong in off else {}
        if self.wrong == "start":
            more["mirror"] = False
        return twins(self.surrogate, start, source, rate=self.rate, steps=self.steps, **more)


class SgdSeparable(Theorem):
    """On a separable convex loss twins stay together in closed loop, however often they disagree.   (qtheory)

    Algorithm: that of schoenbauer2024/sgd_closed_loop, without an end at the first disagreement.
    Assumptions: those of schoenbauer2024/sgd_step in every step; h_tj(q) depends on q_j alone and does not decrease in
        it: the gradient of a separable convex loss, with any noise that both runs share.
    Statement: |M(w_{T+1}) - u_{T+1}| <= α max_t η_t |h_t(Q(w_t)) - h_t(Q(u_t))| + (α/Λ) Σ_t φ(Λ η_t |h_t(Q(w_t))|) in
        every coordinate: O(η) after τ/η steps, though quantized weights may differ in a share of them that does not
        vanish.
    Kind: upper.
    Status: both terms are of the right order; the second is that of schoenbauer2024/sgd_shared, which is sharp.
    Arguments: the case's surrogate, rate, steps, curvature and noise. Measured: the largest ratio of |M(w_j) - u_j| to
        its bound, over coordinates j.
    Errors raised: none of its own.
    References: derived here; proofs/schoenbauer2024/sgd_separable.md.
    """

    title = "SGD in closed loop on a separable convex loss: O(η) without margins"
    source = "qtheory (derived here)"
    statement = (
        r"\lvert M(w_{T+1})-u_{T+1}\rvert\le\alpha\max_{t\le T}\eta_t\lvert h_t(Q(w_t))-h_t(Q(u_t))\rvert"
        r"+\tfrac{\alpha}{\Lambda}\sum_{t\le T}\varphi(\Lambda\eta_t\lvert h_t(Q(w_t))\rvert)"
    )
    figure = "schoenbauer2024_equivalence"

    def assumptions(self, instance: SeparableCase) -> Iterable[Checked]:
        yield from _twins.product(instance.surrogate)
        yield _twins.cyclical(instance.surrogate)
        yield Checked("the rule is SGD", instance.rule == PLAIN, repr(instance.rule))
        rising = not instance.coupled and instance.curvature >= 0
        yield Checked("h_j rises with q_j and depends on nothing else", rising, "h = curvature (q - target) + noise")
        yield Checked("X = Λ η H < 1", instance.X < 1, f"X = {instance.X:.4g}")

    def claim(self, instance: SeparableCase) -> Claim:
        return _twins.at_most(1.0)

    def measure(self, instance: SeparableCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        s, pair = instance.surrogate, instance.pair(seed)
        bound = s.alpha * pair.jump + s.alpha / float(s.lipschitz) * pair.spent
        ratio = pair.error / bound
        return Interval.exact(float(ratio.max()), float(_twins.rounding(s, pair) / bound.min()))

    def instances(self, scale: str = "quick") -> Iterable[SeparableCase]:
        for name, wave in _twins.waves(6 if scale == "quick" else 24):
            yield SeparableCase(name=name, surrogate=wave, rate=0.02 / float(wave.lipschitz), steps=5000)
        for eta in (1e-2, 1e-3) if scale == "quick" else (1e-2, 1e-3, 1e-4):
            yield SeparableCase(name=f"DSQ, η = {eta:g}", rate=eta, steps=round(5 / eta))
        yield SeparableCase(name="noise alone", curvature=0.0, deviation=1.0, role=Role.EDGE)
        yield SeparableCase(name="X just below 1", surrogate=TENT, rate=0.999 / TENT.steep / 2.9, role=Role.EDGE)
        long: dict = {"surrogate": TENT, "rate": 1e-4, "steps": 3000}
        yield SeparableCase(name="without M", wrong="start", **long, **WRONG)
        yield SeparableCase(name="without α", wrong="rate", curvature=0.1, **long, **WRONG)
        yield SeparableCase(name="1% of the bound", rate=1e-3, steps=5000, planted=0.01, **WRONG)
        yield SeparableCase(name="coupled weights", coupled=True, **OUTSIDE)
        yield SeparableCase(name="concave", curvature=-1.0, **OUTSIDE)
        for name, stranger in STRANGERS.items():
            yield SeparableCase(name=name, surrogate=stranger, **OUTSIDE)


THEOREM = SgdSeparable()
