"""Where BinaryConnect settles. Symbols: alpha, T, G, M, b the averaged gradient, V its antiderivative."""

import math
from collections.abc import Iterable

import numpy as np

from ...markov import bc_chain
from ...methods import BC, SR
from ...problems import Gaussian, OneBit, Rademacher, SeparableQuadratic
from ...quantizers import Grid, NearestRounding
from ...schedules import Constant
from ...statistics import Interval
from .._base import Checked, Claim, Instance, Role, Theorem, Verdict, constant_step, one_dimensional
from .._convergence import binary_connect
from ._averaged import Averaged
from ._chains import toy

GRID = Grid(0.5)


class BCConcentration(Theorem):
    """BinaryConnect settles where the averaged gradient vanishes, the closer the smaller its step.   (qtheory)

    Algorithm: BC with the stochastic quantizer and a constant step alpha.
    Assumptions: d = 1 (a separable F is a sum of such); F' at the levels points inwards at the faces of the box;
        gradients bounded by G; a finite law of noise, so that the latent weight is followed exactly.
    Statement: (1/T) sum_t E b(w_t)^2 <= (V(w_1) - inf V) / (αT) + α M G^2 / 2 for b(w) = E F'(Q_s(w)), V' = b, M the
        Lipschitz constant of b. Hence |b(w_t)| >= ε for a share of the time of at most that over ε^2.
    Kind: upper.
    Status: loose by a factor of up to 17 on the shipped cases, nearly tight (0.98) on the quadratic. Says nothing of
        which zero of b; see bc_escape.
    Arguments: the instance's alpha (step per unit of gradient), steps T, start, delta (units of the weights).
    Errors raised: ValueError where the latent weight can reach more than 10^5 points.
    References: derived here (Li et al. 2017 argue by a picture); proofs/li2017/bc_concentration.md.
    """

    title = "BinaryConnect settles where the averaged gradient vanishes"
    source = "qtheory (derived here)"
    statement = (
        r"\frac1T\sum_{t\leq T}\mathbb{E}\,b(w_t)^2\leq\frac{V(w_1)-\inf V}{\alpha T}+\frac{\alpha M G^2}{2},"
        r"\qquad b(w)=\mathbb{E}F'(Q_s(w))=V'(w)"
    )
    figure = "li2017_greedy"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from binary_connect(instance, stochastic=True)
        yield constant_step(instance)
        yield one_dimensional(instance)
        noise, box = instance.problem.noise, instance.problem.box
        yield Checked("the noise has finitely many values", noise.finite, f"it is {noise!r}")
        yield Checked("the domain is a box", box is not None, f"box = {box}")
        slopes = Averaged(instance.problem, instance.method.grid).slopes
        inward = slopes[0] <= 0 <= slopes[-1]
        yield Checked("F' points inwards at the faces", inward, f"F' = {slopes[0]:g} and {slopes[-1]:g} there")

    def claim(self, instance: Instance) -> Claim:
        mean, alpha, T = Averaged(instance.problem, instance.method.grid), instance.schedule.alpha, instance.steps
        G = instance.problem.constants.G.value
        fall = float(mean.V(instance.w1)[0]) - mean.least
        return Claim(-math.inf, fall / (alpha * T) + alpha * mean.M * G**2 / 2)

    def measure(self, instance: Instance, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        chain, begin = latent_chain(instance)
        visits, error = chain.occupancy(instance.steps, begin, with_error=True)
        square = Averaged(instance.problem, instance.method.grid).b(chain.points[:, 0]) ** 2
        return Interval.exact(float(visits @ square) / instance.steps, error * float(square.max()) / instance.steps)

    def instances(self, scale: str = "quick") -> Iterable[Instance]:
        for start, name in ((0.0, "basin of 0"), (4.0, "global basin")):
            for alpha, T in ((1 / 16, 2_000), (1 / 64, 20_000)):
                yield case(f"toy, {name}, alpha = 1/{1 / alpha:g}", alpha=alpha, T=T, start=[start])
        bowl = SeparableQuadratic([1.0], 0.25, noise=OneBit(2.0), box=(-1.0, 1.0))
        yield case("quadratic", bowl, grid=Grid(0.25), alpha=1 / 32, T=5_000, start=[1.0])
        yield case("one step", T=1, start=[-2.0], role=Role.EDGE)
        wrong: dict = {"role": Role.CONTROL, "expected": Verdict.VIOLATED}
        yield case("a twentieth of the bound", alpha=1 / 64, T=20_000, planted=0.05, start=[0.0], **wrong)
        outside: dict = {"role": Role.CONTROL, "expected": Verdict.OUT_OF_SCOPE}
        yield case("SR", method=SR(GRID), start=[0.0], **outside)
        yield case("nearest rounding", method=BC(NearestRounding(GRID)), start=[0.0], **outside)
        yield case("Gaussian noise", toy(Gaussian(2.0), box=(-2.0, 6.0)), start=[0.0], **outside)
        yield case("F' outwards at a face", toy(Rademacher(2.0), box=(0.5, 3.0)), start=[1.0], **outside)


def case(name, problem=None, *, grid=GRID, method=None, alpha=1 / 64, T=20_000, **more) -> Instance:
    problem = problem or toy(Rademacher(2.0), box=(-2.0, 6.0))
    return Instance(
        name=name, problem=problem, method=method or BC(grid), schedule=Constant(alpha), steps=T, **more
    )


def latent_chain(instance: Instance):
    """The chain of the latent weight, and the index of w_1."""
    start = float(instance.w1[0])
    chain = bc_chain(instance.problem, instance.method, instance.schedule.alpha, start=start)
    return chain, int(np.argmin(np.abs(chain.points[:, 0] - start)))


THEOREM = BCConcentration()
