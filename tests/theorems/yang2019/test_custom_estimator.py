import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from qtheory.quantization_network import harmonic_mean
from qtheory.testing import numbers
from qtheory.theorems.yang2019._function import even
from qtheory.theorems.yang2019.custom_estimator import SHARPEST, THEOREM, EstimatorCase, over_all, periodic
from tests.theorems.checks import about, shipped


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=30)
@given(
    st.integers(2, 6), numbers(0.125, 1), numbers(0.25, 2), numbers(0.5, 15),
    st.sampled_from(["cyclic", "alpha", "boundaries", "step", "freeze"]),
)  # fmt: skip
def test_it_holds_on_drawn_functions(n, gap, step, x, part):
    case = {"name": "drawn", "part": part, "T": x / gap, "margin": 2 * gap / x, "bin": n - 1, **even(n, gap, step)}
    case["push"] = 0.5 / EstimatorCase(**case).lipschitz
    assert THEOREM.check(EstimatorCase(**case)).verdict == "holds"


def test_the_closed_form_by_sympy():
    C, Y = sp.symbols("C Y", positive=True)  # cosh c, cosh y, with z = c - y
    bell = lambda hyperbolic: 1 / (2 + 2 * hyperbolic)  # noqa: E731
    S, W = sp.sqrt(C**2 - 1), sp.sqrt(Y**2 - 1)
    pair = bell(C * Y - S * W) + bell(C * Y + S * W)
    assert sp.simplify(pair - (1 + C * Y) / (C + Y) ** 2) == 0
    parts = Y / C + 2 - 1 / C**2 + (C - 1 / C) ** 2 / (1 + C * Y)
    assert sp.simplify((C + Y) ** 2 / (1 + C * Y) - parts) == 0
    c, y = sp.symbols("c y", positive=True)
    points = [(sp.Rational(a, 10), sp.Rational(b, 10)) for a, b in ((3, 1), (20, 10), (50, 45))]
    primitive = 2 / sp.sinh(c) * sp.atan(sp.tanh(c / 2) * sp.tanh(y / 2))
    residue = sp.diff(primitive, y) - 1 / (1 + sp.cosh(c) * sp.cosh(y))
    assert all(abs(residue.subs({c: a, y: b}).evalf(30)) < 1e-25 for a, b in points)


def test_the_sharpest_slope_of_the_bell():
    z = np.linspace(0, 5, 200_001)
    s = 1 / (1 + np.exp(-z))
    assert np.abs(s * (1 - s) * (1 - 2 * s)).max() == about(SHARPEST, rel=1e-9)


@given(numbers(0.25, 12), st.integers(2, 5))
def test_the_lipschitz_constant(x, n):
    case = EstimatorCase(name="drawn", T=x, **even(n))
    u = np.linspace(-n, n, 20_001)
    steepest = np.abs(np.diff(case.slope(u))).max() / (u[1] - u[0])
    assert steepest <= case.lipschitz
    if x >= 6:
        assert steepest >= 0.95 * case.lipschitz


def test_the_periodic_sum_by_its_fourier_series():
    # Poisson: (alpha s / Δ) (1 + 2 sum_k r_k cos(2πk(u - b)/Δ)), r_k = 2π²k / (TΔ) / sinh(2π²k / (TΔ))
    case = EstimatorCase(name="drawn", T=9.0, alpha=0.4, **even(3, 0.5, 1.5))
    u, total = np.linspace(-1, 1, 41), 0.0
    for k in range(1, 40):
        r = 2 * math.pi**2 * k / (case.T * case.gap)
        total = total + r / math.sinh(r) * np.cos(2 * math.pi * k * (u - case.biases[0]) / case.gap)
    assert periodic(case, u) == about(case.height / case.gap * (1 + 2 * total), rel=1e-10)


@pytest.mark.parametrize("T", [6.0, 14.0])
def test_the_mirror_map_of_the_general_estimator_agrees(T):
    # the same α and M from the family of surrogates, which integrates by other means
    case = EstimatorCase(name="drawn", T=T, **even(3, 0.8))
    s = case.function.estimator(T)
    assert s.alphas[1:-1] == about(np.full(2, case.height / case.gap * harmonic_mean(T * case.gap)), rel=1e-1)
    first, last = case.biases[0], case.biases[-1]
    moved = s.mirror(np.array([first, last]))
    a = (last - first) / (float(np.diff(moved)[0]) / s.alpha)
    assert a == about(over_all(case), rel=1e-8)


def test_the_equivalent_rate_falls_exponentially():
    gap, T = 0.5, np.array([40.0, 60.0, 80.0])
    alpha = [over_all(EstimatorCase(name="T", T=t, **even(3, gap, gap))) for t in T]
    assert np.log(alpha) + T * gap / 2 - 2 * np.log(T * gap) == about(np.full(3, math.log(2 / math.pi)), abs=1e-2)


def test_the_step_bound_is_sharp_in_the_limit_up_to_the_neighbours():
    for push, least in ((1e-3, 0.97), (1e-5, 0.999)):
        case = EstimatorCase(name="sharp", part="step", T=25.0, push=push, **even(3))
        evidence = THEOREM.check(case)
        assert evidence.verdict == "holds" and evidence.slack.estimate > least


@pytest.mark.parametrize("T", [3.0, 12.0])
def test_the_step_bound_holds_outside_the_outer_biases(T):
    case = EstimatorCase(name="outside", T=T, **even(2))
    push, (low, high) = 0.5 / case.lipschitz, case.biases
    bound = case.lipschitz * push**2 / (2 * (1 - case.lipschitz * push))
    found = []
    for w, h in ((high + 0.3, 1), (high + 0.3, -1), (low - 0.2, 1), (low - 0.2, -1), (high, 1), (high, -1)):
        g = float(case.slope(w))
        moved = quad(lambda u: 1 / float(case.slope(u)), w, w - push * h * g, epsabs=0, epsrel=1e-11)[0]
        found.append(abs(moved + push * h) / bound)
    assert 0.1 < max(found) <= 1


def test_a_weight_beyond_the_last_bias_needs_exponentially_many_steps():
    of = {"part": "freeze", "T": 20.0, "push": 0.01, **even(2, 0.5)}
    cases = [EstimatorCase(name="x", margin=x, **of) for x in (0.1, 0.2, 0.3, 0.4)]
    steps = [THEOREM.check(case).measured.estimate for case in cases]
    assert np.diff(np.log(steps))[-1] == about(2.0, abs=0.1)  # T · 0.1


def test_unequal_distances_are_out_of_scope():
    case = EstimatorCase(name="odd", part="alpha", levels=(0.0, 1.0, 2.0, 3.0), biases=(0.0, 1.0, 2.5))
    evidence = THEOREM.check(case)
    assert evidence.verdict == "out of scope" and evidence.assumptions[-1].assumption == "equal distances"
