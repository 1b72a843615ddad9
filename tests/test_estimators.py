"""The scikit-learn estimator: its contract, its fitted attributes, what it refuses, and that it reads digits."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from qtheory.datasets import digits
from qtheory.estimators import METHODS, BinaryNetworkClassifier
from qtheory.methods import BC, QAT
from qtheory.networks import QuantizedActivation, Sigmoids
from qtheory.quantizers import Grid, StochasticRounding
from qtheory.surrogates import DSQ, Levels

each_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(scope="module")
def split():
    data = digits()
    X, y = data.images.reshape(len(data.images), -1), data.labels
    order = np.random.default_rng(0).permutation(len(y))
    train, test = order[:1300], order[1300:]
    return X[train], y[train], X[test], y[test]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("parameters", [{}, {"method": "sr", "activations": "binary"}])
def test_the_contract_of_scikit_learn(parameters):
    check_estimator(BinaryNetworkClassifier(**parameters))


@each_method
def test_digits_are_read(method, split):
    X, y, X_test, y_test = split
    fitted = BinaryNetworkClassifier(method, epochs=10, random_state=0).fit(X, y)
    assert fitted.score(X_test, y_test) > 0.9
    assert fitted.classes_.tolist() == list(range(10)) and fitted.n_features_in_ == 64
    kinds = [w.dtype for w in fitted.weights_]
    assert kinds == [np.float32 if method == "full" else np.int8, np.float32]
    assert {name: v.shape for name, v in fitted.history_.items()} == {
        "loss": (10,), "changed": (10,), "changed_epoch": (10,), "changed_by_step": (110,),
    }  # fmt: skip


def test_labels_that_are_guessed_are_not_read(split):
    X, y, X_test, y_test = split
    guessed = np.random.default_rng(0).permutation(y)
    wrong = BinaryNetworkClassifier("bc-nearest", epochs=10, random_state=0).fit(X, guessed)
    assert wrong.score(X_test, y_test) < 0.3


def test_outputs_agree_with_one_another(split):
    X, y, X_test, _ = split
    fitted = BinaryNetworkClassifier("bc-nearest", epochs=2, random_state=0).fit(X, y)
    scores, shares = fitted.decision_function(X_test), fitted.predict_proba(X_test)
    assert scores.shape == shares.shape == (len(X_test), 10)
    assert shares.sum(axis=1) == pytest.approx(np.ones(len(X_test)))
    assert np.array_equal(fitted.predict(X_test), scores.argmax(axis=1))
    two = y < 2
    fitted.fit(X[two], np.where(y[two] == 1, "one", "zero"))
    chosen = fitted.decision_function(X_test)
    assert chosen.shape == (len(X_test),)
    assert np.array_equal(fitted.predict(X_test), np.where(chosen > 0, "zero", "one"))
    assert fitted.predict_proba(X_test)[:, 1] == pytest.approx(1 / (1 + np.exp(-chosen)))


def test_the_folded_thresholds_of_a_binary_network_are_its_signs(split):
    """What packing will use: a hidden sign is a comparison of an integer-weighted sum with a number."""
    X, y, X_test, _ = split
    fitted = BinaryNetworkClassifier(
        "bc-nearest", hidden=(32, 24), activations="binary", output="binary", epochs=2, random_state=0
    ).fit(X, y)
    h = X_test / fitted.network_.scale
    for weight, layer in zip(fitted.weights_[:-1], fitted.network_.layers[:-1], strict=True):
        threshold = layer.mean - layer.shift * np.sqrt(layer.variance + 1e-5) / layer.gain
        h = np.where((h @ weight >= threshold) == (layer.gain > 0), 1.0, -1.0)
    last = fitted.network_.layers[-1]
    scores = (h @ fitted.weights_[-1] - last.mean) / np.sqrt(last.variance + 1e-5) * last.gain + last.shift
    assert scores == pytest.approx(fitted.decision_function(X_test), rel=1e-5, abs=1e-5)


def test_a_seed_repeats_and_an_estimator_travels(split):
    X, y, X_test, _ = split
    model = BinaryNetworkClassifier("sr", epochs=2, random_state=3)
    first = model.fit(X, y).decision_function(X_test)
    assert np.array_equal(clone(model).fit(X, y).decision_function(X_test), first)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).decision_function(X_test), first)
    assert not np.array_equal(model.set_params(random_state=4).fit(X, y).decision_function(X_test), first)


def test_a_method_may_be_a_value(split):
    X, y, X_test, y_test = split
    method = BC(StochasticRounding(Grid(0.25, box=(-1, 1))))
    fitted = BinaryNetworkClassifier(method, epochs=10, random_state=0).fit(X, y)
    assert fitted.score(X_test, y_test) > 0.9 and method.grid.contains(fitted.weights_[0]).all()
    named = BinaryNetworkClassifier(METHODS["sr"], epochs=1, random_state=0).fit(X, y)
    assert np.array_equal(
        named.predict(X_test), BinaryNetworkClassifier("sr", epochs=1, random_state=0).fit(X, y).predict(X_test)
    )


@pytest.mark.parametrize(
    ("parameters", "values"),
    [
        ({"method": QAT(DSQ(Levels.uniform(2), k=6.5)), "schedule": "cosine", "warmup": 0.02, "beta2": 0.95}, 4),
        ({"method": QAT(DSQ(Levels.uniform(1), k=2.0)), "optimizer": "sgd", "learning_rate": 0.1}, 2),
        ({"method": Sigmoids((-1, 0, 1)), "deploy": "nearest"}, 3),
        ({"method": Sigmoids((-1, 0, 1)), "deploy": "nearest", "activations": QuantizedActivation((0, 1, 2, 3))}, 3),
    ],
)
def test_weights_may_take_a_few_values(parameters, values, split):
    X, y, X_test, y_test = split
    model = BinaryNetworkClassifier(epochs=12, random_state=0, **parameters)
    fitted = model.fit(X, y)
    assert fitted.score(X_test, y_test) > 0.9 and len(np.unique(fitted.weights_[0])) == values
    again = pickle.loads(pickle.dumps(clone(model).fit(X, y)))
    assert np.array_equal(again.decision_function(X_test), fitted.decision_function(X_test))


@each_method
@pytest.mark.parametrize("rows", [2, 3])
def test_a_few_rows_are_enough(method, rows):
    X, y = np.linspace(-1, 1, rows)[:, None], np.arange(rows) > 0
    for batch_size in (1, 128):
        fitted = BinaryNetworkClassifier(method, batch_size=batch_size, epochs=3, random_state=0).fit(X, y)
        assert np.isfinite(fitted.predict_proba(X[:1])).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "sgdx"}, "method must be one of full, bc, bc-nearest, sr, r"),
        ({"method": 3}, "method must be"),
        ({"method": None}, "method must be"),
        ({"hidden": 7}, "hidden must be"),
        ({"activations": "tanh"}, "activations must be one of"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"learning_rate": -1}, "learning_rate must be greater"),
        ({"random_state": "x"}, "cannot be used to seed"),
        ({"beta2": 2}, "beta2 must be below 1"),
        ({"schedule": "never"}, "schedule must be one of"),
        ({"warmup": -1}, "warmup must be at least 0"),
    ],
)
def test_bad_parameters_are_refused_by_fit(change, message):
    model = BinaryNetworkClassifier().set_params(**change)
    with pytest.raises(ValueError, match=message):
        model.fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(NotFittedError):
        model.predict(np.eye(4))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.full((4, 2), np.nan), [0, 1, 0, 1], "NaN"),
        (np.full((4, 2), np.inf), [0, 1, 0, 1], "infinity"),
        (np.eye(4), [0, 0, 0, 0], "at least two classes"),
        (np.eye(4), [0, 1, 0], "inconsistent"),
        (np.eye(4), [0.5, 1.5, 2.5, 0.1], "Unknown label type"),
        (np.zeros(4), [0, 1, 0, 1], "2D array"),
    ],
)
def test_bad_data_are_refused(X, y, message):
    with pytest.raises(ValueError, match=message):
        BinaryNetworkClassifier().fit(X, y)


def test_verbose_shows_nothing_where_there_is_no_terminal(capsys):
    BinaryNetworkClassifier(epochs=1, verbose=True).fit(np.eye(4), [0, 1, 0, 1])
    assert capsys.readouterr() == ("", "")
