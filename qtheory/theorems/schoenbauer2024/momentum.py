"""Momentum in the mirror. Symbols: see `_twins`; y bounds Λ η |m| / g, the smaller root of y² - (1 - μ + X) y + X."""

import math
from collections.abc import Iterable

from ...statistics import Interval
from ...twins import Adam, Momentum
from .._base import Checked, Claim, Role, Theorem
from . import _twins
from ._twins import OUTSIDE, STRANGERS, TENT, TWO_BITS, WRONG, Tent, TwinCase, phi


class MomentumSGD(Theorem):
    """With momentum the twins still part by O(η² T) only, and no ratio of slopes enters the constant.   (qtheory)

    Algorithm: m_t = μ m_{t-1} + g(w_t) h_t, w_{t+1} = w_t - η m_t; n_t = μ n_{t-1} + h_t, u_{t+1} = u_t - α η n_t,
        u_1 = M(w_1), m_0 = n_0 = 0.
    Assumptions: the estimator hands on g(w) h with g > 0, cyclical, Λ-Lipschitz on all of R; h_t is shared, |h_t| <= H;
        X = Λ η H <= (1 - sqrt μ)².
    Statement: |M(w_{T+1}) - u_{T+1}| <= T (α/Λ) [φ(y) + μ/(1 - μ) y²/(1 - y)], y the smaller root of
        y² - (1 - μ + X) y + X = 0. As η -> 0 this is T α Λ H² η² (1 + μ) / (2 (1 - μ)³).
    Kind: upper.
    Status: the leading constant is sharp for one step: steady gradients on a straight piece of g attain it. At equal
        effective rate η/(1 - μ) it is (1 + μ)/(1 - μ) times that of SGD.
    Arguments: the case's surrogate, rate, steps, momentum and gradients. Measured: the largest |M(w) - u|.
    Errors raised: none of its own.
    References: derived here; proofs/schoenbauer2024/momentum.md.
    """

    title = "SGD with momentum in the mirror"
    source = "qtheory (derived here; after the SGD theorem of Schoenbauer et al. 2024)"
    statement = (
        r"\lvert M(w_{T+1})-u_{T+1}\rvert\le T\tfrac{\alpha}{\Lambda}\bigl[\varphi(y)+\tfrac{\mu}{1-\mu}"
        r"\tfrac{y^2}{1-y}\bigr]\sim\alpha\Lambda H^2\eta^2T\frac{1+\mu}{2(1-\mu)^3}"
    )
    figure = "schoenbauer2024_equivalence"

    def assumptions(self, instance: TwinCase) -> Iterable[Checked]:
        yield from _twins.product(instance.surrogate)
        yield _twins.cyclical(instance.surrogate)
        yield Checked("the rule is momentum", isinstance(instance.rule, Momentum), repr(instance.rule))
        most, X = (1 - math.sqrt(instance.rule.mu)) ** 2, instance.X
        yield Checked("X = Λ η H <= (1 - sqrt μ)²", most >= X and X < 1, f"X = {X:.4g}, (1 - sqrt μ)² = {most:.4g}")

    def claim(self, instance: TwinCase) -> Claim:
        s = instance.surrogate
        return _twins.at_most(instance.steps * s.alpha / float(s.lipschitz) * per_step(instance.X, instance.rule.mu))

    def measure(self, instance: TwinCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return _twins.largest_error(instance.run(seed), instance)

    def instances(self, scale: str = "quick") -> Iterable[TwinCase]:
        for number, (name, wave) in enumerate(_twins.waves(6 if scale == "quick" else 24)):
            mu = (0.0, 0.5, 0.9)[number % 3]
            rate = 0.5 * (1 - math.sqrt(mu)) ** 2 / float(wave.lipschitz)
            yield TwinCase(name=f"{name}, μ = {mu:g}", surrogate=wave, rule=Momentum(mu), rate=rate, steps=2000)
        for eta in (1e-4,) if scale == "quick" else (1e-4, 1e-5):
            yield TwinCase(name=f"DSQ, μ = 0.9, η = {eta:g}", rule=Momentum(0.9), rate=eta, steps=round(0.1 / eta))
        for mu in (0.5, 0.9):
            edge = {"rule": Momentum(mu), "rate": (1 - math.sqrt(mu)) ** 2 * (1 - 1e-9) / TENT.steep}
            yield TwinCase(name=f"X = (1 - sqrt μ)², μ = {mu:g}", surrogate=TENT, role=Role.EDGE, **edge)
            yield steady(f"tent, steady, μ = {mu:g}", mu, role=Role.EDGE)
        yield steady("80% of the bound", 0.9, planted=0.8, **WRONG)
        for wrong, name in (("alpha", "α 5% too large"), ("rate", "without α"), ("start", "without M")):
            drift: dict = {"law": "constant", "deviation": 1.0, "steps": 10_000}
            yield TwinCase(name=name, wrong=wrong, rule=Momentum(0.9), rate=1e-5, **drift, **WRONG)
        large = 1.01 * (1 - math.sqrt(0.9)) ** 2 / TENT.steep
        yield TwinCase(name="X 1% too large", surrogate=TENT, rule=Momentum(0.9), rate=large, **OUTSIDE)
        yield TwinCase(name="Adam", rule=Adam(), **OUTSIDE)
        for name, stranger in STRANGERS.items():
            yield TwinCase(name=name, surrogate=stranger, rule=Momentum(0.9), **OUTSIDE)


def steady(name: str, mu: float, **more) -> TwinCase:
    """h = 1 down one side of a flat tent, over many memories of momentum."""
    tent = Tent(TWO_BITS, steep=0.05)
    steps = math.ceil(60 / (1 - mu))
    start = float(TWO_BITS.boundaries[0])
    return TwinCase(
        name=name, surrogate=tent, rule=Momentum(mu), rate=1e-4 * (1 - mu), steps=steps, law="constant", deviation=1.0,
        coordinates=1, start=start, **more,
    )  # fmt: skip


def root(X: float, mu: float) -> float:
    """y, the smaller root of y² - (1 - μ + X) y + X = 0, for X <= (1 - sqrt μ)²."""
    p = 1 - mu + X
    return 2 * X / (p + math.sqrt(max(p * p - 4 * X, 0.0)))


def per_step(X: float, mu: float) -> float:
    """φ(y) + μ/(1 - μ) y²/(1 - y)."""
    y = root(X, mu)
    return phi(y) + mu / (1 - mu) * y * y / (1 - y)


THEOREM = MomentumSGD()
