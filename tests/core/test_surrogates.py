"""The compiled surrogates against plain formulas of the mathematical library, and against the NumPy face."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.core import surrogates as core
from qtheory.surrogates import DSQ, EWGS, MAD, STE, BinaryTanh, Clipped, Levels, ReSTE, SigmoidSum
from tests.strategies_surrogates import any_levels, positive, smooth_periodic, uniform_levels, weights

FEW_ULPS = 1.5e-14  # the argument of an exponential is up to some dozens, and is rounded before


def backward(surrogate, w, h, real=np.float64):
    w, h = np.atleast_1d(w).astype(real), np.broadcast_to(h, np.shape(np.atleast_1d(w))).astype(real)
    out = np.empty_like(w)
    core.backward(surrogate.lower(real), w, h, out)
    return out


def forward(levels, w):
    out = np.empty_like(w)
    core.forward(STE(levels).spec, w, out)
    return out


@given(uniform_levels() | any_levels(40), st.lists(st.floats(-10, 10), min_size=1, max_size=20))
def test_hard_is_the_quantizer_on_boundaries_and_beside_them(levels, w):
    b = levels.boundaries
    w = np.concatenate([w, b, np.nextafter(b, -np.inf), np.nextafter(b, np.inf), levels.levels, [-1e300, 1e300]])
    assert (forward(levels, w) == levels.quantize(w)).all()


@given(st.data(), positive() | any_levels().map(EWGS), st.floats(-3, 3))
def test_compiled_and_numpy_agree_to_a_few_ulps(data, surrogate, h):
    w, is_dsq = data.draw(weights(surrogate, reach=3)), isinstance(surrogate, DSQ)
    if isinstance(surrogate, ReSTE):  # 0 * inf at a boundary without a cut
        w = w[w != surrogate.levels.boundaries[0]]
        w = np.append(w, surrogate.levels.boundaries[0] + 0.01)
    # Far away the distance to the boundary is a difference: its rounding is that of w.
    moved = 4 * np.finfo(float).eps * np.abs(w).max() * (2 * surrogate.k * surrogate.high if is_dsq else 0.0)
    np.testing.assert_allclose(
        backward(surrogate, w, h), surrogate.apply(w, h), rtol=FEW_ULPS, atol=1e-300 + moved * abs(h)
    )


@given(st.data(), smooth_periodic(levels=st.just(Levels.uniform(3))))
def test_a_drawn_series_is_its_formula_moved_to_one_period(data, surrogate):
    w, s = data.draw(weights(surrogate)), surrogate.data
    x = [[2 * math.pi * (j + 1) * v / s.delta for j in range(3)] for v in w]
    plain = [
        math.exp(sum(c * math.cos(a) + b * math.sin(a) for c, b, a in zip(s.cosine, s.sine, r, strict=True))) for r in x
    ]
    np.testing.assert_allclose(backward(surrogate, w, 1.0), plain, rtol=1e-12)


TWO, FOUR = Levels([-1, 1]), Levels.uniform(2)
FORMULAS = [
    (STE(FOUR), lambda w: 1.0),
    (Clipped(FOUR), lambda w: float(abs(w) <= 1)),
    (Clipped(FOUR, limits=(-0.5, 2)), lambda w: float(-0.5 <= w <= 2)),
    (BinaryTanh(TWO, 3.0), lambda w: 3 * (1 - math.tanh(3 * w) ** 2)),
    (ReSTE(TWO, 3.0), lambda w: abs(w) ** (-2 / 3) / 3),
    (ReSTE(TWO, 3.0, 0.25), lambda w: max(abs(w), 0.25) ** (-2 / 3) / 3),
    (MAD(FOUR, 0.7), lambda w: 1.0 if abs(w) <= 0.7 else 0.7 / abs(w)),
    # DSQ of the public code: Δ/2 s k (1 - tanh²(k (w - m))), m the centre of the cell of w, here 2/3 times an integer
    (DSQ(FOUR, 6.5), lambda w: 6.5 / 3 / math.tanh(6.5 / 3) * (1 - math.tanh(6.5 * (w - round(w * 1.5) / 1.5)) ** 2)),
    (
        SigmoidSum(Levels([-1, 0, 1], [-0.05, 0.05]), 10.0, 2.0),
        lambda w: sum(20 / (1 + math.exp(-x)) / (1 + math.exp(x)) for x in (20 * w + 1, 20 * w - 1)),
    ),
]


@pytest.mark.parametrize(("surrogate", "formula"), FORMULAS, ids=lambda x: type(x).__name__)
def test_slopes_are_the_published_formulas(surrogate, formula):
    w = np.linspace(-1.31, 1.29, 53)
    np.testing.assert_allclose(backward(surrogate, w, 0.5), [formula(v) / 2 for v in w], rtol=1e-9, atol=1e-15)


def test_ewgs_pulls_to_the_level_whatever_the_sign():
    w, levels = np.linspace(-1.4, 1.4, 29), Levels.uniform(2)
    pull = 0.3 * 2 * (w - levels.quantize(w))
    np.testing.assert_allclose(backward(EWGS(levels, 0.3), w, 2.0), 2 + pull, rtol=1e-15)
    np.testing.assert_allclose(backward(EWGS(levels, 0.3), w, -2.0), -2 + pull, rtol=1e-15)


@pytest.mark.parametrize("surrogate", [case[0] for case in FORMULAS], ids=lambda s: type(s).__name__)
def test_single_precision_stays_single_and_near(surrogate):
    w = np.linspace(-1.31, 1.29, 53)
    single = backward(surrogate, w, 0.5, np.float32)
    np.testing.assert_allclose(single, surrogate.apply(w, 0.5), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("levels", [Levels.uniform(2), Levels([-1, 0, 3])], ids=["uniform", "uneven"])
def test_what_is_no_number_is_never_an_address(levels):
    found = forward(levels, np.array([np.nan, np.inf, -np.inf]))
    assert np.isin(found, levels.levels).all() and found[1:].tolist() == [levels.levels[-1], levels.levels[0]]


def test_levels_that_single_precision_cannot_tell_apart_are_refused():
    close = Levels([0.0, 1.0, 1 + 1e-12])
    assert forward(close, np.array([2.0]))[0] == 1 + 1e-12
    for levels in (close, Levels([0.0, 1e300]), Levels([0.0, 1e-50])):
        with pytest.raises(ValueError, match="must be finite and different in float32"):
            STE(levels).lower(np.float32)


def test_bells_underflow_to_zero_and_never_overflow():
    steep = SigmoidSum(Levels.uniform(2), 1e90)
    out = backward(steep, np.array([-0.9, 0.1, 1e9]), 1.0)
    assert (out == 0).all()
    assert backward(steep, np.array([0.0]), 1.0)[0] == pytest.approx(1e90 * (2 / 3) / 4)
