"""What each ONNX operator makes of the value that flows through a graph: one function for each."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from . import _onnx_images as images
from . import _onnx_terms as terms
from ._onnx_states import Inputs, Positive, Signs, Step, Sums, Test, signs, ties
from ._windows import Windows


class Call(NamedTuple):
    """A node: the flow's place among its inputs, the other inputs, and the attributes."""

    at: int
    constants: list[np.ndarray]
    attributes: dict[str, Any]
    ties: str = "refuse"  # or "positive": what Sign(0) = 0 is taken for


def identity(state: Any, call: Call) -> Any:
    return state


def flatten(state: Any, call: Call) -> Any:
    terms.require(state, Inputs, Signs)
    if call.attributes.get("axis", 1) != 1:
        raise ValueError(f"axis must be 1, got {call.attributes['axis']}")
    return replace(state, layout=state.layout.reshaped([-1]))


def reshape(state: Any, call: Call) -> Any:
    """To one row an image, (-1, n) or (0, n or -1), or to images."""
    terms.require(state, Inputs, Signs)
    shape = [int(n) for n in call.constants[0].ravel()]
    known = state.layout.shape or ()
    if not call.attributes.get("allowzero"):
        shape[1:] = [known[i] if n == 0 and i < len(known) else n for i, n in enumerate(shape[1:])]
    if call.at != 0 or len(shape) < 2 or shape[0] not in (-1, 0) or any(n == 0 or n < -1 for n in shape[1:]):
        raise ValueError(f"must reshape the flow to (-1 or 0, lengths of a row), got shape {shape}")
    if shape[0] == -1 and -1 in shape[1:]:
        raise ValueError(f"must reshape the flow to a shape with one -1, got {shape}")
    return replace(state, layout=state.layout.reshaped(shape[1:]))


def transpose(state: Any, call: Call) -> Any:
    terms.require(state, Inputs, Signs)
    first, *axes = call.attributes.get("perm", [-1])
    if first != 0:
        raise ValueError(f"must keep the rows the first axis, got perm {call.attributes.get('perm')}")
    return replace(state, layout=state.layout.transposed([i - 1 for i in axes]))


def cast(state: Any, call: Call) -> Any:
    terms.require(state, Inputs, Signs, Sums)
    to = call.attributes["dtype"]
    if to not in (np.float32, np.float64):
        raise ValueError(f"must cast to float32 or float64, got {to}")
    if isinstance(state, Sums):
        state = state.then(lambda y: y.astype(to))
    return replace(state, real=to)


def matmul(state: Any, call: Call) -> Sums:
    terms.require(state, Inputs, Signs)
    weight = call.constants[0]
    if call.at != 0 or weight.ndim != 2 or 0 in weight.shape:
        raise ValueError(f"must multiply the flow, input 0, by a matrix, got input {call.at}, shape {weight.shape}")
    if not state.layout.flat:
        raise ValueError(f"must take rows of one axis, got rows of shape {state.layout.shape}: flatten them")
    if state.layout.width not in (None, len(weight)):
        raise ValueError(f"weights must have {state.layout.width} rows, got shape {weight.shape}")
    return _product(state, state.layout.rows(weight), None)


def conv(state: Any, call: Call) -> Sums:
    terms.require(state, Inputs, Signs)
    weight, *bias = call.constants
    if call.at != 0:
        raise ValueError(f"the flow must be input 0, got {call.at}")
    given = isinstance(state, Inputs) or state.stage is None
    found = images.windows(weight, state.layout, call.attributes, given)
    sums = _product(state, weight.transpose(2, 3, 1, 0).reshape(found.inputs, len(weight)), found)
    return add(sums, Call(0, [bias[0].reshape(-1, 1, 1)], {})) if bias else sums


