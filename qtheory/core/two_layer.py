"""Coarse gradients of two-layer networks with signs for weights, evaluated exactly.

The network is y = v' sigma(Z q) with q in {-1, 1}^n. Features, output weights and labels lie on dyadic lattices that
are so coarse, and the sums so short, that no operation here ever rounds: floating-point units do integer arithmetic.
So the gradient at q is one number per coordinate, whatever the order of summation, and may be reached from any other
pattern by adding the columns of the coordinates that differ.

    samples come in blocks of L, padded by rows of zeros whose residual is 0 at every q
    at      (P, n) int8                 the patterns that `pre` belongs to; in the beginning both are 0
    pre     (P, blocks, m, L) float32   Z q
    r       (L,) float32                residuals v' sigma(Z q) - y
    weights (rows of a block,)          of the rows that add up to the gradient
"""

from typing import NamedTuple

import numpy as np

from .activations import fire, slope
from .bits import pack_into, population
from .compile import CONTRACT, inline, jit, verb, wide

f32, f64, u64 = np.float32, np.float64, np.uint64

NARROW = 16  # features up to which a backward pass by columns is faster than one by rows


class Dense(NamedTuple):
    """Real features: by column for the forward pass, by row for the backward one."""

    columns: np.ndarray  # (blocks, n, m, L) float32
    rows: np.ndarray  # (blocks, m * L, n): row k * L + i is unit k of sample i


class Combined(NamedTuple):
    """Real features under the identity estimator, whose backward pass needs Z'v only."""

    columns: np.ndarray  # (blocks, n, m, L) float32
    rows: np.ndarray  # (blocks, L, n): v'Z


class Packed(NamedTuple):
    """Features that are signs, 64 to a word; a set bit is -1."""

    words: np.ndarray  # (blocks, W, m * L) uint64
    real: np.ndarray  # (blocks, L) float32: 1 for samples, 0 for padding


@verb
def forward(data, b, p, q, at, pre):
    """Bring pre[p, b] from the pattern at[p] to q[p]."""


@forward.of(Dense, Combined)
def _forward_dense(data, b, p, q, at, pre):
    for j in range(q.shape[1]):
        if q[p, j] != at[p, j]:
            _add_column(data.columns, b, j, f32(q[p, j] - at[p, j]), p, pre)


@jit()
def _add_column(columns, b, j, factor, p, pre):
    wide()
    for k in range(pre.shape[2]):
        for i in range(pre.shape[3]):
            pre[p, b, k, i] += factor * columns[b, j, k, i]


@forward.of(Packed)
def _forward_packed(data, b, p, q, at, pre):
    mask = np.empty((1, data.words.shape[1]), np.uint64)
    pack_into(q[p : p + 1], mask)
    _count_agreements(data.words, data.real, b, mask, f32(q.shape[1]), p, pre)


@jit()
def _count_agreements(words, real, b, mask, n, p, pre):
    wide()
    size = pre.shape[3]
    for k in range(pre.shape[2]):
        for i in range(size):
            pre[p, b, k, i] = n * real[b, i]
        for w in range(words.shape[1]):
            for i in range(size):
                differ = population(words[b, w, k * size + i] ^ mask[0, w])
                pre[p, b, k, i] -= f32(2 * differ) * real[b, i]


@jit()
def residuals(activation, v, labels, b, p, pre, r):
    """r = v' sigma(pre[p, b]) - labels[b]; returns the sum of their squares."""
    wide()
    size = r.shape[0]
    for i in range(size):
        r[i] = -labels[b, i]
    for k in range(pre.shape[2]):
        for i in range(size):
            r[i] += v[k] * fire(activation, pre[p, b, k, i])
    total = 0.0
    for i in range(size):
        total += f64(r[i]) * f64(r[i])
    return total


@verb
def weigh(data, ste, v, b, p, pre, r, weights):
    """Of every row of block b, the factor that it enters the gradient with."""


@weigh.of(Combined)
def _weigh_combined(data, ste, v, b, p, pre, r, weights):
    for i in range(r.shape[0]):
        weights[i] = r[i]


@weigh.of(Dense, Packed)
def _weigh(data, ste, v, b, p, pre, r, weights):
    _weigh_units(ste, v, b, p, pre, r, weights)


@jit()
def _weigh_units(ste, v, b, p, pre, r, weights):
    wide()
    size = r.shape[0]
    for k in range(pre.shape[2]):
        for i in range(size):
            weights[k * size + i] = f64(r[i]) * f64(v[k] * slope(ste, pre[p, b, k, i]))


@verb
def add_rows(data, b, weights, chosen, p, gradient):
    """gradient[p] += the rows of block b times their weights; `chosen` is scratch."""


