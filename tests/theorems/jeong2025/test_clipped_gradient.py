import itertools
import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qtheory.testing import numbers
from qtheory.theorems.jeong2025._population import at_angle, vertex
from qtheory.theorems.jeong2025.clipped_gradient import THEOREM, WINDOWS
from qtheory.two_layer import population
from qtheory.two_layer.population import clipped_coefficients
from tests.theorems.checks import about, shipped

pairs = st.lists(st.tuples(numbers(-2, 2), numbers(-2, 2)), min_size=1, max_size=3)


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=25)
@given(numbers(0.0, math.pi), numbers(0.05, 20), pairs, st.sampled_from(WINDOWS), st.sampled_from(["along", "across"]))
def test_the_closed_form_is_the_integral(theta, length, drawn, kind, part):
    v, v_star = zip(*drawn, strict=True)
    more = {"v": v, "v_star": v_star, "activation": kind[0], "ste": kind[1], "component": part}
    case = at_angle("drawn", theta, length=length, **more)
    assert case.scale == 0 or THEOREM.check(case).verdict == "holds"


def test_the_integrals_symbol_by_symbol():
    # Both sides vanish at a = 0 and have one derivative in a: along w, and across it.
    a, c = sp.Symbol("a", positive=True), sp.Symbol("c", real=True)  # c = cot θ
    sine = 1 / sp.sqrt(1 + c**2)
    normal = lambda x: sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)  # noqa: E731
    below = lambda x: (1 + sp.erf(x / sp.sqrt(2))) / 2  # noqa: E731
    root, e, B = sp.sqrt(2 * sp.pi), sp.exp(-(a**2) / 2), sp.erf(a / sine / sp.sqrt(2))
    along = (1 - e * (1 + sp.erf(a * c / sp.sqrt(2))) + c * sine * B) / (2 * root)
    across = sine * B / (2 * root)
    assert sp.simplify(sp.diff(along, a) - a * normal(a) * below(a * c)) == 0
    assert sp.simplify(sp.diff(across, a) - normal(a) * normal(a * c)) == 0
    assert along.subs(a, 0) == 0 and across.subs(a, 0) == 0


def mp_coefficients(theta, a):
    """A, B and B - A to 60 digits."""
    from mpmath import mp, mpf

    with mp.workdps(60):
        theta, a = mpf(theta), mpf(a)
        p, r = a * mp.cot(theta) / mp.sqrt(2), a / mp.sin(theta) / mp.sqrt(2)
        A, B = 1 - mp.exp(-(a**2) / 2) * mp.erfc(p), mp.erf(r)
        return float(A), float(B), float(B - A), float(A + B)


@given(numbers(1e-6, 3.14159), numbers(-3, 1).map(lambda x: 10**x))
@example(math.pi, 0.1)
@example(0.01, 0.1)
def test_a_is_below_b_and_their_sum_is_between_zero_and_two(theta, a):
    A, B, gap, total = mp_coefficients(theta, a)
    assert gap >= 0 and 0 < total <= 2
    assert clipped_coefficients(theta, a) == (about(A, rel=1e-10, abs=1e-14), about(B, rel=1e-10))
    assert population._outward(theta, a) == about(gap, rel=1e-6, abs=1e-15)


def test_the_ends():
    for a in (0.1, 1.0, 3.0):
        assert clipped_coefficients(0.0, a) == (1.0, 1.0)
        A, B = clipped_coefficients(math.pi, a)
        assert B == 1.0 and about(1 - 2 * math.exp(-(a**2) / 2), rel=1e-14) == A
        assert about(-2 * math.expm1(-(a**2) / 2), rel=1e-12) == 1 + A


def test_the_push_on_wrong_signs_grows_as_they_get_fewer():
    angles = np.linspace(0.0, math.pi, 200)
    for a in (0.01, 0.3, 1.0, 4.0):
        push = [sum(clipped_coefficients(theta, a)) for theta in angles]
        assert all(x >= y - 1e-15 for x, y in itertools.pairwise(push))
        assert push[0] == 2.0 and push[-1] == about(-2 * math.expm1(-(a**2) / 2), rel=1e-9)


def descend(u, w_star, step, ste):
    """Steps until sign(u) = w*, and the most that a right weight came closer to zero."""
    t, closer = 0, 0.0
    while True:
        q = np.where(u >= 0, 1.0, -1.0)
        if (q == w_star).all():
            return t, closer
        after = u - step * population.coarse_gradient([1.0], [1.0], q, w_star, ste=ste)
        right = q == w_star
        closer = max(closer, float((np.abs(u) - np.abs(after))[right].max(initial=-np.inf)))
        u, t = after, t + 1


@pytest.mark.parametrize("step", [0.01, 0.3, 50.0])
@pytest.mark.parametrize("wrong", [1, 8, 16])
def test_the_clipped_drift_finds_the_teacher_too_but_later(step, wrong):
    n, rng = 16, np.random.default_rng(5)
    w_star = rng.choice([-1.0, 1.0], n)
    u = w_star * rng.uniform(0.1, 0.5, n) * np.where(np.arange(n) < wrong, -1.0, 1.0)
    steps, closer = descend(u, w_star, step, "clipped")
    rate = step * population.speed([1.0], n, ste="relu")
    worst = np.abs(u[:wrong]).max()
    assert math.ceil(worst / (2 * rate)) <= steps <= worst / (rate * -2 * math.expm1(-0.5 / n)) + 1
    assert closer < 1e-12
    assert steps >= descend(u, w_star, step, "relu")[0]


def test_right_signs_are_pushed_outward():
    for kind in WINDOWS:
        case = vertex("drawn", 9, 3, component="right", activation=kind[0], ste=kind[1])
        assert THEOREM.measure(case, seed=0, failure=0.5).high < -1e-3
