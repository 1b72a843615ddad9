"""The straight-through dynamics u <- u - eta g(sign u), from sign change to sign change.

The gradient depends on the signs alone and is exact (see `two_layer`), so the latent weights live on a lattice too: in
units of eta / N times the gradient's lattice they are 64-bit integers. Therefore a stretch of steps without a change of
sign can be taken in one jump, and a gradient that was met before be looked up, without changing a single bit.
"""

from typing import NamedTuple

import numpy as np

from .bits import pack_into
from .compile import jit
from .two_layer import coarse_gradients

i64, u64 = np.int64, np.uint64

DONE, WAITING, OVERFLOW, NAN = 0, 1, 2, 3  # what a trial may be, and how all may end
LIMIT = 2.0**62  # of a latent weight, in its units
_ABSENT, _ASKED, _KNOWN = 0, 1, 2
_MIX = u64(0x9E3779B97F4A7C15)


class Memo(NamedTuple):
    """A hash table from patterns to their gradients; open addressing, a power of two of slots."""

    keys: np.ndarray  # (slots, W) uint64
    state: np.ndarray  # (slots,) uint8
    gradient: np.ndarray  # (slots, n) int64
    loss: np.ndarray  # (slots,) float64: sum of squared residuals
    used: np.ndarray  # (1,) int64


class Records(NamedTuple):
    """What is kept of R trials of T steps; `first` opens the window [first, T) of steps that the counts are over."""

    first: int
    hit: np.ndarray  # (R,) int64: the first step at the teacher, or -1
    total: np.ndarray  # (R, n) int64: sum of q over the window
    distances: np.ndarray  # (R, n + 1) int64: steps of the window at each Hamming distance to the teacher
    escapes: np.ndarray  # (R,) int64: how often the teacher was left
    loss: np.ndarray  # (R,) float64: sum of squared residuals at the last step
    evaluations: np.ndarray  # (1,) int64
    times: np.ndarray  # (R, E) int64: when a stretch of one pattern begins; E = 0: no paths are kept
    patterns: np.ndarray  # (R, E, W) uint64
    events: np.ndarray  # (R,) int64: how many of the E are filled


@jit()
def _find(memo, words, r):
    """The slot of the pattern words[r], or the free one where it would go."""
    mask = u64(memo.state.size - 1)
    h = u64(0)
    for w in range(words.shape[1]):
        h = (h ^ words[r, w]) * _MIX
        h ^= h >> u64(29)
    slot = i64(h & mask)
    while memo.state[slot] != _ABSENT:
        same = True
        for w in range(words.shape[1]):
            same &= memo.keys[slot, w] == words[r, w]
        if same:
            break
        slot = i64(u64(slot + 1) & mask)
    return slot


@jit()
def _signs(u, r, q):
    for j in range(u.shape[1]):
        q[r, j] = 1 if u[r, j] >= 0 else -1