def _product(state: Any, weight: np.ndarray, windows: Windows | None) -> Sums:
    """The sums of a matrix whose rows are in the order of ours, or of a patch."""
    if weight.dtype != state.real:
        raise ValueError(f"weights must be of the flow's type {state.real}, got {weight.dtype}")
    if not np.isfinite(weight).all():
        raise ValueError("weights must be finite")
    if isinstance(state, Inputs):
        return Sums(state.real, weight, divisor=state.divisor, from_signs=False, windows=windows)
    scale = state.scale
    if windows is not None and scale.size > 1:  # a patch has what every pixel has
        pixels = terms.units(scale, windows.takes).reshape(-1, windows.image[2])
        if (pixels != pixels[0]).any():
            raise ValueError("signs before a convolution must be of one size in each channel")
        scale = np.tile(pixels[0], len(weight) // pixels.shape[1])
    weight = weight * terms.units(scale, len(weight)).astype(weight.dtype)[:, np.newaxis]
    return Sums(state.real, weight, windows=windows)


def gemm(state: Any, call: Call) -> Sums:
    weight, *bias = call.constants
    if call.attributes.get("transA", 0):
        raise ValueError("transA must be 0, got 1")
    if call.at != 0:
        raise ValueError(f"the flow must be input 0, got {call.at}")
    sums = matmul(state, Call(0, [weight.T if call.attributes.get("transB", 0) else weight], {}))
    alpha, beta = (sums.real.type(call.attributes.get(name, 1.0)) for name in ("alpha", "beta"))
    if alpha != 1:
        sums = mul(sums, Call(0, [np.asarray(alpha)], {}))
    return add(sums, Call(0, [np.asarray(bias[0] * beta, bias[0].dtype)], {})) if bias else sums


def add(state: Any, call: Call) -> Sums:
    c = terms.per_output(state, call.constants[0])
    return state.then(lambda y: y + c, terms.move("add", c))


def sub(state: Any, call: Call) -> Sums:
    c = terms.per_output(state, call.constants[0])
    if call.at == 1:
        return state.then(lambda y: c - y, terms.move("mul", -np.ones(state.outputs)), terms.move("add", c))
    return state.then(lambda y: y - c, terms.move("add", -c))


def neg(state: Any, call: Call) -> Sums:
    terms.require(state, Sums)
    return state.then(lambda y: -y, terms.move("mul", -np.ones(state.outputs)))


def mul(state: Any, call: Call) -> Any:
    if isinstance(state, Inputs):
        return terms.divided(state, call.constants[0], inverse=True)
    if isinstance(state, Signs):
        return replace(state, scale=terms.positive(state.scale * terms.sizes(state, call.constants[0])))
    c = terms.per_output(state, call.constants[0], finite=True)
    return state.then(lambda y: terms.times(y, c), terms.move("mul", c))


def div(state: Any, call: Call) -> Any:
    if call.at == 1:
        raise ValueError("must divide by a constant")
    if isinstance(state, Inputs):
        return terms.divided(state, call.constants[0])
    c = terms.per_output(state, call.constants[0], finite=True)
    if (c == 0).any():
        raise ValueError("must not divide by 0")
    return state.then(lambda y: y / c, terms.move("mul", 1 / c.astype(np.float64)))


def batch_normalization(state: Any, call: Call) -> Sums:
    """(y - mean) * (gain / sqrt(variance + epsilon)) + shift, in float64 and then rounded to the graph's type."""
    if call.at != 0 or call.attributes.get("training_mode", 0):
        raise ValueError("must be in inference mode, of the flow")
    terms.require(state, Sums)
    axes = (-1, 1, 1) if state.windows is not None else (-1,)
    gain, shift, mean, variance = (
        terms.per_output(state, c.reshape(axes), finite=True).astype(np.float64) for c in call.constants
    )
    factor = gain / np.sqrt(variance + call.attributes.get("epsilon", 1e-5))
    if not np.isfinite(factor).all():
        raise ValueError("variance + epsilon must be above 0")
    real = state.real
    step: Step = lambda y: (terms.times(y.astype(np.float64) - mean, factor) + shift).astype(real)  # noqa: E731
    return state.then(step, ("add", -mean), ("mul", factor), ("add", shift))


def bipolar_quant(state: Any, call: Call) -> Signs:
    if call.at != 0:
        raise ValueError("must quantize the flow, with a constant scale")
    if isinstance(state, Inputs):
        return Signs(state.real, terms.positive(terms.sizes(state, call.constants[0])), layout=state.layout)
    terms.require(state, Sums)
    scale = terms.positive(terms.typed(call.constants[0], state.real))
    return signs(Test(state, lambda v: v >= 0, terms.none(state)), terms.of(state, scale), state.real)


def sign(state: Any, call: Call) -> Signs:
    """Sign, whose 0 at 0 is no sign: refused where it can occur, unless the caller takes it for +1."""
    terms.require(state, Inputs, Sums)
    if call.ties == "refuse" and (isinstance(state, Inputs) or (met := ties(state))):
        units = "any input" if isinstance(state, Inputs) else f"{met} of {state.outputs} units"
        raise ValueError(f"Sign(0) = 0 is no sign and may occur in {units}; ties='positive' takes it for +1")
    return bipolar_quant(state, Call(0, [np.ones((), state.real)], {}))


def comparison(passes: Callable[..., Any], mirrored: Callable[..., Any]) -> Callable[[Any, Call], Any]:
    """A node that compares the flow with a constant; mirrored: the same with both exchanged."""

    def compare(state: Any, call: Call) -> Test | Positive:
        function = mirrored if call.at else passes
        if isinstance(state, Inputs) and function is np.greater_equal and not call.constants[0].any():
            return Positive(state)
        c = terms.per_output(state, call.constants[0])
        return Test(state, lambda v: function(v, c), terms.none(state))

    return compare


def not_(state: Any, call: Call) -> Test:
    terms.require(state, Test)
    return replace(state, turned=~state.turned)


def xor(state: Any, call: Call) -> Test:
    terms.require(state, Test)
    c = call.constants[0]
    if c.dtype != bool:
        raise ValueError(f"must be of booleans, got {c.dtype}")
    return replace(state, turned=state.turned ^ terms.of(state.sums, c))


def where(state: Any, call: Call) -> Signs:
    """Where(test, s, -s) for constants s, a scalar or one a unit."""
    terms.require(state, Test, Positive)
    a, b = call.constants
    if call.at != 0 or a.dtype != b.dtype or a.dtype not in (np.float32, np.float64):
        raise ValueError("must choose between two floating-point constants of one type by the flow")
    if isinstance(state, Positive):
        if a.size != 1 or b.size != 1 or a.reshape(()) != -b.reshape(()):
            raise ValueError("must choose between one number s and -s")
        return Signs(a.dtype, terms.positive(a.reshape(())), layout=state.inputs.layout)
    a, b = terms.of(state.sums, a), terms.of(state.sums, b)
    if not (a == -b).all() or (a == 0).any():
        raise ValueError("must choose between s and -s, s not 0")
    return signs(replace(state, turned=state.turned ^ (a < 0)), terms.positive(np.abs(a)), a.dtype)


OPERATORS: dict[str, Callable[[Any, Call], Any]] = {
    "Identity": identity,
    "Flatten": flatten,
    "Reshape": reshape,
    "Transpose": transpose,
    "Cast": cast,
    "MatMul": matmul,
    "Gemm": gemm,
    "Conv": conv,
    "Add": add,
    "Sub": sub,
    "Neg": neg,
    "Mul": mul,
    "Div": div,
    "BatchNormalization": batch_normalization,
    "BipolarQuant": bipolar_quant,
    "Sign": sign,
    "GreaterOrEqual": comparison(np.greater_equal, np.less_equal),
    "Greater": comparison(np.greater, np.less),
    "LessOrEqual": comparison(np.less_equal, np.greater_equal),
    "Less": comparison(np.less, np.greater),
    "Not": not_,
    "Xor": xor,
    "Where": where,
}
