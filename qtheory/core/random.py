"""Counter-based randomness: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011) in vectorised stages.

A draw is a pure function of (seed; trial, step, group of coordinates, stream). Nothing is carried from one draw to the
next, so results do not depend on the number of threads, blocks or processes.

    key      = (seed mod 2^32, seed div 2^32)
    counter  = (trial, step mod 2^32, group, stream + 256 * (step div 2^32))

Each counter gives four 32-bit words. In the STEP stream the words of a group serve 2 coordinates (two words for their
gradient noise, two for their rounding) or 4 (where only one of the two is random).
"""

import numpy as np
from numba import types
from numba.extending import overload

from .compile import CONTRACT, RELAXED, bits_float, float_bits, inline, jit, wide

u32, u64, i32, f32 = np.uint32, np.uint64, np.int32, np.float32

STEP, BATCH, START = 0, 1, 2  # streams never share a counter

_M0, _M1 = u64(0xD2511F53), u64(0xCD9E8D57)
_W0, _W1 = u64(0x9E3779B9), u64(0xBB67AE85)
_LOW, _32 = u64(0xFFFFFFFF), u64(32)


@inline
def philox(x0, x1, x2, x3, k0, k1):
    """Ten rounds. Words live in the low halves of 64-bit lanes; the high halves are junk that the multiplier ignores,
    so that a round compiles to two multiplications, two shifts and two three-way exclusive-ors."""
    for _ in range(10):
        p0 = (x0 & _LOW) * _M0
        p1 = (x2 & _LOW) * _M1
        x0 = (p1 >> _32) ^ x1 ^ k0
        x2 = (p0 >> _32) ^ x3 ^ k1
        x1 = p1
        x3 = p0
        k0 = k0 + _W0
        k1 = k1 + _W1
    return x0, x1, x2, x3


@jit()
def philox_words(counter, key):
    """The four words of one counter: (4,) and (2,) uint32 in, (4,) uint32 out (for tests and small draws)."""
    a, b, c, d = philox(
        u64(counter[0]), u64(counter[1]), u64(counter[2]), u64(counter[3]), u64(key[0]), u64(key[1])
    )
    out = np.empty(4, np.uint32)
    out[0], out[1], out[2], out[3] = u32(a), u32(b), u32(c), u32(d)
    return out


@jit()
def fill(words, groups, lanes, trial, step, group, stream, seed):
    """Words of `groups` consecutive groups for `lanes` consecutive trials: words[(4), groups * lanes], uint32.

    Two half-blocks a loop body hide the multiplier's latency. `lanes` is even.
    """
    wide()
    half = lanes // 2
    k0, k1 = u64(seed) & _LOW, u64(seed) >> _32
    low, tag = u64(step) & _LOW, u64(stream) + ((u64(step) >> _32) << u64(8))
    for p in range(groups):
        o = p * lanes
        w0, w1 = words[0, o : o + lanes], words[1, o : o + lanes]
        w2, w3 = words[2, o : o + lanes], words[3, o : o + lanes]
        for i in range(half):
            a, b, c, d = philox(u64(trial) + u64(i), low, u64(group + p), tag, k0, k1)
            e, f, g, h = philox(u64(trial) + u64(i + half), low, u64(group + p), tag, k0, k1)
            w0[i], w1[i], w2[i], w3[i] = u32(a), u32(b), u32(c), u32(d)
            w0[i + half], w1[i + half], w2[i + half], w3[i + half] = u32(e), u32(f), u32(g), u32(h)


@inline
def _uniform_double(word):
    return (np.float64(word) + 0.5) * 2.0**-32


@inline
def _uniform_single(word):
    return f32(i32(word >> u32(9))) * f32(2.0**-23) + f32(2.0**-24)


def uniform(word, x):
    """A uniform in (0, 1) of the type of `x`, on the midpoints of a grid (so that 0 and 1 are never met).

    Double: 2^-32 (w + 1/2). Single: 2^-23 (w div 2^9 + 1/2), the finest such grid that single precision holds. The
    chance of `uniform < q` differs from q by at most half a grid step: 1.2e-10 and 6e-8.
    """
    raise NotImplementedError


@overload(uniform, jit_options={"forceinline": True, "fastmath": CONTRACT})
def _uniform(word, x):
    if x is types.float32:
        return lambda word, x: _uniform_single(word)
    return lambda word, x: _uniform_double(word)


# log(1 + f)/f on [-1/3, 1/3], minimax in relative error: 2.6e-8, and 3.1e-8 with these rounded to single precision
_L0, _L1, _L2, _L3 = f32(1.0), f32(-0.499999321), f32(0.333331687), f32(-0.250080273)
_L4, _L5, _L6, _L7, _L8 = f32(0.200119443), f32(-0.164127912), f32(0.139876522), f32(-0.154031977), f32(0.140561078)
_LN2, _ONE = f32(0.69314718), f32(1)
_S1, _S2, _S3 = f32(-1.6666654611e-1), f32(8.3321608736e-3), f32(-1.9515295891e-4)  # sine on [-pi/4, pi/4]
_C1, _C2, _C3, _C4 = f32(-0.5), f32(4.166664568298827e-2), f32(-1.388731625493765e-3), f32(2.443315711809948e-5)
_QUARTER = f32(np.pi / 4 / 2**31)


@inline
def _radius(word):
    """sqrt(-2 log x) for the uniform x = 2^-32 (word + 1/2)."""
    x = f32(word) * f32(2.0**-32) + f32(2.0**-33)
    bits = float_bits(x)
    exponent = i32(bits - i32(0x3F2AAAAB)) & i32(-8388608)
    f = bits_float(i32(bits - exponent)) - _ONE
    power = f32(exponent) * f32(2.0**-23)
    s = f * f
    q = ((_L8 * s + (_L7 * f + _L6)) * s + (_L5 * f + _L4)) * s
    q = (q + (_L3 * f + _L2)) * s + (_L1 * f + _L0)
    return np.sqrt(f32(-2) * (power * _LN2 + q * f))


@inline
def gaussian_pair(u, v):
    """Box-Muller in single precision: two independent standard Gaussians from two words.

    The angle is uniform in an eighth turn to each side of an axis; the two low bits of `v` choose axis and sign. Tails
    end at sqrt(2 * 33 * log 2) = 6.76.
    """
    radius = _radius(u)
    angle = f32(i32(v)) * _QUARTER
    a2 = angle * angle
    sine = ((_S3 * a2 + _S2) * a2 + _S1) * a2 * angle + angle
    cosine = (((_C4 * a2 + _C3) * a2 + _C2) * a2 + _C1) * a2 + _ONE
    swap = (v & u32(1)) != u32(0)
    radius = bits_float(float_bits(radius) ^ i32(u32(v & u32(2)) << u32(30)))
    return radius * (sine if swap else cosine), radius * (cosine if swap else sine)


@jit(fastmath=RELAXED)
def gaussians(u, v, x, y, n):
    """Standard Gaussians, float32: words u, v (n,) to x, y (n,)."""
    wide()
    for i in range(n):
        a, b = gaussian_pair(u[i], v[i])
        x[i] = a
        y[i] = b
