"""Mirror maps: M(w) = b + α ∫_b^w ds / slope(s), with b the boundary of the bin of w that is nearest to w."""

from typing import NamedTuple, Protocol

import numpy as np

from .._check import Vector
from ._levels import Levels

_EPS = float(np.finfo(float).eps)
_ROUNDS = 400  # a round halves the step or the bracket; the numbers of a bin allow for no more
_DOUBLINGS = 1100  # roughly from the least to the greatest floating-point number
_FIRST = 2.0**-10  # where the search in an unbounded bin begins, in units of |u - b|, or of a gap


class Slope(Protocol):
    """What a mirror map takes of a `Surrogate`."""

    @property
    def levels(self) -> Levels: ...
    @property
    def cyclical(self) -> bool: ...
    @property
    def alpha(self) -> float: ...
    @property
    def alphas(self) -> Vector: ...
    def _slope(self, w: Vector) -> Vector: ...
    def _primitive(self, w: Vector) -> Vector: ...
    def _unprimitive(self, v: Vector) -> Vector | None: ...


class Frame(NamedTuple):
    """The bins of some weights: lower and upper ends (infinite for unbounded bins), and α."""

    low: Vector
    high: Vector
    alpha: Vector

    def anchor(self, w: Vector) -> Vector:
        """The end that is nearer to w."""
        return np.where(w - self.low <= self.high - w, self.low, self.high)

    def of(self, i: np.ndarray) -> "Frame":
        """The bins of the weights of indices i."""
        return Frame(self.low[i], self.high[i], self.alpha[i])


def alphas(s: Slope) -> Vector:
    """(n + 1,): α of every bin; see `Surrogate`."""
    boundaries = s.levels.boundaries
    if s.cyclical:
        return np.full(boundaries.size + 1, s.alpha)
    if boundaries.size == 1:
        s._primitive(boundaries)  # raises where there is none
        return np.ones(2)
    inner = np.diff(boundaries) / _positive(np.diff(s._primitive(boundaries)), s)
    return np.concatenate([inner[:1], inner, inner[-1:]])


def alpha(s: Slope) -> float:
    """α; see `Surrogate`."""
    boundaries, delta = s.levels.boundaries, s.levels.delta
    if s.cyclical and delta is not None:
        ends = boundaries[0] + np.array([-delta / 2, delta / 2])
        width = delta
    elif boundaries.size == 1:
        return float(s.alphas[0])
    else:
        ends = boundaries[[0, -1]]
        width = float(ends[1] - ends[0])
    return float(width / _positive(np.diff(s._primitive(ends)), s)[0])


def mirror(s: Slope, w: Vector) -> Vector:
    """M(w): inside the bin of w, always, whatever the rounding."""
    value = _value(s, _frame(s, w), w)
    if not np.isfinite(value).all():
        first = float(np.asarray(w)[~np.isfinite(value)].flat[0])
        raise ValueError(f"w must be where the mirror map is a floating-point number, got {first!r}")
    return value[()] if np.ndim(value) == 0 else value


def inverse(s: Slope, u: Vector) -> Vector:
    """The w with M(w) = u; M fixes boundaries, so the bin of w is the bin of u."""
    frame = _frame(s, u)
    anchor = frame.anchor(u)
    closed = None if s.cyclical else s._unprimitive(s._primitive(anchor) + (u - anchor) / frame.alpha)
    w = _newton(s, frame, u) if closed is None else closed
    w = np.clip(w, frame.low, _below(frame.high))
    return w[()] if np.ndim(w) == 0 else w


def _below(high: Vector) -> Vector:
    """The greatest number below `high`, ∞ for ∞."""
    return np.where(np.isposinf(high), np.inf, np.nextafter(high, -np.inf))


def _value(s: Slope, frame: Frame, w: Vector) -> Vector:
    anchor = frame.anchor(w)
    with np.errstate(over="ignore", invalid="ignore"):
        value = anchor + frame.alpha * _integral(s, anchor, w)
    return np.clip(value, frame.low, _below(frame.high))


