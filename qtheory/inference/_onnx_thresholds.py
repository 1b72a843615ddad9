"""Thresholds of signs that a graph computes from sums: exactly those of its own arithmetic.

What follows a sum up to its sign (an affine map in several steps, each rounded) is monotone: rounding never reverses an
order. So the sums that give +1 lie on one side of one number, and halving finds it: over the integers from -n to n, or
over all numbers of a floating-point type, ordered as their bits are.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Test = Callable[[np.ndarray], np.ndarray]  # sums (outputs,) -> whether the sign is +1, (outputs,)


def of_integers(test: Test, n: int, outputs: int, real: np.dtype[Any]) -> tuple[np.ndarray, np.ndarray]:
    """(threshold, flip), each (outputs,): test(y) == (y >= threshold) != flip for y = -n, -n + 1, ..., n.

    A threshold is float64 and lies among these y; for a constant sign it is infinite, and flip is False.
    """
    return _halved(test, lambda k: k.astype(real), -n, n, outputs)


def of_reals(test: Test, outputs: int, real: np.dtype[Any]) -> tuple[np.ndarray, np.ndarray]:
    """The same for every finite number y of type `real`; a finite threshold is such a number."""
    last = int(np.finfo(real).max.view(f"i{real.itemsize}"))
    return _halved(test, lambda k: _number(k, real), -last, last, outputs)


def _halved(
    test: Test, number: Callable[[np.ndarray], np.ndarray], first: int, last: int, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """The threshold among number(first), ..., number(last), increasing."""
    low, high = np.full(outputs, first), np.full(outputs, last)  # the sign at low is not the sign at high, throughout
    begin, end = test(number(low)), test(number(high))
    while (high - 1 > low).any():
        middle = low // 2 + high // 2 + (low & high & 1)
        same = test(number(middle)) == begin
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    threshold = number(high).astype(np.float64)
    constant = begin == end
    return np.where(constant, np.where(begin, -np.inf, np.inf), threshold), begin & ~constant


def _number(k: np.ndarray, real: np.dtype[Any]) -> np.ndarray:
    """The k-th number after 0 (before it where k < 0)."""
    size = np.abs(k).astype(f"i{real.itemsize}").view(real)
    return np.where(k < 0, -size, size)
