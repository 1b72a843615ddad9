"""What each ONNX operator makes of the value that flows through a graph: one function for each."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ._onnx_states import Inputs, Move, Positive, Signs, Step, Sums, Test, signs, ties


class Call(NamedTuple):
    """A node: the flow's place among its inputs, the other inputs, and the attributes."""

    at: int
    constants: list[np.ndarray]
    attributes: dict[str, Any]
    ties: str = "refuse"  # or "positive": what Sign(0) = 0 is taken for


def identity(state: Any, call: Call) -> Any:
    return state


def flatten(state: Any, call: Call) -> Any:
    _is(state, Inputs)
    if call.attributes.get("axis", 1) != 1:
        raise ValueError(f"axis must be 1, got {call.attributes['axis']}")
    return state


def reshape(state: Any, call: Call) -> Any:
    """To one row an image: (-1, n) or (0, n or -1)."""
    _is(state, Inputs)
    if call.at != 0 or call.constants[0].shape != (2,) or call.constants[0][0] not in (-1, 0):
        raise ValueError(f"must reshape the input to (rows, n), got shape {call.constants[0].tolist()}")
    n = int(call.constants[0][1])
    if n != -1 and state.width not in (None, n):
        raise ValueError(f"must keep {state.width} numbers a row, got shape {call.constants[0].tolist()}")
    return state if n == -1 else replace(state, width=n)


def cast(state: Any, call: Call) -> Any:
    _is(state, Inputs, Signs, Sums)
    to = call.attributes["dtype"]
    if to not in (np.float32, np.float64):
        raise ValueError(f"must cast to float32 or float64, got {to}")
    if isinstance(state, Sums):
        state = state.then(lambda y: y.astype(to))
    return replace(state, real=to)


def matmul(state: Any, call: Call) -> Sums:
    _is(state, Inputs, Signs)
    weight = call.constants[0]
    if call.at != 0 or weight.ndim != 2 or 0 in weight.shape or weight.dtype != state.real:
        found = f"shape {weight.shape} of {weight.dtype}, the flow being input {call.at}"
        raise ValueError(f"must multiply the flow by a matrix of {state.real}, got {found}")
    if not np.isfinite(weight).all():
        raise ValueError("weights must be finite")
    width = state.stage.weight.shape[1] if isinstance(state, Signs) and state.stage is not None else state.width
    if width not in (None, len(weight)):
        raise ValueError(f"weights must have {width} rows, got shape {weight.shape}")
    if isinstance(state, Inputs):
        return Sums(state.real, weight, divisor=state.divisor, from_signs=False)
    return Sums(state.real, weight * _units(state.scale, len(weight)).astype(weight.dtype)[:, np.newaxis])


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
    c = _per_output(state, call.constants[0])
    return state.then(lambda y: y + c, _move("add", c))


def sub(state: Any, call: Call) -> Sums:
    c = _per_output(state, call.constants[0])
    if call.at == 1:
        return state.then(lambda y: c - y, _move("mul", -np.ones(state.outputs)), _move("add", c))
    return state.then(lambda y: y - c, _move("add", -c))


def neg(state: Any, call: Call) -> Sums:
    _is(state, Sums)
    return state.then(lambda y: -y, _move("mul", -np.ones(state.outputs)))


def mul(state: Any, call: Call) -> Any:
    if isinstance(state, Inputs):
        return _divided(state, call.constants[0], inverse=True)
    if isinstance(state, Signs):
        return replace(state, scale=_positive(state.scale * _typed(call.constants[0], state.real)))
    c = _per_output(state, call.constants[0], finite=True)
    return state.then(lambda y: _times(y, c), _move("mul", c))


def div(state: Any, call: Call) -> Any:
    if call.at == 1:
        raise ValueError("must divide by a constant")
    if isinstance(state, Inputs):
        return _divided(state, call.constants[0])
    c = _per_output(state, call.constants[0], finite=True)
    if (c == 0).any():
        raise ValueError("must not divide by 0")
    return state.then(lambda y: y / c, _move("mul", 1 / c.astype(np.float64)))


def batch_normalization(state: Any, call: Call) -> Sums:
    """(y - mean) * (gain / sqrt(variance + epsilon)) + shift, in float64 and then rounded to the graph's type."""
    if call.at != 0 or call.attributes.get("training_mode", 0):
        raise ValueError("must be in inference mode, of the flow")
    gain, shift, mean, variance = (_per_output(state, c, finite=True).astype(np.float64) for c in call.constants)
    factor = gain / np.sqrt(variance + call.attributes.get("epsilon", 1e-5))
    if not np.isfinite(factor).all():
        raise ValueError("variance + epsilon must be above 0")
    real = state.real
    step: Step = lambda y: (_times(y.astype(np.float64) - mean, factor) + shift).astype(real)  # noqa: E731
    return state.then(step, ("add", -mean), ("mul", factor), ("add", shift))


