"""One step of SGD in the mirror. Symbols: see `_twins`; R = M(w - η g(w) h) - (M(w) - α η h)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...statistics import Interval
from .._base import Checked, Claim, Role, Theorem
from . import _twins
from ._twins import OUTSIDE, STRANGERS, TENT, UNIT, WRONG, TwinCase, phi

POINTS = 2001  # weights in a bin


@dataclass(frozen=True, kw_only=True)
class StepCase(TwinCase):
    """A step of SGD with |h| = H. Arguments: see TwinCase."""

    deviation: float = 1.0
    drift: float = 0.0


class SgdStep(Theorem):
    """A step of an estimator is a step of the straight-through estimator, seen in a mirror, up to order η².   (qtheory)

    Algorithm: one step w' = w - η g(w) h of the estimator, u' = u - α η h~ of the straight-through estimator (STE).
    Assumptions: the estimator hands on g(w) h with g > 0, cyclical, Λ-Lipschitz on all of R; X = Λ η |h| < 1.
    Statement: M(w') = M(w) - α η h + R with -(α/Λ) φ(X) <= R <= (α/Λ)(X - log(1 + X)) for h > 0, mirrored for h < 0,
        φ(X) = -log(1 - X) - X. So E = |M(w) - u| grows by at most α η |h - h~| + (α/Λ) φ(X), and φ(X) <= X²/(2(1 - X)).
    Kind: upper.
    Status: tight (resolved to 1e-5): the tent attains it for X up to ΛΔ/2, and α Λ / 2 is the best constant for every
        g that attains its steepest slope. No bound of g from below or above appears.
    Arguments: the case's surrogate, rate and largest |h|. Measured: the largest |R|/η² over a bin and h = ±H, ±H/2;
        the upper end, with log(1 + X), is measured in the theorem's tests only.
    Errors raised: none of its own.
    References: after Schoenbauer, Moro, Lew, Howard (2024), reconstructed; proofs/schoenbauer2024/sgd_step.md.
    """

    title = "One step of SGD: an estimator is the STE in a mirror"
    source = "after Schoenbauer et al. 2024 (SGD theorem, not read; statement and constant derived here)"
    statement = (
        r"\lvert M(w-\eta g(w)h)-(M(w)-\alpha\eta h)\rvert\le\tfrac{\alpha}{\Lambda}\varphi(\Lambda\eta\lvert h\rvert)"
        r"\le\frac{\alpha\Lambda h^2\eta^2}{2(1-\Lambda\eta\lvert h\rvert)}"
    )
    figure = "schoenbauer2024_equivalence"

    def assumptions(self, instance: StepCase) -> Iterable[Checked]:
        yield from _twins.product(instance.surrogate)
        yield _twins.cyclical(instance.surrogate)
        yield Checked("X = Λ η H < 1", instance.X < 1, f"X = {instance.X:.4g}")

    def claim(self, instance: StepCase) -> Claim:
        s = instance.surrogate
        return _twins.at_most(s.alpha / float(s.lipschitz) * phi(instance.X) / instance.rate**2)

    def measure(self, instance: StepCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        s, eta = instance.surrogate, instance.rate
        w = _bin(instance)
        alpha = s.alpha * (1.05 if instance.wrong == "alpha" else 1.0)
        image = (lambda x: x) if instance.wrong == "start" else s.mirror
        worst = 0.0
        for h in np.array([1.0, -1.0, 0.5, -0.5]) * instance.H:
            R = image(w - eta * s.slope(w) * h) - (image(w) - alpha * eta * h)
            worst = max(worst, float(np.abs(R).max()))
        size = (1 + s.alpha / float(s.low)) * (float(np.abs(w).max()) + 1)
        return Interval.exact(worst / eta**2, (8 * UNIT * size + 2 * s.tolerance) / eta**2)

    def instances(self, scale: str = "quick") -> Iterable[StepCase]:
        for number, (name, wave) in enumerate(_twins.waves(8 if scale == "quick" else 40)):
            X = (0.01, 0.1, 0.5, 0.95)[number % 4]
            yield StepCase(name=f"{name}, X = {X:g}", surrogate=wave, rate=X / float(wave.lipschitz))
        for eta in (1e-2, 1e-3, 1e-4):
            yield StepCase(name=f"DSQ, 2 bits, k = 6.5, η = {eta:g}", role=Role.EDGE, rate=eta)
        for X in (0.1, 0.85):
            yield StepCase(name=f"tent, X = {X:g}", role=Role.EDGE, surrogate=TENT, rate=X / TENT.steep)
        tent = {"surrogate": TENT, "rate": 0.5 / TENT.steep}
        yield StepCase(name="99% of the bound", planted=0.99, **tent, **WRONG)
        yield StepCase(name="α 5% too large", wrong="alpha", **WRONG)
        yield StepCase(name="without M", wrong="start", **WRONG)
        yield StepCase(name="X = 1.01", surrogate=TENT, rate=1.01 / TENT.steep, **OUTSIDE)
        for name, stranger in STRANGERS.items():
            yield StepCase(name=name, surrogate=stranger, **OUTSIDE)


def _bin(case: StepCase) -> np.ndarray:
    """Points of a bin, with both of its ends, and the steepest point where it is known."""
    levels = case.surrogate.levels
    low, gap = float(levels.boundaries[0]), float(levels.gaps[0])
    return np.append(low + gap * np.linspace(0, 1, POINTS), _twins.steepest(case.surrogate))


THEOREM = SgdStep()
