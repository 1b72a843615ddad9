"""First convolutions on real and 8-bit images beside loops in NumPy, padded with zeros; what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.core import bits
from qtheory.inference import PackedConv, PackedNetwork, PackedReal, PackedRealConv, PackedScores, dumps, loads, save
from qtheory.inference._commands import predict, read_images


def convolved(images, weight, stride, padding):
    """z (n, h', w', filters): by definition, on images (n, h, w, c), in their own type."""
    (kh, kw, _, filters), (n, h, w, _) = weight.shape, images.shape
    top = left = 0
    out = (h - kh) // stride[0] + 1, (w - kw) // stride[1] + 1
    if padding == "same":
        top, left, out = (kh - 1) // 2, (kw - 1) // 2, (-(-h // stride[0]), -(-w // stride[1]))
    z = np.zeros((n, *out, filters), np.result_type(images, weight))
    for i, j, a, b in np.ndindex(*out, kh, kw):
        y, x = i * stride[0] - top + a, j * stride[1] - left + b
        if 0 <= y < h and 0 <= x < w:
            z[:, i, j] += images[:, y, x] @ weight[a, b]
    return z


@st.composite
def cases(draw):
    """A layer's arguments, and images of bytes and of quarters, whose sums hit thresholds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    padding, channels = draw(st.sampled_from(["valid", "same"])), draw(st.sampled_from([1, 2, 3, 22]))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    least = kernel if padding == "valid" else (1, 1)
    image = tuple(draw(st.integers(least[i], least[i] + 4)) for i in (0, 1))
    filters, stride = draw(st.sampled_from([1, 5, 64, 65])), draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    weight = rng.choice([-1, 1], (*kernel, channels, filters))
    terms = {
        "mean": rng.integers(-40, 40, filters) / 4,
        "factor": rng.choice([-0.3, 0.0, 0.7, 1.0], filters),
        "shift": rng.choice([-0.1, 0.0, 0.5], filters),
    }
    top = draw(st.sampled_from([3, 255]))
    return rng.integers(0, top + 1, (3, *image, channels)), weight, terms, stride, padding


def signs_of(layer, images):
    """The layer's outputs as signs, through a network whose scores are its outputs."""
    return PackedNetwork((layer,), PackedScores.folded(np.eye(layer.gives) * 3)).scores(images) / 3


@given(cases(), st.sampled_from([0.25, 1.0, 16.0]))
def test_it_is_the_padded_sum(case, scale):
    images, weight, terms, stride, padding = case
    options = {"stride": stride, "padding": padding, "scale": scale, **terms}
    size = np.arange(1, weight.shape[3] + 1) / 2  # z is m times the integer
    layer = PackedRealConv.folded(weight * size, images.shape[1:3], **options)
    for given_, exact in ((images.astype(np.uint8), images), (images / 4 - 30.0, images / 4 - 30.0)):
        z = convolved(exact, weight, stride, padding) / scale * size
        expected = np.where((z - terms["mean"]) * terms["factor"] + terms["shift"] >= 0, 1, -1)
        assert layer.out == z.shape[1:3]
        np.testing.assert_array_equal(signs_of(layer, given_), expected.reshape(len(images), -1))


@given(cases())
def test_a_kernel_as_large_as_the_image_is_a_layer_of_rows(case):
    images, _, terms, _, _ = case
    rows = images.reshape(len(images), -1)
    weight = np.where(np.arange(rows.shape[1])[:, None] % (2 + np.arange(len(terms["mean"]))) < 1, 1.0, -1.0)
    kernels = weight.reshape(*images.shape[1:], -1)
    dense, layer = PackedReal.folded(weight, **terms), PackedRealConv.folded(kernels, images.shape[1:3], **terms)
    np.testing.assert_array_equal(signs_of(layer, images.astype(np.uint8)), signs_of(dense, rows.astype(np.uint8)))
    np.testing.assert_array_equal(signs_of(layer, images / 8), signs_of(dense, rows / 8))


@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_many_images_go_in_pieces(kind):
    """20 images of 400 pixels are more patches than are held at a time; a plan of 7 takes them in other pieces."""
    rng = np.random.default_rng(2)
    images, weight = rng.integers(0, 256, (20, 20, 20, 1)).astype(kind), rng.choice([-1, 1], (3, 3, 1, 4))
    layer = PackedRealConv.folded(weight, (20, 20), padding="same", shift=-0.5)
    network = PackedNetwork((layer,), PackedScores.folded(rng.choice([-1.0, 1.0], (layer.gives, 3))))
    h = np.where(convolved(images.astype(int), weight, (1, 1), "same") >= 0.5, 1, -1)
    expected = h.reshape(20, -1) @ network.last.signs
    np.testing.assert_array_equal(network.scores(images), expected)
    plan = network.plan(7, threads=2)
    np.testing.assert_array_equal(np.concatenate([plan.scores(images[i : i + 7]) for i in (0, 7, 14)]), expected)


