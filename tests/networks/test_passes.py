"""The loss and its gradients: against finite differences, and against the definition of the straight-through rule."""

from itertools import pairwise

import numpy as np
import pytest

from qtheory.networks.layers import EPSILON, Layer, Network, calibrated, softmax
from qtheory.networks.passes import backward, cross_entropy, forward

STEP = 1e-6


def draw(sizes, activations="relu", output="real", seed=0):
    rng = np.random.default_rng(seed)
    layers = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        plain = i == len(sizes) - 2 and output == "real"
        more = () if plain else (rng.normal(1, 0.3, b), rng.normal(size=b), rng.uniform(0.5, 2, b))
        layers.append(Layer(rng.normal(size=(a, b)), rng.normal(size=b), *more))
    return Network(tuple(layers), activations)


def batch(n, inputs, classes, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, inputs)), rng.integers(classes, size=n)


def loss(network, X, y):
    return cross_entropy(forward(network, X)[0], y)[0]


@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize("output", ["real", "binary"])
@pytest.mark.parametrize("hidden", [(), (4,), (5, 4)])
def test_gradients_are_finite_differences(hidden, output, rows):
    network, (X, y) = draw((3, *hidden, 3), output=output), batch(rows, 3, 3)
    scores, tape = forward(network, X)
    gradients = backward(network, tape, cross_entropy(scores, y)[1])
    for layer, gradient in zip(network.layers, gradients, strict=True):
        for array, found in zip((layer.weight, layer.shift, layer.gain), gradient[:3], strict=True):
            assert (array is None) == (found is None)
            for index in np.ndindex(() if array is None else array.shape) if array is not None else ():
                before = array[index]
                array[index] = before + STEP
                up = loss(network, X, y)
                array[index] = before - STEP
                slope = (up - loss(network, X, y)) / (2 * STEP)
                array[index] = before
                assert found[index] == pytest.approx(slope, abs=2e-8, rel=1e-6)


def test_signs_pass_the_gradient_where_their_argument_is_at_most_one():
    """One hidden unit, one row: the statistics are the stored ones, so that a = x by construction."""
    hidden = Layer(np.ones((1, 1)), np.zeros(1), np.sqrt(np.full(1, 1 + EPSILON)), np.zeros(1), np.ones(1))
    network = Network((hidden, Layer(np.array([[1.0, -1.0]]), np.zeros(2))), "binary")
    for x, sign, passed in ((-1.5, -1, 0), (-0.99, -1, 1), (0.0, 1, 1), (0.99, 1, 1), (1.01, 1, 0)):
        scores, tape = forward(network, np.array([[x]]))
        assert scores.tolist() == [[sign, -sign]]
        upstream = np.array([[0.3, -0.2]])
        assert backward(network, tape, upstream)[0].shift == pytest.approx([passed * (0.3 + 0.2)])


def test_a_batch_is_normalised_by_its_own_statistics():
    network, (X, _) = draw((3, 4, 2)), batch(50, 3, 2)
    first = forward(network, X)[1][0]
    assert first.standard.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-12)
    assert first.standard.var(axis=0) == pytest.approx(np.ones(4), rel=1e-3)
    z = X @ network.layers[0].weight
    assert first.mean == pytest.approx(z.mean(axis=0)) and first.variance == pytest.approx(z.var(axis=0))


@pytest.mark.parametrize("activations", ["relu", "binary"])
@pytest.mark.parametrize("output", ["real", "binary"])
def test_a_calibrated_network_computes_what_training_would_on_all_rows(activations, output, monkeypatch):
    monkeypatch.setattr("qtheory.networks.layers.CHUNK", 7)
    network, (X, _) = draw((3, 6, 5, 4), activations, output), batch(40, 3, 4)
    assert calibrated(network, X).scores(X) == pytest.approx(forward(network, X)[0], rel=1e-9, abs=1e-9)
    assert np.abs(network.scores(X) - forward(network, X)[0]).max() > 0.1  # the check can fail


def test_cross_entropy_is_minus_the_mean_log_probability():
    scores, y = np.random.default_rng(3).normal(size=(6, 4)), np.array([0, 1, 2, 3, 0, 1])
    assert cross_entropy(scores, y)[0] == pytest.approx(-np.log(softmax(scores)[np.arange(6), y]).mean())
    assert np.isfinite(cross_entropy(np.array([[1e4, -1e4]]), np.array([1]))[0])


@pytest.mark.parametrize("shape", [(3,), (4, 2), (4, 3, 1)])
def test_rows_of_another_width_are_refused(shape):
    with pytest.raises(ValueError, match="X must have shape \\(n, 3\\)"):
        draw((3, 4, 2)).scores(np.zeros(shape))
