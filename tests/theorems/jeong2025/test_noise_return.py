import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.statistics import share_interval
from qtheory.theorems.jeong2025 import _noise
from qtheory.theorems.jeong2025._noise import NoiseCase, perturbation
from qtheory.theorems.jeong2025.noise_return import THEOREM, longest_absence, lower, mean_distances, run_in, upper
from qtheory.two_layer import TwoLayer, recover
from tests.theorems.checks import about, shipped, value
from tests.theorems.jeong2025.plain_noise import gradient, patterns, walk


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=12)
@given(st.integers(0, 2**20), st.sampled_from(["identity", "relu"]), st.sampled_from([0.1, 0.4, 0.8]))
def test_the_mean_distance_of_a_plain_loop_is_between_the_two_ends(seed, ste, sigma):
    p = TwoLayer.draw(5, 512, label_noise=sigma, ste=ste, seed=seed)
    found = perturbation(p)
    if not (found.push > 0 and found.low < 2):
        return
    eta, T = 0.25, 600
    u0 = np.random.default_rng(seed).standard_normal(5)
    y = u0 * p.teacher / (eta * found.speed)
    burn = run_in(found, y)
    d = (walk(p, u0, eta, burn + T)[burn:] != p.teacher).sum(axis=1)
    assert lower(found, y[None], burn, T) <= d.mean() <= upper(found, T)
    away = np.diff(np.flatnonzero(np.concatenate([[True], d == 0, [True]]))) - 1
    assert away.max() <= longest_absence(found)


def test_the_numbers_are_those_of_the_definition():
    p = TwoLayer.draw(4, 300, m=2, label_noise=0.7, ste="relu", seed=8)
    every = patterns(4)
    g, wrong = np.array([gradient(p, q) for q in every]) / p.samples, every != p.teacher
    found = perturbation(p)
    eps = -p.teacher * g / found.speed - 2 * wrong
    rho = -eps[~wrong.any(axis=1)][0]
    pushes = [-(p.teacher * g)[wrong[:, k], k].mean() - rho[k] * -found.speed[k] for k in range(4)]
    assert found.speed * 2 == about(np.array(pushes))
    assert found.drift == about(rho) and found.total == about(rho[rho > 0].sum())
    assert found.push == about((2 + eps)[wrong].min())
    assert found.blow == about(max(0, -eps[~wrong].min())) and found.lift == about(eps.max())
    rest = [(eps + rho)[i] / wrong[i].sum() for i in range(16) if wrong[i].any()]
    assert found.low == about(max(-r[r < 0].sum() for r in rest))
    assert found.high == about(max(r[r > 0].sum() for r in rest))


def test_the_weights_leave_and_return_for_ever():
    p = TwoLayer.draw(8, 4096, label_noise=0.5, seed=2)
    found = perturbation(p)
    case = NoiseCase(name="recurrence", problem=p, steps=50_000, starts=2)
    burn = run_in(found, _noise.distances(case, case.start(0)))
    run = recover(p, start=case.start(0), step=case.eta, steps=burn + 50_000, burn=burn, paths=True)
    assert (run.escapes > 100).all()
    assert (run.share >= 1 - upper(found, 50_000)).all()
    for path in run.paths:
        home = (path.patterns == p.teacher).all(axis=1)
        lengths = np.diff(np.append(path.times, burn + 50_000))
        runs = np.split(lengths * ~home, np.flatnonzero(np.diff(home)) + 1)
        late = [part.sum() for part, begin in zip(runs, np.cumsum([len(r) for r in runs]), strict=True) if
                path.times[min(begin, len(home) - 1)] > burn]  # fmt: skip
        assert max(late) <= longest_absence(found)


def test_the_two_ends_close_as_samples_grow():
    gaps = []
    for samples in (1024, 16_384):
        found = perturbation(TwoLayer.draw(8, samples, label_noise=0.5 * (samples / 1024) ** 0.5, seed=6))
        gaps.append((1 + found.high / 2) / (1 - found.low / 2))
    assert 1 < gaps[1] < 1 + (gaps[0] - 1) / 2


def test_the_bound_is_nearly_attained():
    evidence = value(THEOREM, "heaviside, identity, n = 8, m = 1, N = 4096")
    assert evidence.slack.low > 0.8 and evidence.slack.high <= 1


def test_the_start_does_not_change_with_the_seed_of_the_check():
    p = TwoLayer.draw(6, 2048, label_noise=0.3, seed=1)
    case = NoiseCase(name="same", problem=p)
    assert THEOREM.measure(case, seed=1, failure=0.1) == THEOREM.measure(case, seed=2, failure=0.1)
    assert len(mean_distances(case)) == case.starts


def test_the_stated_number_of_samples_keeps_the_noise_small():
    n, sigma, delta, trials = 6, 0.7, 0.2, 400
    bracket = n / math.sqrt(2 * math.pi) + math.sqrt(2 * n * math.log(1 / delta))
    samples = math.ceil(sigma**2 * n * 2 * math.pi * bracket**2)  # c^2 = 1 / (2 pi), |v| = 1
    above = {1: 0, 16: 0}  # with the stated number, and with a sixteenth of it
    for fewer in above:
        for seed in range(trials):
            p = TwoLayer.draw(n, samples // fewer, label_noise=sigma, seed=seed)
            drift = p.teacher * p.coarse_gradient(p.teacher) / p.speed
            above[fewer] += float(np.maximum(drift, 0).sum()) > math.sqrt((p.label_noise**2).mean()) / sigma
    assert share_interval(above[1], trials, failure=1e-6).high <= delta
    assert share_interval(above[16], trials, failure=1e-6).low > delta


def test_too_many_vertices_are_refused():
    p = TwoLayer.draw(15, 64, label_noise=0.3, seed=1)
    with pytest.raises(ValueError, match="n is 15: expected at most 14"):
        perturbation(p)
    assert THEOREM.check(NoiseCase(name="large", problem=p)).verdict == "out of scope"


def test_without_a_certificate_nothing_is_promised():
    found = perturbation(TwoLayer.draw(8, 24, label_noise=3.0, seed=1))
    assert longest_absence(found) == np.inf
