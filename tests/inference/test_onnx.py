"""ONNX and QONNX files: onnxruntime and the reference evaluator of onnx compute our scores, and we theirs."""

import itertools
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory import datasets
from qtheory.estimators import BinaryNetworkClassifier
from qtheory.inference.layers import PackedLinear, PackedReal, PackedScores
from qtheory.inference.network import PackedNetwork
from qtheory.inference.onnx import exact_sums, from_onnx, to_onnx

onnx = pytest.importorskip("onnx")

DOMAIN = "qonnx.custom_op.general"
sizes = st.lists(st.sampled_from([1, 2, 3, 7, 8, 9, 63, 64, 65, 100]), min_size=2, max_size=4)
KINDS = {"onnx": {}, "onnx, float weights": {"packed": False}, "qonnx": {"dialect": "qonnx"}}
each_kind = pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)


def executed(content, X):
    """The scores by onnxruntime, or, for QONNX, by the reference evaluator with the definition of BipolarQuant."""
    model = onnx.load_model_from_string(content)
    if any(node.domain == DOMAIN for node in model.graph.node):
        return reference(model, X)
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": X})[0]


def reference(model, X):
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun

    class BipolarQuant(OpRun):
        op_domain = DOMAIN

        def _run(self, x, scale):
            return (np.where(x >= 0, np.ones_like(x), -np.ones_like(x)) * scale,)

    return ReferenceEvaluator(model, new_ops=[BipolarQuant]).run(None, {model.graph.input[0].name: X})[0]


def terms(rng, n, most):
    """Normalisation with ties, turned units and constant ones."""
    factor = rng.choice([-2.0, -0.3, 0.0, 0.7, 1.0], n)
    return {"mean": rng.integers(-most, most + 1, n) / 2, "factor": factor, "shift": rng.choice([-0.1, 0.0, 1.5], n)}


def drawn(sizes, real, binary, seed):
    """A network and inputs whose sums of whole numbers hit thresholds."""
    rng = np.random.default_rng(seed)
    weights = [rng.choice([-1.0, 1.0], shape) for shape in itertools.pairwise([*sizes, 3])]
    if not binary:
        weights[-1] = rng.standard_normal(weights[-1].shape).astype(np.float32)
    layers = [
        PackedReal.folded(w, scale=4.0, **terms(rng, w.shape[1], 9)) if real and i == 0
        else PackedLinear.folded(w * rng.choice([1, 0.25], w.shape[1]), **terms(rng, w.shape[1], len(w)))
        for i, w in enumerate(weights[:-1])
    ]  # fmt: skip
    last = PackedScores.folded(weights[-1], mean=rng.integers(-3, 3, 3) / 4, factor=[0.3, -2, 1], shift=rng.random(3))
    return PackedNetwork(tuple(layers), last), rng.integers(-4, 5, (40, sizes[0])).astype(float)


@given(sizes, st.booleans(), st.booleans(), st.integers(0, 2**32), st.sampled_from(sorted(KINDS)))
def test_a_runtime_computes_our_scores(sizes, real, binary, seed, kind):
    network, X = drawn(sizes, real, binary, seed)
    content = to_onnx(network, **KINDS[kind])
    assert exact_sums(network, X)
    np.testing.assert_array_equal(executed(content, X), network.scores(X))


@given(sizes, st.booleans(), st.booleans(), st.integers(0, 2**32), st.sampled_from(sorted(KINDS)))
def test_a_round_trip_changes_no_score_and_the_second_one_no_bit(sizes, real, binary, seed, kind):
    network, X = drawn(sizes, real, binary, seed)
    once = from_onnx(to_onnx(network, **KINDS[kind]))
    np.testing.assert_array_equal(once.scores(X), network.scores(X))
    for a, b in zip(once.layers, network.layers, strict=True):
        np.testing.assert_array_equal(a.words, b.words)
        least = -np.inf if isinstance(b, PackedReal) else -b.inputs
        most = np.inf if isinstance(b, PackedReal) else b.inputs + 1
        varies = (b.thresholds > least) & (b.thresholds < most)
        np.testing.assert_array_equal(a.thresholds[varies], b.thresholds[varies])
        np.testing.assert_array_equal(a.flips[varies], b.flips[varies])
    assert once.nbytes == network.nbytes
    content = to_onnx(once, **KINDS[kind])
    assert to_onnx(from_onnx(content), **KINDS[kind]) == content


