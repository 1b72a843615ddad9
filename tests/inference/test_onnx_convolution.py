"""Conv nodes: onnxruntime and the reference evaluator of onnx compute our convolutions, and we theirs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory import datasets
from qtheory.inference import PackedConv, PackedLinear, PackedNetwork, PackedRealConv, PackedScores
from qtheory.inference.onnx import exact_sums, from_onnx, to_onnx

onnx = pytest.importorskip("onnx")

from tests.inference.test_onnx import DOMAIN, KINDS, executed, reference, terms  # noqa: E402
from tests.inference.test_onnx_foreign import HEAD  # noqa: E402


@st.composite
def networks(draw):
    """One to three layers, a convolution at least, and rows of whole numbers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = draw(st.tuples(st.integers(3, 6), st.integers(3, 6), st.sampled_from([1, 2, 3])))
    rows = rng.integers(-4, 5, (5, *image)).astype(float)
    layers = []
    for i in range(draw(st.integers(1, 2))):
        kernel, stride = (draw(st.tuples(st.integers(1, most), st.integers(1, most))) for most in (3, 2))
        options = {
            "stride": stride,
            "padding": "valid" if min(image[:2]) < 3 else draw(st.sampled_from(["valid", "same"])),
        }
        kernel = tuple(min(k, n) for k, n in zip(kernel, image, strict=False))
        weight = rng.choice([-1.0, 1.0], (*kernel, image[2], draw(st.sampled_from([1, 3, 8]))))
        bound = terms(rng, weight.shape[3], 4)
        if i == 0 and draw(st.booleans()):
            layers.append(PackedRealConv.folded(weight, image[:2], scale=4.0, **bound, **options))
        else:
            layers.append(PackedConv.folded(weight, image[:2], **bound, **options))
        image = (*layers[-1].out, weight.shape[3])
    if draw(st.booleans()):
        layers.append(PackedLinear.folded(rng.choice([-1.0, 1.0], (layers[-1].gives, 7)), **terms(rng, 7, 3)))
    weight = rng.standard_normal((layers[-1].gives, 3)).astype(np.float32)
    weight = np.where(weight < 0, -1.0, 1.0) if draw(st.booleans()) else weight
    return PackedNetwork(tuple(layers), PackedScores.folded(weight, shift=rng.random(3))), rows.reshape(5, -1)


@given(networks(), st.sampled_from(sorted(KINDS)))
def test_a_runtime_computes_our_scores_and_we_those_of_the_file(case, kind):
    network, X = case
    content = to_onnx(network, **KINDS[kind])
    assert exact_sums(network, X)
    np.testing.assert_array_equal(executed(content, X), network.scores(X))
    once = from_onnx(content)
    np.testing.assert_array_equal(once.scores(X), network.scores(X))
    for a, b in zip(once.layers, network.layers, strict=True):
        assert type(a) is type(b) and a.words.tobytes() == b.words.tobytes()
        if not isinstance(a, PackedLinear):
            assert (a.image, a.kernel, a.stride, a.out, a.before) == (b.image, b.kernel, b.stride, b.out, b.before)
    content = to_onnx(once, **KINDS[kind])
    assert to_onnx(from_onnx(content), **KINDS[kind]) == content


def digits_network():
    """Three layers with filters drawn, thresholds at the medians of some images, and scores fitted to the labels."""
    every, rng = datasets.digits(), np.random.default_rng(0)
    X = np.rint(16 * every.images).astype(np.uint8).reshape(-1, 8, 8, 1)
    layers = [
        PackedRealConv.folded(rng.choice([-1.0, 1.0], (3, 3, 1, 16)), (8, 8), padding="same", mean=8.5),
        PackedConv.folded(rng.choice([-1.0, 1.0], (3, 3, 16, 24)), (8, 8), stride=(2, 2), padding="same"),
        PackedLinear.folded(rng.choice([-1.0, 1.0], (384, 96)), shift=0.5),
    ]
    hidden = PackedNetwork(tuple(layers), PackedScores.folded(2 * np.eye(96))).scores(X) / 2
    targets = 2.0 * (every.labels[:, np.newaxis] == np.arange(10)) - 1
    weight = np.linalg.lstsq(hidden[:900], targets[:900], rcond=None)[0].astype(np.float32)
    return PackedNetwork(tuple(layers), PackedScores.folded(weight)), X, every.labels


