"""Two runs side by side, fed with the same gradients: what they had in common, kept without a history.

Run 0 has the weights w and an estimator, run 1 the weights u and another one (as a rule the identity). Per coordinate

    x <- x - eta_t step(g(x) h)

where h is the gradient at the quantized weights of that run, and `step` is that of momentum or Adam. Recorded of every
coordinate are the levels it went through, as a hash of the whole sequence and of the compressed one, in which
a, b, a, b counts as a, b. A compressed sequence is a stack, and only its top can be taken off: after a removal the next
value is always laid on (else the stack held a, b, a, b before). So the top three and a hash of the rest are enough.
"""

from typing import NamedTuple

import numpy as np

from .compile import inline, jit, verb
from .surrogates import backward, forward

FACTOR = np.uint64(6364136223846793005)  # odd, so that it has an inverse modulo 2^64
INVERSE = np.uint64(pow(6364136223846793005, -1, 2**64))


class Momentum(NamedTuple):
    """m <- mu m + c, step m."""

    mu: float


class Adam(NamedTuple):
    """m <- beta1 m + (1 - beta1) c, v <- beta2 v + (1 - beta2) c^2, both corrected; step m / (sqrt v + epsilon)."""

    beta1: float
    beta2: float
    epsilon: float


class Given(NamedTuple):
    """h does not depend on the weights."""

    h: np.ndarray  # (steps, n)


class Regression(NamedTuple):
    """h = X'(X q - y) / B at the quantized weights q."""

    x: np.ndarray  # (steps, B, n)
    y: np.ndarray  # (steps, B)


class Pull(NamedTuple):
    """h_j = curvature_j (q_j - target_j) + noise_tj: separable and convex."""

    curvature: np.ndarray  # (n,)
    target: np.ndarray  # (n,)
    noise: np.ndarray  # (steps, n)


class State(NamedTuple):
    """Axis 0 is the run, axis 1 the coordinate."""

    levels: np.ndarray  # (k,) that both runs go through, ascending
    x: np.ndarray  # (2, n) w and u
    m: np.ndarray  # (2, n) first moments
    v: np.ndarray  # (2, n) second moments
    q: np.ndarray  # (2, n) quantized
    h: np.ndarray  # (2, n) the last gradients
    path: np.ndarray  # (2, n) sum of abs(step)
    largest: np.ndarray  # (2, n) of abs(h)
    spent: np.ndarray  # (n,) sum of phi(lipschitz eta abs(h)) in run 0
    jump: np.ndarray  # (n,) largest eta abs(h_0 - h_1)
    apart: np.ndarray  # (n,) in how many steps the quantized weights differed
    code: np.ndarray  # (2, n) uint64 hash of the levels passed
    count: np.ndarray  # (2, n) their number
    short: np.ndarray  # (2, n) uint64 hash of the compressed sequence
    depth: np.ndarray  # (2, n) its length
    top: np.ndarray  # (2, n, 3) its last values, the last one first


@verb
def move(rule, c, m, v, t):
    """The step, and the moments after it; t counts from 1."""


@move.of(Momentum)
def _move_momentum(rule, c, m, v, t):
    m = rule.mu * m + c
    return m, m, v


@move.of(Adam)
def _move_adam(rule, c, m, v, t):
    m = rule.beta1 * m + (1 - rule.beta1) * c
    v = rule.beta2 * v + (1 - rule.beta2) * c * c
    if v == 0.0:
        return 0.0, m, v
    root = np.sqrt(v / (1 - rule.beta2**t)) + rule.epsilon
    return m / (1 - rule.beta1**t) / root, m, v


@verb
def gradient(source, k, q, h):
    """Write the gradient of step k at q into h."""


@gradient.of(Given)
def _given(source, k, q, h):
    h[:] = source.h[k]


@gradient.of(Regression)
def _regression(source, k, q, h):
    batch = source.y.shape[1]
    h[:] = 0.0
    for i in range(batch):
        row = source.x[k, i]
        residual = -source.y[k, i]
        for j in range(q.size):
            residual += row[j] * q[j]
        for j in range(q.size):
            h[j] += row[j] * residual / batch


