"""Least squares and logistic regression: F(w) = (1/N) sum_n loss(x_n . w, y_n) + l2/2 |w|^2.

With batch = 0 the gradient is exact; otherwise each trial draws `batch` rows a step, with replacement, from its own
stream.
"""

from typing import NamedTuple

import numpy as np

from .compile import RELAXED, jit, like, verb, wide
from .objectives import _coupled, _no_coefficients, _stored_slope, coefficients, gradients, separable, slope, values
from .random import BATCH, philox

u32, u64 = np.uint32, np.uint64
ROWS = 256  # rows of the data that a full gradient takes at a time


class LeastSquares(NamedTuple):
    """loss(z, y) = (z - y)^2 / 2."""

    rows: np.ndarray
    target: np.ndarray
    l2: float
    batch: int


class Logistic(NamedTuple):
    """loss(z, y) = log(1 + exp(-y z)), y in {-1, +1}."""

    rows: np.ndarray
    target: np.ndarray
    l2: float
    batch: int


separable.of(LeastSquares, Logistic)(_coupled)
coefficients.of(LeastSquares, Logistic)(_no_coefficients)
slope.of(LeastSquares, Logistic)(_stored_slope)


@verb
def loss(objective, z, y):
    """The loss of one prediction."""


@loss.of(LeastSquares)
def _square(objective, z, y):
    return like(z, 0.5) * (z - y) * (z - y)


@loss.of(Logistic)
def _log_loss(objective, z, y):
    m = -y * z  # log(1 + e^m) without overflow
    return (m if m > like(m, 0.0) else like(m, 0.0)) + np.log1p(np.exp(-abs(m)))


@verb
def loss_slope(objective, z, y):
    """d loss / d z."""


@loss_slope.of(LeastSquares)
def _square_slope(objective, z, y):
    return z - y


@loss_slope.of(Logistic)
def _log_loss_slope(objective, z, y):
    return -y / (like(z, 1.0) + np.exp(y * z))


@gradients.of(LeastSquares, Logistic)
def _gradients(objective, q, y, work, seed, trial, step):
    if objective.batch == 0:
        _full_gradients(objective, q, y)
    else:
        _batch_gradients(objective, q, y, seed, trial, step)


@jit()
def _full_gradients(objective, q, y):
    n, (d, lanes) = objective.rows.shape[0], q.shape
    part = np.empty((d, lanes), q.dtype)
    for j in range(d):
        for i in range(lanes):
            y[j, i] = objective.l2 * q[j, i]
    scale = q.dtype.type(1.0 / n)
    for start in range(0, n, ROWS):
        x = objective.rows[start : min(start + ROWS, n)]
        z = np.dot(x, q)
        for r in range(z.shape[0]):
            t = objective.target[start + r]
            for i in range(lanes):
                z[r, i] = scale * loss_slope(objective, z[r, i], t)
        np.dot(x.T, z, part)
        for j in range(d):
            for i in range(lanes):
                y[j, i] += part[j, i]


@jit()
def _batch_gradients(objective, q, y, seed, trial, step):
    d, lanes = q.shape
    w, g = np.empty(d, q.dtype), np.empty(d, q.dtype)
    chosen = np.empty(objective.batch, np.int64)
    for i in range(lanes):
        for j in range(d):
            w[j] = q[j, i]
        _draw(chosen, objective.rows.shape[0], seed, trial + i, step)
        _batch_gradient(objective, chosen, w, g)
        for j in range(d):
            y[j, i] = g[j]


@jit()
def _draw(chosen, n, seed, trial, step):
    """Row numbers below n, with replacement; the bias of the multiplication is at most n / 2^32."""
    low, tag = u64(step) & u64(0xFFFFFFFF), u64(BATCH) + ((u64(step) >> u64(32)) << u64(8))
    for group in range((chosen.size + 3) // 4):
        words = philox(u64(trial), low, u64(group), tag, u64(seed) & u64(0xFFFFFFFF), u64(seed) >> u64(32))
        for h in range(4):
            if 4 * group + h < chosen.size:
                chosen[4 * group + h] = np.int64((u64(u32(words[h])) * u64(n)) >> u64(32))


@jit(fastmath=RELAXED | {"reassoc"})
def _batch_gradient(objective, chosen, w, g):
    wide()
    rows, target, batch, d = objective.rows, objective.target, chosen.size, w.size
    share = w.dtype.type(1.0 / batch)
    for j in range(d):
        g[j] = objective.l2 * w[j]
    for b in range(batch):
        x = rows[chosen[b]]
        z = like(w[0], 0.0)
        for j in range(d):
            z += x[j] * w[j]
        s = share * loss_slope(objective, z, target[chosen[b]])
        for j in range(d):
            g[j] += s * x[j]


@values.of(LeastSquares, Logistic)
def _values(objective, w, out):
    n, lanes = objective.rows.shape[0], out.size
    for i in range(lanes):
        out[i] = 0.0
    for start in range(0, n, ROWS):
        z = np.dot(objective.rows[start : min(start + ROWS, n)], w)
        for r in range(z.shape[0]):
            t = objective.target[start + r]
            for i in range(lanes):
                out[i] += loss(objective, z[r, i], t)
    for i in range(lanes):
        out[i] /= n
    for j in range(w.shape[0]):
        for i in range(lanes):
            out[i] += 0.5 * objective.l2 * w[j, i] * w[j, i]
