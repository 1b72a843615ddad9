"""The mean coarse gradient with a window. Symbols: a = 1/|w|, p = a cot θ / sqrt 2, r = a / (sqrt 2 sin θ)."""

from collections.abc import Iterable
from math import pi, sqrt

from ...statistics import Interval
from ...two_layer import population
from .._base import Checked, Claim, Role, Theorem
from . import _population
from ._population import OUTSIDE, STUDENT, WRONG, PopulationCase, at_angle, vertex

WINDOWS = (("heaviside", "clipped"), ("sign", "hardtanh"))


class ClippedGradient(Theorem):
    """With a window the mean coarse gradient also pushes right signs, away from zero.   (qtheory)

    Algorithm: one full-batch step of the straight-through estimator, g = r Z'(v * μ'(Zw)).
    Assumptions: the rows of Z are independent N(0, I); w and w* are not zero; Heaviside with μ' = 1{0 < x < 1}, or sign
        with μ' = 1{abs(x) < 1}. For (b) and (c): v = v*.
    Statement: (a) with e = exp(-a²/2), C = 1/(2 sqrt(2π)) (Heaviside), sqrt(2/π) (sign), K = |v|² + S² - S S*
        (Heaviside), |v|² (sign): E g = C (((1 - e) K + e erf(p) v'v*) ŵ - erf(r) v'v* ŵ*). (b) For v = v* this is
        C |v|² (A ŵ - B ŵ*), A = 1 - e erfc(p), B = erf(r). (c) 0 < A + B <= 2 and A < B for 0 < θ <= π: in a vertex q
        wrong signs move toward w* with A + B, and right ones away from zero with B - A.
    Kind: identity.
    Status: tight: an identity, checked to 1e-10 (|v|_1 + |v*|_1)² against quadrature, with m <= 5 units.
    Arguments: the case's w, w_star, v, v_star, activation, ste. Measured: the component of E g that the case names.
    Errors raised: none of its own.
    References: derived here; proofs/jeong2025/clipped_gradient.md.
    """

    title = "The mean coarse gradient of a clipped estimator"
    source = "qtheory (derived here)"
    kind = "identity"
    statement = (
        r"\mathbb{E}g=C\lVert v\rVert^2(A\hat w-B\hat w^*),\quad A=1-e^{-a^2/2}\operatorname{erfc}"
        r"\bigl(\tfrac{a\cot\theta}{\sqrt2}\bigr)\le B=\operatorname{erf}\bigl(\tfrac{a}{\sqrt2\sin\theta}\bigr)"
    )
    figure = "jeong2025_population"

    def assumptions(self, instance: PopulationCase) -> Iterable[Checked]:
        yield from _population.assumptions(instance)
        yield Checked("the estimator has a window", instance.ste in ("clipped", "hardtanh"), instance.ste)
        if instance.component in ("right", "wrong"):
            yield Checked("v = v*", instance.v == instance.v_star, f"v = {instance.v}, v* = {instance.v_star}")

    def claim(self, instance: PopulationCase) -> Claim:
        i = instance
        if i.component in ("right", "wrong"):
            A, B = population.clipped_coefficients(i.theta, 1 / sqrt(len(i.w)))
            push = A - B if i.component == "right" else -(A + B)
            s = population.speed(i.v, len(i.w), activation=i.activation, ste=LIMIT[i.activation])
            return _population.resolved(s * push, i)
        g = population.coarse_gradient(i.v, i.v_star, i.w, i.w_star, activation=i.activation, ste=i.ste)
        return _population.resolved(_population.read(i, g), i)

    def measure(self, instance: PopulationCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return _population.component(instance, instance.swapped or instance.ste)

    def instances(self, scale: str = "quick") -> Iterable[PopulationCase]:
        for activation, ste in WINDOWS:
            kind: dict = {"activation": activation, "ste": ste}
            for length in (0.2, 1.0, 5.0) if scale == "quick" else (0.05, 0.2, 1.0, 5.0, 50.0):
                for part, theta in (("along", 0.7), ("across", 2.3)):
                    more: dict = {"length": length, "component": part, **STUDENT, **kind}
                    yield at_angle(f"{ste}, {part}, |w| = {length:g}", theta, **more)
            for place, theta in (("0", 0.0), ("π/2", pi / 2), ("π", pi)):
                yield at_angle(f"{ste}, θ = {place}", theta, role=Role.EDGE, **STUDENT, **kind)
            for part in ("right", "wrong"):
                v: dict = {"v": (1.0, -0.5, 0.75), "v_star": (1.0, -0.5, 0.75)}
                yield vertex(f"{ste}, n = 9, d = 3, {part}", 9, 3, component=part, **v, **kind)
            yield vertex(f"{ste}, every sign wrong", 9, 9, component="wrong", role=Role.EDGE, **kind)
            yield vertex(f"{ste}, no sign wrong", 9, 0, component="right", role=Role.EDGE, **kind)
            yield vertex(f"{ste}, 0.1% more", 9, 3, component="wrong", planted=1.001, **kind, **WRONG)
        yield vertex("no window measured", 9, 3, ste="clipped", swapped="relu", component="wrong", **WRONG)
        yield vertex("an estimator without a window", 9, 3, ste="relu", **OUTSIDE)
        yield vertex("(b) for v != v*", 9, 3, ste="clipped", component="wrong", **STUDENT, **OUTSIDE)


LIMIT = {"heaviside": "relu", "sign": "identity"}  # the estimators that these become as the window grows

THEOREM = ClippedGradient()
