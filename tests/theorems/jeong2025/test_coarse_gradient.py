import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.statistics import mean_interval
from qtheory.testing import numbers
from qtheory.theorems.jeong2025._population import at_angle, mean_gradient, vertex
from qtheory.theorems.jeong2025.coarse_gradient import CONSTANTS, THEOREM
from qtheory.two_layer import population
from tests.theorems.checks import about, shipped

pairs = st.lists(st.tuples(numbers(-2, 2), numbers(-2, 2)), min_size=1, max_size=3)


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=25)
@given(numbers(0.0, math.pi), pairs, st.sampled_from(CONSTANTS), st.sampled_from(["along", "across"]))
def test_the_closed_form_is_the_integral(theta, drawn, kind, part):
    v, v_star = zip(*drawn, strict=True)
    case = at_angle("drawn", theta, v=v, v_star=v_star, activation=kind[0], ste=kind[1], component=part)
    assert case.scale == 0 or THEOREM.check(case).verdict == "holds"


@settings(max_examples=25)
@given(st.integers(2, 40), st.integers(0, 40), st.sampled_from(CONSTANTS))
def test_only_wrong_signs_feel_a_force(n, d, kind):
    d = min(d, n)
    for part in ["right"] * (d < n) + ["wrong"] * (d > 0):
        case = vertex("drawn", n, d, component=part, v=(1.0, -2.0), v_star=(1.0, -2.0), activation=kind[0], ste=kind[1])
        assert THEOREM.check(case).verdict == "holds"


def test_the_wedges_symbol_by_symbol():
    # Over {z'w > 0, z'w* > 0}: angles from θ - π/2 to π/2, and E[ρ; the plane] = the integral of ρ² e^(-ρ²/2) / 2π.
    phi, theta, rho = sp.Symbol("phi"), sp.Symbol("theta"), sp.Symbol("rho", positive=True)
    radial = sp.integrate(rho**2 * sp.exp(-(rho**2) / 2), (rho, 0, sp.oo)) / (2 * sp.pi)
    root = sp.sqrt(2 * sp.pi)
    along = radial * sp.integrate(sp.cos(phi), (phi, theta - sp.pi / 2, sp.pi / 2))
    across = radial * sp.integrate(sp.sin(phi), (phi, theta - sp.pi / 2, sp.pi / 2))
    assert sp.simplify(along - (1 + sp.cos(theta)) / (2 * root)) == 0
    assert sp.simplify(across - sp.sin(theta) / (2 * root)) == 0
    assert sp.simplify(radial * sp.integrate(sp.cos(phi), (phi, -sp.pi / 2, sp.pi / 2)) - 1 / root) == 0


@pytest.mark.parametrize(("activation", "ste"), CONSTANTS)
def test_samples_of_the_network_agree_on_a_vertex(activation, ste):
    n, d, v = 6, 2, np.array([1.0, -0.5])
    case = vertex("drawn", n, d)
    q, w_star = np.array(case.w), np.array(case.w_star)
    z = np.random.default_rng(3).standard_normal((200_000, 2, n))
    low = 0.0 if activation == "heaviside" else -1.0
    x = z @ q
    r = (np.where(x > 0, 1.0, low) - np.where(z @ w_star > 0, 1.0, low)) @ v
    g = r[:, None] * np.einsum("imk,im->ik", z, v * (x > 0 if ste == "relu" else np.ones_like(x)))
    s = population.speed(v, n, activation=activation, ste=ste)
    found = [mean_interval(column, failure=1e-9) for column in g.T]
    assert all(f.contains(x) for f, x in zip(found, s * (q - w_star), strict=True))
    assert not all(f.contains(x) for f, x in zip(found, 1.1 * s * (q - w_star), strict=True))


def test_no_multiple_of_the_difference_will_do_for_a_window():
    case = vertex("drawn", 9, 3)
    # q - w* has the components (1 - cos θ, -sin θ), up to its length
    for ste, parallel in (("identity", True), ("relu", True), ("clipped", False)):
        (along, _), (across, _) = mean_gradient(case, ste)
        tilt = along * math.sin(case.theta) + across * (1 - math.cos(case.theta))
        assert (abs(tilt) < 1e-12) == parallel


def test_an_assumption_that_fails_is_named():
    evidence = THEOREM.check(vertex("drawn", 9, 3, v=(1.0, 2.0), v_star=(2.0, 1.0), component="wrong"))
    assert evidence.verdict == "out of scope" and evidence.assumptions[-1].assumption.startswith("v = v*")
    assert THEOREM.check(at_angle("drawn", 1.0, v=(1.0,) * 6, v_star=(1.0,) * 6)).verdict == "out of scope"
    assert evidence.expected == "holds" and not evidence.as_expected


def test_the_speed_is_half_the_force_on_a_wrong_sign():
    case = vertex("drawn", 16, 5, component="wrong", ste="relu")
    measured = THEOREM.measure(case, seed=0, failure=0.5)
    assert measured.estimate == about(-2 / 4 / (2 * math.sqrt(2 * math.pi)), rel=1e-12)
