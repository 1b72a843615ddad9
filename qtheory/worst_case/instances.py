"""Worst cases that run: from the Gram matrix of a solved program to a function, a start, and a run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .. import _check, methods
from ..optimum import InaccurateSolve
from ..problems import Interpolant
from ..simulate import simulate
from ._algebra import Expression
from ._world import Required, World
from .functions import Smooth
from .methods import BC
from .program import Program
from .solve import Solution, _Scaled

Array = NDArray[np.float64]
SLIP = 3e-9  # of the conditions of a smooth function, in units of its values
LOSS = 1e-6  # of the value, by which a function may fall short of the tightened program
RAISED = 1, 3, 10, 30  # times the margin, where the solver's tolerance exceeds it


@dataclass(frozen=True, eq=False)
class WorstFunction:
    """A function of the program's class that makes the method as bad as it can be, up to a small margin.

    program: the worst case.   problem: the function, with its minimiser at 0.   start: (d,) w_1.
    errors: (T - 1, d) r_t that the adversary adds where BC asks for a gradient; zero for other methods.
    """

    program: Program
    problem: Interpolant
    start: Array
    errors: Array

    @property
    def dim(self) -> int:
        """d, the dimension that it needs."""
        return self.problem.dim

    def iterates(self) -> Array:
        """(T, d) w_1, ..., w_T, stepped with the problem's gradients and the adversary's errors."""
        w = [self.start]
        for t, r in enumerate(self.errors, 1):
            w.append(w[-1] - float(self.program.alpha(t)) * self.problem.gradient(w[-1] + r))
        return np.array(w)

    def stepped(self) -> float:
        """The program's measure, along `iterates`."""
        w, least = self.iterates(), self.problem.closed_form()[1]
        if self.program.measure == "average point":
            return float(self.problem.value(w.mean(axis=0))) - least
        return _of(self.program.measure, self.problem.value(w) - least)

    def simulated(self) -> float:
        """The program's measure, by `simulate`. ValueError where the adversary's errors are not zero."""
        if self.errors.any():
            raise ValueError("simulate rounds by a quantizer, not by an adversary: use stepped()")
        T = self.program.horizon
        run = simulate(
            self.problem, methods.SGD(), self.program.schedule, steps=T, trials=1, start=self.start,
            record=np.arange(1, T + 1), threads=1, progress=False,
        )  # fmt: skip
        if self.program.measure == "average point":
            return float(run.last("average_gap")[0])
        return _of(self.program.measure, run.values["gap"][:, 0])


def worst_function(solution: Solution, *, margin: float = 3e-9) -> WorstFunction:
    """The worst function of a solved program whose value is attained, in the least dimension that was found.

    The program is solved once more, with its requirements tightened by a margin. So the solver's tolerance is on the
    safe side: the function is in the class, each stored point has its own piece as the only active one, and the run
    does not depend on how ties are broken. (A smooth interpolant is in its class in any case.)

    Arguments:
        solution: of a program on all of space, without noise and stochastic rounding. For `Smooth` with a bound G,
            gradients are held to it where the program asks for them, and may exceed it elsewhere.
        margin: by which requirements are met, in units of the program's scales, > 0; the value falls by about `margin`
            times the sum of the multipliers.

    Raises: ValueError for other programs; InaccurateSolve where the solver is too inaccurate for the margin.

    References: proofs/worst_case/worst_functions.md.
    """
    program = solution.program
    if not program.method.exact:
        raise ValueError(f"solution must be of a method without noise and stochastic rounding, got {program.method!r}")
    if program.domain == "projected":
        raise ValueError('solution must be of a program on all of space, got domain "projected"')
    if isinstance(program.method, BC) and program.method.energy == 0:
        raise ValueError("solution must be of a method SGD where BC has no energy: it asks for each gradient once")
    return _inside(solution, _check.number("margin", margin, above=0))