@inline
def _keep_nonzero(weights, count, chosen):
    """Overwrite `chosen` with the indices of the weights that are not 0; returns how many there are."""
    kept = 0
    for i in range(count):
        chosen[kept] = i
        kept += weights[i] != 0.0
    return kept


@add_rows.of(Combined)
def _add_rows_combined(data, b, weights, chosen, p, gradient):
    kept = _keep_nonzero(weights, data.rows.shape[1], chosen)
    _add_chosen(data.rows, b, chosen, kept, weights, p, gradient)


@add_rows.of(Dense)
def _add_rows_dense(data, b, weights, chosen, p, gradient):
    if gradient.shape[1] <= NARROW:
        _add_columns(data.columns, b, weights, p, gradient)
    else:
        kept = _keep_nonzero(weights, data.rows.shape[1], chosen)
        _add_chosen(data.rows, b, chosen, kept, weights, p, gradient)


@jit(fastmath=CONTRACT | {"reassoc"})  # nothing is rounded, so that the order does not matter
def _add_columns(columns, b, weights, p, gradient):
    wide()
    n, size = gradient.shape[1], columns.shape[3]
    for j in range(0, n, 4):
        j1, j2, j3 = min(j + 1, n - 1), min(j + 2, n - 1), min(j + 3, n - 1)
        t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
        for k in range(columns.shape[2]):
            for i in range(size):
                weight = weights[k * size + i]
                t0 += weight * f64(columns[b, j, k, i])
                t1 += weight * f64(columns[b, j1, k, i])
                t2 += weight * f64(columns[b, j2, k, i])
                t3 += weight * f64(columns[b, j3, k, i])
        gradient[p, j] += t0
        if j + 1 < n:
            gradient[p, j + 1] += t1
        if j + 2 < n:
            gradient[p, j + 2] += t2
        if j + 3 < n:
            gradient[p, j + 3] += t3


@jit()
def _add_chosen(rows, b, chosen, kept, weights, p, gradient):
    wide()
    n = gradient.shape[1]
    whole = kept // 8 * 8
    for i in range(0, whole, 8):
        r0, r1, r2, r3 = chosen[i], chosen[i + 1], chosen[i + 2], chosen[i + 3]
        r4, r5, r6, r7 = chosen[i + 4], chosen[i + 5], chosen[i + 6], chosen[i + 7]
        w0, w1, w2, w3 = weights[r0], weights[r1], weights[r2], weights[r3]
        w4, w5, w6, w7 = weights[r4], weights[r5], weights[r6], weights[r7]
        for j in range(n):
            a = w0 * f64(rows[b, r0, j]) + w1 * f64(rows[b, r1, j])
            c = w2 * f64(rows[b, r2, j]) + w3 * f64(rows[b, r3, j])
            d = w4 * f64(rows[b, r4, j]) + w5 * f64(rows[b, r5, j])
            e = w6 * f64(rows[b, r6, j]) + w7 * f64(rows[b, r7, j])
            gradient[p, j] += (a + c) + (d + e)
    for i in range(whole, kept):
        r0 = chosen[i]
        w0 = weights[r0]
        for j in range(n):
            gradient[p, j] += w0 * f64(rows[b, r0, j])


@add_rows.of(Packed)
def _add_rows_packed(data, b, weights, chosen, p, gradient):
    kept = _keep_nonzero(weights, weights.size, chosen)
    _add_packed(data.words, b, chosen, kept, weights, p, gradient)


@jit()
def _add_packed(words, b, chosen, kept, weights, p, gradient):
    wide()
    n = gradient.shape[1]
    for i in range(kept):
        row = chosen[i]
        weight = weights[row]
        for w in range(words.shape[1]):
            word = words[b, w, row]
            for j in range(64 * w, min(64 * w + 64, n)):
                bit = (word >> u64(j - 64 * w)) & u64(1)
                gradient[p, j] += weight if bit == u64(0) else -weight


@jit(nogil=True)
def coarse_gradients(data, activation, ste, v, labels, slots, q, at, pre, gradient, losses):
    """N times the coarse gradient and the sum of squared residuals, at the patterns q[slots] (P, n) int8.

    Fills gradient[slots] (P, n) and losses[slots] (P,), and brings `pre` and `at` to q there. Blocks are the outer
    loop: one block of the features serves all patterns from the cache.
    """
    size = pre.shape[3]
    r, weights = np.empty(size, np.float32), np.empty(pre.shape[2] * size, np.float64)
    chosen = np.empty(weights.size + 1, np.int64)
    for p in slots:
        gradient[p] = 0.0
        losses[p] = 0.0
    for b in range(pre.shape[1]):
        for p in slots:
            forward(data, b, p, q, at, pre)
            losses[p] += residuals(activation, v, labels, b, p, pre, r)
            weigh(data, ste, v, b, p, pre, r, weights)
            add_rows(data, b, weights, chosen, p, gradient)
    for p in slots:
        at[p] = q[p]
