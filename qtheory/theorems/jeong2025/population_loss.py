"""The mean loss of a two-layer network. Symbols: v, v* output weights, w, w* hidden weights, θ their angle."""

from collections.abc import Iterable
from math import pi

from ...statistics import Interval
from ...two_layer import population
from .._base import Checked, Claim, Role, Theorem
from . import _population
from ._population import OUTSIDE, STUDENT, WRONG, PopulationCase, at_angle, vertex


class PopulationLoss(Theorem):
    """The mean loss depends on the hidden weights through one angle alone, and linearly.   (after Yin et al. 2019)

    Algorithm: none; y = v'σ(Zw), Z (m x n), r = v'σ(Zw) - v*'σ(Zw*).
    Assumptions: the rows of Z are independent N(0, I); w and w* are not zero; σ is Heaviside or sign.
    Statement: with S = 1'v, S* = 1'v*: E r²/2 = (|v|² + |v*|² - 2 (1 - 2θ/π) v'v* + (S - S*)²) / 8 for Heaviside,
        (|v|² + |v*|²) / 2 - (1 - 2θ/π) v'v* for sign.
    Kind: identity.
    Status: tight: an identity, checked to 1e-10 (|v|_1 + |v*|_1)² against quadrature, with m <= 5 units.
    Arguments: the case's w, w_star, v, v_star, activation. Measured: E r²/2, over the signs in all rows.
    Errors raised: none of its own.
    References: Yin, Lyu, Zhang, Osher, Qi, Xin, ICLR 2019 (formula recalled, derived here);
        proofs/jeong2025/population_loss.md.
    """

    title = "The mean loss of a two-layer network with binary activations"
    source = "after Yin et al. 2019 (formula for Heaviside recalled; derived here, for sign too)"
    kind = "identity"
    statement = (
        r"\tfrac12\mathbb{E}r^2=\tfrac18\bigl[\lVert v\rVert^2+\lVert v^*\rVert^2"
        r"-2(1-\tfrac{2\theta}{\pi})v^\top v^*+(S-S_*)^2\bigr]"
    )
    figure = "jeong2025_population"

    def assumptions(self, instance: PopulationCase) -> Iterable[Checked]:
        yield from _population.assumptions(instance)

    def claim(self, instance: PopulationCase) -> Claim:
        i = instance
        return _population.resolved(population.loss(i.v, i.v_star, i.w, i.w_star, activation=i.activation), i)

    def measure(self, instance: PopulationCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return _population.half_square(instance, instance.swapped or instance.activation)

    def instances(self, scale: str = "quick") -> Iterable[PopulationCase]:
        for activation in ("heaviside", "sign"):
            kind: dict = {"activation": activation}
            for theta in (0.3, 1.0, 2.5) if scale == "quick" else (0.01, 0.3, 1.0, 1.5, 1.7, 2.5, 3.1):
                yield at_angle(f"{activation}, three units, θ = {theta:g}", theta, **STUDENT, **kind)
            yield vertex(f"{activation}, n = 9, three wrong signs", 9, 3, v=(1.0, 1.0), v_star=(1.0, 1.0), **kind)
            for name, theta in (("0", 0.0), ("π/2", pi / 2), ("π", pi)):
                yield at_angle(f"{activation}, θ = {name}", theta, role=Role.EDGE, **STUDENT, **kind)
            yield at_angle(f"{activation}, student = teacher", 0.0, role=Role.EDGE, **kind)
            yield at_angle(f"{activation}, 0.1% more", 1.0, planted=1.001, **STUDENT, **kind, **WRONG)
        yield at_angle("sign measured, Heaviside claimed", 1.0, swapped="sign", **STUDENT, **WRONG)
        yield PopulationCase(name="w = 0 has no angle", w=(0.0, 0.0), w_star=(1.0, 0.0), **OUTSIDE)
        if scale == "full":
            v = (1.0, -0.5, 0.25, 2.0, -1.5)
            yield at_angle("five units", 1.2, v=v, v_star=v[::-1])


THEOREM = PopulationLoss()
