"""The one loop of the package: a block of trials, step after step.

Trials are the innermost, contiguous axis: arrays are (d, lanes). A step runs in stages over buffers that stay in the
first-level cache: random words -> noise samples -> update. An objective that is not separable first fills the gradients
of the whole block.
"""

from typing import NamedTuple

import numpy as np

from .compile import inline, jit, like, wide
from .noise import noise_words, perturb, sample
from .objectives import coefficients, gradients, separable, slope, values
from .random import STEP, fill, uniform
from .schedules import step_size
from .steps import advance, latent, query, rounding_words, weight

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
    lanes, group = block.x.shape[1], group_size(noise, method)
    chunk = max(1, block.words.shape[1] // lanes)
    random = noise_words(noise) + rounding_words(method) > 0
    mark = np.searchsorted(marks, t)
    while t < stop:
        seen = mark < marks.size and marks[mark] == t
        mark += seen
        soon = mark < marks.size and marks[mark] == t + 1
        if seen or soon or t == 1 or not separable(objective):
            _deploy(noise, method, block, seed, trial, t, group, chunk)
        if t == 1:
            _copy(block.q, block.first)
        if seen:
            _observe(method, observed, target, block, t, out[mark - 1])
        if soon:
            _copy(block.q, block.previous)
        if t == horizon:
            break
        if not separable(objective):
            gradients(objective, block.q, block.y, block.work, seed, trial, t)
        alpha = like(block.x[0, 0], step_size(schedule, t))
        for start in range(0, block.x.shape[0], group * chunk):
            groups = min(chunk, (block.x.shape[0] - start + group - 1) // group)
            if random:
                fill(block.words, groups, lanes, trial, t, start // group, STEP, seed)
                sample(noise, block.words, block.z, group, groups * lanes)
            _step(objective, noise, method, block, start, groups, group, -alpha)
        t += 1


@jit()
def _step(objective, noise, method, block, start, groups, group, minus_alpha):
    wide()
    d, lanes = block.x.shape
    last = block.y.shape[0] - 1
    for p in range(groups):
        o = p * lanes
        for h in range(group):
            j = start + group * p + h
            if j < d:
                x, y, z = block.x[j], block.y[min(j, last)], block.z[h, o : o + lanes]
                first, second = block.words[h, o : o + lanes], block.words[rounding_row(noise, h), o : o + lanes]
                if block.total.shape[0] > 0:
                    total = block.total[j]
                    for i in range(lanes):
                        total[i] += x[i]
                _step_row(objective, noise, method, coefficients(objective, j), x, y, z, first, second, minus_alpha)


@jit()
def _step_row(objective, noise, method, c, x, y, z, first, second, minus_alpha):
    # A function of its own: within the loops above LLVM's checks for overlapping rows would fail and cost the vectors.
    wide()
    for i in range(x.size):
        u = uniform(second[i], x[i])
        g = perturb(noise, slope(objective, c, query(method, x[i], u), y[i]), like(x[i], z[i]), first[i])
        x[i] = advance(method, x[i], minus_alpha * g, u)


@jit()
def _deploy(noise, method, block, seed, trial, t, group, chunk):
    """The queries of step t, which are the weights that the method would deploy, into block.q."""
    d, lanes = block.x.shape
    for start in range(0, d, group * chunk):
        groups = min(chunk, (d - start + group - 1) // group)
        if rounding_words(method) == 1:
            fill(block.words, groups, lanes, trial, t, start // group, STEP, seed)
        _query(noise, method, block, start, groups, group)


@jit()
def _query(noise, method, block, start, groups, group):
    wide()
    d, lanes = block.x.shape
    for p in range(groups):
        o = p * lanes
        for h in range(group):
            j = start + group * p + h
            if j < d:
                x, q, words = block.x[j], block.q[j], block.words[rounding_row(noise, h), o : o + lanes]
                for i in range(lanes):
                    q[i] = query(method, x[i], uniform(words[i], x[i]))


@jit()
def _copy(source, to):
    for j in range(source.shape[0]):
        for i in range(source.shape[1]):
            to[j, i] = source[j, i]


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
