"""The same algorithms as a user of NumPy, PyTorch, JAX or qtorch would write them: batched, in single precision.

Each function gives a run() and the coordinate-steps that it does. Weights start at 0, alpha_t = 1/(t + late).
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ._timing import Candidate

Gradient = Callable[[Any], Any]


PACKAGES = "torch", "jax", "qtorch"


def usable(name: str) -> bool:
    """Whether a package can be imported. (qtorch compiles itself when it is, and that can fail in any way.)"""
    try:
        importlib.import_module(name)
    except Exception:
        return False
    return True


def numpy_run(gradient: Gradient, trials: int, d: int, steps: int, delta: float, *, bc: bool, late: int) -> Candidate:
    """In place, with the fastest of NumPy's generators."""

    def run() -> np.ndarray:
        rng, one = np.random.Generator(np.random.SFC64(1)), np.float32
        w, xi, u = (np.zeros((trials, d), np.float32) for _ in range(3))
        for t in range(1, steps + 1):
            alpha = one(1 / (t + late))
            rng.standard_normal(out=xi, dtype=np.float32)
            g = gradient(np.rint(w * one(1 / delta)) * one(delta) if bc else w)
            g += xi
            g *= -alpha
            w += g
            if not bc:
                rng.random(out=u, dtype=np.float32)
                w *= one(1 / delta)
                w += u
                np.floor(w, out=w)
                w *= one(delta)
        return w

    return Candidate("NumPy", run, trials * d * steps)


def torch_run(gradient: Gradient, trials: int, d: int, steps: int, delta: float, *, bc: bool, late: int) -> Candidate:
    """Eager PyTorch."""
    import torch

    torch.set_num_threads(1)

    def run() -> Any:
        w, xi, u = (torch.zeros(trials, d) for _ in range(3))
        with torch.no_grad():
            for t in range(1, steps + 1):
                g = gradient((w * (1 / delta)).round_().mul_(delta) if bc else w).add_(xi.normal_())
                w = w.add(g, alpha=-1 / (t + late))
                if not bc:
                    w.mul_(1 / delta).add_(u.uniform_()).floor_().mul_(delta)
        return w

    return Candidate("PyTorch", run, trials * d * steps)


def qtorch_run(gradient: Gradient, trials: int, d: int, steps: int, delta: float, *, late: int) -> Candidate:
    """QPyTorch's stochastic fixed-point quantizer."""
    import torch
    from qtorch.quant import fixed_point_quantize

    fraction = round(-np.log2(delta))

    def run() -> Any:
        w, xi = torch.zeros(trials, d), torch.zeros(trials, d)
        with torch.no_grad():
            for t in range(1, steps + 1):
                g = gradient(w).add_(xi.normal_())
                w = fixed_point_quantize(w.add(g, alpha=-1 / (t + late)), 24, fraction, rounding="stochastic")
        return w

    return Candidate("qtorch", run, trials * d * steps)


def jax_run(gradient: Gradient, trials: int, d: int, steps: int, delta: float, *, bc: bool, late: int) -> Candidate:
    """One jitted scan over the steps, all trials in a batch."""
    import jax
    import jax.numpy as jnp

    def step(carry: Any, t: Any) -> Any:
        w, key = carry
        noise_key, rounding_key = jax.random.split(jax.random.fold_in(key, t))
        q = jnp.round(w * (1 / delta)) * delta if bc else w
        w = w - (1 / (t.astype(jnp.float32) + late)) * (gradient(q) + jax.random.normal(noise_key, w.shape))
        if not bc:
            w = jnp.floor(w * (1 / delta) + jax.random.uniform(rounding_key, w.shape)) * delta
        return (w, key), None

    compiled = jax.jit(lambda key: jax.lax.scan(step, (jnp.zeros((trials, d)), key), jnp.arange(1, steps + 1))[0][0])
    key = jax.random.key(0)
    return Candidate("JAX", lambda: compiled(key).block_until_ready(), trials * d * steps)


def jax_logistic(X: np.ndarray, y: np.ndarray, batch: int, trials: int, steps: int, delta: float) -> Candidate:
    """Mini-batch logistic regression under SR, its own batches for each trial (vmap)."""
    import jax
    import jax.numpy as jnp

    X, y, (n, d) = jnp.asarray(X, jnp.float32), jnp.asarray(y, jnp.float32), X.shape

    def gradient(w: Any, key: Any) -> Any:
        rows = jax.random.randint(key, (batch,), 0, n)
        x, labels = X[rows], y[rows]
        return -(labels * jax.nn.sigmoid(-labels * (x @ w))) @ x / batch

    def step(carry: Any, t: Any) -> Any:
        w, keys = carry
        pairs = jax.vmap(lambda k: jax.random.split(jax.random.fold_in(k, t)))(keys)
        g = jax.vmap(gradient)(w, pairs[:, 0])
        u = jax.vmap(lambda k: jax.random.uniform(k, (d,)))(pairs[:, 1])
        w = jnp.floor((w - g / jnp.sqrt(t.astype(jnp.float32))) * (1 / delta) + u) * delta
        return (w, keys), None

    def whole(keys: Any) -> Any:
        return jax.lax.scan(step, (jnp.zeros((trials, d)), keys), jnp.arange(1, steps + 1))[0][0]

    compiled, keys = jax.jit(whole), jax.random.split(jax.random.key(0), trials)
    return Candidate("JAX (vmap)", lambda: compiled(keys).block_until_ready(), trials * d * steps)


def numpy_logistic(X: np.ndarray, y: np.ndarray, batch: int, trials: int, steps: int, delta: float) -> Candidate:
    """The same in batched NumPy."""
    X, y, (n, d) = X.astype(np.float32), y.astype(np.float32), X.shape

    def run() -> np.ndarray:
        rng, w = np.random.Generator(np.random.SFC64(1)), np.zeros((trials, d), np.float32)
        for t in range(1, steps + 1):
            rows = rng.integers(0, n, (trials, batch))
            x, labels = X[rows], y[rows]
            z = labels * np.matmul(x, w[:, :, None])[:, :, 0]
            s = -labels / (1 + np.exp(z)) / batch
            g = np.matmul(s[:, None, :], x)[:, 0]
            w = np.floor((w - g / np.float32(t) ** 0.5) * (1 / delta) + rng.random(w.shape, dtype=np.float32)) * delta
        return w

    return Candidate("NumPy (batched)", run, trials * d * steps)
