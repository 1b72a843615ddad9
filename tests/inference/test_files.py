"""Files of packed networks: round trips, what they say of themselves, and that no damage is more than a ValueError."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load as tensors_of
from safetensors.numpy import save as serialized

from qtheory.core import bits
from qtheory.inference import (
    PackedConv,
    PackedLinear,
    PackedNetwork,
    PackedReal,
    PackedRealConv,
    PackedScores,
    dumps,
    load,
    loads,
    save,
)

KINDS = ["real", "signs", "images"]


def sample(kind):
    """Networks of every kind of layer, and inputs for them."""
    rng = np.random.default_rng(0)

    def signs(*shape):
        return rng.choice([-1.0, 1.0], shape)

    if kind == "images":
        first = PackedRealConv.folded(signs(2, 3, 2, 4), (4, 5), padding="same", stride=(1, 2), mean=0.3, scale=2.0)
        return PackedNetwork((first,), PackedScores.folded(signs(48, 3)), np.array([1, 5, 2], np.int16))
    if kind == "real":
        layers = (
            PackedReal.folded(
                signs(5, 70), mean=rng.normal(size=70), factor=[0.0] * 3 + [-1.0] * 67, shift=-1.0, scale=4.0
            ),
            PackedLinear.folded(signs(70, 3), mean=0.5),
        )
        return PackedNetwork(layers, PackedScores.folded(rng.normal(size=(3, 2)), shift=1.5), ["no", "yes"], "small")
    layers = (PackedConv.folded(signs(2, 3, 2, 4), (4, 5), padding="same", stride=(1, 2), factor=-1.0),)
    return PackedNetwork(layers, PackedScores.folded(signs(48, 3), factor=0.25), [0.5, 1.5, -2.0])


each_kind = pytest.mark.parametrize("kind", KINDS)
FILES = {kind: dumps(sample(kind)) for kind in KINDS}


def inputs(network):
    return np.random.default_rng(1).normal(size=(9, network.sizes[0]))


def arrays(network):
    for layer in (*network.layers, network.last):
        yield from ((name, getattr(layer, name)) for name in layer.__match_args__)


@each_kind
def test_what_was_saved_comes_back(kind, tmp_path):
    network, path = sample(kind), tmp_path / "model.safetensors"
    save(network, path)
    again = load(path)
    for (name, a), (other, b) in zip(arrays(network), arrays(again), strict=True):
        assert name == other and np.array_equal(a, b) and getattr(a, "dtype", None) == getattr(b, "dtype", None)
    assert (again.name, again.classes.tolist()) == (network.name, network.classes.tolist())
    assert again.classes.dtype == network.classes.dtype
    np.testing.assert_array_equal(again.scores(inputs(network)), network.scores(inputs(network)))
    assert path.read_bytes() == dumps(again) == FILES[kind]
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_the_file_can_be_read_by_its_own_words():
    """Bit order, sign and names are as the metadata say, for a reader that knows safetensors alone."""
    data, layer = FILES["real"], sample("real").layers[0]
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]
    assert (
        header["version"] == "1" and "k % 64 of word k // 64" in header["bit_order"] and "bit 1 is -1" in header["sign"]
    )
    words = tensors_of(data)["layers.0.words"].tolist()
    weights = [[-1 if words[j][k // 64] >> k % 64 & 1 else 1 for j in range(70)] for k in range(5)]
    np.testing.assert_array_equal(weights, layer.signs)
    described = json.loads(header["network"])
    assert [d["kind"] for d in described["layers"]] == ["real", "linear", "scores"]
    assert described["classes"] == ["no", "yes"]


@each_kind
def test_every_truncation_is_refused(kind):
    data = FILES[kind]
    for size in range(len(data)):
        with pytest.raises(ValueError, match="whole and a safetensors file"):
            loads(data[:size])
    with pytest.raises(ValueError, match="whole and a safetensors file"):
        loads(data + b"\0")


def survives(data):
    """Whether the content loads; what loads computes and is written back; what does not is one line of a ValueError."""
    try:
        network = loads(data)
    except ValueError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert "\n" not in said and len(said) < 500
        return False
    assert dumps(loads(dumps(network))) == dumps(network)
    if network.sizes[0] < 10_000:
        with np.errstate(over="ignore", invalid="ignore"):
            network.scores(np.ones((2, network.sizes[0])))
    return True


@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4))
def test_no_damaged_byte_crashes(kind, changes):
    data = bytearray(FILES[kind])
    for at, byte in changes:
        data[at % len(data)] = byte
    survives(bytes(data))


@given(st.sampled_from(sorted(FILES)), st.integers(0, 3000), st.integers(0, 60), st.binary(max_size=60))
def test_no_replaced_piece_crashes(kind, at, size, piece):
    data = FILES[kind]
    survives(data[: at % len(data)] + piece + data[at % len(data) + size :])


@given(st.binary(max_size=200))
def test_no_other_content_crashes(data):
    assert not survives(data)


NUMBERS = st.one_of(st.integers(-2, 130), st.sampled_from([2**31 - 1, 2**32, 2**62, 2**63, 2**64 - 1, 2**70, 10**30]))


@given(st.data())
def test_no_shape_offset_or_size_crashes(data):
    """Every number of the header and of the description, replaced by others, great ones among them."""
    content = FILES[data.draw(st.sampled_from(sorted(FILES)))]
    end = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:end])
    if data.draw(st.booleans()):
        entry = header[data.draw(st.sampled_from(sorted(set(header) - {"__metadata__"})))]
        values = entry[data.draw(st.sampled_from(["shape", "data_offsets"]))]
        values[data.draw(st.integers(0, len(values) - 1))] = data.draw(NUMBERS)
    else:
        described = json.loads(header["__metadata__"]["network"])
        layer = data.draw(st.sampled_from(described["layers"]))
        key = data.draw(st.sampled_from(sorted(layer)))
        old = layer[key]
        new = data.draw(st.one_of(NUMBERS, st.none(), st.text(max_size=3), st.floats(), st.just([])))
        layer[key] = [new, *old[1:]] if isinstance(old, list) else new
        header["__metadata__"]["network"] = json.dumps(described)
    head = json.dumps(header).encode()
    survives(struct.pack("<Q", len(head)) + head + content[end:])


def rewritten(change=None, metadata=None, network=None):
    """The file of the real network with other tensors, metadata or description."""
    data = FILES["real"]
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]
    if network is not None:
        content = json.loads(header["network"])
        network(content)
        header["network"] = json.dumps(content)
    tensors = {name: x for name, x in (tensors_of(data) | (change or {})).items() if x is not None}
    return serialized(tensors, metadata=header | (metadata or {}))


def test_what_is_not_changed_is_read():
    assert survives(rewritten()) and dumps(loads(rewritten())) == FILES["real"]


PADDED = bits.pack(np.ones((70, 5))) | np.uint64(1 << 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": {"version": "2"}}, "version must be '1', got '2'"),
        ({"metadata": {"format": "another"}}, "format must be"),
        ({"metadata": {"sign": "bit 1 is +1"}}, "sign must be"),
        ({"metadata": {"bit_order": "big"}}, "bit_order must be"),
        ({"metadata": {"network": "{"}}, "must be JSON"),
        ({"metadata": {"network": "[" * 100_000}}, "must be JSON"),
        ({"metadata": {"network": "[]"}}, "list of layers"),
        ({"metadata": {"network": '{"layers": []}'}}, "list of layers"),
        ({"change": {"layers.0.words": np.zeros((70, 2), np.uint64)}}, "layers.0: words must be"),
        ({"change": {"layers.0.words": np.zeros((70, 1), np.uint32)}}, "layers.0.words must be of a type"),
        ({"change": {"layers.0.words": None}}, "layers.0: words must be"),
        ({"change": {"layers.0.words": PADDED}}, "layers.0: words must be 0 beyond bit 5"),
        ({"change": {"layers.1.thresholds": np.zeros(3)}}, "layers.1: thresholds must be int32"),
        ({"change": {"layers.0.thresholds": np.full(70, np.nan)}}, "70 NaN"),
        ({"change": {"last.weight": np.zeros((4, 2))}}, "last: weight must be"),
        ({"change": {"last.shift": np.full(2, np.inf)}}, "last: shift must be finite"),
        ({"change": {"extra": np.zeros(2)}}, "'extra'.* besides"),
        ({"network": lambda c: c["layers"].pop(1)}, "must|fit"),
        ({"network": lambda c: c["layers"][0].update(inputs=2**62)}, "layers.0: inputs must be"),
        ({"network": lambda c: c["layers"][0].update(inputs=6.0)}, "layers.0: inputs must be"),
        ({"network": lambda c: c["layers"][0].update(kind="pool")}, "known kind"),
        ({"network": lambda c: c["layers"][0].update(kind=["real"])}, "known kind"),
        ({"network": lambda c: c["layers"][0].update(more=1)}, r"unknown \['more'\]"),
        ({"network": lambda c: c["layers"][0].pop("scale")}, r"missing \['scale'\]"),
        ({"network": lambda c: c.update(classes=[1])}, "classes must be"),
        ({"network": lambda c: c.update(classes=[1, [2]])}, "classes must be"),
        ({"network": lambda c: c.update(classes=[float("nan"), 1.0])}, "classes must be"),
        ({"network": lambda c: c.pop("classes")}, "classes must be"),
        ({"network": lambda c: c.update(classes=[1, 300], class_type="int8")}, "classes must be"),
        ({"network": lambda c: c.update(classes=[1, 2.5], class_type="int8")}, "classes must be"),
        ({"network": lambda c: c.update(classes=[1.0, 1e9], class_type="float16")}, "classes must be"),
        ({"network": lambda c: c.update(class_type="object")}, "classes must be"),
        ({"network": lambda c: c.update(class_type=["int8"])}, "classes must be"),
    ],
)
def test_a_file_that_disagrees_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        loads(rewritten(**change))


def test_booleans_are_zero_or_one():
    data = FILES["real"]
    end = 8 + struct.unpack("<Q", data[:8])[0]
    at = end + json.loads(data[8:end])["layers.0.flips"]["data_offsets"][0]
    with pytest.raises(ValueError, match="booleans"):
        loads(data[:at] + b"\x02" + data[at + 1 :])


LABELS = [
    *(
        np.array([0, 1], kind)
        for kind in ("int8", "int16", "int64", "uint8", "uint64", "float16", "float32", "float64")
    ),
    np.array([2**64 - 1, 3], np.uint64),
    np.array([0.1, -2.5], np.float32),
    np.array([True, False]),
    np.array(["a", "two words"]),
]


@pytest.mark.parametrize("classes", LABELS, ids=lambda c: f"{c.dtype}")
def test_labels_keep_their_type(classes):
    network = PackedNetwork((), PackedScores.folded(np.ones((3, 2))), classes)
    again = loads(dumps(network)).classes
    assert again.dtype == classes.dtype
    np.testing.assert_array_equal(again, classes)


@pytest.mark.skipif(np.longdouble(0).nbytes == 8, reason="longdouble is float64 here")
def test_labels_that_no_file_holds_are_refused():
    network = PackedNetwork((), PackedScores.folded(np.ones((3, 2))), np.array([1, 2], np.longdouble))
    with pytest.raises(ValueError, match=r"classes must be of a type among .* to be in a file, got "):
        dumps(network)


def test_the_path_is_named(tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(FILES["real"][:-1])
    with pytest.raises(ValueError, match=r"broken.safetensors: the file must be whole"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    with pytest.raises(ValueError, match="network must be"):
        save("network", path)
    assert path.read_bytes() == FILES["real"][:-1]
