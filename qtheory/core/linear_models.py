"""Least squares and logistic regression: F(w) = (1/N) sum_n loss(x_n . w, y_n) + l2/2 |w|^2.

With batch = 0 the gradient is exact; otherwise each trial draws `batch` rows a step, with replacement, from its own
stream.
"""

from typing import NamedTuple

import numpy as np

from .compile import CONTRACT, jit, like, verb, wide
from .elementary import exponential
from .layout import transpose
from .objectives import _coupled, _no_coefficients, _stored_slope, coefficients, gradients, separable, slope, values
from .random import BATCH, fill

u64 = np.uint64
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
    words: np.ndarray  # (4, batch / 4 * lanes) uint32: four draws of a trial a column
    chosen: np.ndarray  # (batch,) int64 row numbers
    labels: np.ndarray  # (batch,) their targets
    z: np.ndarray  # (batch,) predictions, then slopes


def batch_workspace(d, batch, lanes, real):
    """The workspace of a block of trials."""
    w, words = np.zeros((lanes, d + -d % PAD), real), np.empty((4, (batch + 3) // 4 * lanes), np.uint32)
    chosen, labels = np.empty(batch, np.int64), np.empty(batch, real)
    return Batch(w, np.empty_like(w), words, chosen, labels, np.empty_like(labels))


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
    rows, chosen, labels, z = objective.rows, work.chosen, work.labels, work.z
    lanes = q.shape[1]
    transpose(q, work.w)
    fill(work.words, (chosen.size + 3) // 4, lanes, trial, step, 0, BATCH, seed)
    for i in range(lanes):
        _choose(work.words, lanes, i, objective.target, chosen, labels)
        _predict(rows, chosen, work.w, i, z)
        _slopes(objective, labels, z)
        _gather(rows, chosen, z, objective.l2, work.w, work.g, i)
    transpose(work.g[:, : q.shape[0]], y)


@jit()
def _choose(words, lanes, i, target, chosen, labels):
    """Rows for the i-th trial, with replacement; the bias of the multiplication is at most n / 2^32."""
    n = u64(target.size)
    for b in range(chosen.size):
        chosen[b] = np.int64((u64(words[b % 4, b // 4 * lanes + i]) * n) >> u64(32))
        labels[b] = target[chosen[b]]


@jit()
def _slopes(objective, labels, z):
    wide()
    share = like(z[0], 1.0 / z.size)
    for b in range(z.size):
        z[b] = share * loss_slope(objective, z[b], labels[b])


# Rows are taken eight at a time, so that a weight is loaded once for eight sums that do not wait for each other; by
# index, since a view of a row costs more than its arithmetic.


@jit(fastmath=CONTRACT | {"reassoc"})
def _predict(rows, chosen, w, i, z):
    """z_b = rows[chosen_b] . w[i]."""
    wide()
    whole = chosen.size // 8 * 8
    for b in range(0, whole, 8):
        r0, r1, r2, r3 = chosen[b], chosen[b + 1], chosen[b + 2], chosen[b + 3]
        r4, r5, r6, r7 = chosen[b + 4], chosen[b + 5], chosen[b + 6], chosen[b + 7]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = like(z[0], 0.0)
        for j in range(w.shape[1]):
            v = w[i, j]
            s0 += rows[r0, j] * v
            s1 += rows[r1, j] * v
            s2 += rows[r2, j] * v
            s3 += rows[r3, j] * v
            s4 += rows[r4, j] * v
            s5 += rows[r5, j] * v
            s6 += rows[r6, j] * v
            s7 += rows[r7, j] * v
        z[b], z[b + 1], z[b + 2], z[b + 3] = s0, s1, s2, s3
        z[b + 4], z[b + 5], z[b + 6], z[b + 7] = s4, s5, s6, s7
    for b in range(whole, chosen.size):
        r, s = chosen[b], like(z[0], 0.0)
        for j in range(w.shape[1]):
            s += rows[r, j] * w[i, j]
        z[b] = s


@jit()
def _gather(rows, chosen, s, l2, w, g, i):
    """g[i] = l2 w[i] + sum_b s_b rows[chosen_b]."""
    wide()
    for j in range(g.shape[1]):
        g[i, j] = l2 * w[i, j]
    whole = chosen.size // 8 * 8
    for b in range(0, whole, 8):
        r0, r1, r2, r3 = chosen[b], chosen[b + 1], chosen[b + 2], chosen[b + 3]
        r4, r5, r6, r7 = chosen[b + 4], chosen[b + 5], chosen[b + 6], chosen[b + 7]
        s0, s1, s2, s3, s4, s5, s6, s7 = s[b], s[b + 1], s[b + 2], s[b + 3], s[b + 4], s[b + 5], s[b + 6], s[b + 7]
        for j in range(g.shape[1]):
            low = (s0 * rows[r0, j] + s1 * rows[r1, j]) + (s2 * rows[r2, j] + s3 * rows[r3, j])
            high = (s4 * rows[r4, j] + s5 * rows[r5, j]) + (s6 * rows[r6, j] + s7 * rows[r7, j])
            g[i, j] += low + high
    for b in range(whole, chosen.size):
        r, slope_b = chosen[b], s[b]
        for j in range(g.shape[1]):
            g[i, j] += slope_b * rows[r, j]


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
