"""SR on a separable quadratic with Gaussian noise, written out by hand: what the composed loop is measured against."""

import numpy as np

from qtheory.core.compile import jit, wide
from qtheory.core.random import STEP, fill, gaussians


@jit()
def update(k, z, words, rate, center, delta, inverse, sigma, minus_alpha):
    """One coordinate of a block of trials."""
    wide()
    one, unit, half = np.float32(1), np.float32(2.0**-23), np.float32(2.0**-24)
    for i in range(k.size):
        u = np.float32(np.int32(words[i] >> np.uint32(9))) * unit + half
        s = minus_alpha * (rate * (delta * k[i] - center) + sigma * z[i]) * inverse
        down = np.floor(s)
        k[i] = k[i] + (down + one if u < s - down else down)


@jit(nogil=True)
def run(seed, curvature, center, delta, sigma, mu, steps, trials, lanes, chunk):
    """The final grid indices (d, trials), float32; trials is a multiple of lanes."""
    d = curvature.size
    out = np.empty((d, trials), np.float32)
    words, z = np.empty((4, chunk * lanes), np.uint32), np.empty((4, chunk * lanes), np.float32)
    k = np.empty((d, lanes), np.float32)
    inverse = np.float32(1) / delta
    for block in range(trials // lanes):
        for j in range(d):
            for i in range(lanes):
                k[j, i] = np.float32(0)
        for t in range(1, steps):
            minus_alpha = -np.float32(1.0 / (mu * (t + 1.0)))
            for start in range(0, d, 2 * chunk):
                groups = min(chunk, (d - start + 1) // 2)
                fill(words, groups, lanes, block * lanes, t, start // 2, STEP, seed)
                gaussians(words[0], words[1], z[0], z[1], groups * lanes)
                for p in range(groups):
                    o = p * lanes
                    for h in range(2):
                        j = start + 2 * p + h
                        if j < d:
                            update(
                                k[j], z[h, o : o + lanes], words[2 + h, o : o + lanes], curvature[j], center[j], delta,
                                inverse, sigma, minus_alpha,
                            )  # fmt: skip
        for j in range(d):
            for i in range(lanes):
                out[j, block * lanes + i] = k[j, i]
    return out
