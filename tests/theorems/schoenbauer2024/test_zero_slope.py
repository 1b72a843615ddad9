from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.surrogates import DSQ, BinaryTanh, Clipped, Levels
from qtheory.testing import numbers
from qtheory.theorems.schoenbauer2024.zero_slope import THEOREM, Box, Stuck, Wall
from tests.theorems.checks import about, shipped

small = st.fractions(Fraction(1, 500), 1, max_denominator=500)


def test_shipped_instances():
    shipped(THEOREM)


@given(small, small, st.integers(0, 300), st.booleans())
def test_a_stuck_weight_and_its_twin(pace, distance, steps, up):
    case = Stuck(name="drawn", pace=pace, distance=distance, steps=steps, up=up)
    assert THEOREM.check(case).verdict == "holds"


@given(small.filter(lambda x: x < 1), st.sampled_from(["tent", "sine"]), st.integers(0, 120), st.booleans())
def test_nothing_crosses_a_zero(eta, shape, steps, toward):
    case = Wall(name="drawn", shape=shape, eta=eta, steps=steps, toward=toward)
    # in floating point the factors round
    claim, measured = THEOREM.claim(case), THEOREM.measure(case, seed=1, failure=0.5)
    assert claim.low * (1 - 1e-12) <= measured.low and measured.high <= claim.high * (1 + 1e-12)


def test_a_square_root_is_crossed_at_every_rate():
    for eta in (Fraction(1, 10), Fraction(1, 1000)):
        case = Wall(name="root", shape="root", eta=eta, steps=round(5 / eta))
        w, lowest = float(case.start), 1.0
        for _ in range(case.steps):
            w -= float(eta) * abs(w) ** 0.5
            lowest = min(lowest, w)
        assert lowest < 0 and THEOREM.check(case).verdict == "out of scope"


@settings(max_examples=15)
@given(numbers(0.5, 8.0), st.integers(1, 8).map(lambda n: n / 1000), st.integers(1, 300))
def test_a_box_for_both_keeps_the_bound(k, eta, steps):
    case = Box(name="drawn", k=k, eta=eta, steps=steps, weights=16)
    assert THEOREM.check(case).verdict in ("holds", "out of scope")
    assert float(case.slope.lipschitz) * eta >= 1 or THEOREM.check(case).verdict == "holds"


@given(numbers(0.5, 8.0), numbers(-3.0, 3.0))
def test_clipping_commutes_with_the_map(k, w):
    g = DSQ(Levels.uniform(2), k=k)
    assert float(g.mirror(np.clip(w, -1, 1))) == about(float(np.clip(g.mirror(w), -1, 1)), abs=1e-12)


@pytest.mark.parametrize("eta", [4e-3, 1e-3, 2.5e-4])
def test_two_windows_leave_an_error_of_order_one(eta):
    case = Box(name="worst", repair="zero", worst=True, eta=eta, steps=round(1 / eta))
    w0, g = case.edge(), case.slope
    over, under = float(w0 + eta * g.slope(w0)), float(g.mirror(w0) + g.alpha * eta)
    assert over > 1 > under
    assert float(case.errors(0)[0]) >= g.alpha * eta * (case.steps - 1) > 0.4
    boxed = Box(name="worst", worst=True, eta=eta, steps=round(1 / eta))
    assert THEOREM.check(boxed).verdict == "holds"


def test_a_window_is_a_zero_of_the_surrogate():
    g = Clipped(Levels.uniform(2))
    assert not g.positive and g.apply(1.2, -3.0) == 0
    with pytest.raises(ValueError, match="slope is 0"):
        g.mirror(1.2)


def test_saturating_tails_send_the_map_far_away():
    g, k, w = BinaryTanh(Levels([-1.0, 1.0]), k=2.0), 2.0, 6.0
    assert float(g.mirror(w)) == about(np.exp(2 * k * w) / (8 * k**2), rel=1e-8)
