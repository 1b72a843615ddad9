"""Packed layers beside dense NumPy ones, at the borders of words; what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.core import bits
from qtheory.inference import PackedLinear, PackedNetwork, PackedReal, PackedScores

WIDTHS = 1, 3, 63, 64, 65, 128, 200


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def sign(a):
    return np.where(a >= 0, 1.0, -1.0)


def drawn_terms(rng, outputs):
    """Terms with ties, factors of both signs and of 0."""
    return {
        "mean": rng.integers(-3, 4, outputs) / 2,
        "factor": rng.integers(-2, 3, outputs).astype(float),
        "shift": rng.integers(-2, 3, outputs) / 2,
    }


def dense(h, weight, terms):
    return (h @ weight - terms["mean"]) * terms["factor"] + terms["shift"]


@given(st.tuples(*[st.sampled_from(WIDTHS)] * 3), st.integers(1, 5), st.integers(0, 2**31), st.booleans())
def test_a_network_of_bits_is_the_dense_network(widths, rows, seed, real):
    rng = np.random.default_rng(seed)
    n, m, k = widths
    weights = [signs(rng, n, m) * rng.choice([1.0, 0.75], m), signs(rng, m, k), rng.normal(size=(k, 2))]
    terms = [drawn_terms(rng, m), drawn_terms(rng, k), {"mean": 0.0, "factor": 1.0, "shift": rng.normal(size=2)}]
    X = rng.integers(0, 256, (rows, n)).astype(float) if real else rng.integers(-1, 2, (rows, n)).astype(float)
    first = (
        PackedReal.folded(weights[0], scale=4.0, **terms[0]) if real else PackedLinear.folded(weights[0], **terms[0])
    )
    network = PackedNetwork(
        (first, PackedLinear.folded(weights[1], **terms[1])), PackedScores.folded(weights[2], **terms[2])
    )
    h = X / 4 if real else sign(X)
    h = sign(dense(sign(dense(h, weights[0], terms[0])), weights[1], terms[1]))
    expected = dense(h, weights[2], terms[2])
    np.testing.assert_allclose(network.scores(X), expected, rtol=1e-12, atol=1e-12)
    if real:
        np.testing.assert_array_equal(network.scores(X.astype(np.uint8)), network.scores(X))


@pytest.mark.parametrize("scale", [2.0**-512, 0.25, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("factor", [-1.0, -0.25, 1.0])
def test_a_tie_of_bytes_is_a_tie_of_reals(scale, factor):
    """The least threshold above 0 is the least float64; over a scale below 1 it must not become 0."""
    first = PackedReal.folded([[1.0], [-1.0]], factor=factor, scale=scale)
    network = PackedNetwork((first,), PackedScores.folded([[1.0]]))
    X = np.array([[3, 3], [3, 2], [2, 3]], np.uint8)
    np.testing.assert_array_equal(network.scores(X), network.scores(X.astype(float)))
    assert network.scores(X)[0] == 1


@pytest.mark.parametrize("n", WIDTHS)
def test_binary_scores_are_exact(n):
    rng = np.random.default_rng(n)
    weight, X = signs(rng, n, 3), rng.normal(size=(7, n))
    terms = {"mean": rng.normal(size=3), "factor": rng.normal(size=3), "shift": rng.normal(size=3)}
    network = PackedNetwork((), PackedScores.folded(weight, **terms))
    np.testing.assert_array_equal(network.scores(X), dense(sign(X), weight, terms))
    assert network.last.weight is None and network.sizes == (n, 3)


def test_eight_bits_are_summed_without_rounding():
    """Thresholds between two neighbouring sums, where a float32 sum would be off."""
    n = 70_000
    weight, x = np.ones((n, 2)), np.full((1, n), 255, np.uint8)
    x[0, 0] = 254
    layer = PackedReal.folded(weight, mean=[255.0 * n - 1, 255.0 * n])
    network = PackedNetwork((layer,), PackedScores.folded(np.eye(2)))
    np.testing.assert_array_equal(network.scores(x), [[1.0, -1.0]])


def test_signs_of_zero_and_of_each_type():
    network = PackedNetwork((), PackedScores.folded(np.eye(3)))
    for dtype in (np.int8, np.int32, np.float32, np.float64, ">f8"):
        X = np.array([[0, -1, 2]], dtype)
        assert network.scores(X).tolist() == [[1.0, -1.0, 1.0]]
    assert network.scores(np.array([[-0.0, -1e-300, 1.0]])).tolist() == [[1.0, -1.0, 1.0]]
    assert network.scores(np.asfortranarray(np.tile([[0.0, -1, 2]], (4, 1)))).tolist() == [[1.0, -1.0, 1.0]] * 4


def test_the_weights_come_back_and_cannot_be_changed():
    weight = signs(np.random.default_rng(0), 65, 3)
    layer = PackedLinear.folded(weight)
    np.testing.assert_array_equal(layer.signs, weight)
    for array in (layer.words, layer.thresholds, layer.flips):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros((2, 2)), "weight must be"),
        ([[1.0, 2.0], [1.0, -1.0]], "1 columns"),
        (np.ones(3), "2 dimensions"),
        (np.ones((0, 3)), "empty"),
        ([[np.nan]], "finite"),
    ],
)
def test_other_weights_are_refused(weight, message):
    for kind in (PackedLinear, PackedReal):
        with pytest.raises(ValueError, match=message):
            kind.folded(weight)


GOOD = {
    "words": bits.pack(np.ones((2, 65))),
    "inputs": 65,
    "thresholds": np.zeros(2, np.int32),
    "flips": np.zeros(2, bool),
}


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("words", np.zeros((2, 3), np.uint64), "words must be"),
        ("words", np.zeros((2, 2), np.int64), "words must be"),
        ("words", np.full((2, 2), 2**63, np.uint64), "beyond bit 65"),
        ("words", np.zeros((0, 2), np.uint64), "words must be"),
        ("inputs", 0, "inputs must be"),
        ("inputs", 2**31, "inputs must be"),
        ("inputs", 65.0, "inputs must be"),
        ("thresholds", np.zeros(3, np.int32), "thresholds must be"),
        ("thresholds", np.zeros(2), "thresholds must be"),
        ("thresholds", np.full(2, 67, np.int32), r"thresholds must be in \[-65, 66\]"),
        ("flips", np.zeros(2, np.uint8), "flips must be"),
    ],
)
def test_other_fields_are_refused(name, bad, message):
    PackedLinear(**GOOD)
    with pytest.raises(ValueError, match=message):
        PackedLinear(**GOOD | {name: bad})


@pytest.mark.parametrize("scale", [0.0, -1.0, 3.0, np.inf, np.nan, 2.0**600, "2"])
def test_a_scale_is_a_power_of_two(scale):
    with pytest.raises(ValueError, match="scale must be"):
        PackedReal.folded(np.ones((2, 2)), scale=scale)


def test_thresholds_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="1 NaN"):
        PackedReal(**GOOD | {"thresholds": np.array([0.0, np.nan])})


def test_scores_have_one_kind_of_weights():
    terms = dict.fromkeys(("mean", "factor", "shift"), np.zeros(2))
    for words, weight in ((None, None), (GOOD["words"], np.ones((65, 2)))):
        with pytest.raises(ValueError, match="not both"):
            PackedScores(words, weight, 65, **terms)
    for weight in (np.ones((64, 2)), np.ones((65, 2), int), np.full((65, 2), np.inf)):
        with pytest.raises(ValueError, match="weight must be"):
            PackedScores(None, weight, 65, **terms)
    with pytest.raises(ValueError, match="mean must be"):
        PackedScores(GOOD["words"], None, 65, **terms | {"mean": np.zeros(3)})
    with pytest.raises(ValueError, match="2 dimensions"):
        PackedScores.folded(np.ones(3))
