"""Symbols: delta = Δ, lambda_j, c_j (the centre), tau_j (the rounding threshold), delta_j, b_t (envelope), d, T."""

from collections.abc import Iterable

import numpy as np

from ...methods import BC
from ...problems import NoNoise, SeparableQuadratic
from ...quantizers import Grid, NearestRounding, StochasticRounding
from ...schedules import Constant, InverseSqrt, InverseTime
from ...statistics import Interval
from .._base import Checked, Claim, Instance, Role, Theorem, Verdict, uses
from .._convergence import covers, deterministic


def threshold(center: np.ndarray, grid: Grid) -> np.ndarray:
    """tau_j: the midpoint of the two levels next to c_j."""
    return grid.point(np.floor(center / grid.delta - grid.offset) + 0.5)


def limit(curvature: np.ndarray, center: np.ndarray, grid: Grid) -> float:
    """sum_j lambda_j / 2 (tau_j - c_j)²."""
    return float(np.sum(curvature / 2 * (threshold(center, grid) - center) ** 2))


def envelope(distance: np.ndarray, curvature: np.ndarray, pull: np.ndarray, delta: float, alphas: np.ndarray):
    """(d,) mean over t = 1..T of b_t >= |w_t - tau|: b_{t+1} = max(b_t - α_t lambda delta_j, α_t lambda Δ)."""
    b, total = distance.copy(), distance.copy()
    for alpha in alphas:
        b = np.maximum(b - alpha * curvature * pull, alpha * curvature * delta)
        total += b
    return total / (alphas.size + 1)


class BCNearestFloor(Theorem):
    r"""BinaryConnect with nearest rounding goes to the rounding threshold.   (erratum E2; derived here)

    Algorithm: BC, w_{t+1} = Pi(w_t - α_t ∇F(Q_d(w_t))), without gradient noise, α_t -> 0, sum α_t = ∞.
    Assumptions: F = sum_j λ_j/2 (w_j - c_j)²; each c_j strictly between two levels; α_t λ_j <= 1.
    Statement: $\bar w_T \to \tau$ and $F(\bar w_T) - F^\star \to \sum_j \frac{\lambda_j}{2}(\tau_j - c_j)^2$, with
        an explicit envelope |w_t - τ| <= b_t for every T.
    Kind: limit.
    Status: tight; it shows that Corollary 1 needs stochastic rounding, and that L d Δ²/8 is sharp in bc_convex.
    Arguments: an instance with method BC(NearestRounding), noise NoNoise.
    Errors raised: ValueError for an instance that `simulate` refuses.
    References: proofs/li2017/bc_nearest_floor.md.
    """

    title = "BC with nearest rounding goes to the threshold"
    source = "qtheory (derived here; erratum E2, to Corollary 1 of Li et al. 2017 as reconstructed)"
    kind = "limit"
    statement = r"F(\bar{w}_T)-F^\star\to\sum_j\tfrac{\lambda_j}{2}(\tau_j-c_j)^2"
    figure = "li2017_floor_scaling"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        problem, method = instance.problem, instance.method
        yield uses(instance, BC)
        yield Checked("Q is Q_d", isinstance(method.quantizer, NearestRounding), f"it is {method.name}")
        yield Checked("F is a separable quadratic", isinstance(problem, SeparableQuadratic), type(problem).__name__)
        yield Checked("no gradient noise", isinstance(problem.noise, NoNoise), f"it is {problem.noise!r}")
        yield covers(instance)
        low, high = problem.box or (-np.inf, np.inf)
        between = ~method.grid.contains(problem.center) & (problem.center > low) & (problem.center < high)
        yield Checked("c_j lies strictly between two levels", bool(between.all()), f"c = {problem.center}")
        vanishing = isinstance(instance.schedule, InverseSqrt | InverseTime)
        yield Checked("α_t -> 0, sum α_t = ∞", vanishing, f"it is {instance.schedule!r}")
        longest = float(instance.schedule(1)) * problem.constants.L.value
        yield Checked("α_t λ_j <= 1", longest <= 1, f"max α_t λ_j = {longest:.4g}")

    def claim(self, instance: Instance) -> Claim:
        problem, grid = instance.problem, instance.method.grid
        tau = threshold(problem.center, grid)
        pull = grid.delta / 2 - np.abs(problem.center - tau)
        b = envelope(
            np.abs(instance.w1 - tau), problem.curvature, pull, grid.delta,
            instance.schedule(np.arange(1, instance.steps)),
        )  # fmt: skip
        off = np.abs(tau - problem.center)
        low, high = np.maximum(off - b, 0.0) ** 2, (off + b) ** 2
        return Claim(float(problem.curvature @ low / 2), float(problem.curvature @ high / 2))

    def measure(self, instance: Instance, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return deterministic(instance)

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        T = 1_000_000 if scale == "full" else 50_000

        def case(name, problem, *, quantizer=NearestRounding, grid=1.0, schedule=None, steps=T, start=None, **more):
            return Instance(
                name=name, problem=problem, method=BC(quantizer(grid)), schedule=schedule or InverseSqrt(0.5),
                steps=steps, start=[0.0] * problem.dim if start is None else start, **more,
            )  # fmt: skip

        line = SeparableQuadratic([1.0], 0.1)
        three = SeparableQuadratic([0.5, 1.0, 2.0], [0.1, -0.4, 1.3])
        yield case("Δ = 1, a = 0.1", line)
        yield case("d = 3", three)
        yield case("binary weights", SeparableQuadratic([1.0], 0.3, box=(-1.0, 1.0)), grid=Grid.binary())
        yield case("a near a level", SeparableQuadratic([1.0], 1e-3), start=[0.5], role=Role.EDGE)
        yield case("1/(μ(t+1))", line, schedule=InverseTime(1.0), start=[0.25], role=Role.EDGE)
        outside = {"role": Role.CONTROL, "expected": Verdict.OUT_OF_SCOPE, "steps": 1000}
        yield case("stochastic rounding", line, quantizer=StochasticRounding, **outside)
        yield case("a on a level", SeparableQuadratic([1.0], 1.0), **outside)
        yield case("constant step", line, schedule=Constant(0.5), **outside)
        yield case("a quarter more", line, planted=1.25, role=Role.CONTROL, expected=Verdict.VIOLATED)


THEOREM = BCNearestFloor()
