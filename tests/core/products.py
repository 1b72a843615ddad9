"""Products of drawn signs, packed and by NumPy's integers, for the tests of the kernels."""

import numpy as np

from qtheory.core import bits, product

KERNELS = "table", "subset", "narrow"


def draw(*shape, seed=0, share=0.5):
    return np.where(np.random.default_rng(seed).random(shape) < share, -1, 1).astype(np.int8)


def case(rows, columns, n, seed=0, share=0.5):
    """Packed rows, prepared weights, and the products by NumPy's integers."""
    a, b = draw(rows, n, seed=seed, share=share), draw(columns, n, seed=seed + 1)
    exact = (a.astype(np.float64) @ b.astype(np.float64).T).astype(np.int64)  # exact: sums below 2^53
    return bits.pack(a), product.prepare(bits.pack(b), n), exact