def test_every_score_of_the_digits_is_equal():
    network, X, labels = digits_network()
    rows = X.reshape(len(X), -1).astype(float)
    assert exact_sums(network, X)
    for options in KINDS.values():
        content = to_onnx(network, **options)
        np.testing.assert_array_equal(executed(content, rows), network.scores(X))
        np.testing.assert_array_equal(from_onnx(content).scores(X), network.scores(X))
    onnx.checker.check_model(onnx.load_model_from_string(to_onnx(network)), full_check=True)
    assert np.mean(network.predict(X)[900:] == labels[900:]) > 0.5  # scores that tell digits apart


def test_float32_files_round_only_scores():
    network, X, _ = digits_network()
    rows = X.reshape(len(X), -1).astype(np.float32)
    scores = executed(to_onnx(network, real="float32"), rows)
    np.testing.assert_allclose(scores, network.scores(X), rtol=1e-5, atol=1e-5)


def test_the_comparison_can_fail():
    network, X, _ = digits_network()
    model = onnx.load_model_from_string(to_onnx(network))
    [bits] = [t for t in model.graph.initializer if t.name == "layer1_bits"]
    bits.raw_data = bytes(b ^ (i < 40) for i, b in enumerate(bits.raw_data))
    wrong = model.SerializeToString()
    rows = X.reshape(len(X), -1).astype(float)[:200]
    assert (executed(wrong, rows) != network.scores(rows)).any()
    np.testing.assert_array_equal(executed(wrong, rows), from_onnx(wrong).scores(rows))


SMALL = PackedNetwork(
    (
        PackedRealConv.folded(np.ones((2, 2, 1, 3)), (4, 4), padding="same"),
        PackedConv.folded(np.ones((2, 1, 3, 2)), (4, 4), stride=(2, 1)),
    ),
    PackedScores.folded(np.ones((16, 2))),
)


@given(st.data())
def test_mutated_files_are_read_or_refused(data):
    content = bytearray(to_onnx(SMALL, **data.draw(st.sampled_from(list(KINDS.values())))))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        network = from_onnx(bytes(content))
    except ValueError:
        return
    assert isinstance(network, PackedNetwork)


@pytest.mark.parametrize("height", [2**40, 2**62])
def test_sizes_beyond_memory_are_refused(height):
    model = onnx.load_model_from_string(to_onnx(SMALL))
    [shape] = [t for t in model.graph.initializer if t.name == "layer0_image"]
    shape.raw_data = np.array([0, height, 4, 1], np.int64).tobytes()
    model.graph.input[0].type.tensor_type.shape.dim[1].ClearField("dim_value")
    with pytest.raises(ValueError, match="an image must have at most 16777216 numbers"):
        from_onnx(model.SerializeToString())


def test_convolutions_in_a_row_keep_their_channels_first():
    network, _, _ = digits_network()
    kinds = [node.op_type for node in onnx.load_model_from_string(to_onnx(network, packed=False)).graph.node]
    flow = [kind for kind in kinds if kind in ("Conv", "Transpose", "Flatten", "MatMul")]
    weights = ["Transpose", "Conv"]
    assert flow == ["Transpose", *weights, *weights, "Transpose", "Flatten", "MatMul", "MatMul"]


@pytest.mark.parametrize(("value", "exact"), [(2.0**23, True), (2.0**24, False), (1.1, False), (2.0**200, False)])
def test_a_first_convolution_is_exact_in_float32_or_not(value, exact):
    layer = PackedRealConv.folded(np.ones((2, 1, 1, 1)), (2, 2))
    network = PackedNetwork((layer,), PackedScores.folded(np.ones((2, 1))))
    assert exact_sums(network, np.array([[1.0, 0, value, 0]])) == exact
    assert exact_sums(network, np.array([[1.0, 2.0, 3.0, 0.0]]))


# Graphs of others


