"""Networks with k-bit weights and surrogate derivatives: the step against its definition, twins, schedules."""

from dataclasses import replace

import numpy as np
import pytest

from qtheory.methods import QAT
from qtheory.networks import Settings, train
from qtheory.networks.parameters import Moving, start_of
from qtheory.surrogates import DSQ, EWGS, MAD, STE, BinaryTanh, Clipped, Levels, ReSTE

TWO = Levels.uniform(2)
ODD = Levels([-1.0, -0.25, 0.5, 2.0])
SURROGATES = [
    STE(TWO), DSQ(TWO, k=6.5), DSQ(Levels.uniform(1), k=2.0), EWGS(TWO, 0.5), MAD(TWO, limit=0.7), STE(ODD),
    BinaryTanh(Levels.uniform(1), k=3.0), STE(Levels.uniform(8)), Clipped(TWO, limits=(-0.8, 0.8)),
]  # fmt: skip
each_surrogate = pytest.mark.parametrize("surrogate", SURROGATES, ids=lambda s: type(s).__name__)


def blobs(n=300, d=12, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    return rng.choice([-1.0, 1.0], (classes, d))[y] + 0.3 * rng.normal(size=(n, d)), y


def small(method, **more):
    return Settings(method, **({"hidden": (32,), "epochs": 6, "batch_size": 32} | more))


def moving(method, inputs=7, outputs=50, optimizer="sgd", real=np.float64):
    start = start_of(method, inputs, outputs, np.random.default_rng(1), real)
    return start, Moving(method, start, 0, 1, optimizer)


@each_surrogate
@pytest.mark.parametrize("limit", [None, 0.3])
def test_a_step_is_that_of_its_definition(surrogate, limit):
    method, rng = QAT(surrogate, limit=limit, rate=0.7), np.random.default_rng(2)
    start, mine = moving(method)
    rule = Settings(method, optimizer="sgd", momentum=0.9, precision="double").rule(1)
    s, (low, high) = method.unit(7), method.box(7)
    assert max(-low, high) == pytest.approx(np.sqrt(6 / 7) if limit is None else limit)
    x, m, path = start.reshape(-1), 0, 0
    for t in range(1, 6):
        w = s * surrogate.levels.quantize(x / s)
        assert mine.w == pytest.approx(w, rel=1e-12) and mine.x == pytest.approx(x, rel=1e-9, abs=1e-12)
        g = rng.normal(size=x.size)
        m = 0.9 * m + surrogate.apply(x / s, g)
        following = np.clip(x - 0.05 * 0.7 * m, low, high)
        path, x = path + np.abs(following - x).sum(), following
        mine.step(rule, 0.05, t, g.reshape(7, 50))
    assert mine.path[0] == pytest.approx(path, rel=1e-9) and path > 0


def test_the_derivative_is_taken_in_before_the_moments_of_adam():
    """Adam divides a factor that stays the same out; one taken in afterwards would stay."""
    method = QAT(MAD(Levels.uniform(1), limit=0.1))  # 0.1 / |w| beyond 0.1: large weights have small factors
    settings = Settings(method, precision="double")
    start, mine = moving(method, optimizer="adam")
    mine.step(settings.rule(1), 1e-6, 1, np.ones((7, 50)))
    inside = np.abs(start.reshape(-1)) < method.box(7)[1] - 1e-5
    assert (start.reshape(-1) - mine.x)[inside] == pytest.approx(np.full(inside.sum(), 1e-6), rel=1e-5)


@each_surrogate
def test_networks_learn_on_their_levels(surrogate):
    X, y = blobs(600)
    method = QAT(surrogate)
    settings = small(method, optimizer="sgd", epochs=20, output="binary", precision="double")
    trained = train(settings, X[:300], y[:300])
    assert (trained.network.scores(X[300:]).argmax(axis=1) == y[300:]).mean() > 0.97
    for layer, inputs in zip(trained.network.layers, (12, 32), strict=True):
        values = method.unit(inputs) * surrogate.levels.levels
        assert np.abs(layer.weight[..., None] - values).min(axis=-1).max() <= 1e-12
        assert len(np.unique(layer.weight)) > 1


@pytest.mark.parametrize("surrogate", SURROGATES[:2], ids=["STE", "DSQ"])
def test_a_resumed_run_is_the_run_that_never_stopped(surrogate):
    (X, y), kept = blobs(), {}
    settings = small(QAT(surrogate), schedule="cosine", warmup=0.1, beta2=0.95)
    whole = train(settings, X, y, checkpoint=lambda epochs, arrays: kept.update({epochs: arrays}))
    final = {}
    again = train(settings, X, y, resume=kept[3], checkpoint=lambda _, arrays: final.update(arrays))
    assert all(np.array_equal(final[name], kept[6][name]) for name in kept[6])
    assert np.array_equal(whole.network.scores(X), again.network.scores(X))
    assert kept[6]["0.0.path"] > kept[3]["0.0.path"] > 0


def test_the_twin_of_sgd_starts_at_the_mirror_image_with_alpha_times_the_rate():
    dsq = DSQ(TWO, k=6.5)
    method = QAT(dsq)
    twin = method.twin("sgd")
    start, mine = moving(method)
    mirrored, other = moving(twin)
    s = method.unit(7)
    assert mirrored == pytest.approx(s * dsq.mirror(start / s)) and np.abs(mirrored - start).max() > 0.01
    assert np.array_equal(mine.w, other.w)  # M keeps every weight in its bin
    assert twin.rate == pytest.approx(dsq.alpha) and isinstance(twin.surrogate, STE)
    assert method.twin("adam") == QAT(STE(TWO))
    with pytest.raises(ValueError, match="optimizer must be one of"):
        method.twin("rmsprop")
    with pytest.raises(ValueError, match="mirror must be None"):
        twin.twin("sgd")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_twins_agree_where_the_rate_is_small_and_the_other_recipe_does_not(optimizer):
    """The distance of the latent weights over the path; the rate falls tenfold, the epochs are the same."""
    X, y = blobs()
    dsq = DSQ(TWO, k=6.5)
    method, apart = QAT(dsq), {}
    recipes = {"right": optimizer, "wrong": "adam" if optimizer == "sgd" else "sgd"}
    rates = (0.03, 0.003) if optimizer == "sgd" else (0.003, 0.0003)
    for name, recipe in recipes.items():
        for rate in rates:
            ends = []
            for each in (method, method.twin(recipe)):
                kept = {}
                more = {"optimizer": optimizer, "learning_rate": rate, "beta2": 0.95, "precision": "double"}
                settings = small(each, epochs=3, **more)
                train(settings, X, y, checkpoint=lambda _, arrays, kept=kept: kept.update(arrays))
                ends.append((kept["0.0.x"], kept["0.0.path"][0]))
            s, (x, _), (u, path) = method.unit(12), *ends
            mapped = s * dsq.mirror(x / s) if recipe == "sgd" else x
            apart[name, rate] = np.abs(mapped - u).sum() / path
    assert apart["right", rates[1]] < 0.5 * apart["right", rates[0]] and apart["right", rates[1]] < 0.05
    assert apart["wrong", rates[1]] > 5 * apart["right", rates[1]]


def test_a_run_may_start_where_another_ended():
    X, y = blobs()
    kept = {}
    first = QAT(STE(TWO))
    train(small(first), X, y, checkpoint=lambda _, arrays: kept.update(arrays))
    seen = {}
    train(small(first, epochs=1, learning_rate=1e-12), X, y, start=kept, checkpoint=lambda _, a: seen.update(a))
    assert seen["0.1.x"] == pytest.approx(kept["0.1.x"], abs=1e-6) and np.abs(kept["0.1.x"]).max() > 1e-3
    x, given = seen["0.0.x"].astype(float), kept["0.0.x"].astype(float)
    limit = first.box(12)[1]
    expected = np.clip(given * limit / np.sqrt(3) / np.sqrt(np.mean(given**2)), -limit, limit)
    assert x == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match=r"start\['0.0.x'\] must have 372 entries"):
        train(small(first, hidden=(31,)), X, y, start=kept)


