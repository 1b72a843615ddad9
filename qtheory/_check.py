"""Checks of arguments: each returns the value in its final type, or raises a ValueError that says what was expected."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def number(name: str, value: Any, *, above: float | None = None, least: float | None = None) -> float:
    """A finite real number, greater than `above` or at least `least` where given."""
    try:
        if isinstance(value, str | bytes):  # which float would read
            raise TypeError
        x = float(value)
    except OverflowError:  # an integer beyond the floating-point numbers
        x = math.inf
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a real number, got {value!r}") from None
    if not math.isfinite(x):
        raise ValueError(f"{name} must be finite, got {value!r}")
    if above is not None and not x > above:
        raise ValueError(f"{name} must be greater than {above:g}, got {value!r}")
    if least is not None and not x >= least:
        raise ValueError(f"{name} must be at least {least:g}, got {value!r}")
    return x


def rational(name: str, value: Any, *, above: float | None = None, least: float | None = None) -> Fraction:
    """A real number as the fraction that it prints as: 0.1 is 1/10. Fractions and integers stay what they are."""
    if isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be a real number, got {value!r}")
    if isinstance(value, Fraction | int | np.integer):
        number(name, value, above=above, least=least)
        return Fraction(int(value)) if isinstance(value, np.integer) else Fraction(value)
    return Fraction(repr(number(name, value, above=above, least=least)))


def count(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """An integer between `least` and `most`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name} must be an integer, got {value!r}")
    if value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"between {least} and {most}"
        raise ValueError(f"{name} must be {limits}, got {value}")
    return int(value)


def real(name: str, value: Any) -> Vector:
    """A float64 array, from anything that holds real numbers (no text, objects or complex numbers)."""
    try:
        x = np.asarray(value)
    except ValueError:  # a ragged list
        raise ValueError(f"{name} must be an array of real numbers, got {type(value).__name__}") from None
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of real numbers, got dtype {x.dtype}")
    return x.astype(np.float64, copy=False)


def array(name: str, value: Any, *, ndim: int | None = None, shape: tuple[int, ...] | None = None) -> Vector:
    """A finite, C-contiguous, native float64 array that nobody else can change."""
    x = np.array(real(name, value), order="C")
    if ndim is not None and x.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension{'s' * (ndim != 1)}, got shape {x.shape}")
    if shape is not None and x.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {x.shape}")
    if x.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"{name} must be finite, got {int(np.sum(~np.isfinite(x)))} NaN or infinite entries")
    x.setflags(write=False)
    return x


def instance(name: str, value: Any, kind: Any, example: str) -> None:
    """`value` is one of `kind` (a class or a union of classes)."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be a {name} such as {example}, got {value!r}")


def interval(name: str, value: Any) -> tuple[float, float]:
    """A pair (low, high) with low < high, both finite."""
    try:
        low, high = value
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a pair (low, high), got {value!r}") from None
    low, high = number(f"{name} low end", low), number(f"{name} high end", high)
    if not low < high:
        raise ValueError(f"{name} must have low < high, got ({low:g}, {high:g})")
    return low, high
