"""Expected excesses over a level, of the standard Gaussian and of laws given by their distribution function."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._check import Vector

UNIT = 2.0**-53  # float64 rounds a result by at most this share of it


class Parts(NamedTuple):
    """Values (...), none negative, and bounds (...) on their relative errors."""

    value: Vector
    error: Vector


def unit_loss(x: Any) -> Vector:
    """E max(Z - x, 0) for a standard Gaussian Z, with a small relative error for every x."""
    from scipy.special import ndtr

    x = np.asarray(x, dtype=np.float64)
    plain = np.exp(-x * x / 2) / np.sqrt(2 * np.pi) - x * ndtr(-x)
    # Where that cancels: the tail times the continued fraction 1/(x + 2/(x + 3/(x + ...))), all terms of one sign.
    far = np.maximum(x, 2.0)
    fraction = np.zeros_like(far)
    for k in range(120, 0, -1):
        fraction = k / (far + fraction) if k > 1 else 1.0 / (far + fraction)
    return np.where(x > 2.0, ndtr(-far) * fraction, np.maximum(plain, 0.0))


def integral(f: Callable[[float], float], a: float, b: float) -> tuple[float, float]:
    """The integral of f over [a, b] and the estimate of its error; nothing where a >= b."""
    from scipy.integrate import quad

    if not a < b:
        return 0.0, 0.0
    value, error, *_ = quad(f, a, b, epsabs=0.0, epsrel=1e-12, limit=400, full_output=1)
    return max(float(value), 0.0), float(error)


def elementwise(f: Callable[[float], tuple[float, float]], x: Any) -> Parts:
    x = np.asarray(x, dtype=np.float64)
    pairs = np.array([f(float(v)) for v in x.ravel()]).reshape((*x.shape, 2))
    value, error = pairs[..., 0], pairs[..., 1]
    return Parts(value, np.divide(error, value, out=np.zeros_like(value), where=value > 0))
