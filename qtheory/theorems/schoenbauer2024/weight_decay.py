"""Weight decay breaks the equivalence. Symbols: d(w) = α (w / g(w) - κ M(w)), e = M(w) - u, H' = H + λ W / L-."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..._check import Vector
from ...statistics import Interval
from ...surrogates import DSQ, STE, BinaryTanh, Clipped, Levels, Surrogate
from .._base import Case, Checked, Claim, Theorem
from ._steps import EDGE, OUTSIDE, SOURCE, WRONG, remainder

GRID = Levels.uniform(2)
MESH = 4001  # points at which d is looked at, between which its Lipschitz constant holds


@dataclass(frozen=True, kw_only=True)
class DecayCase(Case):
    """A run with weight decay, and its straight-through twin with a weight decay of its own.

    Arguments
        name, role, expected, trials, planted: see Case.
        slope: g.   eta, steps: the rate and T.   decay: λ.
        kappa: κ: the twin's step is u <- u - α η (h + λ κ u); 1: one decay, the rate scaled; 1/α: neither scaled.
        start: the weights w_0.   noise: H; the shared gradients are drawn from [-H, H].
        region: None, or (low, high) with low > 0 through which one weight decays, noise = 0; then claims the floor.
        forget: for controls: claims that e is as small as without weight decay.
    """

    slope: Surrogate = field(default_factory=lambda: DSQ(GRID, k=6.5))
    eta: float = 1e-3
    steps: int = 600
    decay: float = 0.5
    kappa: float = 1.0
    start: tuple[float, ...] = (-0.9, -0.45, -0.2, 0.1, 0.3, 0.5, 0.8)
    noise: float = 0.3
    region: tuple[float, float] | None = None
    forget: bool = False

    @property
    def most(self) -> float:
        """W >= abs(w_t)."""
        grown = float(self.slope.high) * self.noise / self.decay if self.noise else 0.0
        return max(grown, *map(abs, self.start))

    @property
    def pull(self) -> float:
        """H'."""
        return self.noise + self.decay * self.most / float(self.slope.low)

    @property
    def shrink(self) -> float:
        """α η λ κ."""
        return self.slope.alpha * self.eta * self.decay * self.kappa

    @property
    def horizon(self) -> float:
        """The sum of (1 - α η λ κ)^t over t < T."""
        return -math.expm1(self.steps * math.log1p(-self.shrink)) / self.shrink

    def step_error(self) -> float:
        """(α/Λ) φ(Λ η H')."""
        return float(remainder(self.slope.alpha, float(self.slope.lipschitz), self.eta * self.pull))


