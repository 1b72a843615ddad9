"""ONNX and QONNX graphs of chains of layers, from plain arrays: see `qtheory.inference.onnx`."""

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from ._windows import Image, Windows

DIALECTS = ("onnx", "qonnx")
QONNX = "qonnx.custom_op.general"  # the domain of BipolarQuant
OPSET, QONNX_OPSET, IR = 18, 1, 8  # 18: the first opset with BitwiseAnd
EXACT = 2**24  # float32 holds every integer up to here
BYTE = 8


class Stage(NamedTuple):
    """One layer: z = h @ weight; then signs, +1 where (z >= threshold) != flip, or scores.

    The scores are (z - mean) * factor + shift; a mean or a factor that does nothing may be None.
    """

    weight: np.ndarray  # (inputs, outputs): int8, -1 or +1, or floating-point
    threshold: np.ndarray | None = None  # (outputs,) float64, infinite for a constant sign; None in the last layer
    flip: np.ndarray | None = None  # (outputs,) bool
    mean: np.ndarray | None = None  # (outputs,) float64
    factor: np.ndarray | None = None  # (outputs,) float64
    shift: np.ndarray | None = None  # (outputs,) float64
    windows: Windows | None = None  # of a convolution: h is each of its patches, in the order (kh, kw, channels)

    @property
    def takes(self) -> int:
        """The numbers of a row."""
        return self.weight.shape[0] if self.windows is None else self.windows.takes

    @property
    def gives(self) -> int:
        """The signs or scores of a row."""
        return self.weight.shape[1] * (1 if self.windows is None else self.windows.pixels)


class Chain(NamedTuple):
    """Layers one after the other, of rows X / divisor, or of the signs of X / divisor where signs is True."""

    stages: tuple[Stage, ...]
    divisor: float = 1.0
    signs: bool = False


def write(onnx: Any, chain: Chain, dialect: str, real: str, packed: bool, metadata: dict[str, str]) -> bytes:
    """The file's content; `onnx` is the module.

    Arguments:
        dialect: one of DIALECTS.
        real: "float64" or "float32", the type of the graph's input, of its first sums and of its scores.
        packed: whether weights of -1 and +1 are stored as bits (dialect "onnx" only) rather than as float32.
        metadata: texts by name that go with it.

    Raises: ValueError where a layer has 2^24 inputs or more, or a size is 0.
    """
    graph = _Graph(onnx, np.dtype(real), dialect == "qonnx", packed and dialect == "onnx")
    flow = graph.input(chain)
    for i, stage in enumerate(chain.stages):
        flow = graph.stage(flow, i, stage, chain.signs or i > 0)
    return graph.finish(chain.stages[0].takes, chain.stages[-1].gives, metadata)


def upward(values: np.ndarray, real: np.dtype[Any]) -> np.ndarray:
    """The least numbers of type `real` that are not below values: z >= both or z < both, for z of that type."""
    with np.errstate(over="ignore"):
        near = values.astype(real)
    return np.where(near < values, np.nextafter(near, real.type(np.inf)), near)


