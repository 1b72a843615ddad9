"""The dense quadratic F(w) = (w - center)' A (w - center) / 2, with gradients that follow the moves of the query.

Few weights on a grid move in a step. Each trial keeps y = A (q - center) and adds A's row j times the move of q_j, for
the coordinates that moved; a trial in which many did, and every trial at every REFRESH-th step (which bounds the
rounding error that builds up), takes part in a matrix product instead. What is done for a trial depends on that trial
and on the step alone, so that results do not depend on its neighbours.
"""

from typing import NamedTuple

import numpy as np

from .compile import jit, wide
from .layout import TILE, transpose
from .objectives import _coupled, _no_coefficients, _stored_slope, coefficients, gradients, separable, slope, values

REFRESH = 256  # steps between two products for all trials
FEW = 10  # a trial with at most d / FEW moves is updated, not multiplied


class DenseQuadratic(NamedTuple):
    matrix: np.ndarray
    center: np.ndarray


class Products(NamedTuple):
    """The workspace of a block: queries that are accounted for, and their products, a trial a row."""

    q: np.ndarray  # (d, lanes)
    y: np.ndarray  # (lanes, d)
    error: np.ndarray  # (d, lanes) scratch
    moves: np.ndarray  # (lanes,) int64 scratch: how many coordinates of a trial have moved
    found: np.ndarray  # (lanes,) int64 scratch: the trials in which one coordinate has moved


separable.of(DenseQuadratic)(_coupled)
coefficients.of(DenseQuadratic)(_no_coefficients)
slope.of(DenseQuadratic)(_stored_slope)


@gradients.of(DenseQuadratic)
def _gradients(objective, q, y, work, seed, trial, step):
    _follow(objective, q, y, work, step)


@jit()
def _follow(objective, q, y, work, step):
    d, lanes = q.shape
    few = -1 if step % REFRESH == 1 else d // FEW
    _count_moves(q, work.q, work.moves)
    if work.moves.max() > few:
        _product(objective, q, work.error, y)
        for i in range(lanes):
            if work.moves[i] > few:
                for j in range(d):
                    work.y[i, j] = y[j, i]
    for j in range(d):
        new, old = q[j], work.q[j]
        for place in range(_find_moves(new, old, work.found)):
            i = work.found[place]
            if work.moves[i] <= few:
                _add_row(work.y[i], objective.matrix[j], new[i] - old[i])
            old[i] = new[i]
    transpose(work.y, y)


@jit()
def _count_moves(new, old, moves):
    for i in range(moves.size):
        moves[i] = 0
    for j in range(new.shape[0]):
        _count_row(new[j], old[j], moves)


@jit()
def _count_row(new, old, moves):
    wide()
    for i in range(moves.size):
        moves[i] += new[i] != old[i]


@jit()
def _find_moves(new, old, found):
    n = 0
    for a in range(0, new.size, TILE):  # most tiles hold no move, and are dismissed by one vector comparison
        moved = 0
        for i in range(TILE):
            moved += new[a + i] != old[a + i]
        if moved:
            for i in range(a, a + TILE):
                found[n] = i
                n += new[i] != old[i]
    return n


@jit()
def _add_row(y, row, move):
    wide()
    for j in range(y.size):
        y[j] += move * row[j]


@jit()
def _product(objective, q, error, y):
    for j in range(q.shape[0]):
        e, w, c = error[j], q[j], objective.center[j]
        for i in range(q.shape[1]):
            e[i] = w[i] - c
    np.dot(objective.matrix, error, y)


@values.of(DenseQuadratic)
def _values(objective, w, out):
    y = np.empty_like(w)
    _product(objective, w, np.empty_like(w), y)
    for i in range(out.size):
        out[i] = 0.0
    for j in range(w.shape[0]):
        for i in range(out.size):
            out[i] += 0.5 * y[j, i] * (w[j, i] - objective.center[j])
