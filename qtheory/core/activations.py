"""Activations of hidden units, and the estimators that stand for their derivatives in a coarse gradient."""

from typing import NamedTuple

import numpy as np

from .compile import verb

f32, f64 = np.float32, np.float64
STEEPEST = 8.0  # of a user's slopes: the sums of larger ones would have to be rounded


class Heaviside(NamedTuple):
    """sigma(x) = 1 where x > 0, else 0."""

    nothing: int = 0


class Sign(NamedTuple):
    """sigma(x) = 1 where x >= 0, else -1."""

    nothing: int = 0


class Identity(NamedTuple):
    """The straight-through estimator: mu'(x) = 1."""

    nothing: int = 0


class ReLU(NamedTuple):
    """mu'(x) = 1 where x > 0, else 0."""

    nothing: int = 0


class ClippedReLU(NamedTuple):
    """mu'(x) = 1 where 0 < x < 1, else 0."""

    nothing: int = 0


class HardTanh(NamedTuple):
    """mu'(x) = 1 where |x| < 1, else 0."""

    nothing: int = 0


class UserSlope(NamedTuple):
    """mu' as a user wrote it, a compiled function of a float32, rounded to a multiple of 2^-8; NaN beyond STEEPEST."""

    function: object


@verb
def fire(activation, x):
    """sigma(x), in single precision."""


@fire.of(Heaviside)
def _fire_heaviside(activation, x):
    return f32(1) if x > f32(0) else f32(0)


@fire.of(Sign)
def _fire_sign(activation, x):
    return f32(1) if x >= f32(0) else f32(-1)


@verb
def slope(ste, x):
    """mu'(x), in single precision: a multiple of 2^-8."""


@slope.of(Identity)
def _slope_identity(ste, x):
    return f32(1)


@slope.of(ReLU)
def _slope_relu(ste, x):
    return f32(1) if x > f32(0) else f32(0)


@slope.of(ClippedReLU)
def _slope_clipped(ste, x):
    return f32(1) if (x > f32(0)) and (x < f32(1)) else f32(0)


@slope.of(HardTanh)
def _slope_hardtanh(ste, x):
    return f32(1) if abs(x) < f32(1) else f32(0)


@slope.of(UserSlope)
def _slope_user(ste, x):
    found = np.rint(f64(ste.function(x)) * 256.0) / 256.0
    return f32(found) if abs(found) <= STEEPEST else f32(np.nan)
