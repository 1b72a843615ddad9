"""Adam without any modification, for all memories alike. Symbols: see `_twins`; τ = η T."""

from collections.abc import Iterable

from ...statistics import Interval, mean_interval
from ...twins import Adam
from .._base import Checked, Claim, Role, Theorem, Verdict
from . import _twins
from ._twins import OUTSIDE, STRANGERS, TwinCase

TOLERANCE = 0.05  # of τ, what "almost exactly the same" is read as here
FAILS: dict = {"expected": Verdict.VIOLATED}


class AdamUnmodified(Theorem):
    """Adam trains alike without any modification at a small learning rate, whatever its memory: false as it stands.

    Algorithm: Adam with bias corrections, ε = 0, on g(w_t) h_t for w and on h_t for u; w_1 = u_1, one rate, T = τ/η.
    Assumptions: the estimator hands on g(w) h with g > 0, Lipschitz; h_t is shared, with H, σ those of the drawn path;
        η <= 0.001; the rule is Adam with β1² < β2.
    Statement: the mean of |w_{T+1} - u_{T+1}| over coordinates is at most 5% of τ.
    Kind: upper.
    Status: refuted for 2-bit DSQ, k = 6.5, with β2 = 0.999 at η = 0.001 and 0.0001; it holds there with β2 = 0.95, the
        value in the authors' public code. schoenbauer2024/adam has the condition that is missing.
    Arguments: the case's surrogate, rate, steps, β2 and gradients. Measured: the mean of |w - u| / τ over independent
        coordinates, by Student's t.
    Errors raised: none of its own.
    References: abstract of Schoenbauer, Moro, Lew, Howard (2024), read without its condition; whether a theorem of the
        paper says so could not be seen. proofs/schoenbauer2024/adam_unmodified.md.
    """

    title = "Adam without any modification, whatever its memory"
    source = "a reading of Schoenbauer et al. 2024 (abstract; 5%, η and any β2 are ours; compare with the paper)"
    statement = r"\tfrac1n\sum_j\lvert w_{T+1,j}-u_{T+1,j}\rvert\le\tfrac1{20}\tau,\quad T=\tau/\eta,\ \eta\le10^{-3}"
    expected = Verdict.VIOLATED
    figure = "schoenbauer2024_equivalence"

    def assumptions(self, instance: TwinCase) -> Iterable[Checked]:
        yield from _twins.product(instance.surrogate)
        rule = instance.rule
        adam = isinstance(rule, Adam) and rule.epsilon == 0
        yield Checked("the rule is Adam with ε = 0", adam, repr(rule))
        yield Checked("β1² < β2", rule.beta1**2 < rule.beta2, f"β1 = {rule.beta1:g}, β2 = {rule.beta2:g}")
        yield Checked("η <= 0.001", instance.rate <= 1e-3, f"η = {instance.rate:g}")

    def claim(self, instance: TwinCase) -> Claim:
        return _twins.at_most(TOLERANCE)

    def measure(self, instance: TwinCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        pair = instance.run(seed)
        return mean_interval(pair.error, failure=failure) / (instance.rate * instance.steps)

    def instances(self, scale: str = "quick") -> Iterable[TwinCase]:
        case = _layer("β2 = 0.999, η = 0.001", 0.999, 1e-3, **FAILS)
        yield case
        yield _layer("β2 = 0.999, η = 0.0005", 0.999, 5e-4, role=Role.EDGE, **FAILS)
        if scale == "full":
            yield _layer("β2 = 0.999, η = 0.0001", 0.999, 1e-4, role=Role.EDGE, **FAILS)
        good: dict = {"role": Role.CONTROL, "expected": Verdict.HOLDS}
        yield _layer("β2 = 0.95, η = 0.001", 0.95, 1e-3, **good)
        yield _layer("β2 = 0.95, η = 0.0001", 0.95, 1e-4, **good)
        yield case.at(name="β2 = 0.999, noise alone: little is travelled", drift=0.0, **good)
        yield _layer("η = 0.01", 0.999, 1e-2, **OUTSIDE)
        yield _layer("β1² > β2", 0.8, 1e-3, **OUTSIDE)
        yield case.at(name="EWGS", surrogate=STRANGERS["EWGS"], **OUTSIDE)
        yield case.at(name="a clipped estimator", surrogate=STRANGERS["a clipped estimator"], **OUTSIDE)


def _layer(name: str, beta2: float, rate: float, **more) -> TwinCase:
    """256 weights with drift and noise, for τ = 1."""
    gradients: dict = {"law": "normal", "deviation": 1.0, "drift": 2.0, "coordinates": 256, "trials": 256}
    return TwinCase(name=name, rule=Adam(0.9, beta2), rate=rate, steps=round(1 / rate), **gradients, **more)


THEOREM = AdamUnmodified()
