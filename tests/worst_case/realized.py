"""Runs of quantized methods, followed path by path, as the expected Gram matrix that a world speaks of."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qtheory.worst_case import BC, Program


@dataclass(frozen=True)
class Problem:
    """value, gradient: of F.   star: w*.   start: w_1.   delta: resolution of the grid, None: nothing is rounded.
    noise: (probability, vector) pairs of mean zero.   box: (low, high) to which steps are projected, or None."""

    value: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]
    star: np.ndarray
    start: np.ndarray
    delta: float | None = None
    noise: tuple = ((1.0, 0.0),)
    box: tuple[float, float] | None = None

    def inside(self, w):
        return w if self.box is None else np.clip(w, *self.box)

    def rounded(self, p):
        """(probability, level) pairs of stochastic rounding."""
        if self.delta is None:
            return [(1.0, p)]
        low = np.floor(p / self.delta)
        up = p / self.delta - low
        chosen = [
            _at(which, up.size) for k in range(up.size + 1) for which in itertools.combinations(range(up.size), k)
        ]
        return [(math.prod(np.where(at, up, 1 - up)), self.delta * (low + at)) for at in chosen]


def _at(which, d):
    found = np.zeros(d)
    found[list(which)] = 1
    return found


def expected(program: Program, problem: Problem) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """(world, objective, Gram matrix, function values) of the run, in expectation over all paths."""
    world, objective = program.world()
    gram, values, total = np.zeros((len(world.names),) * 2), np.zeros(len(world.values)), 0.0
    for probability, vectors, heights in _paths(program, problem):
        V = np.array([vectors[name] for name in world.names])
        gram += probability * V @ V.T
        values += probability * np.array([heights[name] for name in world.values])
        total += probability
    assert abs(total - 1) < 1e-12
    return world, objective, gram, values


def _paths(program, problem):
    star = problem.gradient(problem.star)
    found = {"w1": problem.start - problem.star, "g(w*)": star}
    return _steps(program, problem, 1, [problem.start], 1.0, found, {})


def _asked(problem, name, x, vectors, heights):
    return (
        {**vectors, f"g({name})": problem.gradient(x)},
        {**heights, f"F({name})": problem.value(x) - problem.value(problem.star)},
    )


def _steps(program, problem, t, path, probability, vectors, heights):
    vectors, heights = _asked(problem, f"w{t}", path[-1], vectors, heights)
    if t == program.horizon:
        yield probability, *_asked(problem, "mean", np.mean(path, axis=0), vectors, heights)
        return
    w, alpha, of_bc = path[-1], float(program.alpha(t)), isinstance(program.method, BC)
    for share, x in problem.rounded(w) if of_bc else [(1.0, w)]:
        name = f"x{t}" if of_bc else f"w{t}"
        known, seen = _asked(problem, name, x, vectors, heights)
        known |= {f"r{t}": x - w} if of_bc else {}
        for chance, n in problem.noise:
            ahead = w - alpha * (known[f"g({name})"] + n)
            p = problem.inside(ahead)
            to = f"w{t + 1}" if of_bc or problem.delta is None else f"p{t}"
            now = known | {f"n({name})": n + 0 * w, f"normal({to})": ahead - p}
            for last, v in [(1.0, p)] if of_bc else problem.rounded(p):
                after = now if of_bc else now | {f"r{t}": v - p}
                yield from _steps(program, problem, t + 1, [*path, v], probability * share * chance * last, after, seen)