def foreign(body, kind="float", given="2,4,5", width=24):
    """A graph of images X (channels first where they are), filters W (3, 2, 2, 2), that ends in b V."""
    rng = np.random.default_rng(5)
    body = body.replace("BipolarQuant", f"{DOMAIN}.BipolarQuant").replace(";", "\n")

    def numbers(values):
        return "{" + ", ".join(map(str, values)) + "}"

    constants = [
        f"float[3,2,2,2] W = {numbers(rng.choice([-2, 2], 24))}",
        f"float[{width},2] V = {numbers(rng.integers(-5, 6, 2 * width))}",
        "float one = {1}", "float half = {0.5}", "float[3] c = {1,-2,0}", "float[3,1,1] t = {1,-3,0}",
        "float[3] g = {1,-2,0.5}", "float[3] s = {0.5,0,-1}", "float[3] m = {2,0,-1}", "float[3] v = {1,3,0}",
        "float[3,1,1] up = {2,2,2}", "float[3,1,1] down = {-2,-2,-2}", "int64[2] flat = {0,-1}",
        "int64[4] chw = {-1,2,4,5}", "int64[4] hwc = {0,4,5,2}", "float[2,3,1,1] U = {1,-1,1, 1,1,-1}",
    ]  # fmt: skip
    head = f"agraph (float[rows,{given}] X) => (float[rows,2] Y)\n<{', '.join(constants)}>\n".replace("float", kind)
    return onnx.parser.parse_model(HEAD + head + "{\n" + body + "\nY = MatMul(f, V)\n}")


PADDED = "<pads: ints = [0,0,1,1]>"
FOREIGN = {
    "channels first": ("y = Conv(X, W); b = BipolarQuant(y, one); f = Flatten(b)", {"width": 36}),
    "bias and strides": ("y = Conv<strides: ints = [1,2]>(X, W, c); b = BipolarQuant(y, half);"
                         "f = Flatten<axis: int = 1>(b)", {"width": 18}),
    "normalised": ("y = Conv<auto_pad: string = \"SAME_UPPER\">(X, W); z = BatchNormalization(y, g, s, m, v);"
                   "b = BipolarQuant(z, one); f = Reshape(b, flat)", {"width": 60}),
    "padded": (f"y = Conv{PADDED}(X, W); a = GreaterOrEqual(y, t); b = Where(a, up, down);"
               "f = Flatten(b)", {"width": 60}),
    "signs": ("x = BipolarQuant(X, half); y = Conv(x, W); z = Sub(y, t); b = BipolarQuant(z, one);"
              "f = Flatten(b)", {"width": 36}),
    "channels last": ("x = Transpose<perm: ints = [0,3,1,2]>(X); y = Conv(x, W); b = BipolarQuant(y, one);"
                      "l = Transpose<perm: ints = [0,2,3,1]>(b); f = Flatten(l)", {"width": 36, "given": "4,5,2"}),
    "rows": ("r = Reshape(X, hwc); x = Transpose<perm: ints = [0,3,1,2]>(r); y = Conv(x, W); b = BipolarQuant(y, one);"
             "f = Flatten(b)", {"width": 36, "given": "40"}),
    "rows, channels first": ("x = Reshape(X, chw); y = Conv(x, W); b = BipolarQuant(y, one); f = Flatten(b)",
                             {"width": 36, "given": "40"}),
    "two": ("y = Conv(X, W); a = BipolarQuant(y, half); z = Conv(a, U); b = BipolarQuant(z, one); f = Flatten(b)",
            {"width": 24}),
    "other order behind": ("y = Conv(X, W); b = BipolarQuant(y, one); l = Transpose<perm: ints = [0,3,2,1]>(b);"
                           "f = Flatten(l)", {"width": 36}),
}  # fmt: skip
FIRST = {name for name, (_, options) in FOREIGN.items() if options.get("given", "2,4,5") == "2,4,5"} | {
    "rows, channels first"
}


@pytest.mark.parametrize("kind", ["float", "double"])
@pytest.mark.parametrize("name", FOREIGN)
def test_graphs_of_others_are_read_as_they_are_run(name, kind):
    """Ours takes images channels last, whatever order the graph has them in."""
    body, options = FOREIGN[name]
    model = foreign(body, kind, **options)
    X = np.random.default_rng(6).integers(-3, 4, (40, 4, 5, 2))
    theirs = X.transpose(0, 3, 1, 2) if name in FIRST else X
    shape = [40, *(d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:])]
    theirs = theirs.reshape(shape).astype(np.float32 if kind == "float" else np.float64)
    network = from_onnx(model.SerializeToString())
    expected = reference(model, theirs)
    np.testing.assert_array_equal(network.scores(X.astype(float)), expected)
    assert len(np.unique(expected, axis=0)) > 1


