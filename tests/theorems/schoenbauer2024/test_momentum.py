import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qtheory.surrogates import Levels
from qtheory.testing import numbers
from qtheory.theorems.schoenbauer2024._estimators import Wave
from qtheory.theorems.schoenbauer2024._twins import SHARP, TwinCase, phi
from qtheory.theorems.schoenbauer2024.momentum import THEOREM, per_step, root, steady
from qtheory.twins import Drawn, Momentum, twins
from tests.theorems.checks import about, shipped

memories = numbers(0.0, 0.95)


def test_shipped_instances():
    shipped(THEOREM)


@given(st.integers(0, 10**6), memories, numbers(0.01, 1.0), st.integers(1, 500))
def test_drawn_estimators(seed, mu, share, steps):
    wave = Wave(Levels.uniform(1 + seed % 4), seed=seed)
    rate = 0.999 * share * (1 - math.sqrt(mu)) ** 2 / float(wave.lipschitz)
    case = TwinCase(name="drawn", surrogate=wave, rule=Momentum(mu), rate=rate, steps=steps)
    assert THEOREM.check(case, seed=seed).verdict == "holds"


@given(memories, numbers(1e-6, 1.0))
def test_the_root(mu, share):
    X = share * (1 - math.sqrt(mu)) ** 2 * (1 - 1e-9)
    y = root(X, mu)
    assert 0 <= y < 1 and y * y - (1 - mu + X) * y + X == about(0, abs=1e-12)
    assert y == about(X + mu * y / (1 - y), rel=1e-6)


def test_no_momentum_is_sgd():
    for X in (1e-4, 0.1, 0.9):
        assert per_step(X, 0.0) == about(phi(X), rel=1e-9)


@given(memories)
def test_the_leading_constant(mu):
    X = 1e-7 * (1 - mu) ** 2
    assert per_step(X, mu) / X**2 == about((1 + mu) / (2 * (1 - mu) ** 3), rel=1e-3)


def test_the_bound_is_sharper_than_the_one_with_a_ratio_of_slopes():
    kappa, mu, X = float(SHARP.high) / float(SHARP.low), 0.9, 1e-6
    older = X**2 * (kappa**2 / (2 * (1 - mu) ** 2) + kappa * mu / (1 - mu) ** 3)
    assert about(kappa, rel=0.01) == 19.5 and older / per_step(X, mu) == about(38, rel=0.05)


def test_steady_gradients_attain_the_constant():
    assert THEOREM.check(steady("x", 0.9)).slack.estimate > 0.95


def test_with_noise_alone_momentum_costs_nothing():
    # At equal effective rate the mean error is that of SGD, not (1 + mu)/(1 - mu) = 19 times as much.
    wave = Wave(Levels.uniform(2), seed=1, strength=0.5)
    start, means = np.full(400, wave.steepest), []
    for mu in (0.0, 0.9):
        source = Drawn(tuple(np.zeros(400)), 1.0, "sign", seed=1)
        pair = twins(wave, start, source, rate=1e-4 * (1 - mu), steps=3000, rule=Momentum(mu))
        means.append(abs((pair.mirrored - pair.u).mean()))
    assert means[1] == about(means[0], rel=0.3)
