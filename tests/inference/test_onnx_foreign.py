"""ONNX and QONNX graphs of others: we compute what the reference evaluator of onnx does, or name the node at fault."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.inference.onnx import from_onnx

onnx = pytest.importorskip("onnx")

from tests.inference.test_onnx import DOMAIN, reference  # noqa: E402

HEAD = '<ir_version: 8, opset_import: ["" : 18, "qonnx.custom_op.general" : 1]>\n'
TWO = "float[2,2] V = {1,-1, 1,1}, "
SIGNS = "b = BipolarQuant(z, one)"


def foreign(body, constants="", kind="float"):
    """A graph of X (rows, 3), W and V that ends in h V; BipolarQuant is of its own domain."""
    body = body.replace("BipolarQuant", f"{DOMAIN}.BipolarQuant").replace(";", "\n")
    given = ("float[3,2] W = {1,-1, -1,1, 1,1}, float one = {1}, " + TWO + constants).rstrip(", ")
    head = f"agraph (float[rows,3] X) => (float[rows,2] Y)\n<{given}>\n".replace("float", kind)
    return onnx.parser.parse_model(HEAD + head + "{\n" + body + "\nY = MatMul(b, V)\n}")


FOREIGN = {
    "bias": ("y = MatMul(X, W); z = Add(y, c); b = BipolarQuant(z, one)", "float[2] c = {1,-3}"),
    "gemm": ("z = Gemm<alpha: float = -2.0, transB: int = 1>(X, U, c); b = BipolarQuant(z, one)",
             "float[2,3] U = {1,-1,1, -1,-1,1}, float[2] c = {2,-6}"),
    "normalised": ("y = MatMul(X, W); z = BatchNormalization(y, g, s, m, v); b = BipolarQuant(z, one)",
                   "float[2] g = {-1.5,0}, float[2] s = {0,-1}, float[2] m = {1,0}, float[2] v = {1,2}"),
    "constant": ("y = MatMul(X, U); z = BatchNormalization(y, g, s, m, v); b = BipolarQuant(z, one)",
                 "float[3,2] U = {4,3, 4,-3, -4,3}, float[2] g = {0,1}, float[2] s = {-1,0}, float[2] m = {9,0}, "
                 "float[2] v = {1,2}"),
    "latent weights": ("w = BipolarQuant(L, half); a = BipolarQuant(X, one); z = MatMul(a, w); d = Div(z, c);"
                       "b = BipolarQuant(d, half)",
                       "float[3,2] L = {0.1,-2, 0,1, -0.0,-1}, float half = {0.5}, float[1,2] c = {3,-7}"),
    "greater": ("y = MatMul(X, W); t = Greater(y, c); b = Where(t, up, down)",
                "float[2] c = {1,-1}, float[2] up = {1,-2}, float[2] down = {-1,2}"),
    "less": ("y = MatMul(X, W); t = Less(c, y); n = Not(t); b = Where(n, one, minus)",
             "float[2] c = {1,-1}, float minus = {-1}"),
    "from the left": ("y = MatMul(X, W); z = Sub(c, y); e = Neg(z); b = BipolarQuant(e, one)", "float[2] c = {1,-1}"),
    "odd sums": ("a = BipolarQuant(X, one); z = MatMul(a, W); b = Sign(z)", ""),
    "folded constants": ("w = Transpose(U); y = MatMul(X, w); u = Mul(c, c); z = Sub(y, u); b = BipolarQuant(z, one)",
                         "float[2,3] U = {1,-1,1, -1,-1,1}, float[2] c = {1,-1}"),
    "scaled input": ("x = Mul(X, half); y = MatMul(x, W); z = Add(y, half); b = BipolarQuant(z, one)",
                     "float half = {0.5}"),
}  # fmt: skip
CUBE = np.array(list(itertools.product([-2, -1, 0, 1, 3], repeat=3)))


@pytest.mark.parametrize("kind", ["float", "double"])
@pytest.mark.parametrize("name", FOREIGN)
def test_graphs_of_others_are_read_as_they_are_run(name, kind):
    model = foreign(*FOREIGN[name], kind=kind)
    theirs = reference(model, CUBE.astype(np.float32 if kind == "float" else np.float64))
    network = from_onnx(model.SerializeToString())
    np.testing.assert_array_equal(network.scores(CUBE.astype(float)), theirs)
    assert len(np.unique(theirs, axis=0)) > 1


def test_the_rounding_of_the_graph_decides():
    """In float32, 0.1 * 3 + c is 0, or is not, as rounding has it; in float64 it is another number."""
    steps = "y = MatMul(X, W); s = Mul(y, tenth); z = Sub(s, c); b = BipolarQuant(z, one)"
    for value in [*np.nextafter(np.float32(0.3), np.float32([0, 1])).tolist(), 0.3]:
        constants = f"float[2] tenth = {{0.1, 0.1}}, float[2] c = {{{value!r}, {value!r}}}"
        model = foreign(steps, constants)
        network = from_onnx(model.SerializeToString())
        np.testing.assert_array_equal(network.scores(CUBE.astype(float)), reference(model, CUBE.astype(np.float32)))


def test_sign_of_zero_is_refused_unless_it_is_said_what_it_is():
    model = foreign("y = MatMul(X, W); b = Sign(y)").SerializeToString()
    with pytest.raises(ValueError, match=r"node '?1'? \(Sign\).*ties='positive'"):
        from_onnx(model)
    other = foreign(f"z = MatMul(X, W); {SIGNS}").SerializeToString()
    x = CUBE.astype(float)
    np.testing.assert_array_equal(from_onnx(model, ties="positive").scores(x), from_onnx(other).scores(x))


@given(st.integers(1, 4), st.integers(-5, 5), st.sampled_from([-1.5, 0.0, 1.0]))
def test_sign_is_refused_exactly_where_zero_can_occur(n, c, gain):
    model = onnx.parser.parse_model(
        HEAD + f"agraph (float[rows,{n}] X) => (float[rows,1] Y)\n<float[{n},1] W = {{{','.join(['1'] * n)}}}, "
        f"float one = {{1}}, float c = {{{c}}}, float g = {{{gain}}}, float[1,1] V = {{1}}>\n"
        f"{{\na = {DOMAIN}.BipolarQuant(X, one)\ny = MatMul(a, W)\nz = Sub(y, c)\nv = Mul(z, g)\n"
        "b = Sign(v)\nY = MatMul(b, V)\n}"
    )
    X = np.array(list(itertools.product([-1.0, 1.0], repeat=n)))
    theirs = reference(model, X.astype(np.float32))
    if (theirs == 0).any():
        with pytest.raises(ValueError, match=r"\(Sign\): Sign\(0\) = 0 is no sign and may occur in 1 of 1"):
            from_onnx(model.SerializeToString())
    else:
        np.testing.assert_array_equal(from_onnx(model.SerializeToString()).scores(X), theirs)


BAD = {
    "relu": ("y = MatMul(X, W); z = Relu(y); " + SIGNS, "", r"\(Relu\).*not supported; supported are Add"),
    "ternary weights": ("z = MatMul(X, U); " + SIGNS, "float[3,2] U = {0,1, 1,1, 1,1}", r"\(BipolarQuant\).*weights"),
    "a branch": ("z = MatMul(X, W); u = MatMul(X, W); " + SIGNS, "", r"\(MatMul\).*must take"),
    "infinite": ("y = MatMul(X, W); z = Mul(y, c); " + SIGNS, "float[2] c = {inf, 1}", r"\(Mul\).*finite"),
    "third": ("x = Div(X, three); z = MatMul(x, W); " + SIGNS, "float three = {3}", r"\(Div\).*power of 2"),
    "levels": ("y = MatMul(X, W); t = Less(y, one); b = Where(t, one, c)", "float c = {-2}", r"\(Where\).*s and -s"),
    "other type": ("z = MatMul(X, U); " + SIGNS, "double[3,2] U = {1,1, 1,1, 1,1}", r"\(MatMul\).*float32"),
    "many": ("y = MatMul(X, W); z = Add(y, c); " + SIGNS, "float[3] c = {1,1,1}", r"\(Add\).*2 numbers"),
    "negative scale": ("z = MatMul(X, W); b = BipolarQuant(z, c)", "float c = {-1}", r"\(BipolarQuant\).*above 0"),
    "no second sign": ("b = MatMul(X, W)", "", r"\(MatMul\).*after the input or signs"),
    "reused name": ("z = MatMul(X, W); z = Add(z, one); " + SIGNS, "", r"\(Add\).*new name"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_supported_is_refused_by_the_name_of_its_node(name):
    body, constants, message = BAD[name]
    with pytest.raises(ValueError, match="node '?[0-9]'? " + message):
        from_onnx(foreign(body, constants).SerializeToString())
