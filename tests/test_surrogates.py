"""Surrogate gradients: slopes, what is known of them, and mirror maps, by properties and by independent oracles."""

import copy
import pickle
from fractions import Fraction
from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import i0

from qtheory.surrogates import (
    DSQ,
    EWGS,
    MAD,
    STE,
    BinaryTanh,
    Bounds,
    Clipped,
    Constant,
    Custom,
    Levels,
    ReSTE,
    SigmoidSum,
)
from tests.strategies_surrogates import (
    any_levels,
    cyclical,
    periodic,
    positive,
    smooth_periodic,
    uniform_levels,
    weights,
)

TWO, FOUR = Levels([-1, 1]), Levels.uniform(2)
PAPER = DSQ(FOUR, 6.5)
UNEVEN = Levels([-4, -2, -1, 0, 1, 2, 4])
EPS = np.finfo(float).eps


def size(surrogate):
    return float(np.abs(surrogate.levels.levels).max() + np.ptp(surrogate.levels.levels))


# Levels


@pytest.mark.parametrize("bits", range(1, 9))
def test_uniform_levels(bits):
    levels = Levels.uniform(bits, 0.3)
    n = 2**bits - 1
    assert levels.levels.size == n + 1 and levels.boundaries.size == n
    assert (levels.levels[0], levels.levels[-1]) == (-0.3, 0.3)
    assert levels.delta == pytest.approx(0.6 / n, rel=1e-15)
    assert (levels.levels == -levels.levels[::-1]).all() and levels.boundaries[n // 2] == 0


@given(any_levels(), st.lists(st.integers(-400, 400), min_size=1))
def test_quantize_takes_the_nearest_level_and_the_upper_one_of_two(levels, sixteenths):
    def nearest(w):
        return min(levels.levels[::-1], key=lambda level: abs(Fraction(float(level)) - Fraction(w, 16)))

    assert levels.quantize(np.array(sixteenths) / 16).tolist() == [nearest(w) for w in sixteenths]


def test_sign_of_zero_is_one():
    assert TWO.quantize([0.0, -0.0, -1e-300, -np.inf, np.inf]).tolist() == [1, 1, -1, -1, 1]


def test_levels_are_values():
    assert Levels([-1, 1]) == TWO != FOUR and hash(Levels([-1, 1])) == hash(TWO) and TWO != 1
    assert DSQ(Levels.uniform(2), 6.5) == PAPER != DSQ(FOUR, 6.0)
    assert UNEVEN.delta is None and Levels([-1, 0, 1], [-0.05, 0.05]).delta is None
    with pytest.raises(ValueError, match="read-only"):
        TWO.levels[0] = 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 0],), "levels must be strictly increasing, got 1 before 0 at index 0"),
        (([0, 1, 1],), "levels must be strictly increasing, got 1 before 1 at index 1"),
        (([0.0],), "levels must be 2 to 256 numbers, got 1"),
        ((np.arange(257),), "levels must be 2 to 256 numbers, got 257"),
        (([0, np.nan],), "levels must be finite"),
        (([0, 1, 2], [0.5]), r"boundaries must have shape \(2,\), got \(1,\)"),
        (([0, 1, 2], [1.5, 0.5]), "boundaries must be strictly increasing"),
        ((["0", "1"],), "levels must be an array of real numbers"),
    ],
)
def test_bad_levels(arguments, message):
    with pytest.raises(ValueError, match=message):
        Levels(*arguments)


@pytest.mark.parametrize(("bits", "R"), [(0, 1.0), (9, 1.0), (2.0, 1.0), (True, 1.0), (2, 0.0), (2, -1.0), (2, np.inf)])
def test_bad_bits_and_ranges(bits, R):
    with pytest.raises(ValueError, match=r"bits must be|R must be"):
        Levels.uniform(bits, R)


# Slopes


