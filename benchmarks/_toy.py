"""The toy with a histogram of all steps: our run, and what a user of NumPy, PyTorch or JAX would write."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from qtheory.methods import BC, SR
from qtheory.problems import Gaussian, PiecewiseQuadratic
from qtheory.quantizers import Grid, NearestRounding
from qtheory.schedules import Constant
from qtheory.simulate import simulate

from ._timing import Candidate

ALPHA, SIGMA, DELTA, LOW, HIGH = 0.1, 2.0, 0.5, -4.0, 8.0
GRID = Grid(DELTA, box=(LOW, HIGH))
BINS, CHAINS = GRID.levels.size, 2048


def candidates(bc: bool, peers: Sequence[str]) -> list[Candidate]:
    """Ours first. All in single precision."""
    makers = {"numpy": _numpy, "torch": _torch, "jax": _jax}
    return [ours(bc), *(makers[peer](bc) for peer in peers)]


def ours(bc: bool, steps: int = 20_000) -> Candidate:
    """Four coordinates of a trial are four chains: the words of a counter are all used."""
    problem = PiecewiseQuadratic.li2017_toy(Gaussian(SIGMA), (LOW, HIGH), dimension=4)
    method = BC(NearestRounding(GRID)) if bc else SR(GRID)

    def run() -> np.ndarray:
        return simulate(
            problem, method, Constant(ALPHA), steps=steps, trials=CHAINS // 4, seed=1, record=[steps], average=False,
            precision="single", threads=1, visits=GRID,
        ).visits  # fmt: skip

    return Candidate("qtheory, single", run, CHAINS * (steps - 1))


def _numpy(bc: bool, steps: int = 200) -> Candidate:
    def run() -> np.ndarray:
        rng, w, one = np.random.Generator(np.random.SFC64(1)), np.zeros(CHAINS, np.float32), np.float32
        counts = np.zeros(BINS, np.int64)
        for _ in range(steps):
            q = np.rint(w * one(1 / DELTA)) * one(DELTA) if bc else w
            counts += np.bincount(((q - one(LOW)) * one(1 / DELTA)).astype(np.int64), minlength=BINS)
            center = np.where(q < one(1), one(0), np.where(q < one(3.5), one(2.5), one(4.75)))
            w = w - one(ALPHA) * (one(2) * (q - center) + one(SIGMA) * rng.standard_normal(CHAINS, dtype=np.float32))
            if not bc:
                w = np.floor(w * one(1 / DELTA) + rng.random(CHAINS, dtype=np.float32)) * one(DELTA)
            np.clip(w, one(LOW), one(HIGH), out=w)
        return counts

    return Candidate("NumPy", run, CHAINS * steps)


def _torch(bc: bool, steps: int = 200) -> Candidate:
    import torch

    torch.set_num_threads(1)

    def run() -> Any:
        w, counts = torch.zeros(CHAINS), torch.zeros(BINS, dtype=torch.int64)
        for _ in range(steps):
            q = torch.round(w * (1 / DELTA)) * DELTA if bc else w
            counts += torch.bincount(((q - LOW) * (1 / DELTA)).to(torch.int64), minlength=BINS)
            center = torch.where(q < 1, 0.0, torch.where(q < 3.5, 2.5, 4.75))
            w = w - ALPHA * (2 * (q - center) + SIGMA * torch.randn(CHAINS))
            if not bc:
                w = torch.floor(w * (1 / DELTA) + torch.rand(CHAINS)) * DELTA
            w = w.clamp(LOW, HIGH)
        return counts

    return Candidate("PyTorch", run, CHAINS * steps)


def _jax(bc: bool, steps: int = 1000) -> Candidate:
    import jax
    import jax.numpy as jnp

    def step(carry: Any, t: Any) -> Any:
        w, counts, key = carry
        noise_key, rounding_key = jax.random.split(jax.random.fold_in(key, t))
        q = jnp.round(w * (1 / DELTA)) * DELTA if bc else w
        counts = counts.at[((q - LOW) * (1 / DELTA)).astype(jnp.int32)].add(1)
        center = jnp.where(q < 1, 0.0, jnp.where(q < 3.5, 2.5, 4.75))
        w = w - ALPHA * (2 * (q - center) + SIGMA * jax.random.normal(noise_key, w.shape))
        if not bc:
            w = jnp.floor(w * (1 / DELTA) + jax.random.uniform(rounding_key, w.shape)) * DELTA
        return (jnp.clip(w, LOW, HIGH), counts, key), None

    start = jnp.zeros(CHAINS), jnp.zeros(BINS, jnp.int32)
    compiled = jax.jit(lambda key: jax.lax.scan(step, (*start, key), jnp.arange(1, steps + 1))[0][1])
    key = jax.random.key(0)
    return Candidate("JAX", lambda: compiled(key).block_until_ready(), CHAINS * steps)
