"""Objectives: gradients where the methods ask for them, values where an observer looks.

Separable objectives give a `slope` for one coordinate, which is inlined into the step. All others fill the gradients of
a whole block of trials at once (`gradients`); the step then only reads them. Blocks are (d, lanes): one trial a column.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from .compile import CONTRACT, jit, like, verb


class SeparableQuadratic(NamedTuple):
    """F(w) = sum_j curvature_j / 2 (w_j - center_j)^2."""

    curvature: np.ndarray
    center: np.ndarray


class PiecewiseLinear(NamedTuple):
    """F(w) = sum_j right_j (w_j - center_j) to the right of center_j, -left_j (w_j - center_j) to its left."""

    left: np.ndarray
    right: np.ndarray
    center: np.ndarray


class PiecewiseQuadratic(NamedTuple):
    """F(w) = sum_j f(w_j), f = curvature/2 (w - center)^2 + offset on each of the pieces that the knots part.

    Tuples, not arrays: their length is part of the type, so that the choice of a piece compiles to selections.
    """

    knots: tuple  # ascending; a piece begins at its knot
    curvature: tuple  # one more than knots, and so below
    center: tuple
    offset: tuple


class CubicPerturbed(NamedTuple):
    """F(w) = mu0/2 |w|^2 + s (|w|^2 - s^2) / 2 with s = sum_j w_j / sqrt(d)."""

    mu0: float
    direction: float  # 1 / sqrt(d)


class Custom(NamedTuple):
    """A user's objective: value(data, w) -> float and gradient(data, w, out), both compiled."""

    value: object
    gradient: object
    data: object


@verb
def separable(objective):
    """Whether `slope` needs no more than its own coordinate."""


@separable.of(SeparableQuadratic, PiecewiseLinear, PiecewiseQuadratic)
def _separable(objective):
    return True


@separable.of(CubicPerturbed, Custom)
def _coupled(objective):
    return False


@verb
def coefficients(objective, j):
    """What `slope` and `term` need to know of coordinate j."""


@coefficients.of(SeparableQuadratic)
def _quadratic_coefficients(objective, j):
    return objective.curvature[j], objective.center[j]


@coefficients.of(PiecewiseLinear)
def _linear_coefficients(objective, j):
    return objective.left[j], objective.right[j], objective.center[j]


@coefficients.of(PiecewiseQuadratic, CubicPerturbed, Custom)
def _no_coefficients(objective, j):
    return 0


@verb
def slope(objective, c, w, y):
    """The partial derivative at w, from the coefficients c; or the y that `gradients` has put there."""


@slope.of(SeparableQuadratic)
def _quadratic_slope(objective, c, w, y):
    return c[0] * (w - c[1])


@slope.of(PiecewiseLinear)
def _linear_slope(objective, c, w, y):
    return c[1] if w >= c[2] else c[0]


def piece(w, knots, values):
    """The entry of `values` that belongs to the piece of w."""
    raise NotImplementedError


@overload(piece, jit_options={"forceinline": True, "fastmath": CONTRACT})
def _piece(w, knots, values):
    if len(knots) == 0:
        return lambda w, knots, values: values[0]
    return lambda w, knots, values: values[-1] if w >= knots[-1] else piece(w, knots[:-1], values[:-1])


@slope.of(PiecewiseQuadratic)
def _piecewise_slope(objective, c, w, y):
    return piece(w, objective.knots, objective.curvature) * (w - piece(w, objective.knots, objective.center))


@slope.of(CubicPerturbed, Custom)
def _stored_slope(objective, c, w, y):
    return y


@verb
def term(objective, c, w):
    """The summand of F that belongs to one coordinate (separable objectives)."""


@term.of(SeparableQuadratic)
def _quadratic_term(objective, c, w):
    return like(w, 0.5) * c[0] * (w - c[1]) * (w - c[1])


@term.of(PiecewiseLinear)
def _linear_term(objective, c, w):
    return (c[1] if w >= c[2] else c[0]) * (w - c[2])


@term.of(PiecewiseQuadratic)
def _piecewise_term(objective, c, w):
    e = w - piece(w, objective.knots, objective.center)
    curvature = piece(w, objective.knots, objective.curvature)
    return like(w, 0.5) * curvature * e * e + piece(w, objective.knots, objective.offset)


@verb
def gradients(objective, q, y, work, seed, trial, step):
    """The gradients at the block q (d, lanes) into y (d, lanes). `work` is the objective's own workspace."""


@gradients.of(SeparableQuadratic, PiecewiseLinear, PiecewiseQuadratic)
def _nothing_to_do(objective, q, y, work, seed, trial, step):
    pass


@gradients.of(CubicPerturbed)
def _cubic_gradients(objective, q, y, work, seed, trial, step):
    _cubic(objective, q, y)


@jit()
def _cubic(objective, q, y):
    # grad = mu0 w + s w + (|w|^2 - 3 s^2) v / 2
    d, lanes = q.shape
    square, s = np.zeros(lanes, q.dtype), np.zeros(lanes, q.dtype)
    _moments(objective, q, square, s)
    for j in range(d):
        w, g = q[j], y[j]
        for i in range(lanes):
            push = like(s[i], 0.5) * (square[i] - like(s[i], 3.0) * s[i] * s[i]) * objective.direction
            g[i] = (objective.mu0 + s[i]) * w[i] + push


@jit()
def _moments(objective, q, square, s):
    for j in range(q.shape[0]):
        w = q[j]
        for i in range(w.size):
            square[i] += w[i] * w[i]
            s[i] += w[i] * objective.direction


@gradients.of(Custom)
def _custom_gradients(objective, q, y, work, seed, trial, step):
    w, g = np.empty(q.shape[0], q.dtype), np.empty(q.shape[0], q.dtype)
    for i in range(q.shape[1]):
        for j in range(w.size):
            w[j] = q[j, i]
        objective.gradient(objective.data, w, g)
        for j in range(w.size):
            y[j, i] = g[j]


@verb
def values(objective, w, out):
    """F at each column of w (d, lanes) into out (lanes,)."""


@values.of(SeparableQuadratic, PiecewiseLinear, PiecewiseQuadratic)
def _separable_values(objective, w, out):
    for i in range(out.size):
        out[i] = like(out[i], 0.0)
    for j in range(w.shape[0]):
        c, row = coefficients(objective, j), w[j]
        for i in range(out.size):
            out[i] += term(objective, c, row[i])


@values.of(CubicPerturbed)
def _cubic_values(objective, w, out):
    square, s = np.zeros(out.size, w.dtype), np.zeros(out.size, w.dtype)
    _moments(objective, w, square, s)
    for i in range(out.size):
        out[i] = like(s[i], 0.5) * (objective.mu0 * square[i] + s[i] * (square[i] - s[i] * s[i]))


@values.of(Custom)
def _custom_values(objective, w, out):
    column = np.empty(w.shape[0], w.dtype)
    for i in range(out.size):
        for j in range(column.size):
            column[j] = w[j, i]
        out[i] = objective.value(objective.data, column)
