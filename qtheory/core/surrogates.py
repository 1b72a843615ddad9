"""Surrogate gradients: a hard quantizer forward (`hard`), and a custom derivative of it backward (`surrogate`).

Every spec holds its grid: `levels` (n + 1,), `boundaries` (n,), and `inverse`, one over the distance of neighbouring
levels where that is constant and 0 elsewhere. Bells are written with exp(-|x|), which never overflows.
"""

from typing import NamedTuple

import numpy as np

from .compile import inline, jit, like, verb


class Grid(NamedTuple):
    """The levels, and the boundaries between them: a number on a boundary goes to the upper level."""

    levels: np.ndarray
    boundaries: np.ndarray
    inverse: float


class STE(NamedTuple):
    """1 everywhere."""

    grid: Grid


class Clipped(NamedTuple):
    """The surrogate `inside` on [low, high], 0 outside."""

    grid: Grid
    inside: tuple
    low: float
    high: float


class DSQ(NamedTuple):
    """height_j / cosh(k (w - m_j))^2 on the section of width_j around the boundary m_j; the outermost ones repeat."""

    grid: Grid
    k: float
    height: np.ndarray
    width: np.ndarray


class BinaryTanh(NamedTuple):
    """k / cosh(k (w - center))^2."""

    grid: Grid
    k: float
    center: float


class ReSTE(NamedTuple):
    """scale * max(|w - center|, cut)^power."""

    grid: Grid
    scale: float
    power: float
    cut: float
    center: float


class MAD(NamedTuple):
    """1 for |w| <= limit, limit / |w| beyond."""

    grid: Grid
    limit: float


class EWGS(NamedTuple):
    """h -> h + strength |h| (w - Q(w))."""

    grid: Grid
    strength: float


class SigmoidSum(NamedTuple):
    """sum_i height_i s_i (1 - s_i), s_i the logistic function of rate * (w - boundary_i)."""

    grid: Grid
    rate: float
    height: np.ndarray


class Custom(NamedTuple):
    """A user's function(data, w), compiled; of w moved to [start, start + period) where period > 0."""

    grid: Grid
    function: object
    data: object
    start: float
    period: float


@inline
def place(points, inverse, w):
    """How many of the ascending points are at most w; `inverse` is one over their distance, 0 where it varies."""
    n = points.size
    if inverse > like(w, 0.0):
        v = np.floor((w - points[0]) * inverse)
        k = n if v >= like(w, n) else (int(v) + 1 if v >= like(w, 0.0) else 0)  # NaN: 0
        while k < n and w >= points[k]:  # the guess is rounded: at most one step off
            k += 1
        while k > 0 and w < points[k - 1]:
            k -= 1
        return k
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if w >= points[middle]:
            low = middle + 1
        else:
            high = middle
    return low


@inline
def nearest(grid, w):
    """The level that w is rounded to."""
    return grid.levels[place(grid.boundaries, grid.inverse, w)]


@inline
def bell(x):
    """1 / cosh(x)^2."""
    one = like(x, 1.0)
    t = np.exp(like(x, -2.0) * abs(x))
    return like(x, 4.0) * t / ((one + t) * (one + t))


@verb
def hard(spec, w):
    """Q(w), a number."""


@hard.of(STE, Clipped, DSQ, BinaryTanh, ReSTE, MAD, EWGS, SigmoidSum, Custom)
def _hard(spec, w):
    return nearest(spec.grid, w)


@verb
def surrogate(spec, w, h):
    """What the backward pass hands on at w, when h comes from above: the slope times h, except for EWGS."""


@surrogate.of(STE)
def _ste(spec, w, h):
    return h


@surrogate.of(Clipped)
def _clipped(spec, w, h):
    return surrogate(spec.inside, w, h) if spec.low <= w <= spec.high else like(h, 0.0)


@surrogate.of(DSQ)
def _dsq(spec, w, h):
    last = spec.width.size - 1
    j = place(spec.grid.levels, spec.grid.inverse, w) - 1
    i = min(max(j, 0), last)
    m = spec.grid.boundaries[i]
    if j != i:
        start = spec.grid.levels[i]  # arrays stay in the spec: a local one would be counted at every weight
        m = m + spec.width[i] * np.floor((w - start) / spec.width[i])
    return spec.height[i] * bell(spec.k * (w - m)) * h


@surrogate.of(BinaryTanh)
def _binary_tanh(spec, w, h):
    return spec.k * bell(spec.k * (w - spec.center)) * h


@surrogate.of(ReSTE)
def _reste(spec, w, h):
    return spec.scale * max(abs(w - spec.center), spec.cut) ** spec.power * h


@surrogate.of(MAD)
def _mad(spec, w, h):
    return h if abs(w) <= spec.limit else spec.limit / abs(w) * h


@surrogate.of(EWGS)
def _ewgs(spec, w, h):
    return h + spec.strength * abs(h) * (w - nearest(spec.grid, w))


@surrogate.of(SigmoidSum)
def _sigmoid_sum(spec, w, h):
    one, total = like(w, 1.0), like(w, 0.0)
    for i in range(spec.height.size):
        t = np.exp(-abs(spec.rate * (w - spec.grid.boundaries[i])))
        total += spec.height[i] * (t / ((one + t) * (one + t)))
    return total * h


@surrogate.of(Custom)
def _custom(spec, w, h):
    if spec.period > like(w, 0.0):
        w = w - spec.period * np.floor((w - spec.start) / spec.period)
    return spec.function(spec.data, w) * h


@jit()
def backward(spec, w, h, out):
    """`surrogate` of w (n,) and h (n,) into out (n,)."""
    for i in range(w.size):
        out[i] = surrogate(spec, w[i], h[i])


@jit()
def forward(spec, w, out):
    """`hard` of w (n,) into out (n,)."""
    for i in range(w.size):
        out[i] = hard(spec, w[i])
