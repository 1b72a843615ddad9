"""Training as a whole: it learns, it repeats, it resumes, and it refuses what it cannot use."""

import time
from threading import Event, Thread

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from qtheory.methods import BC, SGD, SR, R
from qtheory.networks import Settings, train
from qtheory.networks.training import batches_of, scale_of
from qtheory.problems import SeparableQuadratic
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding

B = Grid.binary()
METHODS = {
    "full": SGD(), "bc": BC(StochasticRounding(B)), "bc-nearest": BC(NearestRounding(B)), "sr": SR(B), "r": R(B)
}  # fmt: skip
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def blobs(n=300, d=12, classes=3, seed=0):
    """Classes apart by far: their centres are random signs, the noise is 0.3."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    return rng.choice([-1.0, 1.0], (classes, d))[y] + 0.3 * rng.normal(size=(n, d)), y


def small(method, **more):
    return Settings(method, **({"hidden": (32,), "epochs": 6, "batch_size": 32} | more))


def same(a, b):
    arrays = zip(a.network.layers, b.network.layers, strict=True)
    return all(np.array_equal(x, y) for p, q in arrays for x, y in zip(p, q, strict=True) if x is not None)


@each_method
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_classes_that_are_apart_are_told_apart(method, optimizer):
    X, y = blobs(600)
    trained = train(small(method, optimizer=optimizer, epochs=20), X[:300], y[:300])
    assert (trained.network.scores(X[300:]).argmax(axis=1) == y[300:]).mean() > 0.97
    assert trained.history["loss"][-1] < trained.history["loss"][0]


@each_method
@pytest.mark.parametrize("activations", ["relu", "binary"])
@pytest.mark.parametrize("output", ["real", "binary"])
def test_weights_are_binary_where_they_should_be(method, activations, output):
    X, y = blobs()
    trained = train(small(method, hidden=(16, 8), activations=activations, output=output), X, y)
    layers = trained.network.layers
    assert trained.network.sizes == (12, 16, 8, 3)
    binary = [bool((np.abs(layer.weight) == 1).all()) for layer in layers]
    full = isinstance(method, SGD)
    assert binary == [not full, not full, not full and output == "binary"]
    assert [layer.normalised for layer in layers] == [True, True, output == "binary"]
    assert {k: v.shape for k, v in trained.history.items()} == {"loss": (6,), "changed": (60,), "changed_epoch": (60,)}


@each_method
def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads(method):
    X, y = blobs()
    first = train(small(method), X, y)
    with threadpool_limits(2):
        assert same(first, train(small(method), X, y))
    assert not same(first, train(small(method, seed=1), X, y))


@each_method
def test_a_resumed_run_is_the_run_that_never_stopped(method):
    X, y = blobs()
    kept = {}
    whole = train(small(method), X, y, checkpoint=lambda epochs, arrays: kept.update({epochs: arrays}))
    assert list(kept) == [1, 2, 3, 4, 5, 6]
    again = train(small(method), X, y, resume=kept[3])
    assert same(whole, again) and all(np.array_equal(whole.history[k], again.history[k]) for k in whole.history)
    assert same(whole, train(small(method), X, y, resume=kept[6]))
    with pytest.raises(ValueError, match="resume"):
        train(small(method, hidden=(31,)), X, y, resume=kept[3])
    with pytest.raises(ValueError, match="resume"):
        train(small(method), X, y, resume={})


@pytest.mark.parametrize("name", ["epoch", "t", "record.loss"])
def test_an_incomplete_checkpoint_is_refused(name):
    kept = {}
    train(small(SR(B), epochs=2), *blobs(), checkpoint=lambda _, arrays: kept.update(arrays))
    with pytest.raises(ValueError, match=r"resume\['epoch'\] must be at most 1"):
        train(small(SR(B), epochs=1), *blobs(), resume=kept)
    del kept[name]
    with pytest.raises(ValueError, match=f"resume must hold '{name}'"):
        train(small(SR(B), epochs=2), *blobs(), resume=kept)


def test_a_start_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match=r"start\['0.0.x'\] must be finite"):
        train(small(SR(B)), *blobs(), start={"0.0.x": np.full((12, 32), np.nan)})


def threads_of_blas():
    """Those of NumPy's own library; SciPy's may be loaded in between."""
    return {i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas" and "numpy" in i["filepath"]}


def test_trainings_at_a_time_keep_one_thread_each_and_give_the_rest_back():
    seen, begun, before = [], Event(), threads_of_blas()

    def look(_):
        begun.set()
        time.sleep(0.002)
        seen.append(threads_of_blas())

    both = [Thread(target=train, args=(small(SR(B), epochs=n), *blobs()), kwargs={"progress": look}) for n in (2, 4)]
    both[0].start()
    assert begun.wait(60)
    both[1].start()  # and outlives the first one
    for thread in both:
        thread.join()
    assert threads_of_blas() == before and set().union(*seen) == {1}


def test_r_stalls_where_sr_moves():
    """Adam's steps are at most about alpha = 0.01: far below the half resolution 1 that R needs."""
    X, y = blobs()
    moved = {name: train(small(METHODS[name]), X, y).history["changed"] for name in ("r", "sr", "bc-nearest")}
    assert moved["r"].max() == 0
    assert moved["sr"][-1] > 0 and moved["bc-nearest"][-1] > 0


