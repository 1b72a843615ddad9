"""Least squares and logistic regression: F(w) = (1/N) sum_n loss(x_n . w, y_n) + l2/2 |w|^2.

With batch = 0 the gradient is exact; otherwise each trial draws `batch` rows a step, with replacement, from its own
stream.
"""

from typing import NamedTuple

import numpy as np

from .compile import RELAXED, jit, like, verb, wide
from .elementary import exponential
from .layout import transpose
from .objectives import _coupled, _no_coefficients, _stored_slope, coefficients, gradients, separable, slope, values
from .random import BATCH, philox

u32, u64 = np.uint32, np.uint64
PAD = 16  # features are padded with zeros to a multiple of this, so that no loop has a remainder
ROWS = 256  # rows of the data that a full gradient takes at a time


class LeastSquares(NamedTuple):
    """loss(z, y) = (z - y)^2 / 2."""

    rows: np.ndarray  # (N, p)
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
    return -y / (like(z, 1.0) + exponential(y * z))


class Batch(NamedTuple):
    """The workspace of mini-batches; p is d rounded up to a multiple of PAD, as in `rows`."""

    w: np.ndarray  # (lanes, p) the weights, a trial a row
    g: np.ndarray  # (lanes, p) their gradients
    chosen: np.ndarray  # (batch,) int64 row numbers
    z: np.ndarray  # (batch,) predictions, then slopes


@gradients.of(LeastSquares, Logistic)
def _gradients(objective, q, y, work, seed, trial, step):
    if objective.batch == 0:
        _full_gradients(objective, q, y)
    else:
        _batch_gradients(objective, q, y, work, seed, trial, step)


@jit()
def _full_gradients(objective, q, y):
    n, (d, lanes) = objective.rows.shape[0], q.shape
    part = np.empty((d, lanes), q.dtype)
    for j in range(d):
        for i in range(lanes):
            y[j, i] = objective.l2 * q[j, i]
    scale = q.dtype.type(1.0 / n)
    for start in range(0, n, ROWS):
        x = np.ascontiguousarray(objective.rows[start : min(start + ROWS, n), :d])
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
def _batch_gradients(objective, q, y, work, seed, trial, step):
    transpose(q, work.w)
    share = like(q[0, 0], 1.0 / objective.batch)
    for i in range(q.shape[1]):
        w, g = work.w[i], work.g[i]
        _draw(work.chosen, objective.rows.shape[0], seed, trial + i, step)
        _predict(objective.rows, work.chosen, w, work.z)
        for b in range(work.z.size):
            work.z[b] = share * loss_slope(objective, work.z[b], objective.target[work.chosen[b]])
        for j in range(g.size):
            g[j] = objective.l2 * w[j]
        _gather(objective.rows, work.chosen, work.z, g)
    transpose(work.g[:, : q.shape[0]], y)


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
def _predict(rows, chosen, w, z):
    """z_b = rows[chosen_b] . w, four rows at a time: w is loaded once for four sums that do not wait for each other."""
    wide()
    whole = chosen.size // 4 * 4
    for b in range(0, whole, 4):
        x0, x1, x2, x3 = rows[chosen[b]], rows[chosen[b + 1]], rows[chosen[b + 2]], rows[chosen[b + 3]]
        s0 = s1 = s2 = s3 = like(w[0], 0.0)
        for j in range(w.size):
            s0 += x0[j] * w[j]
            s1 += x1[j] * w[j]
            s2 += x2[j] * w[j]
            s3 += x3[j] * w[j]
        z[b], z[b + 1], z[b + 2], z[b + 3] = s0, s1, s2, s3
    for b in range(whole, chosen.size):
        x = rows[chosen[b]]
        s = like(w[0], 0.0)
        for j in range(w.size):
            s += x[j] * w[j]
        z[b] = s


@jit()
def _gather(rows, chosen, s, g):
    """g += sum_b s_b rows[chosen_b], four rows at a time."""
    wide()
    whole = chosen.size // 4 * 4
    for b in range(0, whole, 4):
        x0, x1, x2, x3 = rows[chosen[b]], rows[chosen[b + 1]], rows[chosen[b + 2]], rows[chosen[b + 3]]
        s0, s1, s2, s3 = s[b], s[b + 1], s[b + 2], s[b + 3]
        for j in range(g.size):
            g[j] += (s0 * x0[j] + s1 * x1[j]) + (s2 * x2[j] + s3 * x3[j])
    for b in range(whole, chosen.size):
        x = rows[chosen[b]]
        for j in range(g.size):
            g[j] += s[b] * x[j]


@values.of(LeastSquares, Logistic)
def _values(objective, w, out):
    n, lanes = objective.rows.shape[0], out.size
    for i in range(lanes):
        out[i] = 0.0
    for start in range(0, n, ROWS):
        z = np.dot(np.ascontiguousarray(objective.rows[start : min(start + ROWS, n), : w.shape[0]]), w)
        for r in range(z.shape[0]):
            t = objective.target[start + r]
            for i in range(lanes):
                out[i] += loss(objective, z[r, i], t)
    for i in range(lanes):
        out[i] /= n
    for j in range(w.shape[0]):
        for i in range(lanes):
            out[i] += 0.5 * objective.l2 * w[j, i] * w[j, i]
