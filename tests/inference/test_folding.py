"""Thresholds decide as the affine map does, on every number that they are asked about."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.inference._folding import affine, integers, reals

finite = st.floats(-1e300, 1e300)
short = st.integers(-12, 12).map(lambda k: k / 4)  # for which ties are common
terms = st.tuples(st.one_of(st.just(1.0), st.floats(1e-3, 1e3)), *[st.one_of(short, finite)] * 3)


def decided(z, thresholds, flips):
    return (z >= thresholds) != flips


@given(st.lists(terms, min_size=1, max_size=6), st.integers(1, 70))
def test_every_integer_is_decided_as_by_the_map(rows, most):
    a = affine(len(rows), *np.array(rows).T)
    thresholds, flips = integers(a, most)
    assert (thresholds >= -most).all() and (thresholds <= most + 1).all()
    for z in range(-most, most + 1):
        np.testing.assert_array_equal(decided(z, thresholds, flips), a(np.float64(z)) >= 0)


@given(st.lists(terms, min_size=1, max_size=6), st.lists(st.floats(-1e300, 1e300), max_size=20))
def test_every_real_is_decided_as_by_the_map(rows, numbers):
    a = affine(len(rows), *np.array(rows).T)
    thresholds, flips = reals(a)
    near = thresholds[np.abs(thresholds) < 1e300].tolist()
    near += [np.nextafter(t, to) for t in near for to in (-np.inf, np.inf)]
    for z in [*numbers, *near, 0.0, -0.0]:
        np.testing.assert_array_equal(decided(z, thresholds, flips), a(np.float64(z)) >= 0)


def test_ties_are_plus_one_and_negative_factors_turn_round():
    a = affine(4, mean=3.0, factor=[2.0, -2.0, 2.0, -2.0], shift=[0.0, 0.0, 1.0, 1.0])
    thresholds, flips = integers(a, 9)
    assert thresholds.tolist() == [3, 4, 3, 4] and flips.tolist() == [False, True, False, True]
    assert decided(3, thresholds, flips).all() and decided(2, thresholds, flips).tolist() == [False, True] * 2


@pytest.mark.parametrize(("shift", "always"), [(1.0, True), (0.0, True), (-0.0, True), (-1e-300, False)])
def test_a_factor_of_zero_leaves_the_shift(shift, always):
    a = affine(1, mean=5.0, factor=0.0, shift=shift)
    for thresholds, flips in (integers(a, 7), reals(a)):
        for z in (-7, 0, 7):
            assert decided(z, thresholds, flips) == always
    assert np.isinf(reals(a)[0]).all()


def test_what_was_not_folded_decides_otherwise():
    """The oracle can fail: a threshold one higher is wrong on one integer."""
    a = affine(1, mean=0.5, factor=1.0, shift=0.0)
    thresholds, flips = integers(a, 5)
    wrong = [z for z in range(-5, 6) if decided(z, thresholds + 1, flips) != (a(np.float64(z)) >= 0)]
    assert wrong == [1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, "1", [1.0, 2.0, 3.0], [[1.0, 2.0]]])
@pytest.mark.parametrize("name", ["mean", "factor", "shift"])
def test_other_terms_are_refused(name, bad):
    with pytest.raises(ValueError, match=name):
        affine(2, **{name: bad})