END = "b = BipolarQuant(y, one); f = Flatten(b)"
BAD = {
    "pooling": ("y = MaxPool<kernel_shape: ints = [2,2]>(X); " + END, {}, r"\(MaxPool\): pooling is not supported"),
    "groups": ("y = Conv<group: int = 2>(X, W); " + END, {}, r"\(Conv\): group must be 1, got 2"),
    "dilated": ("y = Conv<dilations: ints = [2,2]>(X, W); " + END, {}, r"\(Conv\): dilations must be"),
    "pads": ("y = Conv<pads: ints = [1,1,1,1]>(X, W); " + END, {}, r"\(Conv\): pads must be \(0, 0\) before"),
    "few pads": ("y = Conv<pads: ints = [1,1]>(X, W); " + END, {}, r"\(Conv\): pads must be four"),
    "strides": ("y = Conv<strides: ints = [0,1]>(X, W); " + END, {}, r"\(Conv\): strides must be"),
    "channels": ("y = Conv(X, W); " + END, {"given": "3,4,5"}, r"\(Conv\): weights must have 3 channels"),
    "rows": ("y = Conv(X, W); " + END, {"given": "40"}, r"\(Conv\): must convolve images"),
    "small": ("y = Conv(X, W); " + END, {"given": "2,1,5"}, r"\(Conv\): kernel must fit"),
    "turned": ("x = Transpose<perm: ints = [0,1,3,2]>(X); y = Conv(x, W); " + END, {},
               r"\(Conv\).*channels were the last"),
    "rows last": ("x = Transpose<perm: ints = [1,0,2,3]>(X); y = Conv(x, W); " + END, {}, r"\(Transpose\).*first axis"),
    "along columns": ("z = Conv(X, W); y = Add(z, c); " + END, {}, r"\(Add\).*3 numbers in the axis before the last 2"),
    "no rows": ("y = Conv(X, W); f = BipolarQuant(y, one)", {}, r"\(MatMul\).*rows of one axis"),
    "width": ("y = Conv(X, W); " + END, {"width": 37}, r"\(MatMul\): weights must have 36 rows"),
    "lengths": ("x = Reshape(X, hwc); y = Conv(x, W); " + END, {"given": "39"}, r"\(Reshape\): must keep 39 numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_supported_is_refused_by_the_name_of_its_node(name):
    body, options, message = BAD[name]
    with pytest.raises(ValueError, match="node '?[0-9]'? " + message):
        from_onnx(foreign(body, **{"width": 36, **options}).SerializeToString())


def test_scores_come_from_a_fully_connected_layer():
    body = "y = Conv(X, W); b = BipolarQuant(y, one); Y = Conv(b, U)"
    model = foreign(body + "; f = Flatten(b)", width=36)
    del model.graph.node[-2:]
    with pytest.raises(ValueError, match="last layer must be fully connected"):
        from_onnx(model.SerializeToString())


def signs_of_three(pads, width):
    ones = "{" + ",".join(["1"] * width) + "}"
    return onnx.parser.parse_model(
        HEAD + "agraph (float[rows,1,4,4] X) => (float[rows,1] Y)\n<float[1,1,1,3] W = {1,1,1}, float one = {1}, "
        f"float[{width},1] V = {ones}>\n{{\na = {DOMAIN}.BipolarQuant(X, one)\n"
        f"y = Conv<pads: ints = [0,{pads},0,{pads}]>(a, W)\nb = Sign(y)\nf = Flatten(b)\nY = MatMul(f, V)\n}}"
    )


def test_sign_is_refused_where_padding_makes_zero_of_odd_sums():
    """Of 3 signs no sum is 0; of the 2 of them that lie in the image, one may be."""
    with pytest.raises(ValueError, match=r"\(Sign\): Sign\(0\) = 0 is no sign and may occur in 1 of 1"):
        from_onnx(signs_of_three(1, 16).SerializeToString())
    model = signs_of_three(0, 8)
    X = np.random.default_rng(0).choice([-1.0, 1.0], (9, 4, 4))
    theirs = reference(model, X[:, np.newaxis].astype(np.float32))
    np.testing.assert_array_equal(from_onnx(model.SerializeToString()).scores(X), theirs)
