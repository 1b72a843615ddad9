"""The mean coarse gradient without a window. Symbols: s = c |v|² / sqrt(n), S = 1'v, S* = 1'v*; a hat: unit length."""

from collections.abc import Iterable
from math import pi

from ...statistics import Interval
from ...two_layer import population
from .._base import Checked, Claim, Role, Theorem
from . import _population
from ._population import OUTSIDE, STUDENT, WRONG, PopulationCase, at_angle, vertex

CONSTANTS = (("heaviside", "identity"), ("heaviside", "relu"), ("sign", "identity"), ("sign", "relu"))


class CoarseGradient(Theorem):
    """Over infinitely many samples only wrong signs feel a force, all of them the same.   (after Yin et al. 2019)

    Algorithm: one full-batch step of the straight-through estimator, g = r Z'(v * μ'(Zw)).
    Assumptions: the rows of Z are independent N(0, I); w and w* are not zero; μ' = 1 (identity) or 1{x > 0} (relu).
        For (b): v = v*, and q, w* in {-1, 1}^n.
    Statement: (a) Heaviside, identity: E g = (|v|² ŵ - v'v* ŵ*) / sqrt(2π); relu: E g = ((|v|² + S² - S S*) ŵ -
        v'v* ŵ*) / (2 sqrt(2π)). Sign, identity: E g = sqrt(2/π) (|v|² ŵ - v'v* ŵ*); relu: half of it.
        (b) E g(q) = s (q - w*), c = 1/sqrt(2π), half of it, sqrt(2/π), half of it.
    Kind: identity.
    Status: tight: an identity, checked to 1e-10 (|v|_1 + |v*|_1)² against quadrature, with m <= 5 units.
    Arguments: the case's w, w_star, v, v_star, activation, ste. Measured: the component of E g that the case names;
        (b) is claimed for "right" and "wrong" coordinates.
    Errors raised: none of its own.
    References: Yin, Lyu, Zhang, Osher, Qi, Xin, ICLR 2019 (formulas for Heaviside recalled, derived here);
        proofs/jeong2025/coarse_gradient.md.
    """

    title = "The mean coarse gradient: right signs rest, wrong signs drift at one speed"
    source = "after Yin et al. 2019 (formulas for Heaviside recalled; derived here); (b) derived here"
    kind = "identity"
    statement = r"\mathbb{E}g(q)=\frac{c\lVert v\rVert^2}{\sqrt n}(q-w^*)\qquad(v=v^*)"
    figure = "jeong2025_population"

    def assumptions(self, instance: PopulationCase) -> Iterable[Checked]:
        yield from _population.assumptions(instance)
        window = instance.ste not in ("identity", "relu")
        yield Checked("the estimator has no window", not window, instance.ste)
        if instance.component in ("right", "wrong"):
            yield from _population.drift(instance)

    def claim(self, instance: PopulationCase) -> Claim:
        i = instance
        if i.component in ("right", "wrong"):
            s = population.speed(i.v, len(i.w), activation=i.activation, ste=i.ste)
            return _population.resolved(-2 * s if i.component == "wrong" else 0.0, i)
        g = population.coarse_gradient(i.v, i.v_star, i.w, i.w_star, activation=i.activation, ste=i.ste)
        return _population.resolved(_population.read(i, g), i)

    def measure(self, instance: PopulationCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return _population.component(instance, instance.swapped or instance.ste)

    def instances(self, scale: str = "quick") -> Iterable[PopulationCase]:
        for activation, ste in CONSTANTS:
            kind: dict = {"activation": activation, "ste": ste}
            name = f"{activation}, {ste}"
            for part in ("along", "across"):
                yield at_angle(f"{name}, {part}", 1.1, length=3.0, component=part, **STUDENT, **kind)
                for place, theta in (("0", 0.0), ("π/2", pi / 2), ("π", pi)):
                    edge: dict = {"role": Role.EDGE, "component": part}
                    yield at_angle(f"{name}, {part}, θ = {place}", theta, **edge, **STUDENT, **kind)
            for n, d in ((9, 3),) if scale == "quick" else ((9, 3), (25, 1), (100, 60)):
                yield from _cube(f"{name}, n = {n}, d = {d}", n, d, kind)
            yield vertex(f"{name}, every sign wrong", 9, 9, component="wrong", role=Role.EDGE, **kind)
            yield vertex(f"{name}, no sign wrong", 9, 0, component="right", role=Role.EDGE, **kind)
            yield vertex(f"{name}, 0.1% more", 9, 3, component="wrong", planted=1.001, **kind, **WRONG)
        for part in ("right", "wrong"):
            wrong: dict = {"ste": "relu", "swapped": "clipped", "component": part, **WRONG}
            yield vertex(f"clipped measured, relu claimed, {part}", 9, 3, **wrong)
        yield vertex("(b) for v != v*", 9, 3, component="wrong", **STUDENT, **OUTSIDE)
        yield vertex("an estimator with a window", 9, 3, ste="clipped", component="wrong", **OUTSIDE)


def _cube(name: str, n: int, d: int, kind: dict) -> Iterable[PopulationCase]:
    v = (1.0, -0.5, 0.75)
    for part in ("right", "wrong"):
        yield vertex(f"{name}, {part}", n, d, component=part, v=v, v_star=v, **kind)


THEOREM = CoarseGradient()
