"""Training steps of a network's weights: one pass takes a gradient, moves the weights and deploys the next ones.

    g   <- pull(x, g)                      through a surrogate derivative, where the method has one (surrogates.py)
    u   <- direction of the gradient g     momentum, or Adam (Kingma and Ba 2015, with bias correction)
    x   <- advance(x, -alpha u)            the method's own step (steps.py)
    w   <- query(x)                        the weights that the next step deploys

Weight j of a layer is rounded by the word of row (j div LANES) mod 4 under the counter (LANES (j div 4 LANES) +
j mod LANES, step, layer, WEIGHTS): `fill` with the weights as its lanes. Nothing depends on threads.
"""

from typing import NamedTuple

import numpy as np

from .compile import jit, like, verb, wide
from .elementary import exponential
from .random import fill, uniform
from .rounding import clip
from .steps import (
    LatentNearest,
    LatentStochastic,
    OnGridNearest,
    OnGridStochastic,
    Sgd,
    advance,
    latent,
    query,
    query_words,
    rounding_words,
    weight,
)
from .surrogates import hard, surrogate

LANES = 512  # the words of a chunk, 8 KiB, stay in the first-level cache
CHUNK = 4 * LANES
WEIGHTS = 3  # a stream of its own beside STEP, BATCH, START


class Momentum(NamedTuple):
    """u = m <- decay m + g; plain gradients for decay = 0."""

    decay: float


class Adam(NamedTuple):
    """u = c1 m / (sqrt(c2 v) + epsilon), with c = 1 / (1 - beta^t) at step t."""

    keep1: float  # 1 - beta1
    keep2: float
    c1: float
    c2: float
    epsilon: float


@verb
def second(rule):
    """Whether the rule keeps a second moment."""


@second.of(Momentum)
def _second_no(rule):
    return False


@second.of(Adam)
def _second_yes(rule):
    return True


@verb
def direction(rule, g, m, v):
    """(u, m, v): the direction of the step, and the moments after it."""


@direction.of(Momentum)
def _direction_momentum(rule, g, m, v):
    m = rule.decay * m + g
    return m, m, v


@direction.of(Adam)
def _direction_adam(rule, g, m, v):
    m = m + rule.keep1 * (g - m)
    v = v + rule.keep2 * (g * g - v)
    return rule.c1 * m / (np.sqrt(rule.c2 * v) + rule.epsilon), m, v


class Surrogated(NamedTuple):
    """Real weights x in [low, high]; scale Q(x / scale) is deployed, and x moves by the surrogate derivative of Q."""

    estimator: NamedTuple  # a spec of surrogates.py
    scale: float
    inverse: float  # 1 / scale
    low: float
    high: float


@rounding_words.of(Surrogated)
@query_words.of(Surrogated)
def _no_words(method):
    return 0


@weight.of(Surrogated)
def _weight_surrogated(method, x):
    return x


@latent.of(Surrogated)
def _latent_surrogated(method):
    return True


@query.of(Surrogated)
def _query_surrogated(method, x, u):
    return method.scale * hard(method.estimator, x * method.inverse)


@advance.of(Surrogated)
def _advance_surrogated(method, x, step, u):
    return clip(x + step, method.low, method.high)


_DIRECT = Sgd, OnGridNearest, OnGridStochastic, LatentNearest, LatentStochastic


@verb
def pulls(method):
    """Whether the gradient at the deployed weights is changed on its way to the state."""


@pulls.of(*_DIRECT)
def _pulls_no(method):
    return False


@pulls.of(Surrogated)
def _pulls_yes(method):
    return True


@verb
def pull(method, x, g):
    """The gradient that moves the state x, from the gradient g at the deployed weight."""


@pull.of(*_DIRECT)
def _pull_direct(method, x, g):
    return g


@pull.of(Surrogated)
def _pull_surrogated(method, x, g):
    return surrogate(method.estimator, x * method.inverse, g)


