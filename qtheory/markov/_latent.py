"""The latent weight of BinaryConnect with a constant step, as a chain on the lattice that it can reach."""

from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from .. import _check
from .._check import Vector
from ..exact._coordinate import coordinates, require_finite
from ..exact._moves import Latent, transitions
from ..methods import BC
from ..problems import Problem
from ..problems._tails import UNIT
from ..quantizers import StochasticRounding
from ._chain import DENSE_BELOW, Chain
from ._states import finite_grid
from ._states import step_size as _step_size
from ._steps import MOST_RATIONAL, MOST_STATES


def bc_chain(problem: Problem, method: BC, alpha: float | Fraction, *, start: float, rational: bool = False) -> Chain:
    """The chain of BC's latent weight in one dimension: w -> Pi(w - alpha g(Q(w))), from `start` on.

    Arguments:
        problem: one-dimensional, in a box, with noise of finite support; quadratic, linear or piecewise quadratic.
        method: BC(quantizer), either one.
        alpha: the step size > 0: a Fraction, or a float64 taken exactly as it is stored. A dyadic one, such as 1/64,
            keeps the lattice small.
        start: w_1, in the box.
        rational: keep the probabilities as fractions (at most 1024 states); else as float64, rounded once.

    The states are all weights that can be reached, found in exact fractions, ascending; at most 100,000 of them, as a
    sparse matrix from 2001 on. `points` (n, 1) are those weights; `deployed` says what Q makes of them.

    Raises: ValueError for anything unusable, and where more states can be reached.
    """
    _check.instance("problem", problem, Problem, "PiecewiseQuadratic.li2017_toy(Rademacher(2.0))")
    _check.instance("method", method, BC, "BC(StochasticRounding(0.5))")
    if problem.dim != 1:
        raise ValueError(f"problem must be one-dimensional, got d={problem.dim}")
    if problem.box is None:
        finite_grid(problem)
    require_finite(problem)
    _, exact = _step_size(alpha)
    start = _check.number("start", start)
    method.encode(np.array([start]), problem.box)
    ways = _reach(problem, method, exact, Fraction(start), MOST_RATIONAL if rational else MOST_STATES)
    states = sorted(ways)
    place = {w: i for i, w in enumerate(states)}
    row = [place[w] for w in states for _ in ways[w]]
    column = [place[v] for w in states for v in ways[w]]
    chance = [q for w in states for q in ways[w].values()]
    points = np.array([[float(w)] for w in states])
    return Chain(points, _assembled(len(states), row, column, chance, rational), error=0.0 if rational else UNIT)


def _reach(problem: Problem, method: BC, alpha: Fraction, start: Fraction, most: int) -> dict[Fraction, dict]:
    """What each state that can be reached leads to, breadth first."""
    [coordinate] = coordinates(problem, True, one=True)
    moves = Latent(method, problem.box, Fraction)
    ways: dict[Fraction, dict] = {start: {}}
    front = [start]
    while front:
        if len(ways) > most:
            raise ValueError(
                f"alpha: from start more than {most} latent weights can be reached, {len(ways)} so far: a step size "
                "with a small denominator, such as 1/64, keeps the lattice small"
            )
        after: list[Fraction] = []
        for w, outcomes in zip(front, transitions(coordinate, moves, front, alpha), strict=True):
            for v, chance in outcomes:
                ways[w][v] = ways[w].get(v, Fraction(0)) + chance
                if v not in ways:
                    ways[v] = {}
                    after.append(v)
        front = after
    return ways


def _assembled(n: int, row: list[int], column: list[int], chance: list[Fraction], rational: bool) -> Any:
    if n > DENSE_BELOW:
        return sparse.csr_array((np.array([float(q) for q in chance]), (row, column)), shape=(n, n))
    matrix = np.full((n, n), Fraction(0)) if rational else np.zeros((n, n))
    matrix[row, column] = chance if rational else [float(q) for q in chance]
    return matrix


def deployed(chain: Chain, method: BC, box: tuple[float, float] | None = None) -> tuple[Vector, Vector]:
    """(levels (m,), chances (n, m)): P(Q(w) = level) for each latent weight w of a chain.

    Arguments:
        chain: of one dimension, as bc_chain gives it.
        method: the BC whose quantizer is Q.
        box: the problem's; needed where the grid has none of its own.
    """
    _check.instance("method", method, BC, "BC(StochasticRounding(0.5))")
    grid = method.grid.within(box)
    finite_grid(grid)
    quantizer = type(method.quantizer)(grid)
    w, levels = chain.points[:, 0], np.asarray(grid.levels)
    out = np.zeros((w.size, levels.size))
    first, states = grid.index_range[0], np.arange(w.size)
    if isinstance(quantizer, StochasticRounding):
        down, up = quantizer._split(w)
        at = np.rint(down - first).astype(np.int64)
        out[states, at] = 1 - up
        out[states, np.minimum(at + 1, levels.size - 1)] += up
    else:
        out[states, np.rint(grid.index(quantizer(w)) - first).astype(np.int64)] = 1.0
    return levels, out
