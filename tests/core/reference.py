"""The training methods written down once more: NumPy in double precision, one trial at a time, textbook formulas.

Slow, and independent of the compiled core but for the layout of the random words, which it draws with a Philox of its
own. What the core computes must agree with it.
"""

from dataclasses import dataclass, replace

import numpy as np

from qtheory.methods import BC, SR, R
from qtheory.problems import Gaussian, NoNoise, OneBit, Rademacher
from qtheory.quantizers import NearestRounding, StochasticRounding

STEP, BATCH = 0, 1
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85
_MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10 in Python integers: four words from four words of counter and two of key."""
    x, k = list(counter), list(key)
    for _ in range(10):
        p, r = _MULTIPLIERS[0] * x[0], _MULTIPLIERS[1] * x[2]
        x = [(r >> 32) ^ x[1] ^ k[0], r & _MASK, (p >> 32) ^ x[3] ^ k[1], p & _MASK]
        k = [(k[i] + _WEYL[i]) & _MASK for i in range(2)]
    return x


def words(seed, trial, step, groups, stream):
    """The words of groups 0, 1, ... of one trial's step: (groups, 4) integers."""
    key = seed & _MASK, seed >> 32
    tag = stream + 256 * (step >> 32)
    return np.array([philox((trial, step & _MASK, g, tag), key) for g in range(groups)], dtype=np.uint64)


def uniforms(word, single=False):
    """In (0, 1): the midpoints of 2^32 (2^23) equal cells."""
    return ((word >> np.uint64(9)) + 0.5) * 2.0**-23 if single else (word + 0.5) * 2.0**-32


def gaussians(u, v):
    """Box-Muller; the angle lies in an eighth turn to each side of an axis that the two low bits of v choose."""
    radius = np.sqrt(-2 * np.log((u + 0.5) * 2.0**-32))
    radius = np.where(v & np.uint64(2), -radius, radius)
    angle = v.astype(np.uint32).astype(np.int32) * (np.pi / 4 / 2**31)
    sine, cosine, swap = np.sin(angle), np.cos(angle), (v & np.uint64(1)).astype(bool)
    return radius * np.where(swap, sine, cosine), radius * np.where(swap, cosine, sine)


@dataclass
class Draws:
    """What is random in one step of one trial: noise words (d,), standard samples (d,), rounding uniforms (d,)."""

    noise: np.ndarray
    gauss: np.ndarray
    rounding: np.ndarray


def draws(problem, method, seed, trial, step, single):
    d = problem.dim
    noisy, rounds = not isinstance(problem.noise, NoNoise), is_stochastic(method)
    width = 2 if noisy and rounds else 4
    rows = words(seed, trial, step, -(-d // width), STEP)
    gauss = np.empty_like(rows, dtype=float)
    for h in (0, 2):
        gauss[:, h], gauss[:, h + 1] = gaussians(rows[:, h], rows[:, h + 1])
    first = 2 if noisy and rounds else 0
    return Draws(
        rows[:, :width].ravel()[:d],
        gauss[:, :width].ravel()[:d],
        uniforms(rows[:, first : first + width].ravel()[:d], single),
    )


def is_stochastic(method):
    return isinstance(method, SR) or (isinstance(method, BC) and isinstance(method.quantizer, StochasticRounding))


def exact_gradient(problem, w, seed, trial, step):
    """The gradient at w, of the rows of the trial's own mini-batch where there is one."""
    if not problem.batch:
        return problem.gradient(w)
    drawn = words(seed, trial, step, -(-problem.batch // 4), BATCH).ravel()[: problem.batch]
    rows = (drawn * np.uint64(len(problem.X)) >> np.uint64(32)).astype(int)
    return replace(problem, X=problem.X[rows], y=problem.y[rows], batch=0).gradient(w)


def stochastic_gradient(problem, w, seed, trial, step, drawn, single):
    gradient, noise = exact_gradient(problem, w, seed, trial, step), problem.noise
    if isinstance(noise, Gaussian):
        return gradient + noise.sigma * drawn.gauss
    if isinstance(noise, Rademacher):
        return gradient + np.where(drawn.noise >> np.uint64(31), noise.sigma, -noise.sigma)
    if isinstance(noise, OneBit):
        up = uniforms(drawn.noise, single) < (1 + gradient / noise.scale) / 2
        return np.where(up, noise.scale, -noise.scale)
    return gradient


def rounded(quantizer, box, w, u):
    """Q(w), held to the box."""
    held = type(quantizer)(quantizer.grid.within(box))
    return held(w) if isinstance(held, NearestRounding) else held(w, u)


@dataclass
class Path:
    """One trial: iterates w_1, ..., w_T (T, d), and the weights deployed (T, d)."""

    weights: np.ndarray
    deployed: np.ndarray


def follow(problem, method, schedule, *, steps, start, seed, trial, single=False):
    """One trial of a method."""
    w, weights, deployed = np.array(start, dtype=float), [], []
    for t in range(1, steps + 1):
        drawn = draws(problem, method, seed, trial, t, single)
        q = rounded(method.quantizer, problem.box, w, drawn.rounding) if isinstance(method, BC) else w
        weights.append(w)
        deployed.append(q)
        if t == steps:
            break
        moved = w - schedule(t) * stochastic_gradient(problem, q, seed, trial, t, drawn, single)
        if isinstance(method, SR | R):
            w = rounded(method.quantizer, problem.box, moved, drawn.rounding)
        else:
            w = problem.project(moved)
    return Path(np.array(weights), np.array(deployed))


def statistics(problem, best, path, t):
    """All that `simulate` records of step t, from the stored path."""
    w, q = path.weights, path.deployed
    return {
        "gap": problem.value(w[t - 1]) - best.value,
        "average_gap": problem.value(w[:t].mean(axis=0)) - best.value,
        "distance": np.sum((w[t - 1] - best.w) ** 2),
        "deployed_gap": problem.value(q[t - 1]) - best.value,
        "changed_step": np.mean(q[t - 1] != q[max(t - 2, 0)]),
        "changed_start": np.mean(q[t - 1] != q[0]),
    }
