"""The compiled rounding against exact fractions, and against the quantizers that users call."""

from fractions import Fraction
from math import floor, inf

import numba
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from qtheory.core import rounding
from qtheory.core.rounding import quantize
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding

HALF = Fraction(1, 2)
powers = st.integers(-30, 30).map(lambda k: 2.0**k)
offsets = st.sampled_from([0.0, 0.5])
units = st.integers(-(2**20), 2**20).map(lambda k: k / 16) | st.floats(-1e6, 1e6)  # many ties, and anything
uniforms = st.floats(0, 1, exclude_max=True)


@st.composite
def grids(draw, deltas):
    delta, offset = draw(deltas), draw(offsets)
    if draw(st.booleans()):
        return Grid(delta, offset)
    low = draw(st.integers(-50, 50))
    faces = low + offset, low + draw(st.integers(1, 100)) + offset
    return Grid(delta, offset, (delta * faces[0], delta * faces[1]))


def nearest(v, offset=0):
    """The index nearest to v (in grid units, a Fraction): ties away from zero, and up at zero."""
    down = floor(v - offset)
    share = v - offset - down
    return down + (share > HALF or (share == HALF and v >= 0))


def compiled(quantizer, w, u=0.5):
    w = np.atleast_1d(np.asarray(w, dtype=float))
    out = np.empty_like(w)
    quantize(quantizer.lower(np.float64, None), w, np.broadcast_to(u, w.shape).astype(float), out)
    return out


@given(grids(powers), units, uniforms)
def test_compiled_and_python_quantizers_agree_where_delta_is_a_power_of_two(grid, v, u):
    w = v * grid.delta
    assert compiled(NearestRounding(grid), w) == NearestRounding(grid)(w)
    assert compiled(StochasticRounding(grid), w, u) == StochasticRounding(grid)(w, u)


@given(grids(st.floats(1e-6, 1e6)), units, uniforms)
def test_compiled_and_python_quantizers_agree_off_the_ties(grid, v, u):
    # The core multiplies by 1/delta, rounded: within 4e-16 |v| of a tie (or of u) either answer may come.
    w = v * grid.delta
    share = Fraction(w) / Fraction(grid.delta) - Fraction(grid.offset)
    share -= floor(share)
    close = 4e-16 * (abs(v) + 1)
    if close < abs(share - HALF):
        assert compiled(NearestRounding(grid), w) == NearestRounding(grid)(w)
    if close < min(abs(share - Fraction(u)), share, 1 - share):
        assert compiled(StochasticRounding(grid), w, u) == StochasticRounding(grid)(w, u)


@given(grids(powers), units)
@example(Grid(1.0), 0.49999999999999994)  # the sum with 1/2 is rounded up to 1
@example(Grid(1.0), -0.49999999999999994)
@example(Grid(1.0), -0.5)
@example(Grid(1.0), 4503599627370497.0)
@example(Grid(2.0, 0.5, (-1.0, 1.0)), -1e-300)
@example(Grid(2.0, 0.5, (-1.0, 1.0)), -0.0)
@example(Grid(2.0, 0.5), 1e300)
@example(Grid(0.25, 0.0, (-1.0, 1.0)), -1e300)
def test_nearest_is_the_nearest_in_exact_fractions(grid, v):
    w = v * grid.delta
    low, high = grid.index_range
    k = min(max(nearest(Fraction(w) / Fraction(grid.delta), Fraction(grid.offset)), low), high)
    for quantizer in (compiled, lambda q, w: q(w)):
        assert quantizer(NearestRounding(grid), w) == float(grid.point(k))


@numba.njit
def jump(q, k, s, u):
    return rounding.jump(q, k, s, u)


def jumped(kind, k, s, u=0.5, offset=0.0, low=-inf, high=inf):
    return jump(kind(1.0, 1.0, offset, low, high), float(k), float(s), float(u))


@given(st.integers(-(2**40), 2**40), units, offsets)
@example(0, 0.49999999999999994, 0.0)
@example(0, -0.5, 0.5)
@example(-1, 0.5, 0.5)
def test_a_jump_to_the_nearest_point_is_exact(k, s, offset):
    assert jumped(rounding.Nearest, k, s, offset=offset) == nearest_jump(k, Fraction(s), Fraction(offset))


def nearest_jump(k, s, offset):
    down, share = floor(s), s - floor(s)
    return k + down + (share > HALF or (share == HALF and k + offset + s >= 0))


@given(st.integers(-(2**40), 2**40), units, uniforms)
def test_a_stochastic_jump_goes_up_exactly_where_u_is_below_the_fraction(k, s, u):
    assert jumped(rounding.Stochastic, k, s, u) == k + floor(s) + (u < s - floor(s))


def test_a_small_displacement_keeps_its_precision_far_from_zero():
    s, far = 1e-12, 2.0**40
    assert jumped(rounding.Stochastic, far, s, 0.9e-12) == far + 1
    assert jumped(rounding.Stochastic, far, s, 1.1e-12) == far
    assert far + s == far  # what rounding the sum would have lost


@given(grids(powers), st.integers(-60, 60), st.floats(-1e30, 1e30), uniforms)
def test_a_jump_saturates_at_the_box(grid, k, s, u):
    low, high = grid.index_range
    assume(low <= k <= high)
    for kind in (rounding.Nearest, rounding.Stochastic):
        to = jumped(kind, k, s, u, grid.offset, low, high)
        assert low <= to <= high
        assert abs(to - jumped(kind, k, s, u, grid.offset)) == 0 or to in (low, high)


@pytest.mark.parametrize("u", [2.0**-33, 0.5, 1 - 2.0**-33])  # the least and the greatest that the core draws
def test_points_of_the_grid_stay(u):
    for grid in (Grid(0.1), Grid(0.3, 0.5), Grid.binary()):
        for k in (-1, 0):
            w = grid.point(k)
            assert compiled(NearestRounding(grid), w) == w
            assert compiled(StochasticRounding(grid), w, u) == w