def test_the_rate_rises_and_falls():
    settings = Settings(QAT(STE(TWO)), schedule="cosine", warmup=0.1, learning_rate=2.0, epochs=10)
    rates = np.array([settings.rate_at(t, 100) for t in range(1, 101)])
    assert rates[:10] == pytest.approx(0.2 * np.arange(1, 11))
    assert rates[10:] == pytest.approx(1 + np.cos(np.pi * np.arange(90) / 90)) and 0 < rates[-1] < 0.001
    drops = replace(settings, schedule="drops", warmup=0.0)
    assert [drops.rate_at(t, 100) for t in range(1, 101)] == [drops.rate((t - 1) // 10) for t in range(1, 101)]


def test_beta2_is_that_of_adam():
    settings = Settings(QAT(STE(TWO)), beta2=0.95, precision="double")
    assert settings.rule(3).keep2 == pytest.approx(0.05) and settings.rule(3).c2 == pytest.approx(1 / (1 - 0.95**3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surrogate": 3}, "surrogate must be"),
        ({"mirror": 3}, "mirror must be"),
        ({"mirror": STE(Levels.uniform(3))}, "mirror must have the levels"),
        ({"surrogate": ReSTE(Levels.uniform(1))}, "surrogate must have a bounded slope, as ReSTE has with cut > 0"),
        ({"surrogate": Clipped(Levels.uniform(1), ReSTE(Levels.uniform(1)))}, "surrogate must have a bounded slope"),
        ({"limit": 0}, "limit must be greater than 0"),
        ({"limit": np.inf}, "limit must be finite"),
        ({"rate": 0}, "rate must be greater than 0"),
    ],
)
def test_bad_methods_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        QAT(**({"surrogate": STE(TWO)} | change))


def test_a_cut_lets_weights_land_on_the_boundary():
    method = QAT(ReSTE(Levels.uniform(1), cut=0.01))
    _, mine = moving(method, optimizer="adam")
    mine.x[:3] = 0.0
    mine.step(Settings(method, precision="double").rule(1), 0.01, 1, np.zeros((7, 50)))
    assert np.isfinite(mine.x).all() and mine.x[:3].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta2": 1.0}, "beta2 must be below 1"),
        ({"beta2": 0.81}, "beta2 must be greater than 0.81"),
        ({"warmup": 1.0}, "warmup must be below 1"),
        ({"warmup": -0.1}, "warmup must be at least 0"),
        ({"schedule": "linear"}, "schedule must be one of drops, cosine"),
    ],
)
def test_bad_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(QAT(STE(TWO)), **change)
