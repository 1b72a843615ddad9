import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.theorems.jeong2025 import _noise
from qtheory.theorems.jeong2025._noise import NoiseCase, perturbation, rates, symmetric_design
from qtheory.theorems.jeong2025.noise_occupation import THEOREM, product, settled, shares, whole_distances
from qtheory.two_layer import TwoLayer, recover
from tests.theorems.checks import about, shipped
from tests.theorems.jeong2025.plain_noise import gradient, patterns

signs = st.sampled_from([1, -1])


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=25)
@given(
    st.tuples(st.integers(-2, 2), st.integers(-4, 4), st.integers(-6, 6)), st.tuples(signs, signs, signs),
    st.sampled_from(["heaviside", "sign"]), st.integers(0, 1000),
)  # fmt: skip
def test_the_share_is_the_product_from_every_start(numerators, teacher, activation, seed):
    half = [Fraction(a, b) for a, b in zip(numerators, (3, 5, 7), strict=True)]
    p = symmetric_design(half, teacher, activation)
    assert rates(p) == tuple(half)
    case = NoiseCase(name="drawn", problem=p, starts=3, steps=1)
    assert shares(case, seed) == about(float(math.prod(1 - h for h in half if h > 0)), rel=1e-15)


def test_every_coordinate_is_wrong_as_often_as_a_rotation_says():
    half = (Fraction(1, 3), Fraction(-1, 4), Fraction(5, 7))
    p = symmetric_design(half, (1, 1, -1))
    case = NoiseCase(name="rotation", problem=p, starts=5)
    u0 = case.start(1)
    burn = settled(half, whole_distances(p, u0, case.unit))
    for T in (1, 2, 10, 31, 1000):
        run = recover(p, start=u0, step=case.eta, steps=burn + T, burn=burn)
        wrong = (T - run.total * p.teacher) / 2
        assert (np.abs(wrong - [max(float(h), 0) * T for h in half]) < 1).all()


def test_equal_rates_share_time_according_to_the_start():
    p = symmetric_design((Fraction(1, 3), Fraction(1, 3)), (1, 1))
    pace, drift = (np.array(x) for x in _noise.coupling(p))
    assert list(drift * 3) == list(pace)
    unit = p.lattice.gradient / p.samples
    starts = np.array([[0, 0], [0, pace[1] / 3], [0, 2 * pace[1] / 3]]) * unit
    share = recover(p, start=starts, step=1.0, steps=330, burn=30).share
    assert list(share) == about([2 / 3, 1 / 3, 1 / 3])
    assert 4 / 9 not in share


def test_a_design_with_its_symmetry_has_no_sampling_error_and_others_have():
    p = symmetric_design((Fraction(1, 3), Fraction(2, 5)), (-1, 1))
    for q in patterns(2):
        moved = gradient(p, q) - gradient(p, p.teacher.astype(float))
        pace = [float(x) * p.lattice.gradient for x in _noise.coupling(p)[0]]
        assert list(moved) == list((q != p.teacher) * -p.teacher * pace)
    broken = TwoLayer(p.features[1:], p.teacher, label_noise=p.label_noise[1:])
    assert _noise.coupling(broken) is None
    with pytest.raises(ValueError, match="problem must be decoupled"):
        rates(broken)


@pytest.mark.parametrize("activation", ["heaviside", "sign"])
def test_symmetric_designs_of_several_units_and_unequal_scales_are_decoupled(activation):
    rows = patterns(6).reshape(64, 2, 3) * [2.0, 3.0, 4.0]
    p = TwoLayer(rows, [1, -1, 1], output_weights=[1.0, 0.5], activation=activation)
    pace, drift = _noise.coupling(p)
    assert (pace > 0).all() and (drift == 0).all() and len(set(pace)) > 1
    more = {"output_weights": [1.0, 0.5], "activation": activation, "ste": "relu"}
    relu = TwoLayer(rows, [1, -1, 1], **more)
    assert relu.lattice.gradient == p.lattice.gradient
    assert (_noise.coupling(relu)[0] * 2 == pace).all() and (_noise.coupling(relu)[1] == 0).all()
    noise = np.random.default_rng(0).standard_normal(64)
    assert _noise.coupling(TwoLayer(rows, [1, -1, 1], label_noise=noise, **more)) is None


def test_the_mean_distance_of_the_return_theorem_meets_the_rates():
    half = (Fraction(1, 3), Fraction(2, 5), Fraction(-1, 7))
    found = perturbation(symmetric_design(half, (1, 1, 1)))
    assert list(found.drift) == about([2 * float(h) for h in half])
    assert found.low == about(0, abs=1e-12) and found.high == about(0, abs=1e-12) and found.push == about(2 - 4 / 5)


def test_the_product_by_hand():
    assert product([Fraction(1, 2), Fraction(-3), Fraction(1, 3)]) == Fraction(1, 3)
    assert product([0.25, 1.5]) == 0 and product([]) == 1


def test_noise_that_would_be_rounded_is_refused():
    with pytest.raises(ValueError, match="at most 12 bits"):
        symmetric_design((Fraction(1, 1009), Fraction(500, 1013)), (1, 1))
