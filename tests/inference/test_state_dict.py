"""Networks from named arrays, beside the same network in NumPy; what is refused."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.inference import PackedNetwork, from_state_dict
from qtheory.inference._sources import natural


class Tensor:
    """What a tensor offers, and no more."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.array


def drawn(rng, sizes, latent=False):
    """Linear, BatchNorm1d, ..., Linear as a state dict, float32."""
    arrays, n = {}, 0
    for i, (a, b) in enumerate(pairwise(sizes)):
        weight = rng.normal(size=(b, a))
        arrays[f"{n}.weight"] = weight if latent or i == len(sizes) - 2 else np.where(weight < 0, -1.0, 1.0)
        arrays[f"{n}.bias"] = rng.normal(size=b)
        if i < len(sizes) - 2:
            arrays[f"{n + 1}.weight"], arrays[f"{n + 1}.bias"] = rng.normal(size=b), rng.normal(size=b)
            arrays[f"{n + 1}.running_mean"], arrays[f"{n + 1}.running_var"] = rng.normal(size=b), rng.uniform(1, 9, b)
            arrays[f"{n + 1}.num_batches_tracked"] = np.array(7)
        n += 3
    return {name: x.astype(np.float32) for name, x in arrays.items()}


def forward(arrays, X, signs=False):
    """The network in float64, as the framework defines its layers."""
    h, n = np.where(X >= 0, 1.0, -1.0) if signs else X, 0
    while True:
        linear = {e: arrays[f"{n}.{e}"].astype(float) for e in ("weight", "bias")}
        if f"{n + 1}.weight" not in arrays:
            return h @ linear["weight"].T + linear["bias"]
        z = h @ np.where(linear["weight"] < 0, -1.0, 1.0).T + linear["bias"]
        norm = {e: arrays[f"{n + 1}.{e}"].astype(float) for e in ("weight", "bias", "running_mean", "running_var")}
        z = (z - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-5) * norm["weight"] + norm["bias"]
        h, n = np.where(z >= 0, 1.0, -1.0), n + 3


@given(st.integers(0, 2**31), st.booleans(), st.booleans())
def test_a_state_dict_is_the_network_that_it_holds(seed, latent, signs):
    rng = np.random.default_rng(seed)
    arrays = drawn(rng, (20, 70, 9, 4), latent)
    X = rng.normal(size=(30, 20))
    packed = from_state_dict(arrays, latent=latent, signs=signs)
    assert packed.sizes == (20, 70, 9, 4)
    np.testing.assert_allclose(packed.scores(X), forward(arrays, X, signs), rtol=1e-12, atol=1e-12)


def test_tensors_and_their_order():
    rng = np.random.default_rng(0)
    arrays = drawn(rng, (6, 8, 3))
    X = rng.normal(size=(5, 6))
    expected = forward(arrays, X)
    named = {"fc2" if n[0] == "3" else {"0": "fc1", "1": "bn1"}[n[0]]: n[0] for n in arrays}
    renamed = {f"{m}.{n[2:]}": Tensor(x) for n, x in sorted(arrays.items()) for m, d in named.items() if n[0] == d}
    shuffled = dict(sorted(renamed.items()))  # bn1 first
    packed = PackedNetwork.from_state_dict(shuffled, order=("fc1", "bn1", "fc2"), classes=["a", "b", "c"])
    np.testing.assert_allclose(packed.scores(X), expected, rtol=1e-12)
    assert set(packed.predict(X)) <= {"a", "b", "c"}
    with pytest.raises(ValueError, match="bn1 must follow a linear layer"):
        from_state_dict(shuffled)
    with pytest.raises(ValueError, match="order must name"):
        from_state_dict(shuffled, order=("fc1", "fc2"))


def test_no_bias_and_no_gain():
    weight = np.where(np.arange(12).reshape(4, 3) % 2, 1.0, -1.0)
    arrays = {"a.weight": weight, "b.running_mean": np.ones(4), "b.running_var": np.ones(4), "c.weight": np.eye(4)}
    h = from_state_dict(arrays).scores([[1.0, 2.0, 3.0]])
    assert h.tolist() == np.where(weight @ [1.0, 2.0, 3.0] >= 1, 1.0, -1.0).reshape(1, 4).tolist()


def test_names_in_the_order_of_their_numbers():
    names = ["10.weight", "2.bias", "2.weight", "1.running_mean", "layer.9.weight", "layer.10.weight", "weight"]
    assert natural(names) == ["", "1", "2", "10", "layer.9", "layer.10"]


GOOD = drawn(np.random.default_rng(0), (6, 8, 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.weight": np.zeros((8, 6, 1, 1))}, "0 must have a weight"),
        ({"0.weight": np.zeros((8, 6))}, "layer 0: weight must be"),
        ({"0.bias": np.zeros(7)}, r"0.bias must have shape \(8,\)"),
        ({"0.extra": np.zeros(7)}, "0 must have a weight"),
        ({"1.running_var": -np.ones(8)}, "1.running_var must be positive"),
        ({"1.running_mean": np.zeros(3)}, "1.running_mean must have shape"),
        ({"1.extra": np.zeros(8)}, "1 must have running_mean"),
        ({"1.bias": np.full(8, np.nan)}, "1.bias must be finite"),
        ({"1.bias": np.array(["a"] * 8)}, "1.bias must be an array of real"),
        ({"3.weight": np.zeros((3, 9))}, "layers must fit"),
        ({"0.weight": None}, "0.weight must be"),
    ],
)
def test_other_arrays_are_refused(change, message):
    from_state_dict(GOOD)
    with pytest.raises(ValueError, match=message):
        from_state_dict(GOOD | change)


@pytest.mark.parametrize("arrays", [{}, {"0.weight": np.ones((2, 2))}, [1, 2], {"0.running_mean": np.ones(2)}])
def test_too_few_arrays_are_refused(arrays):
    with pytest.raises(ValueError, match="must"):
        from_state_dict(arrays)


@pytest.mark.parametrize(("name", "bad"), [("scale", 3.0), ("epsilon", -1.0), ("epsilon", "1")])
def test_other_options_are_refused(name, bad):
    with pytest.raises(ValueError, match=name):
        from_state_dict(GOOD, **{name: bad})