@given(st.data(), positive())
def test_slopes_lie_between_low_and_high_and_change_no_faster_than_lipschitz(data, s):
    w = data.draw(weights(s, reach=3))
    slope = s.slope(w)
    assert (slope > 0).all() and s.positive
    assert (slope >= s.low * (1 - 1e-12)).all() and (slope <= s.high * (1 + 1e-12)).all()
    assert (np.abs(np.diff(slope)) <= s.lipschitz * np.diff(w) * (1 + 1e-9) + 1e-12 * min(s.high, 1e9)).all()


CLOSED = [PAPER, DSQ(FOUR, 0.1), BinaryTanh(TWO, 3.0), SigmoidSum(TWO, 5.0), MAD(UNEVEN, 0.7), ReSTE(TWO, 3.0, 0.1)]


@pytest.mark.parametrize("s", CLOSED, ids=lambda s: type(s).__name__)
def test_closed_constants_are_attained(s):
    w = np.linspace(-2, 2, 400_001)
    slope = s.slope(w)
    assert slope.max() == pytest.approx(s.high, rel=1e-9) and "limit" not in s.high.how
    assert np.abs(np.diff(slope) / np.diff(w)).max() == pytest.approx(s.lipschitz, rel=1e-3)
    assert (s.low == 0 and s.low.how == "a limit, not attained") or slope.min() == pytest.approx(s.low, rel=1e-6)


@given(st.data(), positive().filter(lambda s: not isinstance(s, Custom) and np.isfinite(s.lipschitz)))
def test_slopes_are_the_derivatives_of_soft_functions(data, s):
    w, step = data.draw(weights(s)), 1e-5 * size(s)
    mean = (s.soft(w + step) - s.soft(w - step)) / (2 * step)
    rounding = 16 * EPS * (size(s) + np.abs(s.soft(w))) / step
    assert (np.abs(mean - s.slope(w)) <= s.lipschitz * step / 2 + rounding).all()


@pytest.mark.parametrize(
    ("s", "cuts"), [(DSQ(UNEVEN, 2.0), UNEVEN.levels), (ReSTE(TWO, 3.0), [-2, 0, 2])], ids=["DSQ", "ReSTE"]
)
def test_slopes_that_jump_are_derivatives_too(s, cuts):
    areas = [quad(s.slope, x, y)[0] for x, y in pairwise(cuts)]
    np.testing.assert_allclose(np.diff(s.soft(cuts)), areas, rtol=1e-7)


def test_soft_functions_end_where_they_should():
    np.testing.assert_allclose(DSQ(UNEVEN, 3.0).soft(UNEVEN.levels), UNEVEN.levels, atol=1e-14)
    np.testing.assert_allclose(SigmoidSum(UNEVEN, 5.0).soft([-1e6, 1e6]), [-4, 4], rtol=1e-14)
    assert Clipped(FOUR, PAPER).soft(7.0) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="not made from a soft function"):
        periodic(FOUR, [0.1], [0.2]).soft(0.0)


@given(st.data(), cyclical())
def test_cyclical_slopes_repeat(data, s):
    w = data.draw(weights(s))
    assert s.cyclical
    if s.levels.delta is not None:
        moved = s.slope(w + 3 * s.levels.delta)
        np.testing.assert_allclose(moved, s.slope(w), atol=s.lipschitz * 20 * EPS * size(s) + 1e-14 * s.high)


def test_which_surrogates_are_cyclical_and_positive():
    kinds = [
        PAPER,
        STE(UNEVEN),
        DSQ(UNEVEN, 1.0),
        BinaryTanh(TWO, 1.0),
        SigmoidSum(FOUR, 5.0),
        MAD(FOUR),
        Clipped(FOUR),
    ]
    assert [s.cyclical for s in kinds] == [True, True, False, False, False, False, False]
    assert [s.positive for s in kinds] == [True] * 6 + [False]
    assert not EWGS(FOUR).positive and np.isinf(EWGS(FOUR).lipschitz)
    assert [np.isinf(s.lipschitz) for s in kinds] == [False, False, True, False, False, False, True]


def test_the_numbers_of_two_bit_dsq():
    assert (PAPER.low, PAPER.high) == (pytest.approx(0.114, abs=5e-4), pytest.approx(2.224, abs=5e-4))
    assert PAPER.lipschitz == pytest.approx(11.13, abs=5e-3) and PAPER.alpha == pytest.approx(0.4544, abs=5e-5)
    assert PAPER.alpha * PAPER.lipschitz / 2 == pytest.approx(2.53, abs=5e-3)


