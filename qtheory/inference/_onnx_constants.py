"""Constants of an ONNX graph: its initializers, and what its nodes make of them before any input is known."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

LARGEST = 2**28  # entries of a constant
TYPES = "float16, float32, float64, bool and integers of 8 to 64 bits"


def initializers(onnx: Any, graph: Any) -> dict[str, np.ndarray]:
    """Name -> array. Raises: ValueError naming a tensor that cannot be read."""
    if graph.sparse_initializer:
        raise ValueError("sparse_initializer must be empty: sparse tensors are not supported")
    found: dict[str, np.ndarray] = {}
    for tensor in graph.initializer:
        if tensor.name in found:
            raise ValueError(f"tensor {tensor.name!r} must be given once")
        found[tensor.name] = array(onnx, tensor, f"tensor {tensor.name!r}")
    return found


def array(onnx: Any, tensor: Any, where: str) -> np.ndarray:
    """The array that a TensorProto holds."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError(f"{where} must be inside the file, not in another one")
    shape = tuple(tensor.dims)
    if any(n < 0 for n in shape) or size(shape) > LARGEST:
        raise ValueError(f"{where} must have at most {LARGEST} entries, got shape {shape}")
    try:
        value = np.asarray(onnx.numpy_helper.to_array(tensor))
    except Exception as error:
        raise ValueError(f"{where} must hold what its shape and type promise: {first_line(error)}") from None
    if value.dtype.kind not in "biuf" or value.shape != shape:
        raise ValueError(f"{where} must be of {TYPES}, and of shape {shape}; got {value.dtype}, shape {value.shape}")
    if value.dtype.kind == "f" and np.isnan(value).any():
        raise ValueError(f"{where} must hold numbers, got {int(np.isnan(value).sum())} NaN")
    return value


def size(shape: Sequence[int]) -> int:
    """Entries, as an integer that cannot overflow."""
    total = 1
    for n in shape:
        total *= int(n)
    return total


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__


def signs(x: np.ndarray) -> np.ndarray:
    """+1 where x >= 0, else -1, in x's type."""
    return np.where(x >= 0, x.dtype.type(1), x.dtype.type(-1))


def foldable(kind: str) -> bool:
    """Whether `fold` knows the operator."""
    return kind in _FOLDS


def fold(kind: str, inputs: Sequence[np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    """What a node makes of constants. Raises: KeyError for a kind that is not known, others for bad inputs."""
    function = _FOLDS[kind]
    if kind not in _OWN_SHAPE and size(np.broadcast_shapes(*(x.shape for x in inputs))) > LARGEST:
        raise ValueError(f"the result must have at most {LARGEST} entries")
    found = function(inputs, attributes)
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise ValueError("the result must hold no NaN")
    return found


def _same(inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    a, b = inputs
    if a.dtype != b.dtype:
        raise ValueError(f"both inputs must be of one type, got {a.dtype} and {b.dtype}")
    return a, b


def _binary(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    return lambda inputs, attributes: np.asarray(function(*_same(inputs)))


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind != "f":
        raise ValueError(f"Div of constants must be of floating-point numbers, got {a.dtype}")
    return np.asarray(a / b)


def _where(inputs: Sequence[np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    condition, a, b = inputs
    if condition.dtype != bool:
        raise ValueError(f"the condition must be bool, got {condition.dtype}")
    return np.asarray(np.where(condition, *_same((a, b))))


def _bipolar(inputs: Sequence[np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    x, scale = _same(inputs)
    return np.asarray(signs(x) * scale)


def _reshape(inputs: Sequence[np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    x, shape = inputs
    wanted = [x.shape[i] if n == 0 and not attributes.get("allowzero") else int(n) for i, n in enumerate(shape)]
    return x.reshape(wanted)


def _slice(inputs: Sequence[np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    x, starts, ends, *more = inputs
    axes = more[0] if more else np.arange(len(starts))
    steps = more[1] if len(more) > 1 else np.ones(len(starts), int)
    if not (len(starts) == len(ends) == len(axes) == len(steps)) or (steps <= 0).any():
        raise ValueError("Slice must have as many starts, ends, axes and steps, the steps above 0")
    cut = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts.tolist(), ends.tolist(), axes.tolist(), steps.tolist(), strict=True):
        cut[axis] = slice(start, end, step)
    return x[tuple(cut)]


def _cast(inputs: Sequence[np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    return inputs[0].astype(attributes["dtype"])


_FOLDS: dict[str, Callable[..., np.ndarray]] = {
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "Div": _binary(_divide),
    "BitwiseAnd": _binary(np.bitwise_and),
    "Neg": lambda inputs, attributes: -inputs[0],
    "Sign": lambda inputs, attributes: np.sign(inputs[0]),
    "Identity": lambda inputs, attributes: inputs[0],
    "Transpose": lambda inputs, attributes: inputs[0].transpose(attributes.get("perm")),
    "Cast": _cast,
    "Where": _where,
    "BipolarQuant": _bipolar,
    "Reshape": _reshape,
    "Slice": _slice,
}
_OWN_SHAPE = ("Transpose", "Reshape", "Slice", "Cast", "Identity")


def attributes_of(onnx: Any, node: Any) -> dict[str, Any]:
    """Name -> number, list or array; of a Cast besides "dtype", the NumPy type."""
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        found[attribute.name] = array(onnx, value, "the value") if attribute.name == "value" else value
    if node.op_type == "Cast":
        found["dtype"] = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(found["to"]))
        if found["dtype"].kind not in "biuf":
            raise ValueError(f"must cast to one of {TYPES}, got {found['dtype']}")
    return found
