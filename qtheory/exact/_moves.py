"""Where one step of a method may lead from one state, with which probabilities, in any number type.

The states are those of the compiled core: R and SR are at the index of a grid point, SGD and BC at a real weight. The
numbers are float64 or fractions; formulas keep the core's order of operations, so that ties fall alike.
"""

from math import floor, inf
from typing import Any

from .. import _check
from .._check import Vector
from ..methods import BC, SGD, SR, Method, R
from ..problems import Problem
from ..quantizers import Grid, StochasticRounding
from ..simulate import default_start

Outcomes = list[tuple[Any, Any]]  # (state or weight, probability)


class Rounding:
    """Q_s or Q_d on the indices of a grid, held to the box."""

    def __init__(self, grid: Grid, stochastic: bool, number: Any) -> None:
        self.stochastic = stochastic
        self.delta, self.offset, self.inverse = number(grid.delta), number(grid.offset), 1 / number(grid.delta)
        self.low, self.high = (k if abs(k) == inf else int(k) for k in grid.index_range)
        self.one = number(1)

    def point(self, k: int) -> Any:
        return self.delta * (k + self.offset)

    def jump(self, k: int, s: Any) -> list[tuple[int, Any]]:
        """The indices that k + s is rounded to."""
        if self.stochastic:
            down = floor(s)
            chances = (0, down + 1 - s), (1, s - down)
            return [(self._hold(k + down + i), q) for i, q in chances if q > 0]
        r = round(s)
        if 2 * abs(s - r) == 1:
            r = floor(s) if k + self.offset + s < 0 else floor(s) + 1
        return [(self._hold(k + r), self.one)]

    def levels(self, w: Any) -> list[tuple[int, Any]]:
        """The indices that the real number w is rounded to."""
        v, half = w * self.inverse, self.one / 2
        if self.stochastic:
            return self.jump(0, v - self.offset)
        k = floor(v) if self.offset else round(v)
        if abs(v - k) == half - self.offset:
            k = floor(v - self.offset + (-half if w < 0 else half))
        return [(self._hold(k), self.one)]

    def error(self, k: int, s: Any) -> Any:
        """E r^2, with r the rounding error relative to the point held to the box."""
        held = max(self.low - k, min(self.high - k, s))
        return self.delta**2 * sum(q * (j - k - held) ** 2 for j, q in self.jump(k, s))

    def _hold(self, k: int) -> int:
        return max(self.low, min(self.high, k))


class OnGrid:
    """R and SR: x is the index k."""

    def __init__(self, method: Any, box: Any, number: Any) -> None:
        self.rounding = Rounding(method.grid.within(box), isinstance(method, SR), number)

    def state(self, x: float) -> int:
        return int(x)

    def weight(self, x: Any) -> Any:
        return self.rounding.point(x)

    def query(self, x: int) -> Outcomes:
        return [(self.weight(x), self.rounding.one)]

    def advance(self, x: int, step: Any) -> Outcomes:
        return self.rounding.jump(x, step * self.rounding.inverse)


class RealWeight:
    """SGD: x is the weight."""

    def __init__(self, method: Any, box: Any, number: Any) -> None:
        self.low, self.high = (-inf, inf) if box is None else map(number, box)
        self.number, self.one = number, number(1)

    def state(self, x: float) -> Any:
        return self.number(x)

    def weight(self, x: Any) -> Any:
        return x

    def query(self, x: Any) -> Outcomes:
        return [(x, self.one)]

    def advance(self, x: Any, step: Any) -> Outcomes:
        return [(max(self.low, min(self.high, x + step)), self.one)]


class Latent(RealWeight):
    """BC: x is the latent weight, the gradient is taken at Q(x)."""

    def __init__(self, method: BC, box: Any, number: Any) -> None:
        super().__init__(method, box, number)
        stochastic = isinstance(method.quantizer, StochasticRounding)
        self.rounding = Rounding(method.grid.within(box), stochastic, number)

    def query(self, x: Any) -> Outcomes:
        q = self.rounding
        return [(q.point(k), chance) for k, chance in q.levels(x)]


Moves = OnGrid | RealWeight


_KINDS = {SGD: RealWeight, R: OnGrid, SR: OnGrid, BC: Latent}


def moves_of(method: Method, box: Any, number: Any) -> Moves:
    """The moves of a method on a problem with this box, in this number type."""
    if type(method) not in _KINDS:
        raise ValueError(f"method must be SGD(), R(grid), SR(grid) or BC(quantizer), got {method!r}")
    return _KINDS[type(method)](method, box, number)


def first_states(problem: Problem, method: Method, start: Any) -> Vector:
    """The state x_1 (d,) of the method, from w_1 (d,); ValueError off its grid or outside the box."""
    if start is None:
        start = default_start(problem, method)
    return method.encode(_check.array("start", start, shape=(problem.dim,)), problem.box)


def transitions(coordinate: Any, moves: Moves, states: list, alpha: Any) -> list[Outcomes]:
    """For each state the outcomes of the step -alpha g: one entry for each path, equal ones not merged."""
    queries = [moves.query(x) for x in states]
    gradients = iter(coordinate.outcomes([w for query in queries for w, _ in query]))
    return [
        [
            (y, chance * share * part)
            for _, chance in query
            for g, share in next(gradients)
            if share > 0
            for y, part in moves.advance(x, -alpha * g)
        ]
        for x, query in zip(states, queries, strict=True)
    ]
