"""A search for hard instances where the program is only an upper bound: how close do real runs come?

For SR two families, both in the program's units G = 1, |w_1 - w*| <= D = 1 and sqrt(d) Δ <= κ:

    kink    one weight, F falling with slope `fall` for a way to w* and rising with slope `rise` from there, exact
            gradients or gradients ±1 of that mean (`OneBit`), and a resolution: the law of the iterates is exact
    lifted  the worst function of SGD without rounding, turned at random into the lattice of d weights, d >= its own
            dimension: sampled

For BC with stochastic rounding, L = 1 in the place of G, Huber functions of one weight: all outcomes are followed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _check, methods
from ..exact import propagate
from ..problems import AbsoluteValue, Interpolant, NoNoise, OneBit, Problem
from ..schedules import InverseSqrt, Schedule
from ..simulate import simulate
from . import _huber
from .functions import Convex
from .instances import WorstFunction, worst_function
from .methods import SGD
from .program import AVERAGES, Program
from .solve import solve

MEASURES = AVERAGES[::-1]  # in the order of `Found`
WIDER = 1, 4, 16  # d of the lattice, in units of the worst function's own dimension
MARGINS = 1e-8, 3e-3, 1e-2  # of the worst function: wide ones keep its pieces apart when the weights are rounded
TURNS = 4  # random rotations tried for each
DEEPEST = 16  # horizon of BC
LEAST = 0.02  # of the parameters of a kink, all at most 1


@dataclass(frozen=True, eq=False)
class Found:
    """A hard instance, from w_1 = `start`, and how bad it is.

    average_value: the mean over t of E F(w_t) - F*.   average_point: E F(w̄_T) - F*.
    errors: their standard errors; 0 where the law is exact. What is sampled is sampled on random bits
        that the search has not seen.
    """

    family: str
    problem: Problem
    method: methods.SR | methods.BC
    schedule: Schedule
    steps: int
    start: NDArray[np.float64]
    average_value: float
    average_point: float
    errors: tuple[float, float]


def search(
    horizon: int,
    kappa: float,
    *,
    c: float = 1.0,
    measure: str = "average value",
    seed: int = 0,
    evaluations: int = 800,
    trials: int = 4096,
) -> tuple[Found, ...]:
    """The hardest instance found of each family, for SR with α_t = c/√t on convex functions; the hardest first.

    Arguments:
        horizon: T >= 2.   kappa: κ > 0, in units of D.   c: > 0, in units of D / G.
        measure: what is to be large, "average value" or "average point". Of a kink's average point the search sees
            Jensen's lower bound F(E w̄_T) - F*.
        seed: >= 0, of the optimizer, the rotations and the random bits.
        evaluations: about how many kinks are tried, for each noise.   trials: of the final measurement.

    Raises: ValueError naming the argument.
    """
    T, kappa, schedule, which, seed, evaluations = _checked(horizon, kappa, c, measure, seed, evaluations)
    trials = _check.count("trials", trials, least=2)
    lift = _hardest_lift(T, kappa, schedule, which, seed)  # which refuses a horizon that is too large
    kink = _hardest_kink(T, kappa, schedule, which, seed, evaluations)
    found = (_measured(*kink, schedule, T, trials, seed), _measured(*lift, schedule, T, trials, seed))
    return tuple(sorted(found, key=lambda f: -(f.average_value, f.average_point)[which]))


def search_bc(
    horizon: int,
    kappa: float,
    *,
    c: float = 1.0,
    measure: str = "average value",
    seed: int = 0,
    evaluations: int = 800,
) -> Found:
    """The hardest Huber function found for BC with stochastic rounding, α_t = c/√t and L = 1; its law is exact.

    Arguments:
        horizon: 2 <= T <= 16.   kappa: κ > 0, in units of D.   c: > 0, in units of 1 / L.
        measure, seed, evaluations: see `search`.

    Raises: ValueError naming the argument.
    """
    T, kappa, schedule, which, seed, evaluations = _checked(horizon, kappa, c, measure, seed, evaluations)
    if T > DEEPEST:
        raise ValueError(f"horizon must be at most {DEEPEST}, since all 2^(T-1) outcomes are followed, got {T}")
    huber = _huber.hardest(T, kappa, schedule, which, seed, evaluations)
    reach = 1.0 + float(np.sum(schedule(np.arange(1, T))))  # gradients are at most 1 long
    problem, method, start = huber.instance(reach)
    return Found("huber", problem, method, schedule, T, start, *huber.gaps(schedule, T), (0.0, 0.0))


def _checked(
    horizon: int, kappa: float, c: float, measure: str, seed: int, evaluations: int
) -> tuple[int, float, Schedule, int, int, int]:
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(map(repr, MEASURES))}, got {measure!r}")
    return (
        _check.count("horizon", horizon, least=2), _check.number("kappa", kappa, above=0), InverseSqrt(c),
        MEASURES.index(measure), _check.count("seed", seed, least=0, most=2**31),
        _check.count("evaluations", evaluations, least=50),
    )  # fmt: skip


def _hardest_kink(
    T: int, kappa: float, schedule: Schedule, which: int, seed: int, evaluations: int
) -> tuple[Problem, methods.SR]:
    from scipy.optimize import differential_evolution

    best, least = None, np.inf
    for noisy in (False, True):

        def loss(x: NDArray[np.float64], noisy: bool = noisy) -> float:
            problem, method = _kink(x, noisy, kappa)
            law = propagate(problem, method, schedule, steps=T, start=[0.0], record=[T])
            return -float((law.mean_gap, law.lower_gap)[which][-1])

        result = differential_evolution(
            loss, [(LEAST, 1.0)] * 4, seed=seed, popsize=10, maxiter=max(1, evaluations // 40), polish=False, tol=1e-6
        )
        if result.fun < least:
            best, least = _kink(result.x, noisy, kappa), result.fun
    assert best is not None
    return best


def _kink(x: NDArray[np.float64], noisy: bool, kappa: float) -> tuple[Problem, methods.SR]:
    way, _, rise, share = x
    problem = AbsoluteValue(x[1:2], rise, way, noise=OneBit(1.0) if noisy else NoNoise())
    return problem, methods.SR(float(share) * kappa)


def _hardest_lift(T: int, kappa: float, schedule: Schedule, which: int, seed: int) -> tuple[Problem, methods.SR]:
    rng = np.random.default_rng(seed)
    solution = solve(Program(function=Convex(G=1), method=SGD(), schedule=schedule, horizon=T, measure="average value"))
    tried = [
        (problem, methods.SR(kappa / problem.dim**0.5))
        for margin in MARGINS
        for problem in _turned(worst_function(solution, margin=margin), rng)
    ]
    return max(tried, key=lambda pair: _sampled(pair[0], pair[1], schedule, T, 256, seed)[which][0])


def _turned(worst: WorstFunction, rng: np.random.Generator) -> Iterator[Interpolant]:
    """The function with its start at 0, a point of every lattice, and its space turned into more dimensions."""
    F = worst.problem
    for d in (wider * worst.dim for wider in WIDER):
        for _ in range(TURNS):
            axes, _ = np.linalg.qr(rng.normal(size=(d, worst.dim)))
            yield Interpolant(
                (F.points - worst.start) @ axes.T, F.gradients @ axes.T, F.values,
                tolerance=1e-6, minimiser=-axes @ worst.start,
            )  # fmt: skip


def _sampled(
    problem: Problem, method: methods.SR, schedule: Schedule, T: int, trials: int, seed: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """(average value, average point), each with its standard error."""
    run = simulate(
        problem, method, schedule, steps=T, trials=trials, seed=seed, start=np.zeros(problem.dim),
        record=np.arange(1, T + 1), progress=False,
    )  # fmt: skip
    return _mean(run.values["gap"].mean(axis=0)), _mean(run.last("average_gap"))


def _mean(x: NDArray[np.float64]) -> tuple[float, float]:
    return float(x.mean()), float(x.std(ddof=1) / np.sqrt(x.size))


def _measured(problem: Problem, method: methods.SR, schedule: Schedule, T: int, trials: int, seed: int) -> Found:
    value, point = _sampled(problem, method, schedule, T, trials, seed + 1)
    if problem.separable:
        law = propagate(problem, method, schedule, steps=T, start=[0.0], record=[T])
        value = float(law.mean_gap[-1]), 0.0
    family, start = "kink" if problem.separable else "lifted", np.zeros(problem.dim)
    return Found(family, problem, method, schedule, T, start, value[0], point[0], (value[1], point[1]))