def test_constants_say_how_they_are_known_and_survive_copies():
    made = Constant(2.0, "by a bound")
    assert made == 2 == made.value and made.how == "by a bound" and repr(made) == "2.0 (by a bound)"
    assert copy.deepcopy(made).how == pickle.loads(pickle.dumps(made)).how == "by a bound"
    assert Custom(FOUR, zigzag).high.how == "sampled: no bound" and Custom(FOUR, zigzag).high == 3
    assert Custom(FOUR, zigzag, known=Bounds(1.0, 3.0, 6.0)).lipschitz.how == "given"


# Mirror maps


@given(st.data(), positive())
def test_a_mirror_map_keeps_levels_fixes_boundaries_and_increases(data, s):
    w = data.draw(weights(s))
    u = s.mirror(w)
    assert (s.quantize(u) == s.quantize(w)).all()
    assert (s.mirror(s.levels.boundaries) == s.levels.boundaries).all()
    assert (np.diff(u) >= 0).all()
    assert (np.diff(u)[np.diff(w) > 1e-9 * size(s)] > 0).all()


@given(st.data(), positive())
def test_the_inverse_map_inverts(data, s):
    w = data.draw(weights(s))
    u = s.mirror(w)
    back = s.mirror_inverse(u)
    scale = float(np.abs(u).max()) + size(s)
    # M is flattest where the slope is greatest, and rounding of M is magnified by slope / α there.
    magnified = np.minimum(s.slope(w), s.high) / s.alphas.min() if np.isfinite(s.high) else 10 / s.alphas.min()
    assert (np.abs(back - w) <= (64 * EPS * scale + s.tolerance) * np.maximum(magnified, 1)).all()
    assert (np.abs(s.mirror(back) - u) <= 64 * EPS * scale + s.tolerance).all()
    assert (s.quantize(s.mirror_inverse(w)) == s.quantize(w)).all()


@given(st.data(), positive().filter(lambda s: np.isfinite(s.lipschitz)))
def test_the_derivative_of_the_mirror_map_is_alpha_over_slope(data, s):
    w = data.draw(weights(s))
    step = 1e-5 * size(s)
    w = w[(np.abs(w[:, None] - s.levels.boundaries) > 2 * step).all(axis=1) & (s.slope(w) > 2 * s.lipschitz * step)]
    alpha, slope = s.alphas[s.levels.index(w)], s.slope(w)
    mean = (s.mirror(w + step) - s.mirror(w - step)) / (2 * step)
    # |1/g(x) - 1/g(w)| <= Λ step / (g(w) (g(w) - Λ step)) for |x - w| <= step
    slack = s.lipschitz * step / (slope - s.lipschitz * step)
    rounding = (16 * EPS * (np.abs(s.mirror(w)) + size(s)) + s.tolerance) / step
    assert (np.abs(mean - alpha / slope) <= alpha / slope * slack + rounding).all()


@given(uniform_levels(4), st.floats(0.05, 12))
def test_closed_forms_of_dsq_agree_with_quadrature(levels, sharp):
    s = DSQ(levels, sharp / levels.delta)
    integral = quad(lambda w: 1 / s.slope(w), -levels.delta / 2, levels.delta / 2, points=[0.0], epsabs=0)[0]
    assert s.alpha == pytest.approx(levels.delta / integral, rel=1e-9)
    e, z = s.k * levels.delta / 2, 0.3 * s.k * levels.delta  # the closed form of the theory, on the cell of 0
    closed = levels.delta / 2 * (z + np.sinh(z) * np.cosh(z)) / (e + np.sinh(e) * np.cosh(e))
    assert s.mirror(0.3 * levels.delta) == pytest.approx(closed, rel=1e-12)