def _integral(s: Slope, anchor: Vector, w: Vector) -> Vector:
    if s.cyclical:  # one period around the first boundary stands for all
        first = s.levels.boundaries[:1]
        return s._primitive(first[0] + (w - anchor)) - s._primitive(first)[0]
    return s._primitive(w) - s._primitive(anchor)


def _frame(s: Slope, w: Vector) -> Frame:
    low, high = _lattice(s, w) if s.cyclical else _bins(s, w)
    return Frame(low, high, s.alphas[s.levels.index(w)])


def _bins(s: Slope, w: Vector) -> tuple[Vector, Vector]:
    ends = np.concatenate([[-np.inf], s.levels.boundaries, [np.inf]])
    i = s.levels.index(w)
    return ends[i], ends[i + 1]


def _lattice(s: Slope, w: Vector) -> tuple[Vector, Vector]:
    """The bins of the grid that goes on without end; within the levels its boundaries are the levels' own."""
    boundaries, delta = s.levels.boundaries, s.levels.delta
    assert delta is not None

    def end(k: Vector) -> Vector:
        n = boundaries.size
        beyond = np.where(k < 0, boundaries[0] + delta * k, boundaries[-1] + delta * (k - n + 1))
        return np.where((k >= 0) & (k < n), boundaries[np.clip(k, 0, n - 1).astype(int)], beyond)

    k = np.floor((w - boundaries[0]) / delta)
    k = np.where(w < end(k), k - 1, np.where(w >= end(k + 1), k + 1, k))
    return end(k), end(k + 1)


def _newton(s: Slope, frame: Frame, u: Vector) -> Vector:
    """Newton steps that stay in the bracket and halve; else bisection. Weights that are solved are left alone."""
    shape, u = np.shape(u), np.ravel(u)
    frame = Frame(*map(np.ravel, frame))
    low, high = _bracket(s, frame, u)
    w, moved = np.clip(u, low, high), high - low
    close = _EPS * (np.abs(frame.anchor(u)) + np.abs(u))  # the rounding of M
    left = np.arange(u.size)
    for _ in range(_ROUNDS):
        part, x = frame.of(left), w[left]
        miss = _value(s, part, x) - u[left]
        low[left], high[left] = np.where(miss <= 0, x, low[left]), np.where(miss >= 0, x, high[left])
        with np.errstate(over="ignore", invalid="ignore"):
            step = miss * s._slope(x) / part.alpha
        inside = (x - step > low[left]) & (x - step < high[left]) & (np.abs(step) <= moved[left] / 2)
        following = np.where(inside, x - step, low[left] + (high[left] - low[left]) / 2)
        going = (np.abs(miss) > close[left]) & (following != x)
        moved[left] = np.abs(following - x)
        left = left[going]
        w[left] = following[going]
        if not left.size:
            break
    return w.reshape(shape)


def _bracket(s: Slope, frame: Frame, u: Vector) -> tuple[Vector, Vector]:
    """Ends of an interval that holds the solution: those of a bounded bin; from the boundary on in an open one."""
    anchor = frame.anchor(u)
    far = np.minimum(np.abs(u - anchor), s.levels.gaps.min()) * _FIRST
    above = np.isposinf(frame.high)
    open_ = above | np.isneginf(frame.low)
    for _ in range(_DOUBLINGS):
        end = np.where(above, anchor + far, anchor - far)
        short = open_ & (np.abs(_value(s, frame, np.where(open_, end, u)) - anchor) < np.abs(u - anchor))
        if not short.any():
            break
        far = np.where(short, 2 * far, far)
    low = np.where(above, frame.low, np.where(open_, end, frame.low))
    return low, np.where(above, end, _below(frame.high))


def _positive(x: Vector, s: Slope) -> Vector:
    if not (np.isfinite(x) & (x > 0)).all():
        raise ValueError(f"the integral of 1 / slope over a bin must be finite, got {x!r} for {s!r}")
    return x
