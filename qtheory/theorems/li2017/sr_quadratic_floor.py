"""Symbols: delta = Δ, mu, sigma, d, T; E_s = E|w_s - w*|², m_s = E|g_s|_1, h_s = H_T - H_s."""

import math
from collections.abc import Iterable

import numpy as np

from ...exact import propagate
from ...methods import SR
from ...problems import NoNoise, Rademacher, SeparableQuadratic
from ...schedules import InverseSqrt, InverseTime
from ...statistics import Interval
from .._base import Checked, Claim, Instance, Role, Theorem, Verdict
from .._convergence import computed, rounding, unboxed


def bounds(E: np.ndarray, m: np.ndarray, *, mu: float, sigma: float, d: int, delta: float) -> tuple[float, float]:
    """Both ends of (c) for E F(w̄_T) - F*, from E_s and m_s, s = 1, ..., T (arrays of T numbers)."""
    T = E.size
    s = np.arange(1, T)
    H = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, T + 1))])
    h = H[T] - H[s]
    main = delta / (mu * T**2) * np.sum((s + 1) * h**2 * m[:-1])
    low = main - np.sum(h**2 * E[:-1]) / T**2
    high = main + (H[T] ** 2 * E[0] + 2 * T * d * sigma**2 / mu**2) / T**2
    return mu / 2 * low, mu / 2 * high


def limit(m: float, delta: float) -> tuple[float, float]:
    """(Δ m / 4, Δ m / 8): the limits of the gap of w_T and of w̄_T, where E|g_t|_1 tends to m."""
    return delta * m / 4, delta * m / 8


class SRQuadraticFloor(Theorem):
    r"""The exact floor of stochastic rounding on an isotropic quadratic.   (derived here)

    Algorithm: SR, w_{t+1} = Q_s(w_t - α_t g(w_t)), α_t = 1/(μ(t+1)), on an unbounded grid.
    Assumptions: F = μ/2 |w - w*|²; additive noise with E|ξ|² <= d σ²; w_1 on the grid.
    Statement: if $\mathbb E\|g_t\|_1 \to m$ then $\mathbb E F(w_T) - F^\star \to \Delta m/4$ and
        $\mathbb E F(\bar w_T) - F^\star \to \Delta m/8$; the latter is checked, by its two-sided bound for every T.
    Kind: limit.
    Status: tight.
    Arguments: an instance with schedule InverseTime(mu).
    Errors raised: ValueError for an instance that `propagate` refuses.
    References: proofs/li2017/sr_quadratic_floor.md.
    """

    title = "The exact floor of SR on an isotropic quadratic"
    source = "qtheory (derived here)"
    kind = "limit"
    statement = r"\mathbb{E}F(\bar{w}_T)-F^\star\to\tfrac{1}{8}\,\Delta\,\lim\mathbb{E}\|g_t\|_1"
    figure = "li2017_floor_scaling"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        problem, schedule = instance.problem, instance.schedule
        mu, L, *_ = problem.constants
        yield from unboxed(instance)
        yield Checked("A = mu I", problem.quadratic and mu.value == L.value, f"mu = {mu.value:.4g}, L = {L.value:.4g}")
        matches = isinstance(schedule, InverseTime) and schedule.mu == mu.value
        yield Checked("α_t = 1/(μ(t+1))", matches, f"it is {schedule!r}")

    def claim(self, instance: Instance) -> Claim:
        problem, law = instance.problem, _law(instance)
        sigma = math.sqrt(problem.noise.variance)
        low, high = bounds(
            law.distance, law.gradient_l1, mu=problem.constants.mu.value, sigma=sigma, d=problem.dim,
            delta=instance.method.grid.delta,
        )  # fmt: skip
        # E_s and m_s are computed: the ends inherit their error, and at T = 2 the lower one is met with equality.
        error = 2 * rounding(instance.steps) * max(high, float(law.mean_gap[-1]))
        return Claim(low - error, high + error)

    def measure(self, instance: Instance, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        law = _law(instance)
        return computed(float(law.average_gap[-1]), instance.steps, scale=float(law.mean_gap[-1]))

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        T = 20_000 if scale == "full" else 3000

        def case(name, problem, schedule=None, steps=T, **more):
            schedule = schedule or InverseTime(problem.constants.mu.value)
            return Instance(
                name=name, problem=problem, method=SR(1.0), schedule=schedule, steps=steps,
                start=[0.0] * problem.dim, **more,
            )  # fmt: skip

        line = SeparableQuadratic([1.0], 0.3, noise=Rademacher(1.0))
        yield case("d = 1, Δ = 1", line)
        yield case("d = 2, mu = 3", SeparableQuadratic([3.0, 3.0], [0.3, -0.2], noise=Rademacher(0.5)))
        yield case("no noise", SeparableQuadratic([1.0], 0.3, noise=NoNoise()), role=Role.EDGE)
        yield case("two steps", line, steps=2, role=Role.EDGE)
        yield case("c/√t", line, InverseSqrt(1.0), role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE)
        yield case("5% more", line, planted=1.05, role=Role.CONTROL, expected=Verdict.VIOLATED)


def _law(instance: Instance):
    return propagate(
        instance.problem, instance.method, instance.schedule, steps=instance.steps, start=instance.start,
        record=np.arange(1, instance.steps + 1),
    )  # fmt: skip


THEOREM = SRQuadraticFloor()
