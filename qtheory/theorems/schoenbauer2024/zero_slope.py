"""Zeros of the slope, and a box as the repair. Symbols: R for the faces of the box, M for the mirror map."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...statistics import Interval
from ...surrogates import DSQ, Clipped, Levels
from .._base import Case, Checked, Claim, Theorem
from ._steps import EDGE, OUTSIDE, SOURCE, WRONG, remainder


@dataclass(frozen=True, kw_only=True)
class Stuck(Case):
    """A weight at a zero of g(w) = abs(w), and a straight-through twin, under the constant gradient 1 or -1.

    Arguments
        name, role, expected, trials, planted: see Case.
        pace: α η, what the twin moves in a step.   distance: of the twin from the boundary that it moves to.
        up: whether it moves up.   steps: T.   slope: g at the weight, for a control.
    """

    pace: Fraction
    distance: Fraction
    steps: int
    up: bool = False
    slope: Fraction = Fraction(0)

    def checked(self) -> Iterable[Checked]:
        yield Checked("g(w_0) = 0", self.slope == 0, f"g(w_0) = {float(self.slope):g}")
        inside = self.distance > 0 if self.up else self.distance >= 0
        yield Checked("the twin starts in the bin", inside and self.pace > 0, f"distance {float(self.distance):g}")

    def claim(self) -> Claim:
        late = self.distance / self.pace
        left = math.ceil(late) - 1 if self.up else math.floor(late)  # ties belong to the upper bin
        return Claim(*[float(max(self.steps - left, 0))] * 2)

    def measure(self, seed: int) -> Interval:
        h, border = (-1, self.distance) if self.up else (1, -self.distance)
        w = u = Fraction(0)  # the zero, from which the boundary is counted
        differ = 0
        for _ in range(self.steps):
            w -= self.pace * abs(w) * h
            u -= self.pace * h
            differ += (u >= border) != (w >= border)
        return Interval.exact(float(differ))


@dataclass(frozen=True, kw_only=True)
class Wall(Case):
    """A weight beside a zero of the slope, at 0.

    Arguments
        name, role, expected, trials, planted: see Case.
        shape: of g: "tent" abs(w), in fractions; "sine" sin(w)^2; "root" sqrt(abs(w)), which is not Lipschitz.
        eta, start: the rate, and w_0 > 0.   steps: T.
        toward: whether the gradient is 1, toward the zero, or drawn from [-1, 1].
    """

    shape: str = "tent"
    eta: Fraction = Fraction(1, 20)
    start: Fraction = Fraction(1, 3)
    steps: int = 60
    toward: bool = True

    def checked(self) -> Iterable[Checked]:
        yield Checked("g is Lipschitz", self.shape != "root", f"the shape is {self.shape}, Λ = 1 else")
        yield Checked("Λ η H < 1", self.eta < 1, f"it is {float(self.eta):g}")

    def claim(self) -> Claim:
        return Claim(float((1 - self.eta) ** self.steps), float((1 + self.eta) ** self.steps))

    def measure(self, seed: int) -> Interval:
        if self.shape == "tent" and self.toward:
            w = self.start
            for _ in range(self.steps):
                w -= self.eta * abs(w)
            return Interval.exact(float(w / self.start))
        h = np.random.Generator(np.random.Philox(seed)).uniform(-1, 1, self.steps)
        w, eta = float(self.start), float(self.eta)
        for t in range(self.steps):
            w -= eta * (abs(w) if self.shape == "tent" else math.sin(w) ** 2) * (1.0 if self.toward else h[t])
        return Interval.exact(w / float(self.start))


@dataclass(frozen=True, kw_only=True)
class Box(Case):
    """DSQ of 2 bits on [-1, 1] and its straight-through twin, with shared gradients in [-1, 1].

    Arguments
        name, role, expected, trials, planted: see Case.
        repair: "clip" both runs to the box; "zero" both slopes outside of it; "half": clip w only.
        worst: one weight that ends just outside of the box while its twin ends just inside, then the gradient turns;
            otherwise gradients are drawn with a drift outward.
        k, eta, steps, face, weights: steepness, rate, T, R, and how many weights there are if not `worst`.
    """

    repair: str = "clip"
    worst: bool = False
    k: float = 6.5
    eta: float = 1e-3
    steps: int = 2000
    face: float = 1.0
    weights: int = 64

    @property
    def slope(self) -> DSQ:
        return DSQ(Levels.uniform(2), k=self.k)

    def checked(self) -> Iterable[Checked]:
        g = self.slope
        fast = float(g.lipschitz) * self.eta
        smooth = g.positive and math.isfinite(g.lipschitz)
        yield Checked("g > 0 and Lipschitz in the box", smooth, f"Λ = {g.lipschitz:g}")
        yield Checked("Λ η H < 1", fast < 1, f"it is {fast:.3g}")
        moved = float(g.mirror(self.face)) - self.face
        yield Checked("M fixes the faces", abs(moved) < 1e-12, f"M(R) - R = {moved:.2g}")

    def claim(self) -> Claim:
        g = self.slope
        return Claim(0.0, self.steps * float(remainder(g.alpha, float(g.lipschitz), self.eta)))

    def measure(self, seed: int) -> Interval:
        return Interval.exact(float(np.abs(self.errors(seed)).max()))

    def errors(self, seed: int) -> np.ndarray:
        """(N,) M(w_T) - u_T."""
        g = self.slope
        rng = np.random.Generator(np.random.Philox(seed))
        w = np.array([self.edge()]) if self.worst else rng.uniform(-1, 1, self.weights)
        u, outward = g.mirror(w), np.where(w > 0, -0.5, 0.5)
        window = Clipped(g.levels, g, (-self.face, self.face))
        for t in range(self.steps):
            h = np.array([1.0 if t else -1.0]) if self.worst else outward + rng.uniform(-0.5, 0.5, w.size)
            if self.repair == "zero":
                u = u - g.alpha * self.eta * np.where(np.abs(u) <= self.face, h, 0.0)
                w = w - self.eta * window.apply(w, h)
                continue
            w = np.clip(w - self.eta * g.apply(w, h), -self.face, self.face)
            u = u - g.alpha * self.eta * h
            u = np.clip(u, -self.face, self.face) if self.repair == "clip" else u
        return g.mirror(w) - u

    def edge(self) -> float:
        """A start that one step up takes as far beyond R, in the picture of M, as it leaves the twin before it."""
        g = self.slope
        low, high = self.face - 3 * self.eta * float(g.slope(self.face)), self.face
        for _ in range(80):
            w = (low + high) / 2
            over = float(g.mirror(w + self.eta * g.slope(w)) + g.mirror(w)) + g.alpha * self.eta - 2 * self.face
            low, high = (w, high) if over < 0 else (low, w)
        return (low + high) / 2


class ZeroSlope(Theorem):
    """A zero of the slope holds weights for ever and is never crossed; a box in both runs is a repair.   (qtheory)

    Algorithm: w <- w - η g(w) h against u <- u - α η h, the gradients h shared, abs(h) <= H.
    Assumptions: (a) g(w_0) = 0, h constant. (b) g >= 0 is Λ-Lipschitz with a zero z, Λ η H < 1. (c) g > 0 is periodic
        and Λ-Lipschitz, Λ η H < 1, and M fixes the faces ±R of the box to which both runs are clipped.
    Statement: (a) w_t = w_0; a twin at the distance d below the boundary, moving up by s in each step, has another
        level after all but the first ceil(d/s) - 1 of T steps, wherever in the bin it starts; moving down, floor(d/s).
        (b) w stays on its side: (1 - Λ η H)^T <= (w_T - z)/(w_0 - z) <= (1 + Λ η H)^T, and the integral of 1/g at z
        diverges. (c) abs(M(w_T) - u_T) <= T (α/Λ) φ(Λ η H), φ(x) = -log(1 - x) - x. With slopes set to zero outside of
        the box instead, this is false.
    Kind: upper.
    Status: (a) exact, in fractions; (b) attained by g = Λ abs(w - z); (c) as sharp as the bound without a box.
    Arguments: a case of one of three kinds. Measured: (a) steps with different levels, (b) (w_T - z)/(w_0 - z), (c)
        the largest abs(M(w_T) - u_T).
    Errors raised: none of its own.
    References: derived here; proofs/schoenbauer2024/zero_slope.md.
    """

    title = "Zeros of the slope hold weights for ever; clipping both runs repairs it"
    source = SOURCE
    kind = "upper"
    statement = (
        r"g(z)=0\implies\Bigl|\frac{w_T-z}{w_0-z}\Bigr|\ge(1-\Lambda\eta H)^T;\qquad"
        r"\text{in a box that }M\text{ fixes: }|M(w_T)-u_T|\le T\frac\alpha\Lambda\varphi(\Lambda\eta H)"
    )
    figure = "schoenbauer2024_failures"

    def assumptions(self, instance: Stuck | Wall | Box) -> Iterable[Checked]:
        return instance.checked()

    def claim(self, instance: Stuck | Wall | Box) -> Claim:
        return instance.claim()

    def measure(self, instance: Case, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return instance.measure(seed)

    def instances(self, scale: str = "quick") -> Iterable[Case]:
        yield from _stuck()
        yield from _walls()
        yield from _boxes(scale)


def _stuck() -> Iterable[Stuck]:
    down: dict = {"pace": Fraction(1, 300), "distance": Fraction(1, 3), "steps": 1000}
    yield Stuck(name="stuck, the twin moves down: a tie", **EDGE, **down)
    yield Stuck(name="stuck, the twin moves up: a tie", up=True, **EDGE, **down)
    yield Stuck(name="stuck, slow twin", pace=Fraction(1, 7777), distance=Fraction(1, 9), steps=2000)
    yield Stuck(name="stuck, twin at the boundary", pace=Fraction(1, 100), distance=Fraction(0), steps=50, **EDGE)
    yield Stuck(name="stuck, 1% more", planted=1.01, **WRONG, **down)
    yield Stuck(name="no zero", slope=Fraction(1, 100), **OUTSIDE, **down)


def _walls() -> Iterable[Wall]:
    yield Wall(name="wall, abs(w): equality", **EDGE)
    yield Wall(name="wall, abs(w), random gradients", toward=False, steps=500)
    yield Wall(name="wall, sin(w)²", shape="sine", start=Fraction(1), steps=500)
    yield Wall(name="wall, sin(w)², random gradients", shape="sine", eta=Fraction(9, 10), toward=False)
    yield Wall(name="wall, 1% more", planted=1.01, **WRONG)
    yield Wall(name="wall, Λ η H = 1", eta=Fraction(1), **OUTSIDE)
    yield Wall(name="wall, a square root", shape="root", **OUTSIDE)


def _boxes(scale: str) -> Iterable[Box]:
    more: dict = {"weights": 64 if scale == "quick" else 4096}
    for eta in (1e-2, 1e-3) if scale == "quick" else (1e-2, 1e-3, 1e-4):
        yield Box(name=f"box, η = {eta:g}", eta=eta, steps=round(2 / eta), **more)
    yield Box(name="box, a weight at the face", worst=True, **EDGE)
    yield Box(name="box, flat", k=2.0, eta=1e-2, steps=200, **more)
    yield Box(name="two windows, a weight at the face", repair="zero", worst=True, **WRONG)
    yield Box(name="only w in the box", repair="half", **WRONG, **more)
    yield Box(name="a box that M does not fix", face=0.8, **OUTSIDE, **more)
    yield Box(name="box, Λ η H > 1", eta=0.1, **OUTSIDE, **more)


THEOREM = ZeroSlope()
