"""A slope that jumps at a boundary. Symbols: a = η g_+ h_+ and c = -η g_- h_-, its steps above and below."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from ...statistics import Interval
from .._base import Case, Checked, Claim, Theorem
from ._steps import EDGE, OUTSIDE, SOURCE, WRONG


@dataclass(frozen=True, kw_only=True)
class JumpCase(Case):
    """A weight that oscillates about the boundary 0 between the levels -1/2 and 1/2.

    Arguments
        name, role, expected, trials, planted: see Case.
        h: gradients (h_-, h_+) below and above the boundary.   g: slopes (g_-, g_+) of the estimator next to it.
        tilt: (k_-, k_+): the slope is g_- + k_- w below, g_+ + k_+ w above; Λ is the larger size.
        eta, steps: the rate and T.   start: w_0, in -a <= w_0 < c.
        twin: None, or (rate, start) of a straight-through run u; then the share of steps is measured where Q(w) and
            Q(u) differ.
        wrong: for controls: claims the share of the straight-through estimator.
    """

    h: tuple[Fraction, Fraction] = (Fraction(-3), Fraction(7))
    g: tuple[Fraction, Fraction] = (Fraction(1), Fraction(2))
    tilt: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))
    eta: Fraction = Fraction(1, 1000)
    steps: int = 2000
    start: Fraction = Fraction(0)
    twin: tuple[Fraction, Fraction] | None = None
    wrong: bool = False

    @property
    def a(self) -> Fraction:
        return self.eta * self.g[1] * self.h[1]

    @property
    def c(self) -> Fraction:
        return -self.eta * self.g[0] * self.h[0]

    @property
    def reach(self) -> Fraction:
        """K max(a, c) with K = Λ / min(g_-, g_+)."""
        return max(map(abs, self.tilt)) / min(self.g) * max(self.a, self.c)

    @property
    def epsilon(self) -> Fraction:
        """ε = x / (1 - x), x = K max(a, c): no step differs from a or c by a larger share."""
        return self.reach / (1 - self.reach)


class BoundaryJump(Theorem):
    """A slope that jumps at a boundary changes how long a weight stays on either side, for every rate.   (qtheory)

    Algorithm: w <- w - η g(w) h(Q(w)), with h_+ > 0 above the boundary 0 and h_- < 0 below it.
    Assumptions: h_- < 0 < h_+; g(w) = g_± + k_± w > 0; -a <= w_0 < c; x = Λ max(a, c) / min(g_-, g_+) < 1/2; the weight
        stays between the levels. For the twin: it starts in its own interval, as w_0 does.
    Statement: the share of steps above is within (1/4) ln((1 + ε)/(1 - ε)) + (1 + ε)/((1 - ε) T) of
        λ = c/(a + c) = -g_- h_- / (g_+ h_+ - g_- h_-), with ε = x/(1 - x). Without tilt ε = 0, the map is a rotation of
        a circle, and the share is λ itself if T is a multiple of the denominator of λ. The straight-through estimator
        has λ_1 = -h_-/(h_+ - h_-), whatever its rate and start: Q(w) and Q(u) differ in a share of at least
        abs(λ - λ_1) less both errors.
    Kind: limit.
    Status: explicit error; exact where the step is commensurable with T.
    Arguments: the case's h, g, tilt, eta, steps, start, twin. Measured: the share of steps above, or the share of
        disagreement; in fractions where tilt is zero.
    Errors raised: none of its own.
    References: derived here; proofs/schoenbauer2024/boundary_jump.md.
    """

    title = "A jump of the slope at a boundary shifts the shares of time"
    source = SOURCE
    kind = "limit"
    statement = (
        r"\Bigl|\frac{\#\{t<T:w_t\ge0\}}T-\lambda\Bigr|\le\tfrac14\ln\tfrac{1+\varepsilon}{1-\varepsilon}"
        r"+\tfrac{1+\varepsilon}{1-\varepsilon}\cdot\tfrac1T"
        r"\quad\bigl(<\tfrac1T\text{ for two slopes, }\varepsilon=0\bigr),"
        r"\qquad\lambda=\frac{-g_-h_-}{g_+h_+-g_-h_-}\ \ne\ \frac{-h_-}{h_+-h_-}\text{ if }g_-\ne g_+"
    )
    figure = "schoenbauer2024_failures"

    def assumptions(self, instance: JumpCase) -> Iterable[Checked]:
        i = instance
        yield Checked("h_- < 0 < h_+", i.h[0] < 0 < i.h[1], f"h = {float(i.h[0]):g}, {float(i.h[1]):g}")
        yield Checked("g_-, g_+ > 0", min(i.g) > 0, f"g = {float(i.g[0]):g}, {float(i.g[1]):g}")
        yield Checked("Λ max(a, c) / min(g_-, g_+) < 1/2", 2 * i.reach < 1, f"it is {float(i.reach):.3g}")
        farthest = (1 + i.epsilon) * max(i.a, i.c)
        yield Checked("the weight stays between the levels", 2 * farthest < 1, f"abs(w) <= {float(farthest):.3g}")
        yield Checked("-a <= w_0 < c", -i.a <= i.start < i.c, f"w_0 = {float(i.start):g}")
        if i.twin is not None:
            rate, start = i.twin
            inside = rate > 0 and -rate * i.h[1] <= start < -rate * i.h[0]
            yield Checked("the twin is in its interval", inside, f"rate {float(rate):g}, u_0 = {float(start):g}")

    def claim(self, instance: JumpCase) -> Claim:
        i = instance
        above, plain = share(i.g, i.h), share((1, 1), i.h)
        value = plain if i.wrong else above
        if i.twin is not None:
            return Claim(float(abs(value - plain)) - error(i) - 1 / i.steps, 1.0)
        return Claim(float(value) - error(i), float(value) + error(i))

    def measure(self, instance: JumpCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i = instance
        own = sides(i)
        if i.twin is None:
            return Interval.exact(float(Fraction(sum(own), i.steps)))
        rate, start = i.twin
        other = rotation(rate * i.h[1], -rate * i.h[0], start, i.steps)
        return Interval.exact(sum(x != y for x, y in zip(own, other, strict=True)) / i.steps)

    def instances(self, scale: str = "quick") -> Iterable[JumpCase]:
        yield from _two_slopes(2000 if scale == "quick" else 200_000)
        yield from _tilted(2000 if scale == "quick" else 200_000)
        yield from _outside()


def share(g: tuple, h: tuple) -> Fraction:
    """λ of slopes (g_-, g_+) and gradients (h_-, h_+)."""
    return Fraction(-g[0] * h[0]) / (g[1] * h[1] - g[0] * h[0])


def error(case: JumpCase) -> float:
    """How far the share may be from λ."""
    x = case.epsilon
    if x == 0:
        return 0.0 if case.steps % share(case.g, case.h).denominator == 0 else 1 / case.steps
    ratio = float((1 + x) / (1 - x))
    return math.log(ratio) / 4 + ratio / case.steps


def rotation(a: Fraction, c: Fraction, w: Fraction, steps: int) -> list[bool]:
    """Whether w_t >= 0, for t = 0, ..., steps - 1 of w <- w - a above and w + c below; exact."""
    scale = math.lcm(a.denominator, c.denominator, w.denominator)
    down, up, x = int(a * scale), int(c * scale), int(w * scale)
    above = []
    for _ in range(steps):
        above.append(x >= 0)
        x += -down if x >= 0 else up
    return above


def sides(case: JumpCase) -> list[bool]:
    """Whether w_t >= 0, for t = 0, ..., T - 1; in floating point where the slope has a tilt."""
    if not any(case.tilt):
        return rotation(case.a, case.c, case.start, case.steps)
    (g_low, g_high), (k_low, k_high), (h_low, h_high) = (tuple(map(float, p)) for p in (case.g, case.tilt, case.h))
    eta, w, above = float(case.eta), float(case.start), []
    for _ in range(case.steps):
        above.append(w >= 0)
        w -= eta * ((g_high + k_high * w) * h_high if w >= 0 else (g_low + k_low * w) * h_low)
    return above


def _two_slopes(steps: int) -> Iterable[JumpCase]:
    one, two, many = Fraction(1), Fraction(2), {"steps": steps}
    yield JumpCase(name="g_+ = 2 g_-", **many)
    yield JumpCase(name="g_+ = 2 g_-, whole periods", steps=17 * (steps // 17), start=Fraction(1, 777))
    yield JumpCase(name="g_- = 5 g_+", g=(Fraction(5), one), start=Fraction(1, 700), **many)
    yield JumpCase(name="nearly equal slopes", g=(Fraction(355, 113), Fraction(22, 7)), **many)
    yield JumpCase(name="g_+ = g_-: the straight-through share", g=(one, one), **EDGE, **many)
    yield JumpCase(name="one step", steps=1, **EDGE)
    yield JumpCase(name="from the lower end", start=Fraction(-14, 1000), **EDGE, **many)
    far = Fraction(1, 30)
    yield JumpCase(name="the largest steps", eta=far, **EDGE, **many)
    yield JumpCase(name="disagrees with every twin", twin=(Fraction(1, 1000), Fraction(0)), **many)
    scaled = (Fraction(4, 3000), Fraction(1, 321))
    yield JumpCase(name="disagrees with a twin at the harmonic mean", twin=scaled, **many)
    yield JumpCase(name="the straight-through share claimed", wrong=True, **WRONG, **many)
    yield JumpCase(name="1% more", planted=1.01, **WRONG, **many)
    same = (Fraction(1, 1000), Fraction(0))
    yield JumpCase(name="disagreement, a factor 4 more", twin=same, g=(one, two), planted=4.0, **WRONG, **many)


def _tilted(steps: int) -> Iterable[JumpCase]:
    two, many = Fraction(2), {"steps": steps}
    yield JumpCase(name="a jump and a tilt", tilt=(Fraction(3), Fraction(-4)), **many)
    for eta in (Fraction(1, 1000), Fraction(1, 20_000)):
        bent: dict = {"g": (two, two), "tilt": (Fraction(5), Fraction(-5)), "eta": eta}
        yield JumpCase(name=f"continuous, η = {float(eta):g}: the straight-through share", **bent, **EDGE, **many)
    small: dict = {"tilt": (Fraction(3), Fraction(-4)), "eta": Fraction(1, 20_000)}
    yield JumpCase(name="a jump and a tilt, 5% more", planted=1.05, **small, **WRONG, **many)


def _outside() -> Iterable[JumpCase]:
    yield JumpCase(name="both gradients point down", h=(Fraction(3), Fraction(7)), **OUTSIDE)
    yield JumpCase(name="a slope is zero", g=(Fraction(0), Fraction(2)), **OUTSIDE)
    steep = (Fraction(40), Fraction(-40))
    yield JumpCase(name="steps too large for the tilt", tilt=steep, eta=Fraction(1, 100), **OUTSIDE)
    yield JumpCase(name="a start outside the interval", start=Fraction(1, 4), **OUTSIDE)


THEOREM = BoundaryJump()