@each_kind
@pytest.mark.parametrize("output", ["real", "binary"])
def test_every_score_of_the_digits_is_equal(options, output, digits_networks):
    network, X, labels = digits_networks[output]
    assert exact_sums(network, X)
    content = to_onnx(network, **options)
    scores = executed(content, X)
    np.testing.assert_array_equal(scores, network.scores(X))
    np.testing.assert_array_equal(from_onnx(content).predict(X), labels)


@pytest.mark.slow
@pytest.mark.skipif(not datasets.find_fashion_mnist(), reason="Fashion-MNIST is not on this machine")
def test_every_score_of_fashion_mnist_is_equal():
    train, test = (datasets.fashion_mnist(split=split) for split in ("train", "test"))
    levels = [np.rint(255 * part.images).astype(np.uint8).reshape(len(part.images), -1) for part in (train, test)]
    chosen = BinaryNetworkClassifier("bc-nearest", hidden=(64, 64), activations="binary", epochs=1, random_state=0)
    network = PackedNetwork.from_classifier(chosen.fit(levels[0][:3000].astype(np.float32), train.labels[:3000]))
    assert exact_sums(network, levels[1])
    for options in KINDS.values():
        scores = executed(to_onnx(network, **options), levels[1].astype(np.float64))
        np.testing.assert_array_equal(scores, network.scores(levels[1]))


def test_bits_are_a_small_file(digits_networks):
    network, _, _ = digits_networks["binary"]
    small, large = (len(to_onnx(network, packed=packed)) for packed in (True, False))
    weights = sum(a * b for a, b in itertools.pairwise(network.sizes))
    assert network.nbytes < small < large and large - small > 3.4 * weights


def test_the_comparison_can_fail(digits_networks):
    network, X, _ = digits_networks["real"]
    model = onnx.load_model_from_string(to_onnx(network))
    [bits] = [t for t in model.graph.initializer if t.name == "layer1_bits"]
    bits.raw_data = bytes(b ^ (i < 8) for i, b in enumerate(bits.raw_data))
    wrong = model.SerializeToString()
    assert (executed(wrong, X) != network.scores(X)).any()
    np.testing.assert_array_equal(executed(wrong, X), from_onnx(wrong).scores(X))


@pytest.fixture(scope="module")
def digits_networks():
    every = datasets.digits()
    X = every.images.reshape(len(every.images), -1).astype(np.float64)
    found = {}
    for output in ("real", "binary"):
        chosen = BinaryNetworkClassifier(
            "bc-nearest", hidden=(40, 33), activations="binary", output=output, epochs=2, random_state=0
        ).fit(X[:600], every.labels[:600])
        network = PackedNetwork.from_classifier(chosen)
        found[output] = network, X, chosen.predict(X)
    return found


def test_files_labels_and_names_come_back(tmp_path):
    last = PackedScores.folded(np.ones((2, 3)))
    network = PackedNetwork((), last, np.array(["a", "b", "ü"]), "three")
    content = to_onnx(network, tmp_path / "three.onnx")
    assert (tmp_path / "three.onnx").read_bytes() == content
    back = from_onnx(tmp_path / "three.onnx")
    assert (back.name, back.classes.tolist()) == ("three", ["a", "b", "ü"])
    onnx.checker.check_model(onnx.load_model_from_string(content), full_check=True)


@pytest.mark.parametrize("kind", ["int8", "uint64", "float16", "float32", "bool"])
def test_labels_keep_their_type(kind):
    classes = np.array([0, 1], kind)
    back = from_onnx(to_onnx(PackedNetwork((), PackedScores.folded(np.ones((2, 2))), classes))).classes
    assert back.dtype == classes.dtype and back.tolist() == classes.tolist()


@pytest.mark.skipif(np.longdouble(0).nbytes == 8, reason="longdouble is float64 here")
def test_labels_that_no_file_holds_are_refused():
    network = PackedNetwork((), PackedScores.folded(np.ones((2, 2))), np.array([1, 2], np.longdouble))
    with pytest.raises(ValueError, match="classes must be of a type among"):
        to_onnx(network)


def test_float32_files_round_only_scores():
    network, X = drawn([8, 9, 7], real=True, binary=False, seed=0)
    scores = executed(to_onnx(network, real="float32"), X.astype(np.float32))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, network.scores(X), rtol=1e-5, atol=1e-5)


