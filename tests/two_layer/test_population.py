"""Closed forms against samples of the network itself, against one another, and at their limits."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.statistics import mean_interval
from qtheory.testing import numbers
from qtheory.two_layer import TwoLayer, population
from qtheory.two_layer.population import ESTIMATORS

FAILURE = 1e-9
PAIRS = [(activation, ste) for activation, stes in ESTIMATORS.items() for ste in stes]
V, V_STAR = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.25, -0.5])
W, W_STAR = np.array([0.7, -0.4, 0.2, 0.5]), np.array([1.0, -1.0, -1.0, 1.0])

each_pair = pytest.mark.parametrize(("activation", "ste"), PAIRS)


def activate(x, activation):
    return (x > 0) * 1.0 if activation == "heaviside" else np.where(x >= 0, 1.0, -1.0)


def derivative(x, ste):
    return {
        "identity": np.ones_like(x),
        "relu": 1.0 * (x > 0),
        "clipped": 1.0 * ((x > 0) & (x < 1)),
        "hardtanh": 1.0 * (abs(x) < 1),
    }[ste]


def sampled(activation, ste, *, samples=200_000, seed=1):
    """Loss (N,) and coarse gradient (N, n) of independent samples, from their definitions."""
    z = np.random.default_rng(seed).standard_normal((samples, V.size, W.size))
    x = z @ W
    r = activate(x, activation) @ V - activate(z @ W_STAR, activation) @ V_STAR
    return r**2 / 2, r[:, None] * np.einsum("nmk,nm->nk", z, V * derivative(x, ste))


@each_pair
def test_samples_of_the_network_agree(activation, ste):
    losses, gradients = sampled(activation, ste)
    claimed = [population.loss(V, V_STAR, W, W_STAR, activation=activation)]
    claimed += list(population.coarse_gradient(V, V_STAR, W, W_STAR, activation=activation, ste=ste))
    for column, value in zip([losses, *gradients.T], claimed, strict=True):
        assert mean_interval(column, failure=FAILURE).contains(value)


def test_samples_tell_the_estimators_apart():
    _, gradients = sampled("heaviside", "relu")
    found = [mean_interval(g, failure=FAILURE) for g in gradients.T]
    for ste in ("identity", "clipped"):
        claimed = population.coarse_gradient(V, V_STAR, W, W_STAR, ste=ste)
        assert not all(f.contains(x) for f, x in zip(found, claimed, strict=True))


@each_pair
def test_the_compiled_network_agrees(activation, ste):
    v, n = [1.0, -0.5], 8
    teacher = np.array([1, -1, 1, 1, -1, 1, 1, -1])
    patterns = teacher * np.array([[-1, -1, -1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, -1]])
    more = {"teacher": teacher, "output_weights": v, "activation": activation, "ste": ste}
    sets = [TwoLayer.draw(n, 1000, m=2, seed=k, **more) for k in range(64)]
    means = np.array([np.column_stack([p.loss(patterns), p.coarse_gradient(patterns)]) for p in sets])
    for place, q in enumerate(patterns):
        claimed = [population.loss(v, v, q, teacher, activation=activation)]
        claimed += list(population.coarse_gradient(v, v, q, teacher, activation=activation, ste=ste))
        for column, value in zip(means[:, place].T, claimed, strict=True):
            assert mean_interval(column, failure=FAILURE).contains(value)
    if ste in ("identity", "relu"):
        assert population.speed(v, n, activation=activation, ste=ste) == pytest.approx(sets[0].speed, rel=1e-15)


@given(numbers(0.0, math.pi))
def test_angle_is_that_of_the_construction(theta):
    found = population.angle([3.0, 0.0], [math.cos(theta), math.sin(theta)])
    assert found == pytest.approx(theta, abs=1e-15, rel=1e-15)


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1.0, 1e9, 1e200])
def test_length_matters_to_a_window_only(scale):
    assert population.angle(W * scale, W_STAR / scale) == pytest.approx(population.angle(W, W_STAR), rel=1e-14)
    for activation, ste in PAIRS:
        first = population.coarse_gradient(V, V_STAR, W, W_STAR, activation=activation, ste=ste)
        same = population.coarse_gradient(V, V_STAR, W, W_STAR / scale, activation=activation, ste=ste)
        assert same == pytest.approx(first, rel=1e-12)
        longer = population.coarse_gradient(V, V_STAR, W * scale, W_STAR, activation=activation, ste=ste)
        windowed = ste in ("clipped", "hardtanh") and scale != 1
        assert (longer == pytest.approx(first, rel=1e-12)) == (not windowed)


@pytest.mark.parametrize(("activation", "windowed", "open_"), [("heaviside", "clipped", "relu"),
                                                               ("sign", "hardtanh", "identity")])  # fmt: skip
def test_a_wide_window_is_none_and_a_narrow_one_lets_nothing_through(activation, windowed, open_):
    wide = population.coarse_gradient(V, V_STAR, W / 1e6, W_STAR, activation=activation, ste=windowed)
    none = population.coarse_gradient(V, V_STAR, W, W_STAR, activation=activation, ste=open_)
    assert wide == pytest.approx(none, rel=1e-14)
    narrow = population.coarse_gradient(V, V_STAR, W * 1e9, W_STAR, activation=activation, ste=windowed)
    assert np.abs(narrow).max() < 1e-8


@pytest.mark.parametrize("activation", list(ESTIMATORS))
def test_nothing_is_left_at_the_teacher(activation):
    assert population.loss(V, V, W, 2 * W, activation=activation) == pytest.approx(0, abs=1e-15)
    for ste in ESTIMATORS[activation]:
        assert np.abs(population.coarse_gradient(V, V, W, 2 * W, activation=activation, ste=ste)).max() < 1e-15


def test_yin_et_al_wrote_the_relu_gradient_so():
    theta = population.angle(W, W_STAR)
    a, b = W / np.linalg.norm(W), W_STAR / np.linalg.norm(W_STAR)
    h = V @ V + V.sum() ** 2 - V.sum() * V_STAR.sum() + V @ V_STAR
    root = math.sqrt(2 * math.pi)
    theirs = h / (2 * root) * a - math.cos(theta / 2) * (V @ V_STAR) / root * (a + b) / np.linalg.norm(a + b)
    assert population.coarse_gradient(V, V_STAR, W, W_STAR, ste="relu") == pytest.approx(theirs, rel=1e-13)


def test_opposite_the_teacher_relu_rests_where_v_does_and_identity_does_not():
    m = V_STAR.size
    ones = np.ones((m, m))
    v = np.linalg.solve(np.eye(m) + ones, (ones - np.eye(m)) @ V_STAR)  # stationary in v at θ = π
    assert np.abs(population.coarse_gradient(v, V_STAR, -W_STAR, W_STAR, ste="relu")).max() < 1e-15
    assert np.abs(population.coarse_gradient(v, V_STAR, -W_STAR, W_STAR, ste="identity")).max() > 0.01
    balanced = V_STAR - V_STAR.mean()  # 1'v* = 0: then v = -v*, and identity rests there, too
    v = np.linalg.solve(np.eye(m) + ones, (ones - np.eye(m)) @ balanced)
    assert np.abs(population.coarse_gradient(v, balanced, -W_STAR, W_STAR, ste="identity")).max() < 1e-15


def steps_taken(u, w_star, rate):
    """By running the recursion in fractions."""
    t, sign = 0, lambda x: 1 if x >= 0 else -1
    while sign(u) != w_star:
        u, t = u - rate * (sign(u) - w_star), t + 1
    return t


fractions = st.fractions(-3, 3, max_denominator=12)


@given(fractions, st.sampled_from([-1, 1]), st.fractions(Fraction(1, 12), 5, max_denominator=12))
def test_crossing_time_is_that_of_the_recursion(u, w_star, rate):
    assert population.crossing_times([u], [w_star], rate, 1) == (steps_taken(u, w_star, rate),)


@pytest.mark.parametrize(("u", "w_star", "expected"), [(0, 1, 0), (0, -1, 1), (-2, 1, 2), (2, -1, 3), (-0.0, -1, 1)])
def test_zero_counts_as_plus_one(u, w_star, expected):
    assert population.crossing_times([u], [w_star], 0.5, 1) == (expected,)


@given(st.lists(fractions, min_size=1, max_size=4), st.integers(1, 20))
def test_only_the_start_in_steps_matters(u, factor):
    teacher = [1 - 2 * (k % 2) for k in range(len(u))]
    finer = population.hitting_time([x / factor for x in u], teacher, Fraction(1, 10 * factor), 3)
    assert finer == population.hitting_time(u, teacher, Fraction(1, 10), 3)


def test_the_hitting_time_of_numpy_and_the_speed_of_a_network():
    s = population.speed([1.0, 2.0], 16, ste="relu")
    assert s == pytest.approx(5 / 4 / (2 * math.sqrt(2 * math.pi)), rel=1e-15)
    teacher = np.array([1, -1], dtype=np.int8)
    T = population.hitting_time(np.array([-0.5, 0.25]), teacher, 0.01, s)
    assert math.ceil(0.5 / (0.02 * s)) == T


@pytest.mark.parametrize("rho", [0.6, 0.05, -0.5])
def test_a_wrong_output_weight_brings_right_signs_back(rho):
    # E g = s (q - rho w*): a bounded weight has no drift on average, so the share of wrong steps is (1 - rho) / 2.
    v, steps, unit = np.array([1.0, 1.0]), 2000, 0.1
    w_star, u = np.array([1.0, -1.0, 1.0]), np.array([-2.0, 0.3, 1.7])
    start, wrong = u, np.zeros(3)
    s = population.speed(v, 3)
    for _ in range(steps):
        q = np.where(u >= 0, 1.0, -1.0)
        wrong += q != w_star
        u = u - unit / s * population.coarse_gradient(v, rho * v, q, w_star)
    assert np.abs(u).max() <= 2.0
    shares = (1 - rho) / 2 + (u - start) * w_star / (2 * unit * steps)
    assert wrong / steps == pytest.approx(shares, abs=1e-9)
    assert (np.sign(steps - 2 * wrong) == np.sign(rho)).all()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: population.loss([1.0], [1.0, 2.0], W, W_STAR), "v_star"),
    (lambda: population.loss([1.0], [1.0], W, W_STAR, activation="relu"), "activation"),
    (lambda: population.loss([1.0], [1.0], 0 * W, W_STAR), "w must not be zero"),
    (lambda: population.loss([1.0], [math.nan], W, W_STAR), "v_star must be finite"),
    (lambda: population.angle(W, W_STAR[:2]), "w_star"),
    (lambda: population.coarse_gradient([1.0], [1.0], W, W_STAR, ste="hardtanh"), "ste must be one of identity"),
    (lambda: population.speed([1.0], 4, ste="clipped"), "ste must be identity or relu"),
    (lambda: population.speed([1.0], 0), "n must be"),
    (lambda: population.clipped_coefficients(4.0, 1.0), "theta must be at most"),
    (lambda: population.clipped_coefficients(1.0, 0.0), "a must be greater"),
    (lambda: population.hitting_time([], [], 1, 1), "one length"),
    (lambda: population.hitting_time([1.0], [1, 1], 1, 1), "one length"),
    (lambda: population.hitting_time([1.0], [2], 1, 1), "teacher must hold"),
    (lambda: population.hitting_time([math.inf], [1], 1, 1), "u must be finite"),
    (lambda: population.hitting_time([1.0], [1], 0, 1), "step must be greater"),
    (lambda: population.hitting_time([1.0], [1], 1, -1), "speed must be greater"),
])  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
