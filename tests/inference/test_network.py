"""Packed networks beside the networks that they come from, on whole test sets; plans, threads, labels, bad input."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from qtheory.datasets import digits, fashion_mnist, find_fashion_mnist
from qtheory.estimators import BinaryNetworkClassifier
from qtheory.inference import PackedLinear, PackedNetwork, PackedScores, demo
from qtheory.methods import QAT
from qtheory.surrogates import STE, Levels
from simulations import _demo


@pytest.fixture(scope="module")
def data():
    X, y = _demo.rows()
    return X, y, _demo.held_out()


@pytest.fixture(scope="module", params=["real", "binary"])
def fitted(request, data):
    X, y, test = data
    train = np.setdiff1d(np.arange(len(y)), test)
    classifier = BinaryNetworkClassifier(
        "bc", hidden=(100, 70), activations="binary", output=request.param, epochs=4, random_state=1
    )
    return classifier.fit(X[train], y[train])


def test_every_digit_is_predicted_alike(fitted, data):
    X, packed = data[0], fitted.pack()
    expected = fitted.network_.scores(X)
    for given in (X, X.astype(np.uint8), X.reshape(-1, 8, 8), X.astype(np.float32), X.astype(">i4")):
        np.testing.assert_array_equal(packed.predict(given), fitted.predict(X))
        np.testing.assert_allclose(packed.scores(given), expected, rtol=1e-13, atol=1e-11)
    if fitted.output == "binary":
        np.testing.assert_array_equal(packed.scores(X), expected)
    np.testing.assert_array_equal(packed.decision_function(X), packed.scores(X))


def test_another_network_predicts_otherwise(fitted, data):
    """The comparison can fail: one threshold moved far is seen."""
    packed = fitted.pack()
    layer = packed.layers[1]
    moved = PackedLinear(layer.words, layer.inputs, np.full_like(layer.thresholds, layer.inputs + 1), layer.flips)
    other = PackedNetwork((packed.layers[0], moved), packed.last, packed.classes)
    assert (other.predict(data[0]) != fitted.predict(data[0])).any()


def test_the_share_of_inputs_that_are_not_whole_is_predicted_alike_too(fitted, data):
    noisy = data[0] + np.random.default_rng(0).normal(size=data[0].shape)
    np.testing.assert_array_equal(fitted.pack().predict(noisy), fitted.predict(noisy))


def test_weights_of_another_magnitude(data):
    X, y, _ = data
    classifier = BinaryNetworkClassifier(
        QAT(STE(Levels((-0.37, 0.37)))), hidden=(40, 30), activations="binary", epochs=2, random_state=0
    ).fit(X, y)
    [magnitude] = set(np.abs(classifier.network_.layers[1].weight).ravel().tolist())
    assert magnitude != 1
    np.testing.assert_array_equal(classifier.pack().predict(X), classifier.predict(X))


def test_two_classes_and_labels_of_text(data):
    X, y, _ = data
    few = y < 2
    labels = np.array(["zero", "one"])[y[few]]
    classifier = BinaryNetworkClassifier("bc", hidden=(20,), activations="binary", epochs=3, random_state=0)
    classifier.fit(X[few], labels)
    packed = classifier.pack()
    assert packed.classes.tolist() == ["one", "zero"] and packed.decision_function(X).shape == (len(X),)
    np.testing.assert_array_equal(packed.predict(X), classifier.predict(X))
    np.testing.assert_allclose(packed.decision_function(X), classifier.decision_function(X), rtol=1e-12, atol=1e-11)


@pytest.mark.slow
@pytest.mark.skipif(find_fashion_mnist() is None, reason="Fashion-MNIST is not on this machine")
def test_every_image_of_fashion_mnist_is_predicted_alike():
    train, test = fashion_mnist(split="train"), fashion_mnist(split="test")
    X = train.images[:4000].reshape(4000, -1)
    classifier = BinaryNetworkClassifier("bc", hidden=(200, 200), activations="binary", epochs=2, random_state=0)
    classifier.fit(X, train.labels[:4000])
    X = test.images.reshape(len(test.images), -1)
    np.testing.assert_array_equal(classifier.pack().predict(X), classifier.predict(X))
    grey = np.round(X * 255)
    np.testing.assert_array_equal(classifier.pack().predict(grey.astype(np.uint8)), classifier.predict(grey))


def test_the_demonstration_reads_digits_it_never_saw(data):
    X, y, test = data
    packed = demo()
    assert (packed.predict(X[test]) == y[test]).mean() > 0.95
    assert (packed.predict(X[test][:, ::-1]) == y[test]).mean() < 0.5
    assert _demo.FILE.stat().st_size <= 100_000


# Plans, threads


def test_a_row_has_its_scores_in_every_batch(data):
    X, network = data[0].astype(np.uint8), demo()
    whole = network.scores(X)
    for size in (1, 2, 7, 16, 17, 200):
        parts = [network.scores(X[i : i + size]) for i in range(0, 400, size)]
        np.testing.assert_array_equal(np.concatenate(parts)[:400], whole[:400])
    np.testing.assert_array_equal(network.scores(X, threads=2), whole)
    assert network.scores(X[:0]).shape == (0, 10) and network.predict(X[:0]).shape == (0,)


def test_a_plan_computes_what_the_network_does(data):
    X, network = data[0], demo()
    plan = network.plan(100)
    for rows in (X[:100], X[:1].astype(np.uint8), X[5:40]):
        np.testing.assert_array_equal(plan.scores(rows), network.scores(rows))
        np.testing.assert_array_equal(plan.predict(rows), network.predict(rows))
    out = np.empty((3, 10))
    assert plan.scores(X[:3], out) is out and (out == network.scores(X[:3])).all()
    first = plan.scores(X[:1])
    kept = first.copy()
    plan.scores(X[1:2])
    np.testing.assert_array_equal(first, kept)  # what was returned stays
    for bad, message in ((X[:101], "at most 100 rows"), (X[:, :3], "64 numbers a row")):
        with pytest.raises(ValueError, match=message):
            plan.scores(bad)
    for bad in (np.empty((2, 10)), np.empty((3, 10), np.float32), np.empty((10, 3)).T):
        with pytest.raises(ValueError, match="out must be"):
            plan.scores(X[:3], bad)
    for bad in (0, 1.5, True):
        with pytest.raises(ValueError, match="batch must be"):
            network.plan(bad)
        with pytest.raises(ValueError, match="threads must be"):
            network.plan(1, threads=bad)


@pytest.mark.parametrize("shared", [False, True])
def test_threads_do_not_disturb_one_another(shared, data):
    X, network = data[0].astype(np.uint8), demo()
    expected = network.scores(X)
    scores = network.plan(64).scores if shared else network.scores
    starts = np.random.default_rng(0).integers(0, len(X) - 64, 200).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: scores(X[i : i + 1 + i % 64]), starts))
    for i, got in zip(starts, found, strict=True):
        np.testing.assert_array_equal(got, expected[i : i + 1 + i % 64])


def test_a_network_can_be_pickled(data):
    network = demo()
    network.predict(data[0])
    again = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(again.scores(data[0]), network.scores(data[0]))


# What is refused


def test_networks_without_sign_activations_are_refused(data):
    X, y, _ = data
    for settings, message in (
        ({"method": "bc"}, "activations='binary'"),
        ({"method": "full", "activations": "binary"}, "layer 0: weight must be"),
        ({"method": "bc", "activations": "binary", "hidden": ()}, "hidden layer"),
    ):
        fitted = BinaryNetworkClassifier(**{"hidden": (8,), "epochs": 1} | settings).fit(X, y)
        with pytest.raises(ValueError, match=message):
            fitted.pack()
    with pytest.raises(NotFittedError):
        BinaryNetworkClassifier().pack()
    with pytest.raises(ValueError, match="fitted BinaryNetworkClassifier"):
        PackedNetwork.from_classifier(BinaryNetworkClassifier())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((2, 63)), "64 numbers a row"),
        (np.zeros(64), "64 numbers a row"),
        (np.full((1, 64), np.nan), "64 NaN or infinite"),
        (np.full((1, 64), np.inf), "64 NaN or infinite"),
        (np.zeros((1, 64), complex), "real numbers"),
        ([["1"] * 64], "real numbers"),
    ],
)
def test_other_inputs_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        demo().predict(bad)


def test_signs_are_not_taken_of_unsigned_numbers():
    network = PackedNetwork((), PackedScores.folded(np.eye(3)))
    for dtype in (np.uint8, bool):
        with pytest.raises(ValueError, match="signed type"):
            network.scores(np.ones((1, 3), dtype))


def test_layers_that_do_not_fit_are_refused():
    last = PackedScores.folded(np.eye(3))
    with pytest.raises(ValueError, match="layer 0 gives 2, the next one takes 3"):
        PackedNetwork((PackedLinear.folded(np.ones((4, 2))),), last)
    for layers in ((last,), (PackedLinear.folded(np.ones((4, 3))), demo().layers[0])):
        with pytest.raises(ValueError, match="layer must be"):
            PackedNetwork(layers, last)
    with pytest.raises(ValueError, match="last must be"):
        PackedNetwork((), PackedLinear.folded(np.ones((4, 3))))


@pytest.mark.parametrize("classes", [[1, 2], [1, 1, 2], [1.0, np.nan, 2.0], [[1, 2, 3]], [None, 1, 2]])
def test_other_labels_are_refused(classes):
    with pytest.raises(ValueError, match="classes must be"):
        PackedNetwork((), PackedScores.folded(np.eye(3)), classes)


def test_the_digits_are_those_of_the_data_set():
    assert (_demo.rows()[0].reshape(-1, 8, 8) == digits().images * 16).all() and len(_demo.held_out()) == 497


@pytest.mark.parametrize("name", [3, None, b"network"])
def test_a_name_is_a_text(name):
    with pytest.raises(ValueError, match="name must be"):
        PackedNetwork((), PackedScores.folded(np.ones((3, 2))), name=name)
