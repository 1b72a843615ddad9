"""Packed convolutions beside loops in NumPy, padded with zeros; what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.core import bits
from qtheory.inference import PackedConv, PackedLinear, PackedNetwork, PackedScores


def convolved(images, weight, stride, padding, value=0.0):
    """z (n, h', w', filters): by definition, on images (n, h, w, c) that are padded with `value`."""
    (kh, kw, _, filters), (n, h, w, _) = weight.shape, images.shape
    if padding == "same":
        top, left = (kh - 1) // 2, (kw - 1) // 2
        rim = ((0, 0), (top, kh - 1 - top), (left, kw - 1 - left), (0, 0))
        images = np.pad(images, rim, constant_values=value)
        out = -(-h // stride[0]), -(-w // stride[1])
    else:
        out = (h - kh) // stride[0] + 1, (w - kw) // stride[1] + 1
    z = np.empty((n, *out, filters))
    for i in range(out[0]):
        for j in range(out[1]):
            patch = images[:, i * stride[0] : i * stride[0] + kh, j * stride[1] : j * stride[1] + kw]
            z[:, i, j] = np.tensordot(patch, weight, axes=3)
    return z


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    padding = draw(st.sampled_from(["valid", "same"]))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    least = kernel if padding == "valid" else (1, 1)
    image = tuple(draw(st.integers(least[i], least[i] + 5)) for i in (0, 1))
    channels, filters = draw(st.sampled_from([1, 2, 3, 21, 64, 65])), draw(st.sampled_from([1, 5, 64, 65]))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    weight = rng.choice([-1.0, 1.0], (*kernel, channels, filters))
    terms = {name: rng.integers(-4, 5, filters) / 2 for name in ("mean", "factor", "shift")}
    return rng.choice([-1.0, 1.0], (2, *image, channels)), weight, terms, stride, padding


def signs_of(layer, images):
    """The layer's outputs as signs, through a network whose scores are its outputs."""
    network = PackedNetwork((layer,), PackedScores.folded(np.eye(layer.gives) * 3))
    return network.scores(images) / 3


@given(cases())
def test_a_packed_convolution_is_the_padded_sum(case):
    images, weight, terms, stride, padding = case
    layer = PackedConv.folded(weight, images.shape[1:3], stride=stride, padding=padding, **terms)
    z = convolved(images, weight, stride, padding)
    a = (z - terms["mean"]) * terms["factor"] + terms["shift"]
    expected = np.where(a >= 0, 1.0, -1.0)
    assert layer.out == z.shape[1:3]
    np.testing.assert_array_equal(signs_of(layer, images), expected.reshape(len(images), -1))


def test_padding_is_not_plus_one():
    """The oracle can tell: with a rim of +1 the outputs would differ."""
    rng = np.random.default_rng(0)
    images, weight = rng.choice([-1.0, 1.0], (4, 5, 5, 2)), rng.choice([-1.0, 1.0], (3, 3, 2, 8))
    layer = PackedConv.folded(weight, (5, 5), padding="same")
    got = signs_of(layer, images).reshape(4, 5, 5, 8)
    zeros, ones = (np.where(convolved(images, weight, (1, 1), "same", v) >= 0, 1.0, -1.0) for v in (0.0, 1.0))
    np.testing.assert_array_equal(got, zeros)
    assert (zeros != ones).any() and (zeros[:, 1:-1, 1:-1] == ones[:, 1:-1, 1:-1]).all()


def test_convolutions_follow_one_another():
    rng = np.random.default_rng(1)
    images = rng.choice([-1.0, 1.0], (300, 6, 7, 3))
    first, second = (rng.choice([-1.0, 1.0], s) for s in ((3, 3, 3, 10), (2, 2, 10, 4)))
    dense, last = rng.choice([-1.0, 1.0], (2 * 3 * 4, 33)), rng.normal(size=(33, 5))
    layers = (
        PackedConv.folded(first, (6, 7), padding="same", mean=0.5),
        PackedConv.folded(second, (6, 7), stride=(3, 2), shift=1.0),
        PackedLinear.folded(dense),
    )
    network = PackedNetwork(layers, PackedScores.folded(last))
    h = np.where(convolved(images, first, (1, 1), "same") >= 0.5, 1.0, -1.0)
    h = np.where(convolved(h, second, (3, 2), "valid") + 1 >= 0, 1.0, -1.0)
    h = np.where(h.reshape(300, -1) @ dense >= 0, 1.0, -1.0)
    np.testing.assert_allclose(network.scores(images), h @ last, rtol=1e-12, atol=1e-12)


GOOD = {
    "words": bits.pack(np.ones((2, 18))),
    "image": (5, 5, 2),
    "kernel": (3, 3),
    "thresholds": np.zeros(2, np.int32),
    "flips": np.zeros(2, bool),
}


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("image", (5, 5), "image must hold 3"),
        ("image", "555", "image must hold 3"),
        ("kernel", {3, 2}, "kernel must hold 2"),
        ("stride", {1: 1, 2: 1}, "stride must hold 2"),
        ("stride", np.array(2), "stride must hold 2"),
        ("stride", [[1], [1]], "stride must be an integer"),
        ("image", (5, 5, 0), "image must be"),
        ("image", (2, 2, 2), "kernel must fit"),
        ("image", (2**15, 2**15, 2), "size of an image"),
        ("kernel", (3, 3.0), "kernel must be"),
        ("kernel", (3, 30), "kernel must fit"),
        ("stride", (0, 1), "stride must be"),
        ("padding", "full", "padding must be"),
        ("padding", 1, "padding must be"),
        ("words", np.zeros((2, 2), np.uint64), "words must be"),
        ("thresholds", np.full(2, -19, np.int32), "thresholds must be"),
        ("flips", np.zeros(3, bool), "flips must be"),
    ],
)
def test_other_fields_are_refused(name, bad, message):
    PackedConv(**GOOD)
    with pytest.raises(ValueError, match=message):
        PackedConv(**GOOD | {name: bad})
