"""What packed networks do besides products: bits that move, thresholds, planes of 8-bit inputs, real-valued scores.

Rows of signs are packed as `bits` says. All trust their arguments; those named `..._into` overwrite their last one.
"""

import numpy as np

from .bits import WORD
from .compile import jit, wide

PLANES = 8  # of a uint8


@jit(nogil=True)
def below_into(z, thresholds, flips, words):
    """words (R, ceil(N / 64)): bit j of row r is z[r, j] < thresholds[r % P, j], xor the bit that flips holds.

    z (R, N) and thresholds (P, N) are of one kind, integers or reals; flips (ceil(N / 64),) uint64.
    """
    wide()
    n, period = z.shape[1], thresholds.shape[0]
    for r in range(z.shape[0]):
        p = r % period
        for w in range(words.shape[1]):
            word, first = np.uint64(0), WORD * w
            for k in range(min(WORD, n - first)):
                word |= np.uint64(z[r, first + k] < thresholds[p, first + k]) << np.uint64(k)
            words[r, w] = word ^ flips[w]


@jit(nogil=True)
def planes_into(x, words):
    """words (8 R, W): row 8 r + b holds bit b of the numbers x[r] (R, n) uint8, n <= 64 W."""
    n, one = x.shape[1], np.uint64(1)
    for r in range(x.shape[0]):
        for w in range(words.shape[1]):
            first = WORD * w
            size = min(WORD, n - first)
            for b in range(PLANES):
                word = np.uint64(0)
                for k in range(size):
                    word |= (np.uint64(x[r, first + k]) >> np.uint64(b) & one) << np.uint64(k)
                words[PLANES * r + b, w] = word


@jit(nogil=True)
def from_planes_into(products, totals, z):
    """z (R, N) int64 = x @ weights for 8-bit x, from its planes' products (8 R, N), integers, and totals (N,) int64.

    A plane's bit p stands for the sign 1 - 2p. With totals the sums of the weights over the inputs,
    sum_b 2^b (w . p_b) = sum_b 2^b (totals - w . s_b) / 2 = (255 totals - sum_b 2^b (w . s_b)) / 2.
    """
    wide()
    for r in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[r, j] = 255 * totals[j]
        for b in range(PLANES):
            for j in range(z.shape[1]):
                z[r, j] -= np.int64(products[PLANES * r + b, j]) << b
        for j in range(z.shape[1]):
            z[r, j] >>= 1


@jit(nogil=True)
def sums_into(rows, weight, out):
    """out (R, k) float64: the signs that rows (R, W) hold times weight (n, k) float64, added in the order of n."""
    one = np.uint64(1)
    for r in range(rows.shape[0]):
        for j in range(weight.shape[1]):
            out[r, j] = 0.0
        for i in range(weight.shape[0]):
            sign = 1.0 - 2.0 * np.float64(rows[r, i // WORD] >> np.uint64(i % WORD) & one)
            for j in range(weight.shape[1]):
                out[r, j] += sign * weight[i, j]


@jit(nogil=True, fastmath=False)
def affine_into(z, mean, factor, shift, out):
    """out (R, k) float64 = (z - mean) * factor + shift, each operation rounded: no fused multiply-add."""
    for r in range(z.shape[0]):
        for j in range(z.shape[1]):
            out[r, j] = (z[r, j] - mean[j]) * factor[j] + shift[j]


@jit(nogil=True, fastmath=False)
def all_finite(x):
    """Whether x (R, n), real numbers, holds neither NaN nor infinities."""
    total = 0
    for r in range(x.shape[0]):
        for k in range(x.shape[1]):
            total += not np.isfinite(x[r, k])
    return total == 0


@jit(nogil=True)
def _copy(source, start, target, at, count):
    """Put `count` bits of source (W,) from bit `start` on into target, zero there, from bit `at` on."""
    done = 0
    while done < count:
        s, t = start + done, at + done
        size = min(WORD - s % WORD, WORD - t % WORD, count - done)
        word = source[s // WORD] >> np.uint64(s % WORD)
        if size < WORD:
            word &= (np.uint64(1) << np.uint64(size)) - np.uint64(1)
        target[t // WORD] |= word << np.uint64(t % WORD)
        done += size


@jit(nogil=True)
def patches_into(rows, image, kernel, before, stride, out, patches):
    """patches (R * h' * w', ceil(kh kw c / 64)): what each output pixel of a convolution sees; 0 bits beyond the image.

    rows (R, W) hold images of shape image = (h, w, c), channels fastest; kernel = (kh, kw), before = (top, left) pixels
    of padding, stride = (vertical, horizontal), out = (h', w').
    """
    h, w, c = image
    patches[:] = np.uint64(0)
    p = 0
    for r in range(rows.shape[0]):
        for i in range(out[0]):
            for j in range(out[1]):
                left = j * stride[1] - before[1]
                first, last = max(left, 0), min(left + kernel[1], w)
                for k in range(kernel[0]):
                    y = i * stride[0] - before[0] + k
                    if 0 <= y < h and first < last:
                        at = (k * kernel[1] + first - left) * c
                        _copy(rows[r], (y * w + first) * c, patches[p], at, (last - first) * c)
                p += 1


@jit(nogil=True)
def join_into(pieces, n, rows):
    """rows (R, ceil(P n / 64)): the n bits of each of P consecutive rows of pieces (R P, ceil(n / 64)) end to end."""
    rows[:] = np.uint64(0)
    if rows.shape[0] == 0:
        return
    each = pieces.shape[0] // rows.shape[0]
    for r in range(rows.shape[0]):
        for p in range(each):
            _copy(pieces[r * each + p], 0, rows[r], p * n, n)


@jit(nogil=True)
def windows_into(rows, image, kernel, before, stride, out, patches):
    """patches (R h' w', kh kw c) = what each output pixel sees of rows (R, h w c), numbers; 0 beyond the image.

    The other arguments are those of `patches_into`.
    """
    h, w, c = image
    patches[:] = 0
    p = 0
    for r in range(rows.shape[0]):
        for i in range(out[0]):
            for j in range(out[1]):
                left = j * stride[1] - before[1]
                first, last = max(left, 0), min(left + kernel[1], w)
                for k in range(kernel[0]):
                    y = i * stride[0] - before[0] + k
                    if 0 <= y < h:
                        at, start = (k * kernel[1] + first - left) * c, (y * w + first) * c
                        for q in range((last - first) * c):
                            patches[p, at + q] = rows[r, start + q]
                p += 1


@jit(nogil=True, fastmath=False)
def within(x, limit):
    """Whether all entries of x (R, n), real numbers, are at most limit in size; NaN are not."""
    beyond = 0
    for r in range(x.shape[0]):
        for k in range(x.shape[1]):
            beyond += not abs(x[r, k]) <= limit
    return beyond == 0
