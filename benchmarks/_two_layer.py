"""Straight-through recovery of a binary teacher: our exact event-driven run, and the plain loop in NumPy, PyTorch, JAX.

Heaviside units, ReLU estimator, Gaussian data shared by all trials, full batch. The plain loop costs the same at every
step, so that a few steps tell its rate; ours is run to the end. A race does not start before both have ended a short
run in the same signs.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from qtheory.two_layer import TwoLayer, recover

from ._timing import Candidate

UNITS, STEPS, SHORT = 8, 200, 5


@cache
def problem(samples: int, n: int) -> TwoLayer:
    return TwoLayer.draw(n, samples, m=UNITS, activation="heaviside", ste="relu", seed=1)


def candidates(samples: int, n: int, step: float, trials: int, peers: Sequence[str]) -> list[Candidate]:
    """Ours first; the peers in single precision."""
    data = problem(samples, n)
    start = np.random.default_rng(2).standard_normal((trials, n)).astype(np.float32)
    makers = {"numpy": _numpy, "torch": _torch, "jax": _jax}
    found = [makers[peer](data, start, step) for peer in peers]
    short = recover(data, start=start, step=step, steps=SHORT, threads=1).last
    for peer in found:
        if not np.array_equal(short, np.where(np.asarray(peer.run()) < 0, -1, 1)):
            raise AssertionError(f"{peer.name} and qtheory end a run of {SHORT} steps in different signs")
    run = partial(recover, data, start=start, step=step, steps=STEPS, threads=1)
    return [Candidate("qtheory, exact", run, trials * n * STEPS), *found]


def _arrays(data: TwoLayer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N m, n), output weights (m,) and labels (N,)."""
    return data.features.reshape(-1, data.n), data.output_weights.astype(np.float32), data.labels.astype(np.float32)


def _numpy(data: TwoLayer, start: np.ndarray, step: float) -> Candidate:
    z, v, y = _arrays(data)

    def run() -> np.ndarray:
        u, rate = start.copy(), np.float32(step / len(y))
        for _ in range(SHORT):
            q = np.where(u < 0, np.float32(-1), np.float32(1))
            on = (z @ q.T > 0).astype(np.float32).reshape(len(y), len(v), len(u))
            r = np.einsum("imr,m->ir", on, v) - y[:, None]
            on *= r[:, None, :] * v[:, None]
            u -= rate * (on.reshape(len(z), len(u)).T @ z)
        return u

    return Candidate("NumPy", run, start.size * SHORT)


def _torch(data: TwoLayer, start: np.ndarray, step: float) -> Candidate:
    import torch

    torch.set_num_threads(1)
    z, v, y = (torch.from_numpy(x.copy()) for x in _arrays(data))

    def run() -> Any:
        u = torch.from_numpy(start.copy())
        for _ in range(SHORT):
            q = torch.where(u < 0, -1.0, 1.0)
            on = (z @ q.T > 0).float().reshape(len(y), len(v), len(u))
            r = torch.einsum("imr,m->ir", on, v) - y[:, None]
            on *= r[:, None, :] * v[:, None]
            u -= step / len(y) * (on.reshape(len(z), len(u)).T @ z)
        return u

    return Candidate("PyTorch", run, start.size * SHORT)


def _jax(data: TwoLayer, start: np.ndarray, step: float) -> Candidate:
    import jax
    import jax.numpy as jnp

    z, v, y = (jnp.asarray(x) for x in _arrays(data))

    def move(u: Any, _: Any) -> Any:
        q = jnp.where(u < 0, -1.0, 1.0)
        on = (z @ q.T > 0).reshape(len(y), len(v), len(u))
        r = jnp.einsum("imr,m->ir", on.astype(jnp.float32), v) - y[:, None]
        weights = jnp.where(on, r[:, None, :] * v[:, None], 0.0)
        return u - step / len(y) * (weights.reshape(len(z), len(u)).T @ z), None

    compiled = jax.jit(lambda u: jax.lax.scan(move, u, None, length=SHORT)[0])
    u0 = jnp.asarray(start)
    return Candidate("JAX", lambda: compiled(u0).block_until_ready(), start.size * SHORT)
