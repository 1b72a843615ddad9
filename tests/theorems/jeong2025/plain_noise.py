"""An independent reference for the theorems on label noise: NumPy, one step at a time, in exact floating point."""

import itertools

import numpy as np


def patterns(n):
    """(2^n, n) all sign patterns."""
    return np.array(list(itertools.product((1.0, -1.0), repeat=n)))


def sigma(x, activation):
    return (x > 0) * 1.0 if activation == "heaviside" else np.where(x >= 0, 1.0, -1.0)


def slope(x, ste):
    return {"identity": np.ones_like(x), "relu": (x > 0) * 1.0, "clipped": ((x > 0) & (x < 1)) * 1.0}[ste]


def gradient(p, q):
    """(n,) N g(q): a sum, not a mean, so that nothing is rounded."""
    z, v = p.features.astype(np.float64), p.output_weights
    pre = z @ q
    residual = (sigma(pre, p.activation) - sigma(z @ p.teacher.astype(float), p.activation)) @ v - p.label_noise
    return np.einsum("i,ij,ijk->k", residual, slope(pre, p.ste) * v, z)


def walk(p, u, eta, steps):
    """(steps, n) q_t; u is exact where u, eta/N and the sums are on one dyadic lattice (N a power of two)."""
    known, path = {}, []
    for _ in range(steps):
        q = np.where(u >= 0, 1.0, -1.0)
        path.append(q)
        if q.tobytes() not in known:
            known[q.tobytes()] = gradient(p, q)
        u = u - eta / p.samples * known[q.tobytes()]
    return np.array(path)
