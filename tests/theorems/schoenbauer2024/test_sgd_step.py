import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.surrogates import Levels
from qtheory.testing import numbers
from qtheory.theorems.schoenbauer2024._estimators import Tent, Wave
from qtheory.theorems.schoenbauer2024._twins import SHARP, phi
from qtheory.theorems.schoenbauer2024.sgd_step import THEOREM, StepCase
from tests.theorems.checks import about, shipped, value


def test_shipped_instances():
    shipped(THEOREM)


@given(st.integers(0, 10**6), st.integers(1, 4), numbers(0.2, 2.0), numbers(-3, -0.01).map(lambda x: 10**x))
def test_drawn_estimators(seed, bits, strength, X):
    wave = Wave(Levels.uniform(bits), seed=seed, strength=strength)
    case = StepCase(name="drawn", surrogate=wave, rate=X / float(wave.lipschitz))
    assert THEOREM.check(case).verdict == "holds"


@given(numbers(0.1, 1.9), numbers(0.02, 0.98))
def test_the_tent_attains_both_ends(share, part):
    tent = Tent(Levels.uniform(2), steep=share / Levels.uniform(2).delta)
    b, half, Lam, alpha = tent.levels.boundaries[0], tent.levels.delta / 2, tent.steep, tent.alpha
    X = part * Lam * half  # all the way down from a boundary
    R = tent.mirror(b - X / Lam) - tent.mirror(b) + alpha * X / Lam
    assert -alpha / Lam * phi(X) == about(R, rel=1e-6, abs=1e-13)
    w, low = b - half, 1 - Lam * half  # all the way up from a level: h < 0, so that R is minus its upper end
    X = part * min(Lam * half / low, 0.999)
    R = tent.mirror(w + low * X / Lam) - tent.mirror(w) - alpha * X / Lam
    assert -alpha / Lam * (X - math.log1p(X)) == about(R, rel=1e-6, abs=1e-13)


@given(st.integers(0, 10**6), st.integers(1, 4), numbers(0.2, 2.0), numbers(-3, -0.01).map(lambda x: 10**x))
def test_the_upper_end_is_that_of_psi(seed, bits, strength, X):
    wave = Wave(Levels.uniform(bits), seed=seed, strength=strength)
    Lam, alpha, w = float(wave.lipschitz), wave.alpha, np.append(np.linspace(-1, 1, 2001), wave.steepest)
    eta, rounding = X / Lam, 1e-14 * (1 + alpha / float(wave.low)) + 2 * wave.tolerance
    for h in (1.0, -1.0):
        R = wave.mirror(w - eta * wave.slope(w) * h) - wave.mirror(w) + alpha * eta * h
        assert (np.sign(h) * R <= alpha / Lam * (X - math.log1p(X)) + rounding).all()


def test_the_lower_end_is_not_that_of_psi():
    X, Lam, alpha = 0.2, float(SHARP.lipschitz), SHARP.alpha
    w = np.linspace(-1, 1, 2001)
    R = SHARP.mirror(w - X / Lam * SHARP.slope(w)) - SHARP.mirror(w) + alpha * X / Lam
    assert -alpha / Lam * phi(X) <= R.min() < -1.1 * alpha / Lam * (X - math.log1p(X))


def test_the_remainder_has_the_sign_of_the_falling_slope_for_both_signs_of_the_gradient():
    w, eta, eps = np.array([0.05, 0.1, -0.05, -0.1]), 1e-5, 1e-6  # about the boundary 0, on either side
    bend = (SHARP.slope(w + eps) - SHARP.slope(w - eps)) / (2 * eps)
    for h in (1.0, -1.0):
        R = SHARP.mirror(w - eta * SHARP.slope(w) * h) - SHARP.mirror(w) + SHARP.alpha * eta * h
        assert R / (-SHARP.alpha / 2 * bend * eta**2) == about(np.ones(4), rel=1e-2)


def test_the_sharp_constant_of_two_bit_dsq():
    # theory: 2.53; largest |R| / eta^2 found: 2.73, 2.55, 2.53
    assert about(SHARP.alpha, abs=5e-5) == 0.4544 and about(float(SHARP.lipschitz), abs=5e-3) == 11.13
    assert about(SHARP.alpha * float(SHARP.lipschitz) / 2, abs=5e-3) == 2.53
    for eta, expected in ((0.01, 2.73), (0.001, 2.55), (0.0001, 2.53)):
        found = value(THEOREM, f"DSQ, 2 bits, k = 6.5, η = {eta:g}")
        assert found.measured.estimate == about(expected, abs=5e-3)
        assert 0.998 < found.slack.estimate < 1


@given(numbers(1e-9, 0.999))
def test_phi(x):
    from mpmath import mp

    with mp.workdps(40):
        assert phi(x) == about(float(-mp.log(1 - mp.mpf(x)) - mp.mpf(x)), rel=1e-9)
    assert x * x / 2 <= phi(x) * (1 + 1e-12) and phi(x) <= x * x / (2 * (1 - x)) * (1 + 1e-12)


def test_steps_beyond_the_condition_are_bounded_with_the_least_slope():
    wave = Wave(Levels.uniform(2), seed=5)
    w = np.linspace(-1, 1, 2001)
    for X in (1.0, 3.0, 30.0):
        eta = X / float(wave.lipschitz)
        R = wave.mirror(w - eta * wave.slope(w)) - wave.mirror(w) + wave.alpha * eta
        bound = wave.alpha * float(wave.lipschitz) / 2 * wave.slope(w) / float(wave.low) * eta**2
        assert (np.abs(R) <= bound).all()


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_alpha_is_the_only_rate(bits):
    wave = Wave(Levels.uniform(bits), seed=bits)
    for factor, verdict in ((1.0, "holds"), (1.01, "violated"), (0.99, "violated")):
        eta, w = 1e-3, np.linspace(-1, 1, 400)
        R = wave.mirror(w - eta * wave.slope(w)) - wave.mirror(w) + factor * wave.alpha * eta
        bound = wave.alpha / float(wave.lipschitz) * phi(eta * float(wave.lipschitz))
        assert (np.abs(R).max() <= bound) == (verdict == "holds")
