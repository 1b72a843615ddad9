"""How a Gaussian displacement is rounded onto a grid: the masses of its cells, in closed form."""

import math

from .compile import inline, jit, verb
from .rounding import Nearest, Stochastic, clip

_ROOT_HALF, _ROOT_TWO_PI = math.sqrt(0.5), math.sqrt(2 * math.pi)


@inline
def tail(z):
    """P(standard Gaussian > z)."""
    return 0.5 * math.erfc(z * _ROOT_HALF)


@verb
def cell(q, k, mean, spread):
    """How a Gaussian's mass in [k, k + 1] is rounded: the masses that go to k and to k + 1, and the part of E r^2."""


@cell.of(Stochastic)
def _cell_stochastic(q, k, mean, spread):
    # y in [0, 1] goes up with chance y, and its error has the mean square y (1 - y).
    zero, one, two = _moments(k, k + 1.0, k, mean, spread)
    one = clip(one, 0.0, zero)
    return zero - one, one, max(one - two, 0.0)


@cell.of(Nearest)
def _cell_nearest(q, k, mean, spread):
    down, _, below = _moments(k, k + 0.5, k, mean, spread)
    up, _, above = _moments(k + 0.5, k + 1.0, k + 1.0, mean, spread)
    return down, up, max(below, 0.0) + max(above, 0.0)


@jit()
def _moments(a, b, origin, mean, spread):
    """E[y^i; a < m < b] for i = 0, 1, 2, with m Gaussian and y = m - origin.

    y = c + spread z: int phi = M0, int z phi = phi(z_a) - phi(z_b), int z^2 phi = M0 + z_a phi(z_a) - z_b phi(z_b).
    """
    za, zb, c = (a - mean) / spread, (b - mean) / spread, mean - origin
    if za >= 0.0:  # differences of the tail that is small, so that nothing cancels
        zero = tail(za) - tail(zb)
    elif zb <= 0.0:
        zero = tail(-zb) - tail(-za)
    else:
        zero = 1.0 - tail(-za) - tail(zb)
    fa, fb = math.exp(-0.5 * za * za) / _ROOT_TWO_PI, math.exp(-0.5 * zb * zb) / _ROOT_TWO_PI
    one = c * zero + spread * (fa - fb)
    two = c * c * zero + 2.0 * c * spread * (fa - fb) + spread * spread * (zero + za * fa - zb * fb)
    return zero, one, two
