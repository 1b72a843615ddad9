"""The one loop of the package: a block of trials, step after step.

Trials are the innermost, contiguous axis: arrays are (d, lanes). A step runs in stages over buffers that stay in the
first-level cache: random words -> noise samples -> update. An objective that is not separable first fills the gradients
of the whole block.
"""

from typing import NamedTuple

import numpy as np

from .compile import inline, jit, like, wide
from .layout import copy
from .noise import noise_words, perturb, sample
from .objectives import coefficients, gradients, separable, slope, values
from .random import STEP, fill, uniform
from .schedules import step_size
from .steps import advance, latent, query, query_words, rounding_words, weight
from .visits import visit

GAP, AVERAGE_GAP, DISTANCE, DEPLOYED_GAP, CHANGED_STEP, CHANGED_START = range(6)


class Block(NamedTuple):
    """The state of a block of trials, and the buffers of its loop. real is float32 or float64."""

    x: np.ndarray  # (d, lanes) real: the state, as the method sees it
    total: np.ndarray  # (d, lanes) float64: the sum of the states before this step; (0, lanes) where nobody asked
    first: np.ndarray  # (d, lanes) real: deployed weights of step 1
    previous: np.ndarray  # (d, lanes) real: deployed weights of the step before a recorded one
    q: np.ndarray  # (d, lanes) real: where gradients are taken
    y: np.ndarray  # (d, lanes) real: gradients of an objective that is not separable; else (1, lanes)
    words: np.ndarray  # (4, m) uint32
    z: np.ndarray  # (4, m) float32
    work: tuple  # the objective's own
    visits: tuple  # NoVisits or Visits


class Target(NamedTuple):
    """What observers compare with."""

    point: np.ndarray  # (d,) w*
    value: float  # F*


@inline
def group_size(noise, method):
    """Coordinates served by the four words of a counter."""
    return 2 if noise_words(noise) + rounding_words(method) == 2 else 4


@inline
def rounding_row(noise, h):
    """The row of words that rounds the h-th coordinate of a group."""
    return (h + 2) % 4 if noise_words(noise) == 1 else h


@jit(nogil=True)
def run(seed, objective, noise, method, schedule, observed, target, block, trial, t, stop, horizon, marks, out):
    """Steps t, ..., stop - 1 of `horizon` for the trials from `trial` on; out[marks, (6), lanes] float64.

    At step t the iterate w_t is observed if t is in `marks` (ascending), then moved to w_{t+1} unless t = horizon.
    `observed` is the objective in double precision. The random bits depend on (seed, trial, step, coordinate) only.
    """
    mark = np.searchsorted(marks, t)
    while t < stop:
        seen = mark < marks.size and marks[mark] == t
        mark += seen
        coming = marks[mark] if mark < marks.size else horizon + 1
        if seen or coming == t + 1 or t == 1:
            _deploy(noise, method, block, seed, trial, t)
        if t == 1:
            copy(block.q, block.first)
        if seen:
            _observe(method, observed, target, block, t, out[mark - 1])
        if coming == t + 1:
            copy(block.q, block.previous)
        after = t + 1 if coming == t + 1 else min(coming - 1, stop)
        _move(seed, objective, noise, method, schedule, block, trial, t, min(after, horizon))
        t = after