@jit(nogil=True)
def deploy(seed, method, step, layer, x, w):
    """w (n,) <- the weights that the states x (n,) deploy at `step`."""
    words = np.empty((4, LANES), np.uint32)
    for base in range(0, x.size, CHUNK):
        end = min(base + CHUNK, x.size)
        if query_words(method) == 1:
            fill(words, 1, LANES, base // 4, step, layer, WEIGHTS, seed)
        _deploy(method, words.reshape(CHUNK), x[base:end], w[base:end])


@jit(nogil=True)
def move(seed, method, rule, alpha, step, layer, g, x, m, v, w, first, before):
    """One step of n weights of one layer; returns how many deployed weights differ from `first`, and from `before`.

    Everything is real (n,): gradients g; states x and moments m, v, replaced by the next ones (v may be empty for a
    rule without second moment); w receives the weights deployed at step + 1.
    """
    words, steps = np.empty((4, LANES), np.uint32), np.empty(CHUNK, x.dtype)
    pulled = np.empty(CHUNK if pulls(method) else 0, x.dtype)
    now = step + query_words(method)  # the one word of a weight is its query's at the next step, or its rounding's now
    from_first = from_before = 0
    for base in range(0, x.size, CHUNK):
        end = min(base + CHUNK, x.size)
        if rounding_words(method) == 1:
            fill(words, 1, LANES, base // 4, now, layer, WEIGHTS, seed)
        if pulls(method):
            _pull(method, g[base:end], x[base:end], pulled)
            _turn(rule, -alpha, pulled[: end - base], m[base:end], v[base:end], steps)
        else:
            _turn(rule, -alpha, g[base:end], m[base:end], v[base:end], steps)
        _advance(method, words.reshape(CHUNK), steps, x[base:end], w[base:end])
        from_first += _differ(w[base:end], first[base:end])
        from_before += _differ(w[base:end], before[base:end])
    return from_first, from_before


# Stages over a chunk in the first-level cache. Each is a loop that starts at 0 over few arrays: so the compiler can
# tell at run time that they do not overlap, and vectorises it.


@jit()
def _deploy(method, words, x, w):
    wide()
    for i in range(x.size):
        w[i] = query(method, x[i], uniform(words[i], x[i]))


@jit()
def _pull(method, g, x, pulled):
    wide()
    for i in range(x.size):
        pulled[i] = pull(method, x[i], g[i])


@jit()
def _turn(rule, minus_alpha, g, m, v, steps):
    wide()
    for i in range(g.size):
        u, m[i], other = direction(rule, g[i], m[i], v[i] if second(rule) else g[i])
        steps[i] = minus_alpha * u
        if second(rule):
            v[i] = other


@jit()
def _advance(method, words, steps, x, w):
    wide()
    for i in range(x.size):
        u = uniform(words[i], x[i])
        x[i] = advance(method, x[i], steps[i], u)
        w[i] = query(method, x[i], u)


@jit()
def _differ(w, other):
    wide()
    count = np.int32(0)
    for i in range(w.size):
        count += np.int32(w[i] != other[i])
    return count


# Sigmoid sums: w = alpha (sum_i s_i sigma(T (beta x - b_i)) - o). One sigmoid at a time over all weights vectorises.


@jit(nogil=True)
def soften(heights, biases, rate, low, x, w):
    """w (n,) <- low + sum_i heights_i sigma(rate x - biases_i), for x (n,)."""
    w[:] = low
    for i in range(heights.size):
        _add_sigmoid(heights[i], biases[i], rate, x, w)


@jit(nogil=True)
def soft_slopes(heights, biases, rate, x, slopes):
    """slopes (n,) <- the derivatives by x of what `soften` gives."""
    slopes[:] = like(rate, 0.0)
    for i in range(heights.size):
        _add_bell(heights[i] * rate, biases[i], rate, x, slopes)


@jit()
def _add_sigmoid(height, bias, rate, x, w):
    wide()
    one = like(bias, 1.0)
    for i in range(x.size):
        w[i] += height / (one + exponential(bias - rate * x[i]))


@jit()
def _add_bell(height, bias, rate, x, slopes):
    wide()
    one = like(bias, 1.0)
    for i in range(x.size):
        t = exponential(-abs(rate * x[i] - bias))
        slopes[i] += height * t / ((one + t) * (one + t))
