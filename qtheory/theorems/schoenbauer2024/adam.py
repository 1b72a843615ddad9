"""Adam needs no mirror while its memory is short. Symbols: see `_twins`; U bounds |m|/sqrt v, c = λ η U."""

import math
from collections.abc import Iterable

import numpy as np

from ...statistics import Interval
from ...twins import Adam, Momentum
from .._base import Checked, Claim, Role, Theorem
from . import _twins
from ._estimators import log_lipschitz
from ._twins import OUTSIDE, SHARP, TENT, TWO_BITS, WRONG, Tent, TwinCase


class AdamTheorem(Theorem):
    """Adam divides the estimator out, if that changes little within the memory of both moments.   (qtheory)

    Algorithm: Adam with bias corrections, ε = 0, on g(w_t) h_t for w and on h_t for u; w_1 = u_1, the same rate.
    Assumptions: the estimator hands on g(w) h with g > 0, log g λ-Lipschitz; h_t is shared, |h_t| <= H, sqrt(v^_t) >= σ
        in the run of u; β1² < β2; c = λ η U < -log(β2)/2, where U is the largest |m^|/sqrt(v^) that any gradients give.
    Statement: |w_{T+1} - u_{T+1}| <= T η (H/σ) [A + U B], A = β1 (e^c - 1)/(1 - β1 e^c),
        B² = 1 - 2 (1 - β2)/(1 - β2 e^c) + (1 - β2)/(1 - β2 e^{2c}); as η -> 0 this is
        T η² (H/σ) λ U [β1/(1 - β1) + U sqrt(β2 (1 + β2))/(1 - β2)]. g need not be cyclical.
    Kind: upper.
    Status: of the right order η² T; the constant is not sharp. The condition is that of an earlier draft,
        η << (1 - β2) L-/Λ, with constants: λ <= Λ/L-.
    Arguments: the case's surrogate, rate, steps, β1, β2 and gradients. Measured: the largest |w - u| over coordinates.
    Errors raised: none of its own.
    References: after Schoenbauer, Moro, Lew, Howard (2024), reconstructed; proofs/schoenbauer2024/adam.md.
    """

    title = "Adam: the estimator divides out"
    source = "after Schoenbauer et al. 2024 (Adam theorem, not read; statement, condition and constant derived here)"
    statement = (
        r"\lvert w_{T+1}-u_{T+1}\rvert\le T\eta\tfrac{H}{\sigma}[A(c)+UB(c)]\sim T\eta^2\tfrac{H}{\sigma}\lambda U"
        r"\Bigl[\tfrac{\beta_1}{1-\beta_1}+\tfrac{U\sqrt{\beta_2(1+\beta_2)}}{1-\beta_2}\Bigr],\quad c=\lambda\eta U"
        r"<\tfrac12\log\tfrac1{\beta_2}"
    )
    figure = "schoenbauer2024_equivalence"

    def assumptions(self, instance: TwinCase) -> Iterable[Checked]:
        yield from _twins.product(instance.surrogate)
        rule, smallest = instance.rule, least(instance)
        adam = isinstance(rule, Adam) and rule.epsilon == 0
        yield Checked("the rule is Adam with ε = 0", adam, repr(rule))
        yield Checked("β1² < β2", rule.beta1**2 < rule.beta2, f"β1 = {rule.beta1:g}, β2 = {rule.beta2:g}")
        yield Checked("|h| <= H, sqrt(v^) >= σ > 0", smallest > 0, f"H = {instance.H:.4g}, |h| >= σ = {smallest:.4g}")
        c, most = memory(instance), -math.log(rule.beta2) / 2
        yield Checked(
            "c = λ η U < -log(β2)/2", c < most, f"c = {c:.4g}, -log(β2)/2 = {most:.4g}, that is {c / most:.3g} of it"
        )

    def claim(self, instance: TwinCase) -> Claim:
        i = instance
        return _twins.at_most(i.steps * i.rate * i.H / least(i) * per_step(memory(i), i.rule, largest_ratio(i.rule)))

    def measure(self, instance: TwinCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return _twins.largest_error(instance.run(seed), instance)

    def instances(self, scale: str = "quick") -> Iterable[TwinCase]:
        rules = Adam(0.9, 0.95), Adam(0.0, 0.95), Adam(0.9, 0.999)
        for number, (name, wave) in enumerate(_twins.waves(6 if scale == "quick" else 24)):
            rule = rules[number % 3]
            yield inside(f"{name}, β = {rule.beta1:g}, {rule.beta2:g}", wave, rule, 0.1)
        yield TwinCase(name="DSQ, β2 = 0.95, η = 1e-4", rule=rules[0], rate=1e-4, steps=10_000)
        for rule in rules:
            betas = f"β = {rule.beta1:g}, {rule.beta2:g}"
            yield inside(f"c at its limit, {betas}", SHARP, rule, 1 - 1e-6, role=Role.EDGE)
        yield inside("constant gradients", TENT, rules[0], 0.01, law="constant", deviation=1.0, role=Role.EDGE)
        yield inside("started in the mirror", SHARP, rules[0], 0.001, wrong="mirror", **WRONG)
        yield inside("with the rate α η", SHARP, rules[0], 0.001, wrong="scaled", **WRONG)
        yield inside("10% of the bound", TENT, rules[0], 0.01, planted=0.1, law="constant", deviation=1.0, **WRONG)
        yield TwinCase(name="DSQ, β2 = 0.999, η = 1e-3", rule=rules[2], rate=1e-3, **OUTSIDE)
        yield inside("c 0.1% too large", SHARP, rules[0], 1.001, **OUTSIDE)
        yield inside("β1² > β2", Tent(TWO_BITS, steep=0.1), Adam(0.9, 0.8), 0.0, rate=1e-5, **OUTSIDE)
        yield TwinCase(name="normal gradients: no σ", rule=rules[0], law="normal", rate=1e-5, **OUTSIDE)
        yield TwinCase(name="momentum", rule=Momentum(0.9), **OUTSIDE)
        for name, stranger in _twins.STRANGERS.items():
            if name != "a single bump":
                yield TwinCase(name=name, surrogate=stranger, rule=rules[0], **OUTSIDE)


def inside(name: str, surrogate, rule: Adam, share: float, **more) -> TwinCase:
    """A case whose c is this share of its limit."""
    if "rate" not in more:
        limit = -math.log(rule.beta2) / 2 / (log_lipschitz(surrogate) * largest_ratio(rule))
        more["rate"] = share * limit
    return AdamCase(name=name, surrogate=surrogate, rule=rule, steps=3000, **more)


class AdamCase(TwinCase):
    """A case whose controls start in the mirror, or scale the rate, as SGD would need."""

    def run(self, seed: int, **more):
        if self.wrong == "mirror":
            more["mirror"] = True
        if self.wrong == "scaled":
            more["ratio"] = self.surrogate.alpha
        return super().run(seed, **more)


def least(case: TwinCase) -> float:
    """The least |h|, 0 where it can be arbitrarily small."""
    if case.law in ("constant", "alternating"):
        return case.deviation
    return max(case.deviation - case.drift, 0.0) if case.law == "sign" else 0.0


def largest_ratio(rule: Adam) -> float:
    """U: the largest |m^_t|/sqrt(v^_t) over t and all gradients, by Cauchy and Schwarz; attained for each t."""
    b1, b2 = rule.beta1, rule.beta2
    q = b1 * b1 / b2
    if q >= 1:
        return math.inf
    t = np.arange(1, math.ceil(40 / (1 - max(b1, b2, q))) + 1)  # from there on nothing changes
    ratio = (1 - b1) / (1 - b1**t) * np.sqrt((1 - b2**t) / (1 - b2) * (1 - q**t) / (1 - q))
    return float(ratio.max())


def memory(case: TwinCase) -> float:
    """c = λ η U: how much log g can change in a step."""
    return float(log_lipschitz(case.surrogate)) * case.rate * largest_ratio(case.rule)


def per_step(c: float, rule: Adam, U: float) -> float:
    """A + U B, for c < -log(β2)/2."""
    b1, b2, e = rule.beta1, rule.beta2, math.expm1(c)
    A = b1 * e / (1 - b1 - b1 * e)
    # B² = (1 - β2) Σ β2^k (e^{ck} - 1)²; over one denominator nothing cancels
    x, double = 1 - b2 - b2 * e, 1 - b2 - b2 * math.expm1(2 * c)
    B = math.sqrt(b2 * e * e * (1 + b2 + b2 * e) / (x * double))
    return A + U * B


THEOREM = AdamTheorem()