@jit()
def _move(seed, objective, noise, method, schedule, block, trial, t, stop):
    """Take w_t to w_stop."""
    x, total, y, z, words = block.x, block.total, block.y, block.z, block.words
    (d, lanes), group = x.shape, group_size(noise, method)
    chunk = max(1, words.shape[1] // lanes)
    random, averaged = noise_words(noise) + rounding_words(method) > 0, total.shape[0] > 0
    for now in range(t, stop):
        if not separable(objective):
            _deploy(noise, method, block, seed, trial, now)
            gradients(objective, block.q, y, block.work, seed, trial, now)
        if averaged:
            _accumulate(x, total)
        minus_alpha = like(x[0, 0], -step_size(schedule, now))
        for start in range(0, d, group * chunk):
            groups = min(chunk, (d - start + group - 1) // group)
            if random:
                fill(words, groups, lanes, trial, now, start // group, STEP, seed)
                sample(noise, words, z, group, groups * lanes)
            _visit(block.visits, noise, method, x, words, start, groups, group)
            _update(objective, noise, method, x, y, z, words, start, groups, group, minus_alpha)


@inline
def _visit(visits, noise, method, x, words, start, groups, group):
    for p in range(groups):
        for h in range(group):
            if start + group * p + h < x.shape[0]:
                visit(visits, method, x, start + group * p + h, words, rounding_row(noise, h), p * x.shape[1])


@jit()
def _accumulate(x, total):
    for j in range(total.shape[0]):
        for i in range(x.shape[1]):
            total[j, i] += x[j, i]


@jit()
def _update(objective, noise, method, x, y, z, words, start, groups, group, minus_alpha):
    # No views of rows: each would count its references up and down, atomically, at a third of the loop's cost.
    wide()
    d, lanes = x.shape
    last = y.shape[0] - 1
    for p in range(groups):
        o = p * lanes
        for h in range(group):
            j = start + group * p + h
            if j < d:
                c, r, k = coefficients(objective, j), min(j, last), rounding_row(noise, h)
                for i in range(lanes):
                    old = x[j, i]
                    u = uniform(words[k, o + i], old)
                    g = slope(objective, c, query(method, old, u), y[r, i])
                    g = perturb(noise, g, like(old, z[h, o + i]), words[h, o + i])
                    x[j, i] = advance(method, old, minus_alpha * g, u)


@jit()
def _deploy(noise, method, block, seed, trial, t):
    """The queries of step t, which are the weights that the method would deploy, into block.q."""
    (d, lanes), group = block.x.shape, group_size(noise, method)
    chunk = max(1, block.words.shape[1] // lanes)
    for start in range(0, d, group * chunk):
        groups = min(chunk, (d - start + group - 1) // group)
        if query_words(method) == 1:
            fill(block.words, groups, lanes, trial, t, start // group, STEP, seed)
        _query(noise, method, block.x, block.q, block.words, start, groups, group)


@jit()
def _query(noise, method, x, q, words, start, groups, group):
    wide()
    d, lanes = x.shape
    for p in range(groups):
        o = p * lanes
        for h in range(group):
            j = start + group * p + h
            if j < d:
                k = rounding_row(noise, h)
                for i in range(lanes):
                    q[j, i] = query(method, x[j, i], uniform(words[k, o + i], x[j, i]))


@jit()
def _observe(method, observed, target, block, t, out):
    """All statistics of step t, in double precision, into out[(6), lanes]."""
    d, lanes = block.x.shape
    w = np.empty((d, lanes))
    _weights(method, block.x, w)
    _gap(observed, target, w, out[GAP])
    for i in range(lanes):
        out[DISTANCE, i] = 0.0
        out[CHANGED_STEP, i] = 0.0
        out[CHANGED_START, i] = 0.0
    for j in range(d):
        for i in range(lanes):
            out[DISTANCE, i] += (w[j, i] - target.point[j]) ** 2
            out[CHANGED_STEP, i] += t > 1 and block.q[j, i] != block.previous[j, i]
            out[CHANGED_START, i] += t > 1 and block.q[j, i] != block.first[j, i]
    for i in range(lanes):
        out[CHANGED_STEP, i] /= d
        out[CHANGED_START, i] /= d
    if latent(method):
        for j in range(d):
            for i in range(lanes):
                w[j, i] = block.q[j, i]
        _gap(observed, target, w, out[DEPLOYED_GAP])
    else:
        for i in range(lanes):
            out[DEPLOYED_GAP, i] = out[GAP, i]
    if block.total.shape[0] == 0:
        for i in range(lanes):
            out[AVERAGE_GAP, i] = np.nan
    else:
        _averages(method, block, t, w)
        _gap(observed, target, w, out[AVERAGE_GAP])


@jit()
def _weights(method, x, w):
    for j in range(x.shape[0]):
        for i in range(x.shape[1]):
            w[j, i] = weight(method, x[j, i])


@jit()
def _averages(method, block, t, w):
    # `weight` is affine, so the mean weight is the weight of the mean state.
    for j in range(w.shape[0]):
        for i in range(w.shape[1]):
            w[j, i] = weight(method, (block.total[j, i] + block.x[j, i]) / t)


@jit()
def _gap(observed, target, w, out):
    values(observed, w, out)
    for i in range(out.size):
        out[i] -= target.value
