"""Convex functions through given points: the largest of affine pieces, and a smooth envelope of vertices.

Both add mu/2 |w|^2. They hold few pieces (tens) in few dimensions; a gradient is found trial by trial.
"""

from typing import NamedTuple

import numpy as np

from .compile import jit
from .objectives import _coupled, _no_coefficients, _stored_slope, coefficients, gradients, separable, slope, values

RIDGE = 1e-11  # of the weights of the vertices: keeps the systems regular, moves F by less than RIDGE (L - mu) reach^2
ROUNDS = 64  # rounds of the active set, per vertex


class LargestPiece(NamedTuple):
    """F(w) = mu/2 |w|^2 + max_i (level_i + slope_i . w)."""

    slopes: np.ndarray  # (n, d)
    levels: np.ndarray  # (n,)
    mu: float


class Envelope(NamedTuple):
    """F(w) = mu/2 |w|^2 + min_a bend/2 (|w - sum a_i vertex_i|^2 + ridge |a|^2) + sum a_i level_i, a in the simplex."""

    vertices: np.ndarray  # (n, d)
    levels: np.ndarray  # (n,)
    bend: float
    mu: float
    ridge: float


separable.of(LargestPiece, Envelope)(_coupled)
coefficients.of(LargestPiece, Envelope)(_no_coefficients)
slope.of(LargestPiece, Envelope)(_stored_slope)


@jit()
def largest(slopes, levels, w):
    """(i, value): the first of the largest pieces at w (d,)."""
    best, most = 0, -np.inf
    for i in range(levels.size):
        value = levels[i]
        for j in range(w.size):
            value += slopes[i, j] * w[j]
        if value > most:
            best, most = i, value
    return best, most


@jit()
def nearest_mixture(vertices, levels, bend, ridge, w, a):
    """The weights a (n,) of the vertices where the envelope's minimum over the simplex is taken.

    An active set: the minimum over the affine hull of the vertices in it, cut back where a weight would be negative;
    then the vertex whose weight would lower the value fastest is let in.
    """
    n = levels.size
    product, target = np.empty((n, n)), np.empty(n)  # the value is bend/2 a.product.a + target.a + constant
    for i in range(n):
        target[i] = levels[i]
        for k in range(w.size):
            target[i] -= bend * vertices[i, k] * w[k]
        for j in range(n):
            product[i, j] = ridge if i == j else 0.0
            for k in range(w.size):
                product[i, j] += vertices[i, k] * vertices[j, k]
    active = np.zeros(n, np.bool_)
    first, least = 0, np.inf
    for i in range(n):
        a[i] = 0.0
        if bend / 2 * product[i, i] + target[i] < least:
            first, least = i, bend / 2 * product[i, i] + target[i]
    a[first], active[first] = 1.0, True
    for _ in range(ROUNDS * n):
        if not _let_in(product, target, bend, a, active):
            return
        while _cut_back(product, target, bend, a, active):
            pass


@jit()
def _let_in(product, target, bend, a, active):
    """Whether a vertex is let in: the one with the least derivative, if that is below the common one of the others."""
    n, common = a.size, np.inf
    best, least = -1, np.inf
    for i in range(n):
        derivative, size = target[i], abs(target[i])
        for j in range(n):
            derivative += bend * product[i, j] * a[j]
            size += abs(bend * product[i, j] * a[j])
        if active[i]:
            common = min(common, derivative - 1e-15 * size)
        elif derivative + 1e-15 * size < least:
            best, least = i, derivative + 1e-15 * size
    if least >= common:
        return False
    active[best] = True
    return True


@jit()
def _cut_back(product, target, bend, a, active):
    """Move to the minimum over the active hull; True if a weight became zero on the way and its vertex was let out."""
    own = np.flatnonzero(active)
    matrix, sides = np.empty((own.size, own.size)), np.ones((own.size, 2))
    for i in range(own.size):
        sides[i, 0] = -target[own[i]]
        for j in range(own.size):
            matrix[i, j] = bend * product[own[i], own[j]]
    found = np.linalg.solve(matrix, sides)
    excess = (found[:, 0].sum() - 1.0) / found[:, 1].sum()
    share, out = 1.0, -1
    for i in range(own.size):
        new, old = found[i, 0] - excess * found[i, 1], a[own[i]]
        found[i, 0] = new
        if new < 0.0 and old / (old - new) < share:
            share, out = old / (old - new), i
    for i in range(own.size):
        a[own[i]] += share * (found[i, 0] - a[own[i]])
    if out < 0:
        return False
    a[own[out]], active[own[out]] = 0.0, False
    return True


@jit()
def envelope(objective, w, a, out):
    """F(w) for w (d,), its gradient into out (d,), the weights of the vertices into a (n,)."""
    nearest_mixture(objective.vertices, objective.levels, objective.bend, objective.ridge, w, a)
    total = 0.0
    for i in range(a.size):
        total += a[i] * (objective.levels[i] + objective.bend * objective.ridge / 2 * a[i])
    for k in range(w.size):
        away = w[k]
        for i in range(a.size):
            away -= a[i] * objective.vertices[i, k]
        total += objective.bend / 2 * away * away + objective.mu / 2 * w[k] * w[k]
        out[k] = objective.bend * away + objective.mu * w[k]
    return total


@gradients.of(LargestPiece)
def _largest_gradients(objective, q, y, work, seed, trial, step):
    _largest_slopes(objective, q, y)


@jit()
def _largest_slopes(objective, q, y):
    w = np.empty(q.shape[0], q.dtype)
    for i in range(q.shape[1]):
        for j in range(w.size):
            w[j] = q[j, i]
        best, _ = largest(objective.slopes, objective.levels, w)
        for j in range(w.size):
            y[j, i] = objective.slopes[best, j] + objective.mu * w[j]


@values.of(LargestPiece)
def _largest_values(objective, w, out):
    column = np.empty(w.shape[0], w.dtype)
    for i in range(out.size):
        square = 0.0
        for j in range(column.size):
            column[j] = w[j, i]
            square += w[j, i] * w[j, i]
        _, most = largest(objective.slopes, objective.levels, column)
        out[i] = most + objective.mu / 2 * square


@gradients.of(Envelope)
def _envelope_gradients(objective, q, y, work, seed, trial, step):
    _envelope_slopes(objective, q, y)


@jit()
def _envelope_slopes(objective, q, y):
    w, g, a = np.empty(q.shape[0]), np.empty(q.shape[0]), np.empty(objective.levels.size)
    for i in range(q.shape[1]):
        for j in range(w.size):
            w[j] = q[j, i]
        envelope(objective, w, a, g)
        for j in range(w.size):
            y[j, i] = g[j]


@values.of(Envelope)
def _envelope_values(objective, w, out):
    column, g, a = np.empty(w.shape[0]), np.empty(w.shape[0]), np.empty(objective.levels.size)
    for i in range(out.size):
        for j in range(column.size):
            column[j] = w[j, i]
        out[i] = envelope(objective, column, a, g)
