"""An oracle in exact rational arithmetic, a sample and a step at a time, that shares nothing with the compiled core."""

from fractions import Fraction

import numpy as np

SLOPES = {
    "identity": lambda x: 1,
    "relu": lambda x: int(x > 0),
    "clipped": lambda x: int(0 < x < 1),
    "hardtanh": lambda x: int(abs(x) < 1),
}


def fractions(array) -> np.ndarray:
    """The same numbers, exactly."""
    return np.vectorize(Fraction, otypes=[object])(np.asarray(array, dtype=np.float64))


def fire(activation, x):
    return int(x > 0) if activation == "heaviside" else (1 if x >= 0 else -1)


def evaluate(problem, q, slope=None):
    """(loss, coarse gradient (n,)) at one pattern, as fractions; `slope` stands for a user's estimator."""
    slope = slope or SLOPES[problem.ste]
    features, v, labels = fractions(problem.features), fractions(problem.output_weights), fractions(problem.labels)
    loss, gradient = Fraction(0), np.array([Fraction(0)] * problem.n)
    for z, y in zip(features, labels, strict=True):
        x = z @ q.astype(int).astype(object)
        r = sum((v[k] * fire(problem.activation, x[k]) for k in range(problem.m)), -y)
        loss += r * r
        for k in range(problem.m):
            gradient = gradient + r * v[k] * Fraction(slope(x[k])) * z[k]
    return loss / (2 * problem.samples), gradient / problem.samples


def run(problem, u0, step, steps):
    """(steps + 1, n) signs of the latent weights, from the start u0 (n,) rounded to its lattice."""
    unit = Fraction(step / problem.samples * problem.lattice.gradient)
    u, known, path = [round(Fraction(x) / unit) for x in u0], {}, []
    u = [-1 if k == 0 and x < 0 else k for k, x in zip(u, u0, strict=True)]
    whole = Fraction(problem.lattice.gradient) / problem.samples
    for _ in range(steps + 1):
        q = tuple(1 if x >= 0 else -1 for x in u)
        path.append(q)
        if q not in known:
            known[q] = [g / whole for g in evaluate(problem, np.array(q))[1]]
            assert all(g.denominator == 1 for g in known[q])
        u = [x - int(g) for x, g in zip(u, known[q], strict=True)]
    return np.array(path)