class WeightDecay(Theorem):
    """Weight decay is no function of Q(w): in the picture of M it becomes another force.   (qtheory)

    Algorithm: w <- w - η (g(w) h + λ w) and u <- u - α η (h + λ κ u), u_0 = M(w_0), the gradients h shared.
    Assumptions: g is positive, periodic, Λ-Lipschitz, L- > 0; abs(h) <= H; η λ <= 1 and α η λ κ < 1;
        Λ η H' < 1 with H' = H + λ W / L-, W = max(abs(w_0), L+ H / λ).
    Statement: with e = M(w) - u and d(w) = α (w / g(w) - κ M(w)): (a) e_{t+1} = (1 - α η λ κ) e_t - η λ d(w_t) + R_t,
        abs(R_t) <= r_t = (α/Λ) φ(Λ abs(s_t)), s_t = η (h_t + λ w_t / g(w_t)), φ(x) = -log(1 - x) - x. So e_T is
        -η λ Σ (1 - α η λ κ)^(T-1-t) d(w_t), within Σ (1 - α η λ κ)^(T-1-t) r_t. (b) If d has one sign and
        abs(d) >= d_0 on the way, abs(e_T) >= (η λ d_0 - (α/Λ) φ(Λ η H')) Σ (1 - α η λ κ)^t, which does not vanish with
        η at fixed η T, as φ(x) <= x² / (2 (1 - x)). (c) d = 0 everywhere for some κ only if g is constant.
    Kind: identity.
    Status: (a) with its explicit remainder; (b) a floor.
    Arguments: the case's slope, eta, steps, decay, kappa, start, noise, region. Measured: for (a) the
        difference of e_T from its prediction, in units of its bound, the largest over the weights; for (b) abs(e_T).
    Errors raised: none of its own.
    References: derived here; proofs/schoenbauer2024/weight_decay.md.
    """

    title = "Weight decay adds a force that no change of variables removes"
    source = SOURCE
    kind = "identity"
    statement = (
        r"e_{t+1}=(1-\alpha\eta\lambda\kappa)\,e_t-\eta\lambda\,d(w_t)+R_t,\quad"
        r"d(w)=\alpha\Bigl(\frac w{g(w)}-\kappa M(w)\Bigr),\quad|R_t|=O(\eta^2)"
    )
    figure = "schoenbauer2024_failures"

    def assumptions(self, instance: DecayCase) -> Iterable[Checked]:
        i, g = instance, instance.slope
        yield Checked("g > 0, L- > 0", g.positive and g.low > 0, f"L- = {g.low:g} {g.low.how}")
        yield Checked("g is periodic", g.cyclical, f"{type(g).__name__}")
        yield Checked("g is Lipschitz", math.isfinite(g.lipschitz), f"Λ = {g.lipschitz:g} {g.lipschitz.how}")
        small = i.decay > 0 and i.eta * i.decay <= 1 and 0 < i.shrink < 1
        yield Checked("0 < η λ <= 1, 0 < α η λ κ < 1", small, f"{i.eta * i.decay:g}, {i.shrink:g}")
        product = float(g.lipschitz) * i.eta * i.pull
        yield Checked("Λ η H' < 1", product < 1, f"it is {product:.3g}")
        if i.region is not None:
            low, high = i.region
            last = i.start[0] * (1 - i.eta * i.decay) ** i.steps
            inside = len(i.start) == 1 and i.noise == 0 and 0 < low <= last and i.start[0] <= high
            yield Checked("one weight decays inside the region", inside, f"from {i.start[0]:g} to {last:.3g}")
            yield Checked("abs(d) >= d_0 > 0 there", least(i) > 0, f"d_0 = {least(i):.3g}, on a mesh of {MESH} points")

    def claim(self, instance: DecayCase) -> Claim:
        i = instance
        if i.region is not None:
            return Claim((i.eta * i.decay * least(i) - i.step_error()) * i.horizon, math.inf)
        return Claim(0.0, 1.0)

    def measure(self, instance: DecayCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i = instance
        if i.region is not None:
            return Interval.exact(float(abs(fade(i))))
        e, predicted, error = follow(i, seed)
        off = np.abs(e if i.forget else e - predicted)
        return Interval.exact(float(np.divide(off, error, out=off.copy(), where=error > 0).max()))

    def instances(self, scale: str = "quick") -> Iterable[DecayCase]:
        for eta in (1e-3, 5e-4) if scale == "quick" else (1e-3, 1e-4, 1e-5):
            yield DecayCase(name=f"DSQ, η = {eta:g}", eta=eta, steps=round(0.6 / eta))
        alpha = DSQ(GRID, k=6.5).alpha
        yield DecayCase(name="decay not scaled", kappa=1 / alpha)
        yield DecayCase(name="decay alone", noise=0.0)
        flat = DSQ(Levels.uniform(3), k=4.0)
        yield DecayCase(name="a flat DSQ of 3 bits", slope=flat, decay=2.0, noise=1.0)
        yield DecayCase(name="the straight-through estimator: no difference", slope=STE(GRID), **EDGE)
        way: dict = {"noise": 0.0, "start": (0.45,), "region": (0.15, 0.45), "eta": 1e-4, "steps": 21_900}
        yield DecayCase(name="floor", **way)
        short: dict = {**way, "start": (0.34,), "region": (0.3334, 0.34), "eta": 1e-5, "steps": 3900}
        yield DecayCase(name="floor, a short way", **EDGE, **short)
        yield DecayCase(name="floor, a short way, 10% more", planted=1.1, **WRONG, **short)
        yield DecayCase(name="decay forgotten", forget=True, **WRONG)
        yield DecayCase(name="decay not scaled, and forgotten", kappa=1 / alpha, forget=True, **WRONG)
        yield DecayCase(name="floor where d changes its sign", **{**way, "region": (0.05, 0.62)}, **OUTSIDE)
        yield DecayCase(name="clipped", slope=Clipped(GRID), **OUTSIDE)
        yield DecayCase(name="binary tanh", slope=BinaryTanh(Levels([-1.0, 1.0]), k=2.0), **OUTSIDE)
        yield DecayCase(name="steps too large", eta=0.1, **OUTSIDE)


def force(case: DecayCase, w: Vector) -> Vector:
    """d(w)."""
    g = case.slope
    return g.alpha * (w / g.slope(w) - case.kappa * g.mirror(w))


def least(case: DecayCase) -> float:
    """d_0: a lower bound of abs(d) on the region, not positive where the sign may change."""
    g, (low, high) = case.slope, case.region
    d = force(case, np.linspace(low, high, MESH))
    bottom, top = float(g.low), high / float(g.low)
    steep = g.alpha * ((1 + top * float(g.lipschitz)) / bottom + case.kappa * g.alpha / bottom)
    between = steep * (high - low) / (MESH - 1) / 2
    return float(max(d.min(), -d.max())) - between


def fade(case: DecayCase) -> float:
    """e_T of one weight under weight decay alone."""
    g = case.slope
    end = g.mirror(case.start[0] * (1 - case.eta * case.decay) ** case.steps)
    return float(end - g.mirror(case.start[0]) * (1 - case.shrink) ** case.steps)


def follow(case: DecayCase, seed: int) -> tuple[Vector, Vector, Vector]:
    """(n,) e_T, what statement (a) predicts of it, and how far it may be from that."""
    g, eta, alpha, steep = case.slope, case.eta, case.slope.alpha, float(case.slope.lipschitz)
    rng = np.random.Generator(np.random.Philox(seed))
    w = np.array(case.start)
    u, predicted, error = g.mirror(w), np.zeros(w.size), np.zeros(w.size)
    for _ in range(case.steps):
        h, slope = case.noise * rng.uniform(-1, 1, w.size), g.slope(w)
        drift = alpha * (w / slope - case.kappa * g.mirror(w))
        predicted = (1 - case.shrink) * predicted - eta * case.decay * drift
        s = eta * (h + case.decay * w / slope)
        error = (1 - case.shrink) * error + remainder(alpha, steep, np.abs(s))
        w = w - eta * (slope * h + case.decay * w)
        u = u - alpha * eta * (h + case.decay * case.kappa * u)
    return g.mirror(w) - u, predicted, error


THEOREM = WeightDecay()