# Damage


def altered(change):
    model = onnx.load_model_from_string(to_onnx(drawn([9, 8], True, False, 0)[0]))
    change(model)
    return model.SerializeToString()


ALTERED = {
    "the opset must be between 9": lambda m: setattr(m.opset_import[0], "version", 999),
    "metadata qtheory.classes": lambda m: setattr(m.metadata_props[0], "value", "[[]]"),
    "one input and one output": lambda m: m.graph.output.append(m.graph.output[0]),
    "reached from the input": lambda m: setattr(m.graph.output[0], "name", "nowhere"),
    "must hold what its shape": lambda m: setattr(m.graph.initializer[0], "raw_data", b"\0"),
    "must have at most 268435456 entries": lambda m: m.graph.initializer[0].dims.append(2**40),
    "must be inside the file": lambda m: setattr(m.graph.initializer[0], "data_location", 1),
    "must be given once": lambda m: m.graph.initializer.append(m.graph.initializer[0]),
    r"node 'layer0_sums' \(MatMul\): the domain": lambda m: setattr(named(m, "layer0_sums"), "domain", "x"),
}


def named(model, name):
    return next(node for node in model.graph.node if node.name == name)


@pytest.mark.parametrize("message", ALTERED)
def test_an_altered_file_is_refused(message):
    with pytest.raises(ValueError, match=message):
        from_onnx(altered(ALTERED[message]))


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08"])
def test_what_is_no_model_is_refused(content):
    with pytest.raises(ValueError, match="must be an ONNX model"):
        from_onnx(content)


@given(st.data())
def test_mutated_files_are_read_or_refused(data):
    options = data.draw(st.sampled_from(list(KINDS.values())))
    content = bytearray(to_onnx(drawn([9, 8, 3], True, False, 0)[0], **options))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    try:
        network = from_onnx(bytes(content[:cut]))
    except ValueError:
        return
    assert isinstance(network, PackedNetwork)


def test_bad_arguments_are_refused():
    network, _ = drawn([3], True, True, 0)
    with pytest.raises(ValueError, match="dialect must be one of onnx, qonnx"):
        to_onnx(network, dialect="tflite")
    with pytest.raises(ValueError, match="real must be one of"):
        to_onnx(network, real="float16")
    with pytest.raises(ValueError, match="ties must be one of"):
        from_onnx(b"", ties="negative")


def test_without_onnx_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"qtheory\[onnx\]"):
        from_onnx(b"")


# When no sum is rounded


@given(st.lists(st.tuples(st.integers(-(2**24), 2**24), st.integers(-40, 40)), min_size=1, max_size=5))
def test_sums_said_to_be_exact_are_exact_in_every_order(pairs):
    values = np.array([n * 2.0**p for n, p in pairs])
    last = PackedScores.folded(np.array([[1.0]]))
    network = PackedNetwork((PackedReal.folded(np.ones((len(values), 1))),), last)
    if exact_sums(network, values[np.newaxis]):
        truth = sum(map(Fraction, values.tolist()))
        assert all(sum(order) == truth for order in itertools.permutations(values.tolist()))


@pytest.mark.parametrize(("values", "exact"), [([1, 2.0**52], True), ([1, 2.0**53], False), ([0.1, 0.7], False),
                                               ([2.0**60, -(2.0**62)], True), ([0, 0], True)])  # fmt: skip
def test_sums_that_may_be_rounded_are_told(values, exact):
    network = PackedNetwork((PackedReal.folded(np.ones((2, 1))),), PackedScores.folded(np.array([[1.0]])))
    assert exact_sums(network, np.array([values])) == exact


@pytest.mark.parametrize(("bad", "message"), [
    (np.array([[1.0, np.nan], [np.inf, 0.0]]), "X must be finite, got 2 NaN"),
    (np.zeros((1, 3)), "X must have 2 numbers"),
    (1.0, "X must have 2 numbers"), ([["a", "b"]], "X must be an array of real numbers"),
])  # fmt: skip
def test_sums_of_no_rows_of_the_network_are_refused(bad, message):
    network = PackedNetwork((PackedReal.folded(np.ones((2, 1))),), PackedScores.folded(np.array([[1.0]])))
    with pytest.raises(ValueError, match=message):
        exact_sums(network, bad)
