"""The straight-through dynamics step by step: mini-batches, trained output weights, and the oracle of `recovery`."""

import numpy as np

from .activations import fire, slope
from .compile import jit

f32, f64 = np.float32, np.float64


@jit()
def _sample(activation, ste, features, i, q, v, label, back, front):
    """Add sample i to the sums: N times the gradients by q (n,) and by v (m,); returns its squared residual."""
    m, n = features.shape[1], features.shape[2]
    pre = np.empty(m, np.float32)
    r = -label
    for k in range(m):
        total = f32(0)
        for j in range(n):
            total += features[i, k, j] * f32(q[j])
        pre[k] = total
        r += v[k] * f64(fire(activation, total))
    for k in range(m):
        front[k] += r * f64(fire(activation, pre[k]))
        weight = r * v[k] * f64(slope(ste, pre[k]))
        if weight != 0.0:
            for j in range(n):
                back[j] += weight * f64(features[i, k, j])
    return r * r


@jit(nogil=True)
def descend(activation, ste, features, labels, teacher, batches, rate, v, u, first, hit, total, distances, escapes):
    """Run one trial; returns the sum of squared residuals over all samples at the end.

    batches (T, B) int64: the samples of each step, or (T, 0) for all of them. u (n,): the latent weights in units of
    eta / B; v (m,): the output weights, which move by `rate` / B times their gradient. hit (1,), total (n,),
    distances (n + 1,) and escapes (1,) as in `recovery.Records`.
    """
    steps, n, m = batches.shape[0], u.size, v.size
    every = np.arange(labels.size)
    q, back, front = np.empty(n, np.int8), np.empty(n), np.empty(m)
    before = n
    for t in range(steps + 1):
        distance = 0
        for j in range(n):
            q[j] = 1 if u[j] >= 0 else -1
            distance += q[j] != teacher[j]
        if distance == 0 and hit[0] < 0:
            hit[0] = t
        escapes[0] += before == 0 and distance > 0
        before = distance
        if t == steps:
            break
        if t >= first:
            distances[distance] += 1
            total += q
        chosen = batches[t] if batches.shape[1] > 0 else every
        back[:] = 0.0
        front[:] = 0.0
        for i in chosen:
            _sample(activation, ste, features, i, q, v, labels[i], back, front)
        for j in range(n):
            u[j] -= back[j]
        for k in range(m):
            v[k] -= rate / chosen.size * front[k]
    back[:] = 0.0
    loss = 0.0
    for i in every:
        loss += _sample(activation, ste, features, i, q, v, labels[i], back, front)
    return loss
