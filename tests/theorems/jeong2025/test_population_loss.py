import itertools
import math

import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.testing import numbers
from qtheory.theorems.jeong2025._population import at_angle
from qtheory.theorems.jeong2025.population_loss import THEOREM
from qtheory.two_layer import population
from tests.theorems.checks import about, shipped


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=25)
@given(numbers(0.0, math.pi), st.lists(st.tuples(numbers(-2, 2), numbers(-2, 2)), min_size=1, max_size=3),
       st.sampled_from(["heaviside", "sign"]))  # fmt: skip
def test_the_closed_form_is_the_integral(theta, pairs, activation):
    v, v_star = zip(*pairs, strict=True)
    case = at_angle("drawn", theta, v=v, v_star=v_star, activation=activation)
    assert case.scale == 0 or THEOREM.check(case).verdict == "holds"


def test_the_algebra_symbol_by_symbol():
    # E r^2 over the four signs of three independent rows, P(both > 0) = (1 - θ/π) / 2.
    turn, v, u = sp.Symbol("turn"), sp.symbols("v:3"), sp.symbols("u:3")
    chances = {(1, 1): (1 - turn) / 2, (0, 0): (1 - turn) / 2, (1, 0): turn / 2, (0, 1): turn / 2}  # turn = θ/π
    for low, claimed in (
        (0, lambda own, other, both: (own + other - 2 * (1 - 2 * turn) * both + (sum(v) - sum(u)) ** 2) / 8),
        (-1, lambda own, other, both: (own + other) / 2 - (1 - 2 * turn) * both),
    ):
        mean = 0
        for signs in itertools.product(chances, repeat=3):
            r = sum(a * (x or low) - b * (y or low) for a, b, (x, y) in zip(v, u, signs, strict=True))
            mean += sp.prod([chances[s] for s in signs]) * r**2 / 2
        own, other = sum(a**2 for a in v), sum(b**2 for b in u)
        both = sum(a * b for a, b in zip(v, u, strict=True))
        assert sp.expand(mean - claimed(own, other, both)) == 0
        assert sp.expand(mean - claimed(own, other, -both)) != 0


def test_the_chance_of_two_signs():
    # d/dθ of the integral of φ(t) Φ(t cot θ) over t > 0 is -1/(2π), and its value at π/2 is 1/4.
    t, theta = sp.symbols("t theta", positive=True)
    sine = sp.Symbol("s", positive=True)  # sin θ
    normal = sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi)
    slope = sp.diff(t * sp.cot(theta), theta).rewrite(sp.sin)
    assert sp.simplify(slope + t / sp.sin(theta) ** 2) == 0
    exponent = sp.exp(-(t**2) / (2 * sine**2))  # e^(-t²/2) e^(-t² cot² θ / 2)
    assert sp.integrate(-t / sine**2 * exponent / (2 * sp.pi), (t, 0, sp.oo)) == -1 / (2 * sp.pi)
    assert sp.integrate(normal, (t, 0, sp.oo)) / 2 == sp.Rational(1, 4)


def test_the_loss_of_a_wrong_sign():
    # v = v*, n = 4: θ = 2 arcsin sqrt(d/n), and the loss is |v|² θ / 2π.
    for d in range(5):
        q = [-1.0] * d + [1.0] * (4 - d)
        expected = 5 * 2 * math.asin(math.sqrt(d / 4)) / (2 * math.pi)
        assert population.loss([1.0, 2.0], [1.0, 2.0], q, [1.0] * 4) == about(expected, abs=1e-15)
