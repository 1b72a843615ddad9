"""SR on a separable quadratic with Gaussian noise, written out by hand: what the composed loop is measured against.

The stages of random words and Gaussians are the core's own; the loop and the update are for this one case.
"""

import numpy as np

from qtheory.core.compile import jit, wide
from qtheory.core.random import STEP, fill, gaussians


@jit()
def update(k, z, words, start, groups, curvature, center, delta, inverse, sigma, minus_alpha):
    """The grid indices k (d, lanes) of `groups` pairs of coordinates."""
    wide()
    d, lanes = k.shape
    one, unit, half = np.float32(1), np.float32(2.0**-23), np.float32(2.0**-24)
    for p in range(groups):
        o = p * lanes
        for h in range(2):
            j = start + 2 * p + h
            if j < d:
                rate, middle = curvature[j], center[j]
                for i in range(lanes):
                    old = k[j, i]
                    u = np.float32(np.int32(words[2 + h, o + i] >> np.uint32(9))) * unit + half
                    s = minus_alpha * (rate * (delta * old - middle) + sigma * z[h, o + i]) * inverse
                    down = np.floor(s)
                    k[j, i] = old + (down + one if u < s - down else down)


@jit()
def run_block(k, words, z, seed, trial, curvature, center, delta, sigma, mu, steps):
    """Trials from `trial` on, from w_1 to w_steps; k (d, lanes) holds their indices."""
    d, lanes = k.shape
    chunk, inverse = words.shape[1] // lanes, np.float32(1) / delta
    for t in range(1, steps):
        minus_alpha = -np.float32(1.0 / (mu * (t + 1.0)))
        for start in range(0, d, 2 * chunk):
            groups = min(chunk, (d - start + 1) // 2)
            fill(words, groups, lanes, trial, t, start // 2, STEP, seed)
            gaussians(words[0], words[1], z[0], z[1], groups * lanes)
            update(k, z, words, start, groups, curvature, center, delta, inverse, sigma, minus_alpha)


def run(seed, curvature, center, delta, sigma, mu, steps, trials, lanes, width):
    """The final grid indices (d, trials), float32; trials is a multiple of lanes, and width of lanes."""
    blocks = []
    for trial in range(0, trials, lanes):
        k = np.zeros((curvature.size, lanes), np.float32)
        words, z = np.empty((4, width), np.uint32), np.empty((2, width), np.float32)
        run_block(k, words, z, seed, trial, curvature, center, delta, sigma, mu, steps)
        blocks.append(k)
    return np.concatenate(blocks, axis=1)
