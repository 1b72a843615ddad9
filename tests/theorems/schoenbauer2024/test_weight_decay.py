import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.surrogates import DSQ, STE, Levels
from qtheory.testing import numbers
from qtheory.theorems.schoenbauer2024 import weight_decay
from qtheory.theorems.schoenbauer2024._steps import phi, remainder
from qtheory.theorems.schoenbauer2024.weight_decay import GRID, THEOREM, DecayCase
from tests.theorems.checks import about, shipped


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=20)
@given(numbers(1.0, 8.0), numbers(0.1, 2.0), numbers(0.2, 3.0), numbers(0.0, 1.0), st.integers(1, 120))
def test_the_force_predicts_the_difference(k, decay, kappa, noise, steps):
    case = DecayCase(name="drawn", slope=DSQ(GRID, k=k), decay=decay, kappa=kappa, noise=noise, steps=steps, eta=1e-3)
    evidence = THEOREM.check(case, seed=3)
    assert evidence.verdict == ("holds" if evidence.assumptions[-1].holds else "out of scope")


@given(numbers(0.0, 0.99))
def test_phi_and_its_bound(x):
    from mpmath import mp, mpf

    with mp.workdps(40):
        exact = float(-mp.log(1 - mpf(x)) - mpf(x))
    assert float(phi(x)) == about(exact, rel=1e-12, abs=1e-300)
    assert phi(x) <= x * x / (2 * (1 - x)) * (1 + 1e-12)


def test_the_remainder_of_one_step_is_met_and_refused_beyond_its_domain():
    g = DSQ(GRID, k=6.5)
    steep = float(g.lipschitz)
    w = np.linspace(-1, 1, 4001)
    for s in (1e-2, 1e-3):
        for sign in (-1, 1):
            bend = np.abs(g.mirror(w - sign * s * g.slope(w)) - g.mirror(w) + sign * g.alpha * s)
            bound = float(remainder(g.alpha, steep, s))
            assert bend.max() <= bound * (1 + 1e-9) and bend.max() > 0.85 * bound
    with pytest.raises(ValueError, match="expected less than"):
        remainder(g.alpha, steep, 0.1)
    assert float(remainder(1.0, 0.0, 5.0)) == 0.0


def test_the_limit_of_small_rates_under_decay_alone():
    g, start, tau = DSQ(GRID, k=6.5), 0.45, 2.0
    limit = float(g.mirror(start * np.exp(-0.5 * tau)) - np.exp(-g.alpha * 0.5 * tau) * g.mirror(start))
    found = []
    for eta in (1e-2, 1e-3, 1e-4):
        found.append(weight_decay.fade(DecayCase(name="x", start=(start,), noise=0.0, eta=eta, steps=round(tau / eta))))
    errors = np.abs(np.array(found) - limit)
    assert abs(limit) > 0.2 and errors[2] < 2e-5 and errors[0] / errors[1] == about(10, rel=0.1)


def test_decay_alone_is_the_recursion():
    case = DecayCase(name="x", start=(0.45,), noise=0.0, steps=200)
    assert weight_decay.fade(case) == about(float(weight_decay.follow(case, 0)[0][0]), abs=1e-12)


def test_the_lower_bound_of_the_force_is_one():
    case = DecayCase(name="x", region=(0.15, 0.45), start=(0.45,), noise=0.0)
    least = weight_decay.least(case)
    drawn = weight_decay.force(case, np.random.default_rng(0).uniform(0.15, 0.45, 20_000))
    assert 0 < least <= drawn.min() < 1.2 * least


def test_only_the_straight_through_estimator_commutes_with_decay():
    w = np.linspace(0.05, 0.95, 50)
    assert np.abs(weight_decay.force(DecayCase(name="x", slope=STE(GRID)), w)).max() == 0
    for k in (0.5, 2.0, 6.5):
        g = DSQ(Levels.uniform(2), k=k)
        for kappa in np.linspace(0.2, 6, 30):
            assert np.abs(weight_decay.force(DecayCase(name="x", slope=g, kappa=float(kappa)), w)).max() > 1e-3
