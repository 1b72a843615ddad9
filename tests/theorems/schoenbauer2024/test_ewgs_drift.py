import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.surrogates import EWGS, Levels
from qtheory.testing import numbers
from qtheory.theorems.schoenbauer2024 import ewgs_drift
from qtheory.theorems.schoenbauer2024._steps import P, binomial_tail, ewgs_step, nearest
from qtheory.theorems.schoenbauer2024.ewgs_drift import LAWS, LEVELS, THEOREM, EWGSCase
from tests.theorems.checks import about, shipped

fractions = st.fractions(min_value=-2, max_value=2, max_denominator=50)
GRID = Levels([float(x) for x in LEVELS])


def test_shipped_instances():
    shipped(THEOREM)


@given(fractions, fractions, st.fractions(0, 1, max_denominator=50), st.fractions(0, 9, max_denominator=9))
def test_it_is_the_straight_through_estimator_and_a_pull(w, h, eta, strength):
    pull = eta * strength * abs(h) * (w - nearest(LEVELS, w))
    assert ewgs_step(w, h, eta, strength, LEVELS) == w - eta * h - pull


@given(fractions, fractions, st.fractions(0, 1, max_denominator=50))
def test_the_exact_step_is_that_of_the_surrogate(w, h, eta):
    if w not in (LEVELS[0] + Fraction(1, 3), Fraction(0), LEVELS[-1] - Fraction(1, 3)):  # boundaries round
        step = float(w) - float(eta) * EWGS(GRID, strength=2.0).apply(float(w), float(h))
        assert float(step) == about(float(ewgs_step(w, h, eta, Fraction(2), LEVELS)), abs=1e-14)


@settings(max_examples=60)
@given(
    st.fractions(Fraction(-3, 10), Fraction(3, 10), max_denominator=60),
    st.integers(30, 400).map(lambda n: Fraction(1, n)),
    st.fractions(0, 20, max_denominator=6),
    st.integers(0, 30),
)
def test_alternating_gradients_in_closed_form(r0, eta, strength, half):
    case = EWGSCase(name="drawn", law="alternating", eta=eta, strength=strength, r0=r0, steps=2 * half)
    evidence = THEOREM.check(case)
    if evidence.verdict != "out of scope":
        assert evidence.verdict == "holds"
        assert ewgs_drift.follow(case) == ewgs_drift.alternating(r0, eta, strength, 2 * half)
    else:
        assert max(abs(r0), eta / (2 - eta * strength)) + eta >= Fraction(1, 3)


@pytest.mark.parametrize(("eta", "strength"), [(Fraction(1, 60), 6), (Fraction(1, 30), 4), (Fraction(1, 20), 1)])
def test_the_mean_over_all_paths(eta, strength):
    steps, r0 = 9, Fraction(-1, 8)
    case = EWGSCase(name="x", law="paths", eta=eta, strength=Fraction(strength), r0=r0, steps=steps)
    mean, left = ewgs_drift.every_path(case)
    straight = (1 - eta * strength) ** steps * r0
    chance = 2 * math.exp(-((1 / 3 - 1 / 8) ** 2) / (2 * float(eta) ** 2 * steps))
    assert left <= chance and abs(mean - straight) <= 4 / 3 * chance
    assert (mean == straight) == (left == 0)


@given(numbers(0.001, 1.0), st.integers(1, 200))
def test_the_exponential_is_above_by_a_term_of_first_order(x, steps):
    power, limit = (1 - x) ** steps, math.exp(-x * steps)
    assert -1e-15 <= limit - power <= x * x * steps / 2 * math.exp(-x * (steps - 1)) + 1e-15


@pytest.mark.parametrize("law", ["signs", "uniform", "gaussian"])
def test_the_constants_of_the_laws(law):
    h = ewgs_drift.gradients(law, 400_000, np.random.default_rng(5))
    known = LAWS[law]
    assert np.abs(h).max() <= known.most and abs(np.mean(np.abs(h)) - known.mean) < 0.01
    for scale in (-3.0, -0.5, 0.5, 3.0):
        for x, sigma in ((h, known.sigma), (np.abs(h) - known.mean, known.sigma_abs)):
            assert np.mean(np.exp(scale * x)) <= 1.1 * math.exp(scale**2 * sigma**2 / 2)


def test_the_number_of_the_notes():
    # δ = .5, r_0 = -.133, T η = 5: -.018 predicted; the straight-through mean stays
    assert ewgs_drift.predicted(-0.133, 1e-4, 0.5, 50_000, "gaussian") == about(-0.0181, abs=1e-4)
    case = next(i for i in THEOREM.instances() if i.name == "a layer, normal noise")
    drifted = ewgs_drift.layer(replace(case, trials=1024), 7)
    stayed = ewgs_drift.layer(replace(case, trials=1024, run=Fraction(0)), 7)
    error = 6 * drifted.std() / math.sqrt(drifted.size)
    assert abs(drifted.mean() + 0.0181) < error < 0.015
    assert abs(stayed.mean() + 0.133) < 6 * stayed.std() / math.sqrt(stayed.size) < 0.02


def test_no_map_undoes_the_drift():
    # Whatever M and α: the twin is back at its start, and w is not.
    r0, rates = Fraction(-133, 1000), [Fraction(1, 10**n) for n in (2, 3, 4)]
    moved = [float(ewgs_drift.alternating(r0, eta, Fraction(1, 2), round(5 / eta)) - r0) for eta in rates]
    assert moved[-1] == about(0.133 * (1 - math.exp(-2.5)), rel=0.01) and min(moved) > 0.12


@given(st.integers(1, 10**6), numbers(0.0, 1.0))
def test_the_tail_is_between_the_chance_and_one(n, chance):
    x = binomial_tail(chance, n)
    assert (x == 0 and n * chance <= P) or min(chance, 1) <= x <= 1


def test_all_paths_are_followed_by_the_definition():
    case = EWGSCase(name="x", law="paths", eta=Fraction(1, 20), strength=Fraction(1), r0=Fraction(-1, 4), steps=5)
    total, left = Fraction(0), 0
    for path in itertools.product((-1, 1), repeat=5):
        w, out = LEVELS[2] + case.r0, False
        for h in path:
            w = ewgs_step(w, Fraction(h), case.eta, case.strength, LEVELS)
            out = out or nearest(LEVELS, w) != LEVELS[2]
        total, left = total + w - LEVELS[2], left + out
    assert ewgs_drift.every_path(case) == (total / 32, Fraction(left, 32)) and left > 0