class _Graph:
    def __init__(self, onnx: Any, real: np.dtype[Any], quantizers: bool, packed: bool) -> None:
        self.onnx, self.real, self.quantizers, self.packed = onnx, real, quantizers, packed
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.image: Image | None = None  # (h, w, c) where the flow is images (rows, c, h, w), not rows

    def constant(self, name: str, value: Any, real: Any = None) -> str:
        self.constants[name] = np.asarray(value, dtype=real)
        return name

    def node(self, kind: str, inputs: list[str], name: str, domain: str = "", **attributes: Any) -> str:
        made = self.onnx.helper.make_node(kind, inputs, [name], name=name, domain=domain, **attributes)
        self.nodes.append(made)
        return name

    def cast(self, flow: str, name: str, real: Any) -> str:
        return self.node("Cast", [flow], name, to=self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(real)))

    def input(self, chain: Chain) -> str:
        flow = "X"
        if chain.divisor != 1:
            flow = self.node("Div", [flow, self.constant("divisor", chain.divisor, self.real)], "divided")
        if not chain.signs:
            return flow
        to = self.product_type(chain.stages[0])
        if self.quantizers:
            one = self.constant(f"one_{self.real.name}", 1, self.real)
            flow = self.node("BipolarQuant", [flow, one], "signs", QONNX)
            return flow if self.real == to else self.cast(flow, "signs_narrow", to)
        above = self.node("GreaterOrEqual", [flow, self.constant("nothing", 0, self.real)], "above")
        return self.node("Where", [above, *self.ends(to)], "signs")

    def ends(self, to: np.dtype[Any]) -> list[str]:
        """The constants +1 and -1."""
        return [self.constant(f"{sign}_{to.name}", one, to) for sign, one in (("plus", 1), ("minus", -1))]

    def product_type(self, stage: Stage) -> np.dtype[Any]:
        """float32 between signs and signs, where it is exact."""
        return np.dtype(np.float32) if stage.weight.dtype == np.int8 else self.real

    def stage(self, flow: str, i: int, stage: Stage, from_signs: bool) -> str:
        if stage.weight.shape[0] >= EXACT or 0 in stage.weight.shape:
            raise ValueError(f"layer {i} must have 1 to 2^24 - 1 inputs and an output, got shape {stage.weight.shape}")
        name, real = f"layer{i}", self.product_type(stage) if from_signs or stage.windows else self.real
        if real != (np.float32 if from_signs else self.real):  # signs come as float32
            flow = self.cast(flow, f"{name}_inputs", real)
        flow = self.rows(flow, name) if stage.windows is None else self.images(flow, name, stage.windows)
        if stage.windows is None:
            z = self.node("MatMul", [flow, self.weight(name, stage.weight, real)], f"{name}_sums")
        else:
            z = self.convolution(flow, name, stage.weight, stage.windows)
        if stage.threshold is None or stage.flip is None:
            return self.scores(z, name, stage, real)
        axes = (-1,) if stage.windows is None else (-1, 1, 1)
        threshold, flip = stage.threshold.reshape(axes), stage.flip.reshape(axes)
        return self.signs(z, name, threshold, flip, real, np.dtype(np.float32))

    def rows(self, flow: str, name: str) -> str:
        """Images as rows, channels last."""
        if self.image is None:
            return flow
        self.image = None
        return self.node("Flatten", [self.node("Transpose", [flow], f"{name}_last", perm=[0, 2, 3, 1])], f"{name}_flat")

    def images(self, flow: str, name: str, windows: Windows) -> str:
        """Rows as images (rows, channels, height, width)."""
        if self.image == windows.image:
            return flow
        flow, self.image = self.rows(flow, name), windows.image
        shape = self.constant(f"{name}_image", [0, *windows.image], np.int64)
        flow = self.node("Reshape", [flow, shape], f"{name}_images")
        return self.node("Transpose", [flow], f"{name}_first", perm=[0, 3, 1, 2])

    def convolution(self, flow: str, name: str, weight: np.ndarray, windows: Windows) -> str:
        """Sums (rows, filters, height, width) in float32, the type that runtimes convolve in."""
        filters, c = weight.shape[1], windows.image[2]
        first = weight.reshape(*windows.kernel, c, filters).transpose(2, 0, 1, 3).reshape(-1, filters)
        stored = self.weight(name, np.ascontiguousarray(first), np.dtype(np.float32))
        shape = self.constant(f"{name}_filters", [filters, c, *windows.kernel], np.int64)
        turned = self.node("Transpose", [stored], f"{name}_weight_turned", perm=[1, 0])
        kernels = self.node("Reshape", [turned, shape], f"{name}_kernels")
        pads = [*windows.before, *windows.after]
        self.image = (*windows.out, filters)
        return self.node("Conv", [flow, kernels], f"{name}_sums", pads=pads, strides=list(windows.stride))

    def scores(self, z: str, name: str, stage: Stage, real: np.dtype[Any]) -> str:
        """(z - mean) * factor + shift; that as a Sub, which no runtime fuses with the product, in another order."""
        if real != self.real:
            z = self.cast(z, f"{name}_real", self.real)
        if stage.mean is not None and stage.mean.any():
            z = self.node("Sub", [z, self.constant(f"{name}_mean", stage.mean, self.real)], f"{name}_centred")
        if stage.factor is not None and (stage.factor != 1).any():
            z = self.node("Mul", [z, self.constant(f"{name}_factor", stage.factor, self.real)], f"{name}_scaled")
        if stage.shift is not None:
            z = self.node("Sub", [z, self.constant(f"{name}_shift", -stage.shift, self.real)], f"{name}_shifted")
        return z

    def signs(
        self, z: str, name: str, threshold: np.ndarray, flip: np.ndarray, real: np.dtype[Any], to: np.dtype[Any]
    ) -> str:
        """Signs of type `to` from sums z of type `real`."""
        threshold = upward(threshold, real)
        if self.quantizers:
            return self.quantized(z, name, threshold, flip, real, to)
        above = self.node("GreaterOrEqual", [z, self.constant(f"{name}_threshold", threshold)], f"{name}_above")
        if flip.any():
            above = self.node("Xor", [above, self.constant(f"{name}_flip", flip)], f"{name}_turned")
        return self.node("Where", [above, *self.ends(to)], f"{name}_signs")

    def quantized(self, z: str, name: str, threshold: np.ndarray, flip: np.ndarray, real: Any, to: Any) -> str:
        """The sign of +-(z - threshold); turned round, z < t is z <= the number before t."""
        at = np.where(flip, np.nextafter(threshold, real.type(-np.inf)), threshold)
        at = np.where(flip & np.isinf(threshold), threshold, at)
        z = self.node("Sub", [z, self.constant(f"{name}_threshold", at)], f"{name}_centred")
        if flip.any():
            side = self.constant(f"{name}_side", np.where(flip, -1, 1), real)
            z = self.node("Mul", [z, side], f"{name}_turned")
        one = self.constant(f"one_{real.name}", 1, real)
        z = self.node("BipolarQuant", [z, one], f"{name}_signs", QONNX)
        return z if real == to else self.cast(z, f"{name}_narrow", to)

    def weight(self, name: str, weight: np.ndarray, real: np.dtype[Any]) -> str:
        if weight.dtype == np.float32 and real == np.float64:
            return self.cast(self.constant(f"{name}_weight_stored", weight), f"{name}_weight", real)
        if weight.dtype != np.int8:
            return self.constant(f"{name}_weight", weight, real)
        if self.packed:
            return self.bits(name, weight, real)
        found = self.constant(f"{name}_weight_stored", weight, np.float32)
        if self.quantizers:
            one = self.constant("one_float32", 1, np.float32)
            found = self.node("BipolarQuant", [found, one], f"{name}_weight_signs", QONNX)
        return found if real == np.float32 else self.cast(found, f"{name}_weight", real)

    def bits(self, name: str, weight: np.ndarray, real: np.dtype[Any]) -> str:
        """Weights of -1 and +1 from bytes (ceil(inputs / 8), 1, outputs): bit k of byte b is 1 for -1 at 8 b + k."""
        n, outputs = weight.shape
        stored = np.packbits(weight < 0, axis=0, bitorder="little")[:, np.newaxis]
        masks = self.constant("masks", np.left_shift(1, np.arange(BYTE)).reshape(1, BYTE, 1), np.uint8)
        found = self.node("BitwiseAnd", [self.constant(f"{name}_bits", stored), masks], f"{name}_masked")
        found = self.cast(found, f"{name}_negative", bool)
        found = self.node("Where", [found, *self.ends(real)[::-1]], f"{name}_weight_signs")
        shape = self.constant(f"{name}_shape", [BYTE * len(stored), outputs], np.int64)
        found = self.node("Reshape", [found, shape], f"{name}_rows")
        ends = [self.constant(k, [v], np.int64) for k, v in (("zero", 0), (f"{name}_inputs_number", n), ("axis", 0))]
        return self.node("Slice", [found, *ends], f"{name}_weight")

    def finish(self, inputs: int, outputs: int, metadata: dict[str, str]) -> bytes:
        helper, numpy_helper = self.onnx.helper, self.onnx.numpy_helper
        kind = helper.np_dtype_to_tensor_dtype(self.real)
        self.nodes[-1].output[0] = "scores"
        graph = helper.make_graph(
            self.nodes, "qtheory",
            [helper.make_tensor_value_info("X", kind, ["rows", inputs])],
            [helper.make_tensor_value_info("scores", kind, ["rows", outputs])],
            [numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in self.constants.items()],
        )  # fmt: skip
        versions = [helper.make_opsetid("", OPSET)]
        if self.quantizers:
            versions.append(helper.make_opsetid(QONNX, QONNX_OPSET))
        model = helper.make_model(graph, opset_imports=versions, ir_version=IR, producer_name="qtheory")
        helper.set_model_props(model, metadata)
        return bytes(model.SerializeToString())


def require(chain: Chain, dialect: str, real: str) -> None:
    """ValueError for a chain whose shapes do not fit, or a choice that there is not."""
    for name, value, choices in (("dialect", dialect, DIALECTS), ("real", real, ("float64", "float32"))):
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    _check.number("divisor", chain.divisor, above=0)
    if not chain.stages:
        raise ValueError("stages must hold at least one layer, got none")
    before = chain.stages[0].takes
    for i, stage in enumerate(chain.stages):
        if stage.weight.ndim != 2 or stage.takes != before:
            raise ValueError(f"layer {i} must take {before} numbers, got weights of shape {stage.weight.shape}")
        before = stage.gives
        last = i == len(chain.stages) - 1
        if (stage.threshold is None) != last:
            raise ValueError(f"layer {i} must {'end in scores' if last else 'have thresholds'}")
