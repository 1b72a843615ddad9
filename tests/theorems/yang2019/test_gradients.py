import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from qtheory.testing import numbers
from qtheory.theorems.yang2019._function import even
from qtheory.theorems.yang2019.gradients import FORMULA, THEOREM, GradientCase, complex_step, true
from tests.theorems.checks import about, shipped


def test_shipped_instances():
    shipped(THEOREM)


@st.composite
def cases(draw):
    n = draw(st.integers(1, 5))
    rises = lambda: np.cumsum([draw(numbers(0.125, 2)) for _ in range(n)])  # noqa: E731
    levels, biases = draw(numbers(-3, 0)) + np.array([0, *rises()]), draw(numbers(-3, 0)) + rises()
    more = {name: draw(numbers(0.25, 3)) for name in ("alpha", "beta")}
    by = draw(st.sampled_from(["x", "beta", "alpha", *(f"b{k + 1}" for k in range(n))]))
    more |= {"x": draw(numbers(-2, 2)), "T": 2.0 ** draw(st.integers(-2, 6))}
    return GradientCase(name="drawn", levels=tuple(levels), biases=tuple(biases), by=by, **more)


@given(cases())
def test_the_true_gradient_holds(case):
    assert THEOREM.check(case).verdict == "holds"


@given(cases())
def test_the_complex_step_is_a_central_difference(case):
    if case.by != "x":
        return
    h = 1e-5 / case.T
    difference = (case.function.soft(case.x + h, case.T) - case.function.soft(case.x - h, case.T)) / (2 * h)
    assert complex_step(case) == about(float(difference), rel=1e-6, abs=1e-6 * case.T * case.scale * case.beta)


@given(cases())
def test_the_corrected_form_is_the_true_one(case):
    if case.by == "x":
        assert FORMULA["corrected"](case) == about(true(case), rel=1e-9, abs=1e-9 * case.T * case.scale * case.beta)


def test_where_a_term_of_the_printed_form_is_right_by_sympy():
    s, a = sp.symbols("sigma a", positive=True)  # a = alpha s_i; the common factor T beta is left out
    difference = s * (a - s) / a - a * s * (1 - s)
    assert sp.simplify(difference - s * (1 - a) * (a - s * (1 + a)) / a) == 0
    c = sp.Symbol("s", positive=True)
    assert sp.simplify(c * s * (1 - c * s) - c * s * (1 - s) - c * s**2 * (1 - c)) == 0


@pytest.mark.parametrize("alpha_s", [0.25, 0.99, 1.5])
def test_the_printed_form_is_right_at_single_points_only(alpha_s):
    # where σ = a / (1 + a), a = alpha s: x = log(a) / T for n = 1
    case = {"name": "drawn", "T": 4.0, "alpha": alpha_s / 2, "claimed": "printed"}
    for x, verdict in ((math.log(alpha_s) / 4, "holds"), (0.5, "violated"), (-0.5, "violated")):
        assert THEOREM.check(GradientCase(x=x, **case)).verdict == verdict


@given(numbers(-1, 1), st.sampled_from([1.0, 5.0, 20.0]))
def test_the_released_weights_are_right_at_temperature_one(x, T):
    case = GradientCase(name="drawn", x=x, T=T, claimed="released weights", **even(3, 0.5, 2.0))
    assert (THEOREM.check(case).verdict == "holds") == (T == 1.0)


def test_the_released_activations_turn_the_sign_where_a_step_is_two():
    case = GradientCase(name="drawn", x=0.3, T=4.0)  # levels -1 and 1: s = 2
    assert FORMULA["released activations"](case) < 0 < true(case)
    assert FORMULA["printed"](GradientCase(name="drawn", x=0.3, T=4.0, alpha=0.2)) < 0


def test_what_a_gradient_may_be_taken_by():
    verdicts = {by: THEOREM.check(GradientCase(name="drawn", by=by)).verdict for by in ("b1", "b2", "T", "b0")}
    assert verdicts == {"b1": "holds", "b2": "out of scope", "T": "out of scope", "b0": "out of scope"}
