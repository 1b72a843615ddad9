"""The compiled pass over a layer's weights: its laws, against slow words of their definition."""

import numpy as np
import pytest

from qtheory.core import network as core
from qtheory.core.random import philox_words
from qtheory.methods import BC, SGD, SR, R
from qtheory.networks.parameters import Moving
from qtheory.networks.settings import Settings
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding

B = Grid.binary()
METHODS = [SGD(), R(B), SR(B), BC(NearestRounding(B)), BC(StochasticRounding(B)), SR(Grid(0.25, box=(-1, 1)))]
PLAIN = Settings(SR(B), optimizer="sgd", momentum=0.0, precision="double").rule(1)
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda m: f"{m.name} {getattr(m, 'grid', '')}"[:24])


def uniforms(seed, layer, step, n):
    """The uniforms of n weights, one counter at a time, from the core's docstring."""
    u = np.empty(n)
    for j in range(n):
        counter = core.LANES * (j // core.CHUNK) + j % core.LANES
        words = philox_words(np.array([counter, step, layer, core.WEIGHTS], np.uint32), np.array([seed, 0], np.uint32))
        u[j] = (words[j // core.LANES % 4] + 0.5) * 2.0**-32
    return u


@pytest.mark.parametrize("n", [1, 3, core.LANES + 1, core.CHUNK + 5])
def test_stochastic_methods_round_by_the_words_of_their_counters(n):
    rng = np.random.default_rng(0)
    start, g = rng.choice([-1.0, 1.0], n), rng.normal(size=n)
    sr = Moving(SR(B), start, 5, 9, "sgd")
    sr.step(PLAIN, 0.5, 3, g)
    assert np.array_equal(sr.w, StochasticRounding(B)(start - 0.5 * g, uniforms(9, 5, 3, n)))
    latent = rng.uniform(-1, 1, n)
    bc = Moving(BC(StochasticRounding(B)), latent, 5, 9, "sgd")
    assert np.array_equal(bc.w, StochasticRounding(B)(latent, uniforms(9, 5, 1, n)))
    bc.step(PLAIN, 0.5, 1, g)
    assert bc.x == pytest.approx(np.clip(latent - 0.5 * g, -1, 1), rel=1e-14, abs=1e-14)
    assert np.array_equal(bc.w, StochasticRounding(B)(bc.x, uniforms(9, 5, 2, n)))


def test_the_mean_of_a_step_of_sr_is_the_step_without_rounding():
    """Every weight is drawn 400 000 times: the mean is within 6 standard errors of w - alpha g, held to [-1, 1]."""
    trials = 400_000
    for w, move in ((-1.0, 0.3), (1.0, 0.9), (-1.0, -1.7), (1.0, -2.9), (-1.0, 0.0)):
        moving = Moving(SR(B), np.full(trials, w), 0, 1, "sgd")
        moving.step(PLAIN, 0.5, 1, np.full(trials, move))
        mean = np.clip(w - 0.5 * move, -1, 1)
        error = 2 * np.sqrt((1 + mean) / 2 * (1 - mean) / 2 / trials)
        assert abs(moving.w.mean() - mean) <= 6 * error
        assert move == 0 or error == 0 or abs(moving.w.mean() - w) > 6 * error  # the check can fail


def test_r_moves_only_where_a_step_reaches_half_the_resolution():
    g = np.array([0.999, 1.001, -0.999, -1.001, 5.0])
    moving = Moving(R(B), np.array([1.0, 1.0, -1.0, -1.0, -1.0]), 0, 1, "sgd")
    assert moving.step(PLAIN, 1.0, 1, g).tolist() == [2, 2]
    assert moving.w.tolist() == [1, -1, -1, 1, -1]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_momentum(momentum):
    rule, moving, m, x = core.Momentum(momentum), Moving(SGD(), np.zeros(9), 0, 1, "sgd"), 0, 0
    for t, g in enumerate(np.random.default_rng(2).normal(size=(5, 9)), 1):
        moving.step(rule, 0.1, t, g)
        m = momentum * m + g
        x = x - 0.1 * m
        assert moving.w == pytest.approx(x, rel=1e-13, abs=1e-15)


def test_adam():
    """Against the two lines of Kingma and Ba."""
    moving, settings = Moving(SGD(), np.zeros(9), 0, 1, "adam"), Settings(SGD(), precision="double")
    m = v = x = 0
    for t, g in enumerate(np.random.default_rng(2).normal(size=(5, 9)), 1):
        moving.step(settings.rule(t), 0.1, t, g)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = x - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        assert moving.w == pytest.approx(x, rel=1e-12)


@each_method
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_weights_stay_in_the_box_and_changes_are_counted(method, optimizer):
    rng, settings = np.random.default_rng(4), Settings(method, optimizer=optimizer)
    start = rng.choice([-1.0, 1.0], (40, 60)).astype(np.float32)
    moving = Moving(method, start, 0, 1, optimizer)
    first = moving.w.copy()
    for t in range(1, 30):
        if t == 10:
            moving.before[...] = before = moving.w.copy()
        counts = moving.step(settings.rule(t), 0.3, t, rng.normal(size=start.shape).astype(np.float32))
        assert counts[0] == (moving.w != first).sum() and (t < 10 or counts[1] == (moving.w != before).sum())
    if not isinstance(method, SGD):
        assert method.grid.contains(moving.w).all()
    assert moving.weight.shape == start.shape and moving.w.dtype == np.float32
