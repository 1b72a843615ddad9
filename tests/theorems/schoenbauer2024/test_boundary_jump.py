import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.theorems.schoenbauer2024 import boundary_jump
from qtheory.theorems.schoenbauer2024.boundary_jump import THEOREM, JumpCase
from tests.theorems.checks import about, shipped

positive = st.fractions(Fraction(1, 50), 20, max_denominator=50)
part = st.fractions(0, Fraction(49, 50), max_denominator=50)


def test_shipped_instances():
    shipped(THEOREM)


@given(positive, positive, part, st.integers(1, 400))
def test_the_count_is_off_by_less_than_one(a, c, where, steps):
    above = sum(boundary_jump.rotation(a, c, -a + where * (a + c), steps))
    expected = c / (a + c) * steps
    assert abs(above - expected) < 1
    assert expected.denominator != 1 or above == expected


@given(positive, positive, part, st.integers(1, 60))
def test_the_integers_follow_the_rule(a, c, w, steps):
    seen = boundary_jump.rotation(a, c, w - a, steps)
    w = w - a
    for above in seen:
        assert above == (w >= 0)
        w += -a if w >= 0 else c


tilts = st.integers(-9, 9).map(Fraction)


@given(st.tuples(positive, positive), st.tuples(positive, positive), st.tuples(tilts, tilts), st.integers(1, 3000))
def test_the_share_with_tilt(g, h, tilt, steps):
    eta = Fraction(1, 4000)
    case = JumpCase(name="drawn", g=g, h=(-h[0], h[1]), tilt=tilt, eta=eta, steps=steps)
    evidence = THEOREM.check(case)
    assert evidence.verdict in ("holds", "out of scope")
    assert evidence.verdict == "holds" or case.reach * 2 >= 1 or 2 * (1 + case.epsilon) * max(case.a, case.c) >= 1


@given(positive, positive, positive)
def test_the_shares_agree_only_without_a_jump(g, h_plus, h_minus):
    for jump in (Fraction(1), Fraction(3, 2), Fraction(1, 7)):
        pair, h = (g, jump * g), (-h_minus, h_plus)
        here, plain = boundary_jump.share(pair, h), boundary_jump.share((1, 1), h)
        assert here / (1 - here) == plain / (1 - plain) / jump
        assert (here == plain) == (jump == 1)


def test_the_numbers_of_the_notes():
    case = JumpCase(name="drawn", steps=17_000)
    assert THEOREM.check(case).measured.estimate == about(3 / 17, rel=1e-15)
    plain = JumpCase(name="plain", g=(Fraction(1), Fraction(1)), steps=17_000)
    assert THEOREM.check(plain).measured.estimate == about(0.3, rel=1e-15)


def test_the_disagreement_of_two_rotations_over_a_common_period():
    # denominators 17 and 10 without a common factor: every pair of phases is met once
    twin = (Fraction(1, 1000), Fraction(0))
    measured = THEOREM.check(JumpCase(name="drawn", steps=170, twin=twin)).measured.estimate
    assert measured == about(63 / 170, rel=1e-14)


@pytest.mark.parametrize("start", [Fraction(1, 5), Fraction(-1, 7), Fraction(3, 1000)])
def test_from_elsewhere_the_interval_is_soon_reached(start):
    a, c = Fraction(14, 1000), Fraction(3, 1000)
    w, steps = start, 0
    while not -a <= w < c:
        w, steps = (w - a if w >= 0 else w + c), steps + 1
    assert steps <= math.floor(abs(start) / min(a, c)) + 1


def test_without_a_jump_the_error_vanishes_with_the_rate():
    shares = []
    for eta in (Fraction(1, 200), Fraction(1, 2000), Fraction(1, 20_000)):
        bent = {"g": (Fraction(2), Fraction(2)), "tilt": (Fraction(9), Fraction(-9)), "eta": eta, "steps": 20_000}
        case = JumpCase(name="bent", **bent)
        shares.append(abs(np.mean(boundary_jump.sides(case)) - 0.3))
        assert shares[-1] <= boundary_jump.error(case)
    assert shares[0] > 5 * shares[1] and shares[2] < 1e-3