def bipolar_quant(state: Any, call: Call) -> Signs:
    if call.at != 0:
        raise ValueError("must quantize the flow, with a constant scale")
    scale = _positive(_typed(call.constants[0], state.real))
    if isinstance(state, Inputs):
        return Signs(state.real, scale, width=state.width)
    _is(state, Sums)
    return signs(Test(state, lambda v: v >= 0, _no(state)), _units(scale, state.outputs), state.real)


def sign(state: Any, call: Call) -> Signs:
    """Sign, whose 0 at 0 is no sign: refused where it can occur, unless the caller takes it for +1."""
    _is(state, Inputs, Sums)
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
        c = _per_output(state, call.constants[0])
        return Test(state, lambda v: function(v, c), _no(state))

    return compare


def not_(state: Any, call: Call) -> Test:
    _is(state, Test)
    return replace(state, turned=~state.turned)


def xor(state: Any, call: Call) -> Test:
    _is(state, Test)
    c = call.constants[0]
    if c.dtype != bool:
        raise ValueError(f"must be of booleans, got {c.dtype}")
    return replace(state, turned=state.turned ^ _units(c, state.sums.outputs))


def where(state: Any, call: Call) -> Signs:
    """Where(test, s, -s) for constants s, a scalar or one a unit."""
    _is(state, Test, Positive)
    a, b = call.constants
    if call.at != 0 or a.dtype != b.dtype or a.dtype not in (np.float32, np.float64):
        raise ValueError("must choose between two floating-point constants of one type by the flow")
    if isinstance(state, Positive):
        if a.size != 1 or b.size != 1 or a.reshape(()) != -b.reshape(()):
            raise ValueError("must choose between one number s and -s")
        return Signs(a.dtype, _positive(a.reshape(())), width=state.inputs.width)
    a, b = _units(a, state.sums.outputs), _units(b, state.sums.outputs)
    if not (a == -b).all() or (a == 0).any():
        raise ValueError("must choose between s and -s, s not 0")
    return signs(replace(state, turned=state.turned ^ (a < 0)), _positive(np.abs(a)), a.dtype)


OPERATORS: dict[str, Callable[[Any, Call], Any]] = {
    "Identity": identity,
    "Flatten": flatten,
    "Reshape": reshape,
    "Cast": cast,
    "MatMul": matmul,
    "Gemm": gemm,
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


def _is(state: Any, *kinds: type) -> None:
    names = {Inputs: "the input", Signs: "signs", Sums: "sums", Test: "a comparison", Positive: "a comparison"}
    if not isinstance(state, kinds):
        wanted = " or ".join(names[kind] for kind in kinds)
        raise ValueError(f"must come after {wanted}, and comes after {names[type(state)]}")


def _no(sums: Sums) -> np.ndarray:
    return np.zeros(sums.outputs, bool)


def _move(kind: str, c: np.ndarray) -> Move:
    return kind, np.asarray(c, np.float64)


def _typed(c: np.ndarray, real: np.dtype[Any]) -> np.ndarray:
    if c.dtype != real:
        raise ValueError(f"constants must be of the flow's type {real}, got {c.dtype}")
    return c


def _units(c: np.ndarray, units: int) -> np.ndarray:
    """A constant, one number a unit: (units,), from a scalar or an array with no other axis that is not 1."""
    if c.size == 1:
        return np.full(units, c.reshape(()))
    if c.size != units or c.shape[-1] != units:
        raise ValueError(f"a constant must be a number or {units} numbers in its last axis, got shape {c.shape}")
    return c.reshape(units)


def _per_output(state: Any, c: np.ndarray, finite: bool = False) -> np.ndarray:
    _is(state, Sums)
    if finite and not np.isfinite(c).all():
        raise ValueError("constants must be finite")
    return _units(_typed(c, state.real), state.outputs)


def _times(y: np.ndarray, c: np.ndarray) -> np.ndarray:
    """y c, 0 for c = 0 even where y has overflowed."""
    return np.where(c == 0, y.dtype.type(0), y * c)


def _positive(scale: np.ndarray) -> np.ndarray:
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError("the scale of signs must be finite and above 0")
    return scale


def _divided(inputs: Inputs, c: np.ndarray, inverse: bool = False) -> Inputs:
    """The inputs over a power of 2: dividing by it rounds nothing."""
    if _typed(c, inputs.real).size != 1:
        raise ValueError(f"the input must be divided by one number, got shape {c.shape}")
    value = float(c.reshape(()))
    if not (np.isfinite(value) and value > 0 and np.frexp(value)[0] == 0.5):
        raise ValueError(f"the input must be scaled by a power of 2, got {value!r}")
    return replace(inputs, divisor=inputs.divisor / value if inverse else inputs.divisor * value)
