"""Checks of what packed layers hold: each returns the value in its final type, or raises a ValueError."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..core import bits

Words = NDArray[np.uint64]
MOST = 2**31 - 4  # inputs: limits laid out for the product go to -n - 3, and are int32


def inputs(value: Any, name: str = "inputs") -> int:
    """A number of signs that a row may have."""
    return _check.count(name, value, most=MOST)


def words(name: str, value: Any, n: int) -> Words:
    """Packed rows (N, ceil(n / 64)) uint64, N >= 1, read-only, 0 beyond bit n."""
    w = np.asarray(value)
    if w.dtype != np.uint64 or w.ndim != 2 or w.shape[0] < 1 or w.shape[1] != bits.width(n):
        expected = f"uint64 words of shape (outputs, {bits.width(n)}) for {n} inputs"
        raise ValueError(f"{name} must be {expected}, got shape {w.shape}, dtype {w.dtype}")
    if n % bits.WORD and (w[:, -1] >> np.uint64(n % bits.WORD)).any():
        raise ValueError(f"{name} must be 0 beyond bit {n} of a row, got one bits there")
    return frozen(w)


def typed(name: str, value: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """An array of this very type and shape, read-only."""
    x = np.asarray(value)
    if x.dtype != dtype or x.shape != shape:
        expected = f"{np.dtype(dtype)} of shape {shape}"
        raise ValueError(f"{name} must be {expected}, got shape {x.shape}, dtype {x.dtype}")
    return frozen(x)


def reachable(thresholds: NDArray[np.int32], n: int) -> None:
    """Integer thresholds are those that products of n signs may reach, or just not."""
    if thresholds.min() < -n or thresholds.max() > n + 1:
        raise ValueError(f"thresholds must be in [{-n}, {n + 1}], got {thresholds.min()} to {thresholds.max()}")


def frozen(x: Any) -> Any:
    """A C-contiguous, native copy that nobody can change."""
    own = np.array(x, dtype=x.dtype.newbyteorder("="), order="C")
    own.setflags(write=False)
    return own


def split(weight: Any) -> tuple[Words, NDArray[np.float64]]:
    """Packed rows (N, W), one an output, and magnitudes (N,) of weights (n, N), a column of which has one magnitude."""
    x = _check.array("weight", weight, ndim=2)
    magnitude = np.abs(x[0])
    if not ((np.abs(x) == magnitude).all() and (magnitude > 0).all()):
        wrong = int((np.abs(x) != magnitude).any(axis=0).sum() + (magnitude == 0).sum())
        raise ValueError(f"weight must be +-m_j in column j with m_j > 0, got {wrong} columns that are not")
    return bits.pack(x.T), magnitude
