"""SGD in closed loop: each run takes gradients at its own quantized weights. Symbols: see `_twins`; D = M(w) - u."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...statistics import Interval
from ...twins import Momentum, Regression, twins
from .._base import Checked, Claim, Role, Theorem
from . import _twins
from ._twins import OUTSIDE, PLAIN, STRANGERS, WRONG, TwinCase


@dataclass(frozen=True, kw_only=True)
class LoopCase(TwinCase):
    """Least squares with quantized weights; the first disagreement ends the runs.

    Arguments
        See TwinCase; the gradients are those of `qtheory.twins.Regression`.   batch, noise: of it.
        runs: how many are made, with samples and starts of their own.   quantity: "error" or "margin".
    """

    coordinates: int = 32
    batch: int = 8
    noise: float = 0.1
    runs: int = 6
    quantity: str = "error"

    def pairs(self, seed: int):
        """The runs, up to the first disagreement."""
        s = self.surrogate
        for number in range(self.runs):
            rng = np.random.default_rng([seed, number])
            low, high = s.levels.levels[[0, -1]]
            start = rng.uniform(low, high, self.coordinates)
            source = Regression(tuple(rng.uniform(-1, 1, self.coordinates)), self.batch, self.noise, seed + number)
            yield twins(s, start, source, rate=self.rate, steps=self.steps, stop=True, **self.changes)

    @property
    def changes(self) -> dict:
        """What a control changes."""
        off = {"rate": 1.0, "both": 1.0, "alpha": 1.05 * self.surrogate.alpha}
        found: dict = {"mirror": False} if self.wrong in ("start", "both") else {}
        return found | ({"ratio": off[self.wrong]} if self.wrong in off else {})


class SgdClosedLoop(Theorem):
    """The quantized weights of twins agree as long as no weight is within O(η² T) of a boundary.   (qtheory)

    Algorithm: w_{t+1} = w_t - η_t g(w_t) h_t(Q(w_t)) and u_{t+1} = u_t - α η_t h_t(Q(u_t)), u_1 = M(w_1); the vector
        h_t(q) is any function of the quantized weights, the same in both runs (a minibatch gradient).
    Assumptions: those of schoenbauer2024/sgd_step on the estimator; the rule is SGD.
    Statement: let B_tj = (α/Λ) Σ_{s<t} φ(Λ η_s |h_sj|), infinite where Λ η |h| >= 1, and let t be the first step with
        Q(w_t) != Q(u_t). Then |M(w_sj) - u_sj| <= B_sj for all s <= t and j, and every j with Q(w_tj) != Q(u_tj) has
        M(w_tj) within B_tj of a boundary. If no weight comes so near until T, then Q(w_t) = Q(u_t) until T.
    Kind: upper.
    Status: the error bound is that of schoenbauer2024/sgd_shared, hence sharp.
    Arguments: the case's surrogate, rate, steps and samples. Measured, at the first disagreement: the largest
        |M(w_j) - u_j| / B_j ("error"); the largest margin / B_j over the weights that disagree ("margin").
    Errors raised: none of its own.
    References: after Schoenbauer, Moro, Lew, Howard (2024), reconstructed; proofs/schoenbauer2024/sgd_closed_loop.md.
    """

    title = "SGD in closed loop: twins agree while margins last"
    source = "after Schoenbauer et al. 2024 (SGD theorem, not read; statement and constant derived here)"
    statement = (
        r"\operatorname{dist}(M(w_{t,j}),\text{boundaries})>\tfrac{\alpha}{\Lambda}\sum_{s<t}\varphi(\Lambda\eta_s"
        r"\lvert h_{s,j}\rvert)\ \forall j,\,t\le T\ \Rightarrow\ Q(w_t)=Q(u_t)\ \forall t\le T"
    )
    figure = "schoenbauer2024_equivalence"

    def assumptions(self, instance: LoopCase) -> Iterable[Checked]:
        yield from _twins.product(instance.surrogate)
        yield _twins.cyclical(instance.surrogate)
        yield Checked("the rule is SGD", instance.rule == PLAIN, repr(instance.rule))

    def claim(self, instance: LoopCase) -> Claim:
        return _twins.at_most(1.0)

    def measure(self, instance: LoopCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        s, found = instance.surrogate, []
        for pair in instance.pairs(seed):
            bound = s.alpha / float(s.lipschitz) * pair.spent
            value = pair.error if instance.quantity == "error" else pair.margin
            chosen = (bound > 0) & (pair.differs if instance.quantity == "margin" else True)
            rounding = _twins.rounding(s, pair)
            found += [(v / b, rounding / b) for v, b in zip(value[chosen], bound[chosen], strict=True)]
        return Interval.exact(*max(found, default=(0.0, 0.0)))

    def instances(self, scale: str = "quick") -> Iterable[LoopCase]:
        for name, wave in _twins.waves(4 if scale == "quick" else 16):
            for quantity in ("error", "margin"):
                rate = 0.005 / float(wave.lipschitz)
                yield LoopCase(name=f"{name}, {quantity}", surrogate=wave, rate=rate, steps=20_000, quantity=quantity)
        for eta in (1e-3, 1e-4) if scale == "quick" else (1e-3, 1e-4, 1e-5):
            for quantity in ("error", "margin"):
                more: dict = {"rate": eta, "steps": round(3 / eta), "quantity": quantity}
                yield LoopCase(name=f"DSQ, η = {eta:g}, {quantity}", **more)
        yield LoopCase(name="one weight", role=Role.EDGE, coordinates=1, batch=1, rate=1e-3, steps=3000)
        wrongs = {"alpha": "α 5% too large", "rate": "without α", "start": "without M", "both": "neither"}
        for wrong, name in wrongs.items():
            yield LoopCase(name=name, wrong=wrong, rate=1e-4, steps=30_000, **WRONG)
        yield LoopCase(name="margins without M", wrong="start", quantity="margin", rate=1e-4, steps=30_000, **WRONG)
        yield LoopCase(name="momentum", rule=Momentum(0.9), **OUTSIDE)
        for name, stranger in STRANGERS.items():
            yield LoopCase(name=name, surrogate=stranger, **OUTSIDE)


THEOREM = SgdClosedLoop()