def test_alphas_of_uneven_bins_are_harmonic_means_and_the_outer_ones_are_their_neighbours():
    for s in (DSQ(UNEVEN, 2.0), SigmoidSum(UNEVEN, 3.0), MAD(UNEVEN, 0.7)):
        b = UNEVEN.boundaries
        cuts = [(x, y, [k for k in (*UNEVEN.levels, -0.7, 0.7) if x < k < y]) for x, y in pairwise(b)]
        means = [(y - x) / quad(lambda w, s=s: 1 / s.slope(w), x, y, points=k, epsabs=0)[0] for x, y, k in cuts]
        np.testing.assert_allclose(s.alphas, [means[0], *means, means[-1]], rtol=1e-9)
        parts = [(y - x) / m for (x, y, _), m in zip(cuts, means, strict=True)]
        assert s.alpha == pytest.approx((b[-1] - b[0]) / sum(parts), rel=1e-9)


@pytest.mark.parametrize("T", [0.3, 4.0, 60.0])
def test_quadrature_agrees_with_the_closed_form_for_one_sigmoid(T):
    levels, w = Levels([-1, 2], [0.25]), np.linspace(-3, 3.5, 27)
    w = w[np.abs(w - 0.25) < 600 / T]
    sigmoid, tanh = SigmoidSum(levels, T), BinaryTanh(levels, T / 2)
    # slope = 3 T σ (1 - σ) = (3/2) (T/2) / cosh²: the same map but for the factor, α = 1 in both
    np.testing.assert_allclose((sigmoid.mirror(w) - 0.25) * 1.5, tanh.mirror(w) - 0.25, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(sigmoid.mirror_inverse(sigmoid.mirror(w)), w, atol=1e-12)


def test_binary_tanh_is_its_closed_form():
    k, w = 1.7, np.linspace(-4, 4, 33)
    plain = (k * w + np.sinh(k * w) * np.cosh(k * w)) / (2 * k * k)
    np.testing.assert_allclose(BinaryTanh(TWO, k).mirror(w), plain, rtol=1e-13)


@pytest.mark.parametrize("a", [0.1, 1.0, 3.0])
def test_the_harmonic_mean_of_an_exponential_cosine_is_a_bessel_function(a):
    s = periodic(FOUR, [a], [0.0])
    assert s.alpha == pytest.approx(1 / i0(a), rel=1e-12) and s.tolerance < 1e-10
    assert s.mirror(5 * FOUR.delta / 2) == pytest.approx(
        5 * FOUR.delta / 2, rel=1e-14
    )  # half a bin: odd about boundaries


@given(smooth_periodic(), st.floats(-1, 1))
def test_cyclical_maps_move_with_the_period(s, w):
    delta = s.levels.delta
    away = s.mirror(w + 7 * delta) - 7 * delta
    assert away == pytest.approx(s.mirror(w), abs=(100 * EPS * 9 * size(s)) * s.alpha / s.low + 2 * s.tolerance)


@pytest.mark.parametrize("s", [*CLOSED, STE(FOUR), Clipped(FOUR, PAPER), EWGS(FOUR)], ids=lambda s: type(s).__name__)
def test_shapes_are_kept(s):
    for w in (0.25, np.full((2, 3), 0.25), np.empty((0, 2))):
        calls = [s.quantize] if isinstance(s, EWGS) else [s.quantize, s.slope, s.soft, s.mirror, s.mirror_inverse]
        assert all(np.shape(call(w)) == np.shape(w) for call in calls)
        assert s.apply(w, 2.0).shape == np.shape(w)


def test_a_large_weight_has_a_mirror_image():
    for w in (1e6, -1e12, 1e300):
        assert PAPER.mirror(w) == pytest.approx(w, rel=1e-6)
    assert MAD(FOUR).mirror(1e100) == pytest.approx(1e200 / 2, rel=1e-12)


def test_clipping_commutes_with_the_mirror_map_of_dsq():
    s = Clipped(FOUR, PAPER)
    np.testing.assert_allclose(s.mirror([-1.0, 1.0]), [-1, 1], rtol=1e-15)
    w = np.linspace(-1, 1, 17)
    assert (s.mirror(w) == PAPER.mirror(w)).all() and s.alpha == PAPER.alpha and s.tolerance == 0
    np.testing.assert_allclose(s.mirror_inverse(s.mirror(w)), w, atol=1e-14)


def test_another_alpha_does_not_keep_levels():
    # The control: with any other factor, boundaries move, and weights beside them change their level.
    w = np.linspace(-1, 1, 2001)
    for factor, kept in ((1.0, True), (1.05, False), (0.95, False)):
        u = factor * PAPER.mirror(w)  # anchored at the boundary 0
        assert (FOUR.quantize(u) == FOUR.quantize(w)).all() == kept


# Custom surrogates, and where there is no map


@numba.njit
def zigzag(data, w):
    """A tent of period 2/3 with its tip, 3, at multiples of 2/3, and 1 in the middle."""
    return 3 - 6 * abs(w - 2 / 3 * np.rint(w * 1.5))


@numba.njit
def line(data, w):
    return data[0] - w


@numba.njit
def parabola(data, w):
    return (w - data[0]) ** 2


@numba.njit
def wild(data, w):
    return 2 + np.cos(1e7 * w)


@numba.njit
def ripple(data, w):
    return 2 + np.cos(w) / (1 + w * w)


def test_a_tent_has_a_logarithmic_map():
    s = Custom(FOUR, zigzag, known=Bounds(1.0, 3.0, 6.0), knots=(0.0, 1 / 3))
    assert s.alpha == pytest.approx(2 / np.log(3), rel=1e-12)
    w = np.linspace(0, 1 / 3, 9)
    np.testing.assert_allclose(s.mirror(w), -s.alpha / 6 * np.log(1 - 2 * w), rtol=1e-11)
    np.testing.assert_allclose(s.mirror_inverse(s.mirror(w + 4)), w + 4, rtol=1e-14)


def test_a_custom_slope_on_all_of_r_has_tails():
    s, w = Custom(UNEVEN, ripple, cyclical=False), np.array([-50.0, -3.5, 3.3, 200.0])
    assert not s.cyclical and s.positive
    ends, alphas = np.array([-3, -3, 3, 3]), s.alphas[[0, 0, -1, -1]]
    tails = [quad(lambda x: 1 / s.slope(x), e, x, epsabs=0, limit=400)[0] for e, x in zip(ends, w, strict=True)]
    np.testing.assert_allclose(s.mirror(w), ends + alphas * tails, rtol=1e-9)
    np.testing.assert_allclose(s.mirror_inverse(s.mirror(w)), w, rtol=1e-10)


def test_a_slope_that_vanishes_has_no_map_and_the_error_says_where():
    with pytest.raises(ValueError, match=r"slope must be positive for a mirror map, got -0\.\d+ at w = 0\.\d"):
        Custom(Levels([-1, 0, 1, 2]), line, (0.3,), cyclical=False).mirror(0.7)
    with pytest.raises(ValueError, match=r"must be positive, and smooth .* got \d\S*e-\d+ at w = 0\.(3|29999)"):
        Custom(Levels([-1, 0, 1, 2]), parabola, (0.3,), cyclical=False).mirror(0.7)
    with pytest.raises(ValueError, match=r"slope must be .* smooth between its knots, .* got [123]\S* at w = "):
        Custom(FOUR, wild, cyclical=False).alpha  # noqa: B018
    tail = Custom(FOUR, line, (9.0,), cyclical=False)
    assert tail.mirror(8.0) == pytest.approx(2 / 3 + tail.alphas[-1] * np.log((9 - 2 / 3) / 1), rel=1e-9)
    with pytest.raises(ValueError, match=r"slope must be positive.* at w = (9\.0|8\.99)"):
        tail.mirror(10.0)
    with pytest.raises(ValueError, match=r"w must lie in \[-1, 1\], got 1.5: the slope is 0 there"):
        Clipped(FOUR).mirror([0.0, 1.5])
    with pytest.raises(ValueError, match="u must lie in"):
        Clipped(FOUR, PAPER).mirror_inverse(-1.01)
    with pytest.raises(ValueError, match="EWGS has no mirror map"):
        EWGS(FOUR).mirror(0.1)
    for levels in (TWO, FOUR):
        with pytest.raises(ValueError, match="EWGS has no mirror map"):
            EWGS(levels).alpha  # noqa: B018
    with pytest.raises(ValueError, match="EWGS has no slope"):
        EWGS(FOUR).slope(0.1)


def test_too_steep_for_floating_point_numbers():
    assert np.isfinite(SigmoidSum(FOUR, 1e90).slope(np.linspace(-2, 2, 9))).all()
    assert SigmoidSum(FOUR, 1e90).soft([-1, -0.4, 0.4, 1]) == pytest.approx([-1, -1 / 3, 1 / 3, 1])
    with pytest.raises(ValueError, match=r"slope must be positive for a mirror map, got 0\.0 at w"):
        SigmoidSum(FOUR, 1e4).mirror(0.1)
    with pytest.raises(ValueError, match="w must be where the mirror map is a floating-point number, got 900"):
        BinaryTanh(TWO, 1.0).mirror([0.0, 900.0])
    with pytest.raises(ValueError, match="w must be where the mirror map is a floating-point number, got 900"):
        SigmoidSum(TWO, 1.0).mirror(900.0)
    assert SigmoidSum(FOUR, 40.0).mirror_inverse(1e12) < 2  # tails of M are exponential


NAN_CALLS = ["slope", "soft", "quantize", "mirror", "mirror_inverse"]


@pytest.mark.parametrize("call", NAN_CALLS)
@pytest.mark.parametrize("s", [STE(FOUR), PAPER, Clipped(FOUR), MAD(FOUR), ReSTE(TWO), SigmoidSum(FOUR, 5.0)], ids=repr)
def test_nan_is_refused(s, call):
    with pytest.raises(ValueError, match=r"[wu] must not contain NaN"):
        getattr(s, call)([0.0, np.nan])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: STE([0, 1]), "levels must be a levels such as"),
        (lambda: DSQ(FOUR, 0.0), "k must be greater than 0"),
        (lambda: DSQ(FOUR, 1e4), "k must be at most 510 on these levels"),
        (lambda: DSQ(Levels([-1, 0, 1], [-0.05, 0.05]), 1.0), "levels must have midpoints"),
        (lambda: BinaryTanh(TWO, -1.0), "k must be greater than 0"),
        (lambda: BinaryTanh(FOUR, 1.0), "levels must be two for BinaryTanh, got 4"),
        (lambda: ReSTE(TWO, 0.5), "o must be at least 1"),
        (lambda: ReSTE(TWO, 3.0, -0.1), "cut must be at least 0"),
        (lambda: ReSTE(FOUR), "levels must be two for ReSTE, got 4"),
        (lambda: MAD(FOUR, 0.0), "limit must be greater than 0"),
        (lambda: EWGS(FOUR, -1.0), "strength must be at least 0"),
        (lambda: SigmoidSum(FOUR, 0.0), "T must be greater than 0"),
        (lambda: SigmoidSum(FOUR, np.inf), "T must be finite"),
        (lambda: SigmoidSum(FOUR, 1e300, 1e300), "T \\* beta must be at most 1e\\+100"),
        (lambda: SigmoidSum(FOUR, 1.0, 0.0), "beta must be greater than 0"),
        (lambda: Clipped(FOUR, EWGS(FOUR)), "inside must be an unclipped slope"),
        (lambda: Clipped(FOUR, STE(TWO)), "inside must be an unclipped slope with the same levels"),
        (lambda: Clipped(FOUR, limits=(1, 1)), "limits must have low < high"),
        (lambda: Custom(FOUR, lambda data, w: 1.0), "function must be compiled with numba.njit"),
        (lambda: Custom(UNEVEN, zigzag), "cyclical must be False on a grid that is not uniform"),
        (lambda: Custom(FOUR, zigzag, known=(1, 2, 3)), "known must be Bounds"),
        (lambda: Custom(FOUR, zigzag, knots=(np.nan,)), "knots must be finite"),
    ],
)
def test_bad_surrogates(make, message):
    with pytest.raises(ValueError, match=message):
        make()