def test_only_bc_deploys_otherwise_when_asked_for_the_nearest_weights():
    X, y = blobs()
    for name, method in METHODS.items():
        both = [train(small(method, deploy=deploy), X, y) for deploy in ("method", "nearest")]
        assert same(*both) == (name != "bc")


@each_method
@pytest.mark.parametrize("batch_size", [1, 2, 1000])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_tiny_data(method, batch_size, n):
    X, y = np.linspace(-1, 1, n)[:, None], np.arange(n) % 2
    trained = train(small(method, batch_size=batch_size), X, y, classes=2)
    assert np.isfinite(trained.network.scores(X)).all()


def test_batches_of_one_row_learn():
    X, y = blobs(60, classes=2)
    trained = train(small(METHODS["bc-nearest"], batch_size=1, epochs=5), X, y)
    assert (trained.network.scores(X).argmax(axis=1) == y).mean() > 0.9


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int8, np.uint8, bool])
def test_any_real_type_and_order_of_x(kind):
    X = np.random.default_rng(0).integers(2, size=(40, 6)).astype(kind)
    y = (X[:, 0] > 0).astype(int)
    base = train(small(SR(B)), np.ascontiguousarray(X, dtype=np.float64), y)
    X.flags.writeable = False
    assert same(base, train(small(SR(B)), X, y)) and same(base, train(small(SR(B)), np.asfortranarray(X), y))
    assert same(base, train(small(SR(B)), X.tolist(), y.tolist()))


@pytest.mark.parametrize(("n", "size"), [(1, 5), (10, 1), (10, 3), (129, 128), (300, 32)])
def test_every_epoch_sees_every_row_once_in_an_order_of_its_own(n, size):
    batches = batches_of(n, size, seed=1, epoch=0)
    assert sorted(np.concatenate(batches)) == list(range(n))
    lengths = [len(batch) for batch in batches]
    assert max(lengths) <= size and max(lengths) - min(lengths) <= 1
    for other in ({"seed": 2, "epoch": 0}, {"seed": 1, "epoch": 1}):
        assert n == 1 or not np.array_equal(np.concatenate(batches), np.concatenate(batches_of(n, size, **other)))


def test_running_statistics_begin_as_plain_means():
    """R's weights stand still here, so that after ten equal batches the running mean is that of all rows."""
    X, y = blobs()
    kept, settings = {}, small(R(B), epochs=1, batch_size=30, precision="double")
    train(settings, X, y, checkpoint=lambda _, arrays: kept.update(arrays))
    z = X @ kept["0.0.w"].reshape(12, 32)
    assert kept["0.statistics.0"] == pytest.approx(z.mean(axis=0), abs=1e-12)
    within = [z[rows].var(axis=0, ddof=1) for rows in batches_of(300, 30, 0, 0)]
    assert kept["0.statistics.1"] == pytest.approx(np.mean(within, axis=0), rel=1e-12)