def test_it_goes_before_a_convolution_of_signs_and_into_a_file():
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (9, 7, 6, 3)).astype(np.uint8)
    first, second = (rng.choice([-1.0, 1.0], s) for s in ((3, 3, 3, 8), (2, 2, 8, 5)))
    layers = (
        PackedRealConv.folded(first, (7, 6), padding="same", mean=9.5, factor=-1.0, scale=256.0),
        PackedConv.folded(second, (7, 6), stride=(2, 2), shift=1.0),
    )
    last = rng.choice([-1.0, 1.0], (45, 4))
    network = PackedNetwork(layers, PackedScores.folded(last), name="conv")
    h = np.where(-(convolved(images / 256, first, (1, 1), "same") - 9.5) >= 0, 1.0, -1.0)
    h = np.where(convolved(h, second, (2, 2), "valid") + 1 >= 0, 1.0, -1.0)
    np.testing.assert_array_equal(network.scores(images), h.reshape(9, -1) @ last)
    data = dumps(network)
    again = loads(data)
    assert dumps(again) == data and isinstance(again.layers[0], PackedRealConv)
    np.testing.assert_array_equal(again.scores(images.astype(float)), network.scores(images))


def test_the_command_gives_it_images_as_bytes(tmp_path):
    rng = np.random.default_rng(4)
    layer = PackedRealConv.folded(rng.choice([-1.0, 1.0], (3, 3, 1, 8)), (8, 8), mean=1.5)
    network = PackedNetwork((layer,), PackedScores.folded(rng.choice([-1.0, 1.0], (layer.gives, 4))))
    save(network, tmp_path / "model.safetensors")
    images = np.ones((3, 64))
    images[1:, 5:40:3] = 16
    np.savetxt(tmp_path / "images.csv", images, delimiter=",")
    found = predict(str(tmp_path / "model.safetensors"), str(tmp_path / "images.csv"))
    assert found["scores"] == network.scores(images.astype(np.uint8)).tolist()
    assert read_images(str(tmp_path / "images.csv")).dtype == np.uint8


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize(("scale", "value"), [(1.0, 1e308), (2.0**-512, 1e200)])
def test_sums_that_may_overflow_are_refused(conv, scale, value):
    """An infinity less an infinity has no sign; and what is refused depends on no order of a sum, so on no batch."""
    weight = np.array([1.0, 1.0, -1.0, -1.0])
    layer = (
        PackedRealConv.folded(weight.reshape(2, 2, 1, 1), (2, 2), scale=scale)
        if conv
        else PackedReal.folded(weight[:, None], scale=scale)
    )
    network = PackedNetwork((layer,), PackedScores.folded(np.ones((1, 1))))
    for x in ([value] * 4, [-value, -value, value, value], [0, 0, 0, value]):
        for rows in (1, 600):
            with pytest.raises(ValueError, match=r"X must be at most .* in size, so that no sum overflows, got 1e\+"):
                network.scores(np.tile(np.array(x), (rows, 1)), threads=2)
    most = np.finfo(float).max / 8 * min(scale, 1.0)
    np.testing.assert_array_equal(network.scores(np.array([[1, 1, -1, -1], [1, 2, 4, 0]]) * most / 4), [[1], [-1]])


GOOD = {
    "words": bits.pack(-np.ones((2, 18))),
    "image": (5, 5, 2),
    "kernel": (3, 3),
    "thresholds": np.zeros(2),
    "flips": np.zeros(2, bool),
}


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("image", (5, 5), "image must hold 3"),
        ("image", (2**15, 2**15, 2), "size of an image"),
        ("kernel", (3, 30), "kernel must fit"),
        ("kernel", (3, 2), "words must be"),
        ("stride", (0, 1), "stride must be"),
        ("padding", "full", "padding must be"),
        ("words", np.zeros((2, 2), np.uint64), "words must be"),
        ("thresholds", np.zeros(2, np.int32), "thresholds must be float64"),
        ("thresholds", np.full(2, np.nan), "2 NaN"),
        ("flips", np.zeros(3, bool), "flips must be"),
        ("scale", 3.0, "scale must be a power of 2"),
    ],
)
def test_other_fields_are_refused(name, bad, message):
    PackedRealConv(**GOOD)
    with pytest.raises(ValueError, match=message):
        PackedRealConv(**GOOD | {name: bad})


def test_only_a_first_layer_takes_numbers():
    layer = PackedRealConv(**GOOD)
    first = PackedRealConv.folded(np.ones((1, 1, 2, 2)), (5, 5))
    with pytest.raises(ValueError, match="layer must be"):
        PackedNetwork((first, layer), PackedScores.folded(np.ones((18, 2))))
