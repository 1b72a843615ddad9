"""How far label noise keeps the weights from the optimum, on the average. Symbols: see `_noise` and `Perturbation`."""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from ..._check import Vector
from ...statistics import Interval
from ...two_layer import TwoLayer, recover
from .._base import Checked, Claim, Role, Theorem
from . import _noise
from ._noise import NoiseCase, Perturbation, outside, perturbation, wrong_claim


class NoiseReturn(Theorem):
    """Under label noise the weights return to w* for ever; their mean distance is |rho_+|_1 / 2, nearly.   (qtheory)

    Algorithm: u <- u - eta g(sign u) with the full batch, constant eta.
    Assumptions: (A) every wrong coordinate is pushed home at every vertex, gamma > 0; (B) the pushes toward wrong signs
        that q adds to those at w* sum to theta_- d(q) at most, theta_- < 2. Verified at all 2^n vertices.
    Statement: over T steps after T_0, with h = sum_k max(y_k(0)_+, 2) + n T_0 b, the mean Hamming distance to w* is at
        most (|rho_+|_1 / 2 + n (1 + a/2) / T) / (1 - theta_-/2), and at least
        (|rho_+|_1 / 2 - (h + n a) / (2 T)) / (1 + theta_+/2). The share of time at w* is at least 1 minus the former.
    Kind: limit.
    Status: both ends tend to |rho_+|_1 / 2 as the samples grow, and T.
    Arguments: the case's problem, starts, step, steps; 2 s_k is the mean push home of k over the vertices, any other
        unit would do. Measured: least and largest mean distance over the starts, which are the same for every seed.
    Errors raised: none of its own.
    References: derived here; the recurrence is announced in the abstract of Jeong, Xin and Yin (2025),
        arXiv:2505.18113, whose full text was not at hand; proofs/jeong2025/noise_return.md.
    """

    title = "Label noise: the weights return to w* for ever, at mean distance |rho_+|/2"
    source = "qtheory (derived here; after the abstract of Jeong, Xin and Yin 2025)"
    kind = "limit"
    statement = (
        r"\frac{\frac12\lVert\rho_+\rVert_1-\frac{h+na}{2T}}{1+\frac12\theta_+}\le\bar d\le"
        r"\frac{\frac12\lVert\rho_+\rVert_1+\frac nT(1+\frac a2)}{1-\frac12\theta_-}"
    )
    figure = "jeong2025_recurrence"

    def assumptions(self, instance: NoiseCase) -> Iterable[Checked]:
        kind = type(instance).__name__
        yield Checked("the case is a NoiseCase", isinstance(instance, NoiseCase), f"it is of type {kind}")
        p = instance.problem
        few = p.n <= _noise.MOST
        yield Checked("the vertices can be enumerated", few, f"n = {p.n}")
        found = perturbation(p)
        yield Checked("s_k > 0", bool((found.speed > 0).all()), f"least s_k = {found.speed.min():.4g}")
        yield Checked("(A) gamma > 0", found.push > 0, f"gamma = {found.push:.4g} over 2^{p.n} vertices")
        yield Checked("(B) theta_- < 2", found.low < 2, f"theta_- = {found.low:.4g} over 2^{p.n} vertices")

    def claim(self, instance: NoiseCase) -> Claim:
        """For the starts of seed 0, which `measure` takes too."""
        found = perturbation(instance.problem)
        y = _noise.distances(instance, instance.start(0))
        low = lower(found, y, run_in(found, y), instance.steps)
        return Claim(low, upper(found, instance.steps))

    def measure(self, instance: NoiseCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        mean = mean_distances(instance, threads)
        return Interval(min(mean), max(mean), float(np.mean(mean)), 1.0, f"exact: {len(mean)} paths")

    def instances(self, scale: str = "quick") -> Iterable[NoiseCase]:
        steps = 20_000 if scale == "quick" else 1_000_000
        for n, samples, sigma, ste, activation, m in (
            (6, 1024, 0.5, "identity", "heaviside", 1),
            (8, 4096, 0.3, "identity", "heaviside", 1),
            (8, 8192, 0.3, "relu", "heaviside", 2),
            (8, 2048, 0.5, "identity", "sign", 1),
            (8, 8192, 0.3, "clipped", "heaviside", 1),
            (10, 4096, 0.5, "identity", "heaviside", 1),
        ):
            p = TwoLayer.draw(n, samples, m=m, label_noise=sigma, ste=ste, activation=activation, seed=4)
            yield NoiseCase(name=f"{activation}, {ste}, n = {n}, m = {m}, N = {samples}", problem=p, steps=steps)
        exact = _noise.symmetric_design([Fraction(1, 3), Fraction(2, 5), Fraction(3, 7)], (1, -1, 1))
        yield NoiseCase(name="no sampling error: both ends meet", role=Role.EDGE, problem=exact, steps=105_000)
        quiet = TwoLayer.draw(8, 2048, seed=4)
        yield NoiseCase(name="no label noise: w* is reached", role=Role.EDGE, problem=quiet, steps=steps)
        p = TwoLayer.draw(8, 4096, label_noise=0.3, seed=4)
        yield NoiseCase(name="two thirds of the claim", problem=p, planted=2 / 3, steps=steps, **wrong_claim())
        yield NoiseCase(name="1% more, no sampling error", problem=exact, planted=1.01, steps=105_000, **wrong_claim())
        few = TwoLayer.draw(8, 32, label_noise=0.3, seed=4)
        yield NoiseCase(name="few samples", problem=few, steps=steps, **outside())
        shifted = TwoLayer.draw(8, 4096, law="shifted", ste="relu", m=2, label_noise=0.3, seed=4)
        yield NoiseCase(name="features of mean 3, ReLU", problem=shifted, steps=steps, **outside())


def mean_distances(case: NoiseCase, threads: int | None = None) -> Vector:
    """(R,) the mean Hamming distance to w* over the window after T_0."""
    p, u0 = case.problem, case.start(0)
    burn = run_in(perturbation(p), _noise.distances(case, u0))
    run = recover(p, start=u0, step=case.eta, steps=burn + case.steps, burn=burn, threads=threads)
    return np.asarray(run.distances @ np.arange(p.n + 1) / case.steps)


def run_in(found: Perturbation, y: Vector) -> int:
    """T_0 for all starts y (R, n)."""
    return int(max(0.0, float((-y).max())) // found.push) + 1


def upper(found: Perturbation, steps: int) -> float:
    """The most that the mean distance can be over so many steps after T_0."""
    start = found.drift.size * (1 + found.blow / 2) / steps
    return (found.total / 2 + start) / (1 - found.low / 2)


def lower(found: Perturbation, y: Vector, burn: int, steps: int) -> float:
    """The least that it can be, for the starts y (R, n)."""
    n = found.drift.size
    start = float(np.maximum(y, 2.0).sum(axis=1).max()) + n * burn * found.lift
    return (found.total / 2 - (start + n * found.blow) / (2 * steps)) / (1 + found.high / 2)


def longest_absence(found: Perturbation) -> float:
    """No window of more steps than this after T_0 is without a visit to w*; infinite where nothing is claimed."""
    rest = 1 - found.low / 2 - found.total / 2
    return found.drift.size * (1 + found.blow / 2) / rest if rest > 0 else np.inf


THEOREM = NoiseReturn()
