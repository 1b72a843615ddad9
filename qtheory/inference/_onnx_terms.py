"""What operators check and do with the constants that come with a flow: see `_onnx_operators`."""

from dataclasses import replace
from typing import Any

import numpy as np

from ._onnx_states import Inputs, Move, Positive, Signs, Sums, Test


def require(state: Any, *kinds: type) -> None:
    names = {Inputs: "the input", Signs: "signs", Sums: "sums", Test: "a comparison", Positive: "a comparison"}
    if not isinstance(state, kinds):
        wanted = " or ".join(names[kind] for kind in kinds)
        raise ValueError(f"must come after {wanted}, and comes after {names[type(state)]}")


def none(sums: Sums) -> np.ndarray:
    return np.zeros(sums.outputs, bool)


def move(kind: str, c: np.ndarray) -> Move:
    return kind, np.asarray(c, np.float64)


def typed(c: np.ndarray, real: np.dtype[Any]) -> np.ndarray:
    if c.dtype != real:
        raise ValueError(f"constants must be of the flow's type {real}, got {c.dtype}")
    return c


def units(c: np.ndarray, units: int, behind: int = 0) -> np.ndarray:
    """A constant, one number a unit: (units,), from a scalar or an array whose other axes are all 1.

    behind: how many axes the flow has after that of the units.
    """
    if c.size == 1:
        return np.full(units, c.reshape(()))
    if c.size != units or c.ndim <= behind or c.shape[c.ndim - 1 - behind] != units:
        where = "its last axis" if behind == 0 else f"the axis before the last {behind}"
        raise ValueError(f"a constant must be a number or {units} numbers in {where}, got shape {c.shape}")
    return c.reshape(units)


def per_output(state: Any, c: np.ndarray, finite: bool = False) -> np.ndarray:
    require(state, Sums)
    if finite and not np.isfinite(c).all():
        raise ValueError("constants must be finite")
    return of(state, typed(c, state.real))


def of(sums: Sums, c: np.ndarray) -> np.ndarray:
    """A constant, one number a unit: (outputs,)."""
    return units(c, sums.outputs, 0 if sums.windows is None else 2)


def sizes(state: Inputs | Signs, c: np.ndarray) -> np.ndarray:
    """A constant that the signs of rows are multiplied by: a scalar, or for rows in order one number each."""
    if typed(c, state.real).size == 1:
        return c.reshape(())
    if state.layout.places is not None or not state.layout.flat:
        raise ValueError(f"signs of images must be multiplied by one number, got shape {c.shape}")
    return c


def times(y: np.ndarray, c: np.ndarray) -> np.ndarray:
    """y c, 0 for c = 0 even where y has overflowed."""
    return np.where(c == 0, y.dtype.type(0), y * c)


def positive(scale: np.ndarray) -> np.ndarray:
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError("the scale of signs must be finite and above 0")
    return scale


def divided(inputs: Inputs, c: np.ndarray, inverse: bool = False) -> Inputs:
    """The inputs over a power of 2: dividing by it rounds nothing."""
    if typed(c, inputs.real).size != 1:
        raise ValueError(f"the input must be divided by one number, got shape {c.shape}")
    value = float(c.reshape(()))
    if not (np.isfinite(value) and value > 0 and np.frexp(value)[0] == 0.5):
        raise ValueError(f"the input must be scaled by a power of 2, got {value!r}")
    return replace(inputs, divisor=inputs.divisor / value if inverse else inputs.divisor * value)
