"""The loss of a two-layer network at all 2^n sign patterns, as exact integers.

Pattern p has q_k = -1 where bit k of p is 1, as in `bits`. Neighbours in Gray-code order differ in one sign, so that
each costs one column of features. Features lie on a dyadic lattice on which float32 adds without rounding; outputs and
labels are integers, multiples of the caller's unit. A pattern's number therefore depends on nothing but the pattern:
neither on the order of the sums nor on the number of threads.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .bits import population
from .compile import jit, trailing_zeros, wide

MOST = 20  # signs: 2^20 patterns
_CHUNK = 1 << 12  # patterns that a thread takes at a time
_BLOCK = 1024  # samples whose columns stay in the cache


@jit(nogil=True)
def gray_losses(columns, gains, target, threshold, first, out):
    """Add sum of r^2 to out (a power of two,) int64, for the patterns first, first + 1, ...; first is a multiple of it.

    columns (n, m, N) float32; r = sum of gains[j] over the units j with (Z q)_j > threshold, minus target; gains (m,)
    and target (N,) int32.
    """
    n, m, samples = columns.shape
    pre, r = np.empty((m, _BLOCK), np.float32), np.empty(_BLOCK, np.int32)
    for begin in range(0, samples, _BLOCK):
        size = min(_BLOCK, samples - begin)
        pre[:] = np.float32(0)
        for k in range(n):
            _move(columns, k, begin, size, np.float32(1 - 2 * (first >> k & 1)), pre)
        out[0] += _squares(pre, gains, target, threshold, begin, size, r)
        for t in range(1, out.size):
            p = t ^ t >> 1
            k = np.int64(trailing_zeros(np.uint64(t)))
            _move(columns, k, begin, size, np.float32(2 - 4 * (p >> k & 1)), pre)
            out[p] += _squares(pre, gains, target, threshold, begin, size, r)


@jit()
def _move(columns, k, begin, size, factor, pre):
    wide()
    for j in range(pre.shape[0]):
        for i in range(size):
            pre[j, i] += factor * columns[k, j, begin + i]


@jit()
def _squares(pre, gains, target, threshold, begin, size, r):
    wide()
    for i in range(size):
        r[i] = -target[begin + i]
    for j in range(pre.shape[0]):
        gain = gains[j]
        for i in range(size):
            r[i] += gain if pre[j, i] > threshold else np.int32(0)
    total = 0
    for i in range(size):
        total += np.int64(r[i]) * np.int64(r[i])
    return total


@jit(nogil=True)
def packed_losses(words, gains, target, cut, first, out):
    """As `gray_losses`, for features that are signs, packed as words (m, N) uint32.

    Unit j of sample i is on where words[j, i] and the pattern differ in at most `cut` bits.
    """
    samples = words.shape[1]
    r = np.empty(_BLOCK, np.int32)
    for begin in range(0, samples, _BLOCK):
        size = min(_BLOCK, samples - begin)
        for p in range(out.size):
            out[p] += _packed_squares(words, gains, target, cut, np.uint32(first + p), begin, size, r)


@jit()
def _packed_squares(words, gains, target, cut, pattern, begin, size, r):
    wide()
    for i in range(size):
        r[i] = -target[begin + i]
    for j in range(words.shape[0]):
        gain = gains[j]
        for i in range(size):
            r[i] += gain if population(np.uint64(words[j, begin + i] ^ pattern)) <= cut else np.int32(0)
    total = 0
    for i in range(size):
        total += np.int64(r[i]) * np.int64(r[i])
    return total


def all_losses(features, gains, target, strict, threads=None):
    """The sums of squared residuals of all patterns, (2^n,) int64.

    features (N, m, n) float32 on a lattice (not checked); gains (m,) and target (N,) integers; a unit is on where its
    preactivation is positive, or not negative if not `strict`. threads: by default the machine's.

    Raises: ValueError for more than MOST signs, or integers with which a sum could overflow.
    """
    samples, _, n = features.shape
    if not 1 <= n <= MOST:
        raise ValueError(f"features must have between 1 and {MOST} columns, got {n}: 2^n patterns are enumerated")
    most = int(np.abs(gains).sum()) + int(np.abs(target).max(initial=0))
    if most >= 2**31 or most**2 * samples >= 2**63:
        raise ValueError(f"gains and target must be so small that sums fit 64 bits, got residuals up to {most}")
    kernel, data, bar = _route(features, strict)
    gains, target = gains.astype(np.int32), target.astype(np.int32)
    out = np.zeros(1 << n, np.int64)
    size = min(_CHUNK, out.size)

    def work(first):
        kernel(data, gains, target, bar, first, out[first : first + size])

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for _ in pool.map(work, range(0, out.size, size)):  # raises what a thread raised
            pass
    return out


def _route(features, strict):
    n = features.shape[2]
    size = np.abs(features)
    if (size == size.flat[0]).all() and size.flat[0] > 0:
        words = np.zeros(features.shape[:2], np.uint32)
        for k in range(n):
            words |= (features[:, :, k] < 0).astype(np.uint32) << np.uint32(k)
        return packed_losses, np.ascontiguousarray(words.T), np.int32((n - 1) // 2 if strict else n // 2)
    columns = np.ascontiguousarray(features.transpose(2, 1, 0), np.float32)
    return gray_losses, columns, np.float32(0) if strict else np.nextafter(np.float32(0), np.float32(-1))