@jit()
def _stretch(u, r, gradient, slot, most):
    """How many steps, at most `most`, the signs of u[r] stay as they are, the last one included that changes one."""
    for j in range(u.shape[1]):
        x, g = u[r, j], gradient[slot, j]
        if x >= 0 and g > 0:
            most = min(most, x // g + 1)
        elif x < 0 and g < 0:
            most = min(most, (x + g + 1) // g)
    return most


@jit()
def _record(records, q, teacher, words, r, t, steps):
    """Account for the steps t, ..., t + steps - 1 at the pattern q[r]; returns its distance to the teacher."""
    n = q.shape[1]
    distance = 0
    for j in range(n):
        distance += q[r, j] != teacher[j]
    if distance == 0 and records.hit[r] < 0:
        records.hit[r] = t
    counted = t + steps - max(t, records.first)
    if counted > 0:
        records.distances[r, distance] += counted
        for j in range(n):
            records.total[r, j] += counted * q[r, j]
    if records.times.shape[1] > 0 and steps > 0:
        e = records.events[r]
        records.times[r, e] = t
        records.patterns[r, e] = words[r]
        records.events[r] += 1
    return distance


@jit()
def _jump(u, r, gradient, slot, steps):
    """u[r] -= steps * gradient; False where a weight would leave the range of its integers."""
    for j in range(u.shape[1]):
        if abs(float(u[r, j]) - float(steps) * float(gradient[slot, j])) > LIMIT:
            return False
    for j in range(u.shape[1]):
        u[r, j] -= steps * gradient[slot, j]
    return True


@jit()
def _advance(u, t, r, q, words, teacher, steps, memo, records):
    """Run trial r until it is done, or at a pattern whose gradient is not known; returns its state and slot."""
    while True:
        _signs(u, r, q)
        pack_into(q[r : r + 1], words[r : r + 1])
        slot = _find(memo, words, r)
        if memo.state[slot] != _KNOWN:
            return WAITING, slot
        if t[r] == steps:
            _record(records, q, teacher, words, r, t[r], 0)
            records.loss[r] = memo.loss[slot]
            return DONE, slot
        jump = _stretch(u, r, memo.gradient, slot, steps - t[r])
        distance = _record(records, q, teacher, words, r, t[r], jump)
        if not _jump(u, r, memo.gradient, slot, jump):
            return OVERFLOW, slot
        t[r] += jump
        if distance == 0:
            _count_escape(u, r, teacher, records)


@jit()
def _count_escape(u, r, teacher, records):
    for j in range(teacher.size):
        if (u[r, j] >= 0) != (teacher[j] > 0):
            records.escapes[r] += 1
            return


@jit()
def _forget(memo):
    memo.state[:] = _ABSENT
    memo.used[0] = 0


@jit()
def _ask(u, t, left, q, words, teacher, steps, memo, records, slots):
    """Run the trials `left` as far as is known; returns those that go on, those that ask, and whether all went well.

    One trial asks for each pattern that is not known: q[r] is the pattern, slots[r] its place in the memo.
    """
    going, asking = np.empty(left.size, np.int64), np.empty(left.size, np.int64)
    kept, count = 0, 0
    for r in left:
        state, slot = _advance(u, t, r, q, words, teacher, steps, memo, records)
        if state == OVERFLOW:
            return left, left, False
        if state == WAITING:
            going[kept] = r
            kept += 1
            if memo.state[slot] == _ABSENT:
                memo.state[slot] = _ASKED
                memo.keys[slot] = words[r]
                slots[r] = slot
                asking[count] = r
                count += 1
    return going[:kept], asking[:count], True


@jit()
def _learn(memo, asking, slots, unit, gradient, losses):
    """Keep the gradients that were asked for; False where one is not finite, as a user's estimator may make it."""
    memo.used[0] += asking.size
    for r in asking:
        memo.state[slots[r]] = _KNOWN
        memo.loss[slots[r]] = losses[r]
        for j in range(gradient.shape[1]):
            if not np.isfinite(gradient[r, j]):
                return False
            memo.gradient[slots[r], j] = i64(gradient[r, j] / unit)
    return True


@jit(nogil=True)
def recover(data, activation, ste, v, labels, unit, teacher, u, steps, pre, at, memo, records):
    """Run R trials for `steps` steps; returns DONE, or OVERFLOW where a latent weight would leave the range of its
    integers, or NAN where a gradient is not finite.

    u (R, n) int64 begins as the start and ends as the last latent weights; `unit` is the gradient's lattice; pre and
    at are as `coarse_gradients` takes them, a slot a trial.
    """
    trials, n = u.shape
    t, slots = np.zeros(trials, np.int64), np.empty(trials, np.int64)
    q, words = np.empty((trials, n), np.int8), np.empty((trials, memo.keys.shape[1]), np.uint64)
    gradient, losses = np.empty((trials, n)), np.empty(trials)
    left = np.arange(trials)
    while left.size > 0:
        if 2 * (memo.used[0] + left.size) > memo.state.size:
            _forget(memo)
        left, asking, well = _ask(u, t, left, q, words, teacher, steps, memo, records, slots)
        if not well:
            return OVERFLOW
        coarse_gradients(data, activation, ste, v, labels, asking, q, at, pre, gradient, losses)
        records.evaluations[0] += asking.size
        if not _learn(memo, asking, slots, unit, gradient, losses):
            return NAN
    return DONE
