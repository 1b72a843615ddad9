"""Grids and quantizers: exact laws by summing over the uniform, in fractions, and never by sampling."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.quantizers import Grid, NearestRounding, StochasticRounding
from qtheory.testing import grids

PARTS = 64  # uniforms at the midpoints of 64 equal cells: exact for fractions q that are multiples of 1/64
MIDPOINTS = (np.arange(PARTS) + 0.5) / PARTS
dyadic = st.integers(-(2**16), 2**16).map(lambda k: k / PARTS)  # weights in units of delta


def fractions(values):
    return [Fraction(float(v)) for v in np.ravel(values)]


def law(grid, w):
    """The exact mean and variance of Q_s(w), integrated over the uniform."""
    levels = fractions(StochasticRounding(grid)(np.full(PARTS, w), MIDPOINTS))
    mean = sum(levels) / PARTS
    return mean, sum((level - mean) ** 2 for level in levels) / PARTS


# --- stochastic rounding


@given(grids(), dyadic)
def test_stochastic_rounding_is_unbiased_with_variance_delta_square_q_times_1_minus_q(grid, v):
    w = v * grid.delta
    held = Fraction(w) if grid.box is None else min(max(Fraction(w), Fraction(grid.box[0])), Fraction(grid.box[1]))
    delta = Fraction(grid.delta)
    q = (held / delta - Fraction(grid.offset)) % 1
    mean, variance = law(grid, w)
    assert mean == held == Fraction(float(StochasticRounding(grid).mean(w)))
    assert variance == delta**2 * q * (1 - q) == Fraction(float(StochasticRounding(grid).variance(w)))
    assert variance <= delta**2 / 4


def test_the_law_tells_a_biased_rounding_apart():
    grid, w = Grid(0.25), 0.1875
    assert law(grid, w)[0] == Fraction(w)
    always_up = [0.25] * PARTS
    assert sum(fractions(always_up)) / PARTS != Fraction(w)
    assert NearestRounding(grid).mean(w) != w


@given(grids(), st.floats(-1e3, 1e3))
def test_stochastic_rounding_switches_level_exactly_at_the_fraction(grid, w):
    rounding = StochasticRounding(grid)
    q = float(rounding.variance(w) / grid.delta**2)  # q (1 - q), 0 on a point and beyond the box
    down, up = rounding(w, np.nextafter(1, 0)), rounding(w, 0.0)
    if q == 0:
        assert down == up
    else:
        assert up - down == pytest.approx(grid.delta) and down <= w <= up
        share = float((w - down) / grid.delta)
        assert rounding(w, max(share - 1e-9, 0)) == up and rounding(w, min(share + 1e-9, 1 - 1e-16)) == down


@given(grids(), dyadic)
def test_rounding_moves_less_than_one_resolution_and_nearest_at_most_half(grid, v):
    w = v * grid.delta
    low, high = grid.box or (-np.inf, np.inf)
    held = np.clip(w, low, high)
    assert (np.abs(StochasticRounding(grid)(np.full(PARTS, w), MIDPOINTS) - held) < grid.delta).all()
    assert abs(NearestRounding(grid)(w) - held) <= grid.delta / 2
    assert NearestRounding(grid).variance(w) == 0 and NearestRounding(grid).mean(w) == NearestRounding(grid)(w)


@given(grids(), st.integers(-(2**10), 2**10))
def test_points_of_the_grid_are_fixed(grid, k):
    low, high = grid.index_range
    w = grid.point(min(max(k, low), high))
    assert NearestRounding(grid)(w) == w
    assert (StochasticRounding(grid)(np.full(PARTS, w), MIDPOINTS) == w).all()
    assert grid.contains(w)


# --- nearest


@pytest.mark.parametrize("w", [0.0, -0.0, 5e-324, 1e-300, 0.3, 7.0])
def test_sign_of_zero_is_plus(w):
    assert NearestRounding(Grid.binary())(w) == 1


@pytest.mark.parametrize("w", [-5e-324, -1e-300, -1e-17, -0.3, -7.0])
def test_sign_of_anything_below_zero_is_minus(w):
    assert NearestRounding(Grid.binary())(w) == -1


def test_ties_go_away_from_zero():
    w = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    assert NearestRounding(Grid(1.0))(w).tolist() == [-3, -2, -1, 1, 2, 3]
    assert NearestRounding(Grid(1.0, 0.5))(w + 0.5).tolist() == [-2.5, -1.5, 0.5, 1.5, 2.5, 3.5]


def test_huge_and_infinite_weights_saturate_in_a_box():
    w, levels = np.array([-np.inf, -1e308, 1e308, np.inf]), [-1, -1, 1, 1]
    assert NearestRounding(Grid.binary())(w).tolist() == levels
    assert StochasticRounding(Grid.binary())(w, np.full(4, 0.5)).tolist() == levels
    assert StochasticRounding(Grid.binary()).mean(w).tolist() == levels
    assert StochasticRounding(Grid.binary()).variance(w).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("grid", "w"), [(Grid(0.1), np.nan), (Grid.binary(), np.nan), (Grid(0.1), np.inf)])
def test_what_has_no_nearest_point_is_refused(grid, w):
    nearest, stochastic = NearestRounding(grid), StochasticRounding(grid)
    for call in (nearest, nearest.mean, stochastic.mean, stochastic.variance, lambda w: stochastic(w, [0.5, 0.5])):
        with pytest.raises(ValueError, match=r"^w must not contain NaN"):
            call([0.0, w])


@pytest.mark.parametrize("u", [-1e-9, 1.0, np.nan])
def test_uniforms_outside_the_unit_interval_are_refused(u):
    with pytest.raises(ValueError, match=r"^u must lie in \[0, 1\)"):
        StochasticRounding(0.1)([0.0, 1.0], [0.5, u])


def test_shapes_are_kept():
    for shape in ((), (3,), (2, 3), (0,)):
        w, u = np.zeros(shape), np.full(shape, 0.5)
        for result in (NearestRounding(0.1)(w), StochasticRounding(0.1)(w, u), StochasticRounding(0.1).variance(w)):
            assert np.shape(result) == shape


@pytest.mark.parametrize("bad", ["text", 1j, np.array([1 + 0j]), np.array([None]), [[1.0], [1.0, 2.0]]])
def test_what_is_no_array_of_real_numbers_is_refused(bad):
    with pytest.raises(ValueError, match=r"^w must be an array of real numbers"):
        NearestRounding(0.1)(bad)


# --- grids


@given(grids())
def test_levels_are_the_points_between_the_faces(grid):
    if grid.box is None:
        with pytest.raises(ValueError, match="levels needs a grid with a box"):
            _ = grid.levels
        return
    levels = grid.levels
    assert levels[0] == grid.box[0] and levels[-1] == grid.box[1]
    np.testing.assert_allclose(np.diff(levels), grid.delta, rtol=1e-9)
    assert grid.contains(levels).all()
    assert np.array_equal(grid.point(grid.index(levels)), levels)
    assert not grid.contains([levels[0] - grid.delta, levels[-1] + grid.delta]).any()


@given(grids(), st.integers(-(2**20), 2**20), st.floats(0.01, 0.99))
def test_points_off_the_grid_are_not_contained(grid, k, share):
    w = grid.point(k) + share * grid.delta
    assert not grid.contains(w)
    with pytest.raises(ValueError, match="w must lie on the grid of points"):
        grid.index(w)


@pytest.mark.parametrize("delta", [0.1, 0.3, 1e-3, 7.7])
def test_points_that_arithmetic_has_rounded_are_contained(delta):
    assert Grid(delta).contains(np.arange(-300, 300) * delta).all()
    assert Grid(delta).contains(np.cumsum(np.full(300, delta))).all()
    assert Grid(delta, 0.5).contains(np.arange(-300, 300) * delta + delta / 2).all()


def test_binary_weights():
    grid = Grid.binary()
    assert grid.levels.tolist() == [-1, 1] and grid.index_range == (-1, 0)
    assert grid.contains([-1, 0, 1, 3]).tolist() == [True, False, True, False]


def test_a_grid_is_held_to_the_smaller_of_two_boxes():
    grid = Grid(0.5, 0.0, (-2.0, 1.0))
    assert grid.within(None) == grid
    assert grid.within((-1.0, 3.0)).box == (-1.0, 1.0)
    assert Grid.of(grid) is grid and Grid.of(0.25) == Grid(0.25)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "delta must be greater than 0, got 0"),
        ((-0.1,), "delta must be greater than 0"),
        ((np.nan,), "delta must be finite"),
        ((np.inf,), "delta must be finite"),
        ((10**400,), "delta must be finite"),
        (("0.1",), "delta must be a real number, got '0.1'"),
        ((1j,), "delta must be a real number"),
        ((None,), "delta must be a real number"),
        ((0.1, 0.25), r"offset must be 0 or 0.5 \(in units of delta\), got 0.25"),
        ((0.1, np.nan), "offset must be 0 or 0.5"),
        ((0.1, 0.0, (-1.0, 0.55)), r"box must lie on the grid of points 0.1 \* \(k \+ 0\), got 0.55"),
        ((2.0, 0.0, (-1.0, 1.0)), "box must lie on the grid of points"),
        ((1.0, 0.0, (1.0, -1.0)), "box must have low < high"),
        ((1.0, 0.0, (1.0, 1.0)), "box must have low < high"),
        ((1.0, 0.0, (-np.inf, 1.0)), "box low end must be finite"),
        ((1.0, 0.0, 3.0), "box must be a pair"),
        ((1.0, 0.0, (1.0, 2.0, 3.0)), "box must be a pair"),
    ],
)
def test_bad_grids_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Grid(*arguments)


def test_boxes_that_do_not_meet_are_refused():
    with pytest.raises(ValueError, match="box must have low < high"):
        Grid(1.0, 0.0, (0.0, 1.0)).within((2.0, 3.0))
