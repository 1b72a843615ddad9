"""Symbols: delta = Δ, alpha, G, d; p = Pi(w - alpha g), r = Q_s(p) - p."""

import math
from collections.abc import Iterable

import numpy as np

from ...methods import SR
from ...problems import Linear, NoNoise, OneBit, Rademacher, SeparableQuadratic
from ...quantizers import StochasticRounding
from ...schedules import Constant
from ...statistics import Interval
from .._base import Checked, Claim, Instance, Role, Theorem, Verdict, uses
from .._convergence import covers, starts_on_grid


def bound(*, alpha: float, G: float, d: int, delta: float) -> float:
    """sqrt(d) Δ α G, a bound on E|r|^2."""
    return math.sqrt(d) * delta * alpha * G


class RoundingError(Theorem):
    r"""Rounding error of one step of SR.   (Li et al. 2017, lemma to Theorem 1)

    Algorithm: w on the grid moves to Q_s(p), p = Pi(w - α g), and commits the error r = Q_s(p) - p.
    Assumptions: w is on the grid; the box, if any, has its faces on the grid; E|g|² <= G².
    Statement: $\mathbb E[r \mid w, g] = 0$ and $\mathbb E\|r\|^2 \le \sqrt d\,\Delta\,\alpha\,G$.
    Kind: upper.
    Status: tight; the ratio tends to 1 for equal |g_i| as α -> 0. The mean is zero by construction; the square is
        what an instance measures.
    Arguments: instance.start is w (d,), in the units of the weights; instance.schedule(1) is α.
    Errors raised: ValueError for noise without finite support (the expectation is computed, not sampled).
    References: Li et al. 2017; proofs/li2017/rounding_error.md.
    """

    title = "Rounding error of one step of SR"
    source = "Li et al. 2017, lemma (as reconstructed; compare with the paper)"
    statement = r"\mathbb{E}\,r=0,\quad \mathbb{E}\|r\|^2\leq\sqrt{d}\,\Delta\,\alpha\,G"
    figure = "li2017_accuracy_floor"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield uses(instance, SR)
        yield Checked("no mini-batch", instance.problem.batch == 0, f"batch = {instance.problem.batch}")
        yield covers(instance)
        yield starts_on_grid(instance)

    def claim(self, instance: Instance) -> Claim:
        problem, w = instance.problem, instance.w1
        G = math.sqrt(problem.noise.second_moment(float(np.sum(problem.gradient(w) ** 2)), problem.dim))
        alpha, delta = float(instance.schedule(1)), instance.method.grid.delta
        return Claim(-math.inf, bound(alpha=alpha, G=G, d=problem.dim, delta=delta))

    def measure(self, instance: Instance, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        problem, w, alpha = instance.problem, instance.w1, float(instance.schedule(1))
        g, probability = problem.noise.support(problem.gradient(w))  # (d, n) each
        p = problem.project(w[:, None] - alpha * g)
        quantizer = StochasticRounding(instance.method.grid.within(problem.box))
        return Interval.exact(float(np.sum(probability * quantizer.variance(p))))

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        line = Linear([0.5, 0.5, 0.5], noise=OneBit(1.0))
        bowl = SeparableQuadratic([1.0, 3.0], [0.31, -0.2], noise=Rademacher(0.7), box=(-1.0, 1.0))
        flat = Linear([1.0, 1.0], noise=NoNoise())

        def one(name, problem, alpha, start, **more):
            return Instance(
                name=name, problem=problem, method=SR(0.25), schedule=Constant(alpha), steps=2, start=start, **more
            )

        yield one("one-bit gradients", line, 0.03, [0.5, 0.0, -1.25])
        yield one("quadratic in a box", bowl, 0.2, [1.0, -0.75])
        yield one("equal gradients, tiny step", flat, 1e-6, [0.0, 0.5], role=Role.EDGE)
        yield one("step of exactly one level", flat, 0.25, [0.0, 0.5], role=Role.EDGE)
        yield one(
            "start off the grid", flat, 1e-6, [0.125, 0.125], role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE
        )
        wrong = {"role": Role.CONTROL, "expected": Verdict.VIOLATED, "planted": 0.9}
        yield one("bound lowered by a tenth", flat, 1e-6, [0.0, 0.5], **wrong)


THEOREM = RoundingError()