def _inside(solution: Solution, margin: float) -> WorstFunction:
    """The function of the program with its requirements tightened, by the first margin that is large enough."""
    smooth = isinstance(solution.program.function, Smooth)
    bounds = [_bound(solution.world, r, smooth) for r in solution.required]
    problem = _Scaled(solution.world, solution.objective)
    for factor in RAISED:
        by = (Fraction(factor * margin * unit) for unit, _ in bounds)
        tighter = tuple(replace(r, left=r.left + b) for r, b in zip(solution.required, by, strict=True))
        try:
            gram, values, *_ = problem.solve(tighter)
        except InaccurateSolve:
            continue
        met = [
            (r.left, factor * slip) for r, (unit, slip) in zip(solution.required, bounds, strict=True) if unit + slip
        ]
        enough = solution.objective.at(gram, values) - LOSS * solution.value
        for vectors in _factors(gram, values, met):
            try:
                worst = _assembled(solution.program, solution.world, vectors, values)
            except ValueError:  # no function of the class, to the interpolant's tolerance
                continue
            if worst.stepped() >= enough:
                return worst
    raise InaccurateSolve(f"no function was found that meets the requirements by {margin:g}: choose another margin")


def _bound(world: World, required: Required, smooth: bool) -> tuple[float, float]:
    """(unit, slip): the size of what a requirement speaks of, 0 to leave it as it is; how far it may be missed.

    A smooth interpolant is in its class whatever the data are, and moves little with them: its conditions are not
    tightened, which would cost a multiple of the margin, but may slip.
    """
    if not required.name.startswith("F("):
        return abs(float(required.left.terms.get((), 0))), 0.0
    size = max(world.value_sizes[key[0]] for key in required.left.terms if len(key) == 1)
    return (0.0, SLIP * size) if smooth else (size, 0.0)


def _factors(gram: Array, values: Array, met: list[tuple[Expression, float]]) -> Iterator[Array]:
    """(n, d) vectors of that Gram matrix, in the dimensions d in which they meet what is required, ascending."""
    lengths, axes = np.linalg.eigh(gram)
    vectors = (axes * np.sqrt(np.maximum(lengths, 0.0)))[:, ::-1]
    for d in range(1, len(gram) + 1):
        near = vectors[:, :d] @ vectors[:, :d].T
        if all(left.at(near, values) <= slip for left, slip in met):
            yield vectors[:, :d]


def _assembled(program: Program, world: World, vectors: Array, values: Array) -> WorstFunction:
    known = dict(zip(world.names, vectors, strict=True))
    points, errors = _points(program, known)
    asked = [name[2:-1] for name in world.values if name != "least"]
    heights = dict(zip(world.values, values.tolist(), strict=True))
    zero = np.zeros(vectors.shape[1])
    problem = Interpolant(
        np.array([zero, *(points[name] for name in asked)]),
        np.array([zero, *(known[f"g({name})"] for name in asked)]),
        np.array([0.0, *(heights[f"F({name})"] for name in asked)]),
        mu=float(program.function.mu),
        L=float(program.function.L) if isinstance(program.function, Smooth) else None,
        tolerance=3000 * SLIP,
        minimiser=zero,
    )
    return WorstFunction(program, problem, points["w1"], errors)


def _points(program: Program, known: dict[str, Array]) -> tuple[dict[str, Array], Array]:
    """Where the program asks for gradients, by name; and the errors of BC."""
    w = known["w1"]
    points, errors, path = {"w1": w}, [], [w]
    for t in range(1, program.horizon):
        r = known.get(f"r{t}", 0 * w)
        points[f"x{t}"] = w + r
        w = w - float(program.alpha(t)) * known[f"g(x{t})" if isinstance(program.method, BC) else f"g(w{t})"]
        points[f"w{t + 1}"] = w
        path.append(w)
        errors.append(r)
    points["mean"] = np.mean(path, axis=0)
    return points, np.array(errors).reshape(-1, w.size)


def _of(measure: str, gaps: Array) -> float:
    return float({"average value": gaps.mean(), "last": gaps[-1], "best": gaps.min()}[measure])
