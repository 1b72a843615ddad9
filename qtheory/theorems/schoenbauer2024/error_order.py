"""The order of the error in the learning rate. Symbols: see `_twins`; τ = η T, c = lim error / η."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...statistics import Interval, fit_slope
from ...twins import Adam, Momentum
from .._base import Checked, Claim, Role, Theorem
from . import _twins
from ._twins import OUTSIDE, SHARP, STRANGERS, WRONG, TwinCase, steepest
from .adam import memory

MARGIN = 0.05  # of the order: rates are not infinitely small, and a fit has an interval
POINTS = 12


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

    def errors(self, seed: int) -> np.ndarray:
        """(POINTS,) means over coordinates."""
        unit = 1 - self.rule.mu if isinstance(self.rule, Momentum) else 1.0
        runs = ((eta, round(self.tau / eta)) for eta in self.rates)
        return np.array([self.run(seed, rate=unit * eta, steps=T).error.mean() for eta, T in runs])


class ErrorOrder(Theorem):
    """The error of twins after T = τ/η steps is of order one in η, not better.   (qtheory)

    Algorithm: twins, shared gradients: SGD or momentum, u_1 = M(w_1), rates (1 - μ)η and α(1 - μ)η; or Adam, u_1 = w_1.
    Assumptions: the estimator hands on g(w) h with g > 0, Lipschitz, for SGD and momentum cyclical; for Adam
        c = λ η U < -log(β2)/2; error/η has a limit other than 0 (cases are such: alternating or constant gradients on a
        steep piece of g, where the leading term is known; noise, where it is not 0 on average).
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
        r"\lvert M(w_{T+1})-u_{T+1}\rvert=\tfrac\alpha2\Bigl\lvert\sum_{t\le T}\eta^2h_t^2g'(w_t)\Bigr\rvert+O(\eta^2)"
        r"=\Theta(\eta),\quad T=\tau/\eta"
    )
    figure = "schoenbauer2024_equivalence"

    def assumptions(self, instance: OrderCase) -> Iterable[Checked]:
        yield from _twins.product(instance.surrogate)
        if isinstance(instance.rule, Adam):
            c, most = memory(instance.at(rate=float(instance.rates.max()))), -np.log(instance.rule.beta2) / 2
            yield Checked("c = λ η U < -log(β2)/2", bool(c < most), f"c = {c:.4g}, {c / most:.3g} of -log(β2)/2")
        else:
            yield _twins.cyclical(instance.surrogate)

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
        yield OrderCase(name="Adam 0.999, η to 0.001", rule=Adam(0.9, 0.999), rate=1e-3, **small, **OUTSIDE)
        for name, stranger in STRANGERS.items():
            yield OrderCase(name=name, surrogate=stranger, **OUTSIDE)


THEOREM = ErrorOrder()
