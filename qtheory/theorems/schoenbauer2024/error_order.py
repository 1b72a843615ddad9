"""The order of the error in the learning rate. Symbols: see `_twins`; τ = η T, c = lim error / η."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...statistics import Interval, fit_slope
from ...twins import Adam, Momentum
from ...twins.sources import CHUNK
from .._base import Checked, Claim, Role, Theorem
from . import _twins
from ._twins import OUTSIDE, PLAIN, SHARP, STRANGERS, WRONG, TwinCase, steepest
from .adam import memory

MARGIN = 0.05  # of the order: rates are not infinitely small, and a fit has an interval
POINTS = 12
TINY = 1e-6  # of w, to differentiate g by


@dataclass(frozen=True, kw_only=True)
class OrderCase(TwinCase):
    """Errors at rates from `rate` down to `rate / span`, after a path of length about τ each.

    Arguments: see TwinCase; `span`; `tau`: η T / (1 - μ).
    """

    span: float = 30.0
    tau: float = 0.1
    coordinates: int = 1
    law: str = "alternating"
    deviation: float = 1.0
    drift: float = 0.0

    @property
    def rates(self) -> np.ndarray:
        """(POINTS,) with whole, even numbers of steps."""
        steps = 2 * np.round(self.tau / self.rate / 2 * np.geomspace(1, self.span, POINTS))
        return self.tau / steps

    @property
    def unit(self) -> float:
        """1 - μ, which the rate is multiplied by."""
        return 1 - self.rule.mu if isinstance(self.rule, Momentum) else 1.0

    def errors(self, seed: int) -> np.ndarray:
        """(POINTS,) means over coordinates."""
        runs = ((eta, round(self.tau / eta)) for eta in self.rates)
        return np.array([self.run(seed, rate=self.unit * eta, steps=T).error.mean() for eta, T in runs])


class ErrorOrder(Theorem):
    """The error of twins after T = τ/η steps is of order one in η, where its leading term is not 0.   (qtheory)

    Algorithm: twins, shared gradients: SGD or momentum, u_1 = M(w_1), rates (1 - μ)η and α(1 - μ)η; or Adam, u_1 = w_1.
    Assumptions: the estimator hands on g(w) h with g > 0, Lipschitz, for SGD and momentum cyclical; for Adam
        c = λ η U < -log(β2)/2; g' is Lipschitz along the path, but for finitely many jumps, met in o(1/η) steps; for
        momentum and Adam h is constant; error/η has a limit other than 0 (alternating or constant gradients on a steep
        piece of g; noise, where the sum is not 0 on average): η |Σ h² g'(w_t)| at a quarter of the largest rate is at
        least half of what it is there.
    Statement: error = c η + o(η), so the slope of log error on log η is 1. For SGD c = (α/2) |lim η Σ_t h_t² g'(w_t)|.
    Kind: rate.
    Status: the limit is proved, the slope is fitted over finite rates and asked to be within 0.05 of 1.
    Arguments: the case's surrogate, largest rate, span, tau, rule and gradients. Measured: the slope, by least squares.
    Errors raised: none of its own.
    References: derived here; proofs/schoenbauer2024/error_order.md.
    """

    title = "The error of twins is of order η"
    source = "qtheory (derived here; after Schoenbauer et al. 2024)"
    kind = "rate"
    statement = (
        r"\lvert M(w_{T+1})-u_{T+1}\rvert=\tfrac\alpha2\Bigl\lvert\sum_{t\le T}\eta^2h_t^2g'(w_t)\Bigr\rvert+O(\eta^2),"
        r"\quad T=\tau/\eta,\text{ for }g'\text{ Lipschitz along the path (}o(\eta)\text{ if it meets jumps of }g'"
        r"\text{ in }o(1/\eta)\text{ steps)};\quad=\Theta(\eta)\text{ if }\eta\sum_{t\le T}h_t^2g'(w_t)"
        r"\text{ has a limit}\ne0"
    )
    figure = "schoenbauer2024_equivalence"

    def assumptions(self, instance: OrderCase) -> Iterable[Checked]:
        yield from _twins.product(instance.surrogate)
        if isinstance(instance.rule, Adam):
            c, most = memory(instance.at(rate=float(instance.rates.max()))), -np.log(instance.rule.beta2) / 2
            yield Checked("c = λ η U < -log(β2)/2", bool(c < most), f"c = {c:.4g}, {c / most:.3g} of -log(β2)/2")
        else:
            yield _twins.cyclical(instance.surrogate)
        known = instance.rule == PLAIN or instance.law == "constant"
        yield Checked("SGD, or constant gradients", known, f"{instance.rule!r}, {instance.law}")
        rate = float(instance.rates.max())
        coarse, fine = leading(instance, rate), leading(instance, rate / 4)
        stays = f"η |Σ h² g'(w_t)| = {coarse:.4g} at η = {rate:.3g}, {fine:.4g} at a quarter of it"
        yield Checked("the leading term is not 0", 0 < coarse <= 2 * fine, stays)

    def claim(self, instance: OrderCase) -> Claim:
        return Claim(1 - MARGIN, 1 + MARGIN)

    def measure(self, instance: OrderCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return fit_slope(instance.rates, instance.errors(seed), failure=failure)

    def instances(self, scale: str = "quick") -> Iterable[OrderCase]:
        place = {"start": steepest(SHARP)}
        small: dict = {"law": "constant", "tau": 0.02, **place}
        yield OrderCase(name="DSQ, SGD, alternating", rate=1e-3, **place)
        yield OrderCase(name="DSQ, momentum 0.9, constant", rule=Momentum(0.9), rate=1e-5, **small)
        yield OrderCase(name="DSQ, Adam 0.95, constant", rule=Adam(0.9, 0.95), rate=1e-5, **small)
        yield OrderCase(name="DSQ, Adam 0.99, constant", rule=Adam(0.9, 0.99), rate=2e-6, span=6.0, **small)
        yield OrderCase(name="DSQ, SGD, X = 1/9", role=Role.EDGE, rate=1e-2, tau=0.05, start=place["start"])
        if scale == "full":
            yield OrderCase(name="DSQ, Adam 0.999, constant", rule=Adam(0.9, 0.999), rate=3e-7, span=6.0, **small)
        for name, wave in _twins.waves(3 if scale == "quick" else 12):
            more: dict = {"surrogate": wave, "start": wave.steepest, "rate": 0.03 / float(wave.lipschitz)}
            yield OrderCase(name=f"{name}, SGD", **more)
        layer: dict = {"law": "sign", "drift": 0.3, "deviation": 0.7, "coordinates": 256, "tau": 1.0}
        yield OrderCase(name="a layer, SGD", rate=3e-3, span=10.0, **layer)
        yield OrderCase(name="without M", wrong="start", rate=1e-3, **small, **WRONG)
        yield OrderCase(name="without α", wrong="rate", rate=1e-3, **small, **WRONG)
        yield OrderCase(name="order two", rate=1e-3, planted=2.0, **place, **WRONG)
        flat: dict = {"start": float(SHARP.levels.boundaries[0]), **OUTSIDE}
        yield OrderCase(name="from a boundary: order two", rate=1e-3, **flat)
        yield OrderCase(name="momentum, alternating", rule=Momentum(0.9), rate=1e-3, **place, **OUTSIDE)
        yield OrderCase(name="Adam 0.999, η to 0.001", rule=Adam(0.9, 0.999), rate=1e-3, **small, **OUTSIDE)
        for name, stranger in STRANGERS.items():
            yield OrderCase(name=name, surrogate=stranger, **OUTSIDE)


def leading(case: OrderCase, eta: float) -> float:
    """η |Σ_t h_t² g'(w_t)| along w_t, a mean over weights; for constant h its limit, H |log g(w_T)/g(w_1)|."""
    s, steps = case.surrogate, 2 * round(case.tau / eta / 2)
    if case.law == "constant":
        end = case.run(0, rate=case.unit * eta, steps=steps).w
        return float(case.H * np.abs(np.log(s.slope(end) / s.slope(case.weights))).mean())
    source, w, total = case.source(0), case.weights, np.zeros(case.coordinates)
    for start in range(0, steps, CHUNK):
        for h in source.chunk(start // CHUNK, min(CHUNK, steps - start)).h:
            total += h * h * (s.slope(w + TINY) - s.slope(w - TINY)) / (2 * TINY)
            w = w - eta * s.slope(w) * h
    return float(eta * np.abs(total).mean())


THEOREM = ErrorOrder()
