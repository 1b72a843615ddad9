"""Dyadic lattices on which the arithmetic of a network is exact: every sum fits the significand that holds it."""

import math
from dataclasses import dataclass

import numpy as np

from .._check import Vector

SINGLE, DOUBLE = 24, 50  # bits: of float32, and of float64 with some in reserve
WEIGHT_BITS, NOISE_BITS, USER_BITS = 8, 12, 8
REACH = 80  # the sizes of features and output weights are from 2^-80 to 2^80: their lattices are of float32 numbers
COARSEST = 2.0**-6  # of the median size of the features that are not 0


@dataclass(frozen=True)
class Lattice:
    """Units of the features and of N times the coarse gradient: powers of two."""

    features: float
    gradient: float


def require_range(name: str, x: np.ndarray) -> None:
    """ValueError where the largest entry, with the bits below it, is beyond single precision; 0 is let pass."""
    largest = float(np.abs(x).max())
    if largest and not 2.0**-REACH <= largest <= 2.0**REACH:
        limits = f"[2^-{REACH}, 2^{REACH}]"
        raise ValueError(f"{name} must have a largest size in {limits}, got {largest:g}: rescale")


def power(x: float) -> float:
    """The largest power of two that is at most x > 0."""
    return math.ldexp(1.0, math.frexp(x)[1] - 1)


def coarsest(values: Vector, unit: float) -> float:
    """The largest power of two of which all `values`, multiples of `unit`, are multiples."""
    whole = np.abs(np.rint(values / unit)).astype(np.int64)
    common = int(np.bitwise_or.reduce(whole.ravel()))
    return unit * (common & -common) if common else unit


def rounded(values: Vector, unit: float) -> Vector:
    """The nearest multiples of `unit`."""
    return np.asarray(np.rint(values / unit) * unit + 0.0)


def fit_weights(v: Vector) -> tuple[Vector, float]:
    """Output weights rounded to 8 bits of the largest of them, and their unit."""
    unit = power(float(np.abs(v).max())) * 2.0**-WEIGHT_BITS
    v = rounded(v, unit)
    return v, coarsest(v, unit)


def fit_noise(noise: Vector, weights: float) -> tuple[Vector, float]:
    """Label noise rounded to 12 bits of its largest value, and the unit of the residuals."""
    largest = float(np.abs(noise).max())
    if largest == 0:
        return noise, weights
    unit = min(weights, power(largest) * 2.0**-NOISE_BITS)
    return rounded(noise, unit), unit


def fit_features(
    features: np.ndarray, v: Vector, noise: Vector, weights: float, residuals: float, user: bool
) -> Lattice:
    """The finest lattice of the features on which nothing is ever rounded.

    Raises: ValueError where it would be coarser than 1/64 of their median size, zeros apart.
    """
    reach = 2 * float(np.abs(v).sum()) + float(np.abs(noise).max())  # of a residual
    if reach / residuals >= 2.0**SINGLE:
        raise ValueError(
            f"label noise up to {np.abs(noise).max():.3g} and output weights of lattice {weights:.3g} have no exact "
            "sums in single precision: use fewer units, or larger label noise, or none"
        )
    size = np.abs(features)
    row = float(size.sum(axis=-1).max())
    column = float(np.einsum("ikj,k->j", size, np.abs(v)).max())
    factor = residuals * weights * (2.0**-USER_BITS if user else 1.0)
    finest = max(row * 2.0**-SINGLE, reach * column / factor * 2.0**-DOUBLE)
    if finest == 0:
        raise ValueError("features must not all be 0")
    unit = 2 * power(finest)
    scale = float(np.median(size[size > 0], overwrite_input=True))
    if unit > COARSEST * scale:
        raise ValueError(
            f"features of median size {scale:.3g} would have to be rounded to multiples of {unit:.3g} for exact "
            "sums: tame the largest of them, use fewer samples, or output weights that are all equal"
        )
    return Lattice(unit, unit * factor)