@each_method
@pytest.mark.parametrize("power", [-900, -90, 1, 90, 900])
def test_the_unit_of_x_is_of_no_consequence(method, power):
    X, y = blobs()
    base, other = train(small(method), X, y).network, train(small(method), X * 2.0**power, y).network
    assert other.scale == base.scale * 2.0**power
    assert np.array_equal(other.scores(X * 2.0**power), base.scores(X))


@pytest.mark.parametrize(
    ("X", "scale"),
    [([[0.0]], 1), ([[3.0, -4.0]], 4), ([[1.0, 1.0, 1.4]], 1), ([[1e308]], 2.0**1000), ([[2e-160, 1e160]], 2.0**531)],
)
def test_the_scale_is_the_power_of_two_next_to_the_root_mean_square(X, scale):
    assert scale_of(np.array(X)) == scale


def test_progress_ends_at_one():
    seen = []
    train(small(SR(B)), *blobs(), progress=seen.append)
    assert len(seen) == 60 and seen == sorted(seen) and seen[-1] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.full((4, 2), np.nan)}, "X must be finite"),
        ({"X": np.full((4, 2), np.inf)}, "X must be finite"),
        ({"X": np.zeros(4)}, "X must have shape"),
        ({"X": np.zeros((0, 2))}, "X must have shape"),
        ({"X": np.array([["a"]] * 4)}, "X must be an array of real numbers"),
        ({"y": [0, 1, 0]}, "y must be 4 integers"),
        ({"y": [0.0, 1.0, 0.0, 1.0]}, "y must be 4 integers"),
        ({"y": [0, 1, 0, -1]}, "y must lie between"),
        ({"y": [0, 1, 0, 2], "classes": 2}, "y must lie between"),
        ({"classes": 0}, "classes must be at least 1"),
        ({"settings": None}, "settings must be"),
    ],
)
def test_bad_data_are_refused(change, message):
    given = {"settings": small(SR(B)), "X": np.eye(4)[:, :2], "y": [0, 1, 0, 1]} | change
    with pytest.raises(ValueError, match=message):
        train(given.pop("settings"), given.pop("X"), given.pop("y"), **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "sr"}, "method must be"),
        ({"method": SeparableQuadratic([1.0])}, "method must be"),
        ({"method": SR(0.1)}, "method must round onto a grid with a box"),
        ({"hidden": (0,)}, "hidden must be at least 1"),
        ({"hidden": 5}, "hidden must be a tuple"),
        ({"hidden": "5"}, "hidden must be a tuple"),
        ({"activations": "tanh"}, "activations must be one of relu, binary"),
        ({"output": None}, "output must be one of"),
        ({"optimizer": "rmsprop"}, "optimizer must be one of"),
        ({"precision": "half"}, "precision must be one of"),
        ({"deploy": "mean"}, "deploy must be one of"),
        ({"momentum": 1.0}, "momentum must be below 1"),
        ({"momentum": -0.1}, "momentum must be at least 0"),
        ({"learning_rate": 0}, "learning_rate must be greater than 0"),
        ({"learning_rate": np.nan}, "learning_rate must be finite"),
        ({"drops": (0,)}, "drops must be greater than 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"batch_size": 1.5}, "batch_size must be an integer"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"seed": -1}, "seed must be between"),
    ],
)
def test_bad_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**({"method": SR(B)} | change))


def test_a_loss_that_overflows_is_an_error_that_says_what_to_do():
    X, y = blobs()
    with pytest.raises(ValueError, match="learning_rate must be smaller than 1e\\+30, or X scaled"):
        train(small(SGD(), optimizer="sgd", learning_rate=1e30), X, y)


def test_the_rate_falls_at_its_shares():
    settings = Settings(SR(B), epochs=8)
    assert [settings.rate(e) for e in range(8)] == pytest.approx([0.01] * 4 + [0.001] * 2 + [0.0001] * 2)