@gradient.of(Pull)
def _pull(source, k, q, h):
    for j in range(q.size):
        h[j] = source.curvature[j] * (q[j] - source.target[j]) + source.noise[k, j]


@inline
def phi(x):
    """-log(1 - x) - x, and infinite from 1 on."""
    if x < 1e-3:
        return x * x * (0.5 + x * (1 / 3 + x * (0.25 + x * 0.2)))
    return -np.log1p(-x) - x if x < 1.0 else np.inf


@inline
def number_of(levels, level):
    """What stands for a level in a hash: its place, from 1, whatever the unit of the levels."""
    return np.uint64(np.searchsorted(levels, level) + 1)


@inline
def crossed(state, r, j, level):
    """Run r came to another level in coordinate j."""
    own = number_of(state.levels, level)
    state.code[r, j] = state.code[r, j] * FACTOR + own
    state.count[r, j] += 1
    top = state.top[r, j]
    if top[1] == level and top[2] == top[0]:
        state.short[r, j] = (state.short[r, j] - number_of(state.levels, top[0])) * INVERSE
        state.depth[r, j] -= 1
        top[0], top[1], top[2] = top[1], top[2], np.nan
    else:
        state.short[r, j] = state.short[r, j] * FACTOR + own
        state.depth[r, j] += 1
        top[0], top[1], top[2] = level, top[0], top[1]


@jit()
def gradients(source, k, q, h):
    """`gradient` as a compiled function of its own, so that it is compiled once."""
    gradient(source, k, q, h)


@jit()
def moved(rule, eta, t, x, m, v, c, path):
    """Step t of one run: all coordinates."""
    for j in range(x.size):
        step, m[j], v[j] = move(rule, c[j], m[j], v[j], t)
        x[j] -= eta * step
        path[j] += abs(eta * step)


@jit()
def noted(state, eta, lipschitz):
    """Keep what the gradients of a step say, before it is taken."""
    h, largest = state.h, state.largest
    for j in range(h.shape[1]):
        state.spent[j] += phi(lipschitz * eta * abs(h[0, j]))
        state.jump[j] = max(state.jump[j], eta * abs(h[0, j] - h[1, j]))
        largest[0, j] = max(largest[0, j], abs(h[0, j]))
        largest[1, j] = max(largest[1, j], abs(h[1, j]))


@jit()
def arrived(state, levels):
    """Keep what the quantized weights (2, n) after a step say; whether the runs differ in any."""
    differ = False
    for j in range(levels.shape[1]):
        for r in range(2):
            if levels[r, j] != state.q[r, j]:
                state.q[r, j] = levels[r, j]
                crossed(state, r, j, levels[r, j])
        if levels[0, j] != levels[1, j]:
            state.apart[j] += 1
            differ = True
    return differ


@jit()
def advance(estimator, twin, rule, source, rates, ratio, lipschitz, first, state, stop):
    """Steps first, first + 1, ... (counted from 1), one for every entry of `rates`; how many were done.

    Run 1 has the rates ratio * rates. `stop`: end after the first step that leaves different quantized weights.
    """
    c, levels = np.empty_like(state.x), np.empty_like(state.x)
    x, m, v, path = state.x, state.m, state.v, state.path
    for k in range(rates.size):
        eta = rates[k]
        gradients(source, k, state.q[0], state.h[0])
        gradients(source, k, state.q[1], state.h[1])
        noted(state, eta, lipschitz)
        backward(estimator, x[0], state.h[0], c[0])
        backward(twin, x[1], state.h[1], c[1])
        moved(rule, eta, first + k, x[0], m[0], v[0], c[0], path[0])
        moved(rule, ratio * eta, first + k, x[1], m[1], v[1], c[1], path[1])
        forward(estimator, x[0], levels[0])
        forward(twin, x[1], levels[1])
        if arrived(state, levels) and stop:
            return k + 1
    return rates.size
