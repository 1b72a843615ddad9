"""enumerate_paths: every path of noise and rounding outcomes, for short runs of any method."""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .. import _check
from ..methods import Method
from ..problems import Problem
from ..schedules import Schedule
from ._coordinate import Coordinate, coordinates, require_finite, step_sizes
from ._moves import Moves, first_states, moves_of, transitions

MOST_LEAVES = 2**22


@dataclass(frozen=True)
class ExactPaths:
    """Expectations at each step t = 1, ..., T, from all paths. Arrays (T,), float64 or of Fractions.

    gap: E F(w_t) - F* (BC: of the real weight w_r).  average_gap: E F(w̄_t) - F*, w̄_t the mean of w_1, ..., w_t.
    deployed_gap: E F(Q(w_t)) - F* (SGD, R, SR: the same as gap).  distance: E|w_t - w*|^2.
    leaves: how many pairs (state, running sum) the last step had, over all coordinates.
    """

    steps: np.ndarray
    gap: np.ndarray
    average_gap: np.ndarray
    deployed_gap: np.ndarray
    distance: np.ndarray
    leaves: int


def enumerate_paths(
    problem: Problem,
    method: Method,
    schedule: Schedule,
    *,
    steps: int,
    start: Any = None,
    rational: bool = False,
) -> ExactPaths:
    """Follow every path of a run: each outcome of the noise and of the rounding, coordinate by coordinate.

    Arguments:
        problem: separable, or with d = 1; its noise has finite support (NoNoise, Rademacher, OneBit).
        method: SGD, R, SR or BC, with either quantizer.
        steps: T, the number of iterates. Cost grows like (outcomes per step)^(T - 1), less where paths with the same
            state and the same running sum meet, as on a grid.
        start: w_1, (d,); by default the one of `simulate`.
        rational: exact fractions of the numbers as they are stored (0.1 is the float64 nearest to 0.1), instead of
            float64. Needs a SeparableQuadratic, Linear or AbsoluteValue, and InverseTime, Constant or a Table.

    Raises: ValueError naming the argument for anything unusable, and where a coordinate has more than 2^22 leaves.
    """
    steps = _check.count("steps", steps)
    require_finite(problem)
    parts = coordinates(problem, rational, one=True)
    alphas = step_sizes(schedule, steps, rational)
    moves = moves_of(method, problem.box, parts[0].number)
    starts = first_states(problem, method, start)
    trees = [_Tree(part, moves, x).grow(alphas, steps) for part, x in zip(parts, starts, strict=True)]
    totals = np.sum([tree.out for tree in trees], axis=0)
    return ExactPaths(np.arange(1, steps + 1), *totals, leaves=sum(len(tree.nodes) for tree in trees))


class _Tree:
    """The nodes of one coordinate at one step: (state, sum of states) -> probability."""

    def __init__(self, coordinate: Coordinate, moves: Moves, start: float) -> None:
        self.coordinate, self.moves = coordinate, moves
        x = moves.state(start)
        self.nodes = {(x, x): coordinate.number(1)}

    def grow(self, alphas: Any, steps: int) -> "_Tree":
        rows = [self._observe(1)]
        for t in range(2, steps + 1):
            self._step(alphas[t - 2], t)
            rows.append(self._observe(t))
        self.out = np.array(rows).T
        return self

    def _step(self, alpha: Any, t: int) -> None:
        states = list({x for x, _ in self.nodes})
        ways = dict(zip(states, transitions(self.coordinate, self.moves, states, alpha), strict=True))
        nodes: dict = defaultdict(type(self.coordinate.number(0)))
        for (x, total), mass in self.nodes.items():
            for y, chance in ways[x]:
                nodes[y, total + y] += mass * chance
            if len(nodes) > MOST_LEAVES:
                raise ValueError(f"steps: the tree has more than {MOST_LEAVES} leaves by step {t}, {len(nodes)} so far")
        self.nodes = nodes

    def _observe(self, t: int) -> list:
        moves, law = self.moves, defaultdict(type(self.coordinate.number(0)))
        for (x, _), mass in self.nodes.items():
            law[moves.weight(x)] += mass
        means = [moves.weight(self.coordinate.number(total) / t) for _, total in self.nodes]
        deployed: dict = defaultdict(type(self.coordinate.number(0)))
        for (x, _), mass in self.nodes.items():
            for w, chance in moves.query(x):
                deployed[w] += mass * chance
        distance = sum(mass * (w - self.coordinate.star) ** 2 for w, mass in law.items())
        return [self._mean(law, law.values()), self._mean(means, self.nodes.values()),
                self._mean(deployed, deployed.values()), distance]  # fmt: skip

    def _mean(self, weights: Any, masses: Any) -> float | Fraction:
        return sum(m * e for m, e in zip(masses, self.coordinate.excess(list(weights)), strict=True))
