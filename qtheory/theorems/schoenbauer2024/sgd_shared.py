"""SGD with shared gradients. Symbols: see `_twins`; D = M(w) - u."""

import math
from collections.abc import Iterable

from ...statistics import Interval
from ...twins import Momentum
from .._base import Checked, Claim, Role, Theorem
from . import _twins
from ._twins import OUTSIDE, PLAIN, SHARP, STRANGERS, TENT, WRONG, TwinCase, phi, steepest


class SgdShared(Theorem):
    """Over T steps with the same gradients mirrored weights part by O(η² T), with a sharp constant.   (qtheory)

    Algorithm: w_{t+1} = w_t - η_t g(w_t) h_t and u_{t+1} = u_t - α η_t h_t, u_1 = M(w_1).
    Assumptions: those of schoenbauer2024/sgd_step in every step; h_t does not depend on the run, |h_t| <= H.
    Statement: |M(w_{T+1}) - u_{T+1}| <= (α/Λ) Σ_t φ(Λ η_t |h_t|); with a constant rate and |h| <= H at most
        T (α/Λ) φ(X), X = Λ η H, which tends to τ η α Λ H²/2 for T = τ/η steps.
    Kind: upper.
    Status: tight (resolved to 1e-5): alternating gradients of size H at the steepest point of g attain the limit.
    Arguments: the case's surrogate, rate, steps and gradients. Measured: the largest |M(w) - u| over coordinates.
    Errors raised: none of its own.
    References: after Schoenbauer, Moro, Lew, Howard (2024), reconstructed; proofs/schoenbauer2024/sgd_shared.md.
    """

    title = "SGD with shared gradients: the error after τ/η steps is O(η)"
    source = "after Schoenbauer et al. 2024 (SGD theorem, not read; statement and constant derived here)"
    statement = (
        r"\lvert M(w_{T+1})-u_{T+1}\rvert\le\tfrac{\alpha}{\Lambda}\sum_{t\le T}\varphi(\Lambda\eta_t\lvert h_t\rvert)"
        r"\sim\tfrac12\alpha\Lambda H^2\tau\eta\quad(T=\tau/\eta)"
    )
    figure = "schoenbauer2024_equivalence"

    def assumptions(self, instance: TwinCase) -> Iterable[Checked]:
        yield from _twins.product(instance.surrogate)
        yield _twins.cyclical(instance.surrogate)
        yield Checked("the rule is SGD", instance.rule == PLAIN, repr(instance.rule))
        yield Checked("X = Λ η H < 1", instance.X < 1, f"X = {instance.X:.4g}")

    def claim(self, instance: TwinCase) -> Claim:
        s = instance.surrogate
        return _twins.at_most(instance.steps * s.alpha / float(s.lipschitz) * phi(instance.X))

    def measure(self, instance: TwinCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return _twins.largest_error(instance.run(seed), instance)

    def instances(self, scale: str = "quick") -> Iterable[TwinCase]:
        for name, wave in _twins.waves(6 if scale == "quick" else 24):
            yield TwinCase(name=name, surrogate=wave, rate=0.05 / float(wave.lipschitz), steps=2000)
        for eta in (1e-2, 1e-3) if scale == "quick" else (1e-2, 1e-3, 1e-4, 1e-5):
            yield TwinCase(name=f"DSQ, η = {eta:g}", rate=eta, steps=round(1 / eta))
            yield alternating(f"DSQ, alternating, η = {eta:g}", rate=eta, role=Role.EDGE)
        yield TwinCase(name="drift alone", law="constant", deviation=1.0)
        yield alternating("tent, alternating", surrogate=TENT, rate=1e-4, role=Role.EDGE)
        yield alternating("X just below 1", surrogate=TENT, rate=0.999 / TENT.steep, steps=20, role=Role.EDGE)
        yield alternating("90% of the bound", rate=1e-4, steps=1000, planted=0.9, **WRONG)
        wrongs = {"alpha": "α 5% too large", "rate": "without α", "start": "without M", "both": "neither"}
        for wrong, name in wrongs.items():
            yield TwinCase(name=name, wrong=wrong, law="constant", deviation=1.0, **WRONG)
        yield TwinCase(name="normal gradients: H infinite", law="normal", **OUTSIDE)
        yield TwinCase(name="momentum", rule=Momentum(0.9), **OUTSIDE)
        for name, stranger in STRANGERS.items():
            yield TwinCase(name=name, surrogate=stranger, **OUTSIDE)


def alternating(name: str, **more) -> TwinCase:
    """h = 1, -1, 1, ... from the steepest point on, 0.2/η steps by default."""
    more.setdefault("surrogate", SHARP)
    more.setdefault("steps", 2 * math.ceil(0.1 / more["rate"]))
    start = steepest(more["surrogate"])
    return TwinCase(name=name, law="alternating", deviation=1.0, drift=0.0, coordinates=1, start=start, **more)


THEOREM = SgdShared()
