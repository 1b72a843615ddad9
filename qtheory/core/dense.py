"""The dense quadratic F(w) = (w - center)' A (w - center) / 2, with gradients that follow the moves of the query.

Few weights on a grid move in a step. Each trial keeps y = A (q - center) and adds A's row j times the move of q_j, for
the coordinates that moved; a trial in which many did, and every trial at every REFRESH-th step (which bounds the
rounding error that builds up), takes part in a matrix product instead. What is done for a trial depends on that trial
and on the step alone, so that results do not depend on its neighbours.
"""

from typing import NamedTuple

import numpy as np

from .compile import jit, trailing_zeros, wide
from .layout import copy, transpose
from .objectives import _coupled, _no_coefficients, _stored_slope, coefficients, gradients, separable, slope, values

REFRESH = 256  # steps between two products for all trials
FEW = 5  # a trial with at most d / FEW moves is updated, not multiplied: about where the two cost the same


class DenseQuadratic(NamedTuple):
    matrix: np.ndarray
    center: np.ndarray


class Products(NamedTuple):
    """The workspace of a block: the queries that are accounted for and their products, a trial a row; and scratch."""

    q: np.ndarray  # (d, lanes)
    y: np.ndarray  # (lanes, d)
    error: np.ndarray  # (d, lanes) scratch
    count: np.ndarray  # (lanes,) int32: how many coordinates of a trial moved
    moved: np.ndarray  # (lanes,) uint8: whether one coordinate of a trial did
    eights: np.ndarray  # (lanes / 8,) uint64: the same bytes, eight trials a word
    row: np.ndarray  # (d * lanes,) int32: of each move the coordinate,
    lane: np.ndarray  # (d * lanes,) int32: the trial,
    move: np.ndarray  # (d * lanes,) and the size


def products(d, lanes, real):
    """The workspace at the start of a run: no query is accounted for."""
    moved, size = np.empty(lanes, np.uint8), d * lanes
    return Products(
        np.full((d, lanes), np.nan, real), np.empty((lanes, d), real), np.empty((d, lanes), real),
        np.empty(lanes, np.int32), moved, moved.view(np.uint64),
        np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, real),
    )  # fmt: skip


separable.of(DenseQuadratic)(_coupled)
coefficients.of(DenseQuadratic)(_no_coefficients)
slope.of(DenseQuadratic)(_stored_slope)


@gradients.of(DenseQuadratic)
def _gradients(objective, q, y, work, seed, trial, step):
    _follow(objective, q, y, work, step)


@jit()
def _follow(objective, q, y, work, step):
    few = -1 if step % REFRESH == 1 else q.shape[0] // FEW
    _count(q, work.q, work.count)
    if work.count.max() > few:
        _product(objective, q, work.error, y)
    if work.count.min() > few:
        copy(q, work.q)
        transpose(y, work.y)
        return
    for i in range(work.count.size):
        if work.count[i] > few:
            for j in range(q.shape[0]):
                work.y[i, j] = y[j, i]
    moves = _list(q, work.q, work.moved, work.eights, work.row, work.lane, work.move)
    _add(objective.matrix, work.y, work.count, few, moves, work.row, work.lane, work.move)
    transpose(work.y, y)


@jit()
def _count(new, old, count):
    wide()
    for i in range(count.size):
        count[i] = 0
    for j in range(new.shape[0]):
        for i in range(count.size):
            count[i] += np.int32(new[j, i] != old[j, i])


@jit()
def _list(new, old, moved, eights, row, lane, move):
    """All moves from old to new, which then are the same; how many."""
    n, one, three = 0, np.uint64(1), np.uint64(3)
    for j in range(new.shape[0]):
        _compare(new, old, j, moved)
        for a in range(eights.size):
            word = eights[a]
            while word != np.uint64(0):
                i = 8 * a + np.int64(trailing_zeros(word) >> three)
                row[n], lane[n], move[n] = j, i, new[j, i] - old[j, i]
                old[j, i] = new[j, i]
                n += 1
                word &= word - one
    return n


@jit()
def _compare(new, old, j, moved):
    wide()
    for i in range(moved.size):
        moved[i] = np.uint8(new[j, i] != old[j, i])


@jit()
def _add(matrix, y, count, few, moves, row, lane, move):
    for k in range(moves):
        if count[lane[k]] <= few:
            _add_row(y, lane[k], matrix, row[k], move[k])


@jit()
def _add_row(y, i, matrix, j, move):
    # Arrays and indices, not rows: a view costs more than a short row.
    wide()
    for k in range(y.shape[1]):
        y[i, k] += move * matrix[j, k]


@jit()
def _product(objective, q, error, y):
    for j in range(q.shape[0]):
        c = objective.center[j]
        for i in range(q.shape[1]):
            error[j, i] = q[j, i] - c
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
