"""Rounding onto a grid of points delta * (k + offset), k an integer between `low` and `high` (either may be infinite).

Grid points are held as their index k, a floating-point number with an integer value, so that no rounding error builds
up and being on the grid is true by construction.
"""

from typing import NamedTuple

import numpy as np

from .compile import inline, jit, like, verb


class Nearest(NamedTuple):
    """Q_d: the nearest point; ties go away from zero, and a tie at zero itself goes up (sign(0) = +1)."""

    delta: float
    inverse: float  # 1 / delta
    offset: float  # 0 or 1/2
    low: float
    high: float


class Stochastic(NamedTuple):
    """Q_s: up with a chance equal to the fractional part, so that the mean is the argument."""

    delta: float
    inverse: float
    offset: float
    low: float
    high: float


@inline
def clip(x, low, high):
    """`x` held between `low` and `high`."""
    x = low if x < low else x
    return high if x > high else x


@inline
def point(q, k):
    """The grid point of index k."""
    return q.delta * (k + q.offset)


@verb
def jump(q, k, s, u):
    """The index that the point k + s (in grid units, s real) is rounded to, with the uniform u.

    Only the displacement s is rounded, never the sum: a small s keeps its full relative precision.
    """


@jump.of(Nearest)
def _jump_nearest(q, k, s, u):
    half = like(s, 0.5)
    r = np.rint(s)  # not floor(s + 1/2): that sum is rounded
    if abs(s - r) == half:
        r = s - half if k + q.offset + s < like(s, 0.0) else s + half
    return clip(k + r, q.low, q.high)


@jump.of(Stochastic)
def _jump_stochastic(q, k, s, u):
    down = np.floor(s)
    return clip(k + (down + like(s, 1.0) if u < s - down else down), q.low, q.high)


@verb
def level(q, w, u):
    """The index that the real number w is rounded to, with the uniform u."""


@level.of(Nearest)
def _level_nearest(q, w, u):
    # Not a jump from index 0: subtracting the offset would swallow a small w, and with it the sign.
    v, half = w * q.inverse, like(w, 0.5)
    k = np.rint(v) if q.offset == like(w, 0.0) else np.floor(v)
    if abs(v - k) == half - q.offset:
        k = v - q.offset + (-half if w < like(w, 0.0) else half)
    return clip(k, q.low, q.high)


@level.of(Stochastic)
def _level_stochastic(q, w, u):
    return jump(q, like(w, 0.0), w * q.inverse - q.offset, u)


@jit()
def quantize(q, w, u, out):
    """Round w (n,) with uniforms u (n,) into out (n,)."""
    for i in range(w.size):
        out[i] = point(q, level(q, w[i], u[i]))
