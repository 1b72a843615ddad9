"""Chains of layers read from ONNX and QONNX graphs: see `qtheory.inference.onnx`.

The graph must be one path from its input to its output: each node takes what the node before it made (the flow) and
constants. What is known of the flow is one of the states in `_onnx_states`; a node takes one state to the next.
"""

from typing import Any

import numpy as np

from ._onnx_constants import LARGEST, attributes_of, first_line, fold, foldable, initializers
from ._onnx_images import Layout
from ._onnx_operators import OPERATORS, Call
from ._onnx_states import Inputs, Positive, Signs, Sums, last
from ._onnx_write import QONNX, Chain, Stage

OLDEST = 9  # opset
BIPOLAR = (QONNX, "finn.custom_op.general", "onnx.brevitas")  # domains
POOLING = ("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool")
STANDARD = ("", "ai.onnx")
BAD = (
    ValueError, TypeError, IndexError, KeyError, OverflowError, AttributeError, ZeroDivisionError, MemoryError
)  # fmt: skip


def read(onnx: Any, content: bytes, ties: str) -> tuple[Chain, dict[str, str]]:
    """The chain of layers in a file, and its metadata; `onnx` is the module, `ties` "refuse" or "positive".

    Raises: ValueError, naming the node where one is at fault.
    """
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:
        raise ValueError(f"the file must be an ONNX model: {first_line(error)}") from None
    _versions(onnx, model)
    with np.errstate(all="ignore"):  # as a runtime overflows; what is not a number is refused
        chain = _Reader(onnx, model.graph, ties).chain()
    return chain, {p.key: p.value for p in model.metadata_props}


def _versions(onnx: Any, model: Any) -> None:
    if not model.HasField("graph") or not model.graph.node:
        raise ValueError("the file must be an ONNX model with a graph, and it holds none")
    if model.functions:
        raise ValueError("the model must have no functions of its own, got some")
    newest, versions = onnx.defs.onnx_opset_version(), {v.domain: v.version for v in model.opset_import}
    version = versions.get("", versions.get("ai.onnx", 0))
    if not OLDEST <= version <= newest:
        raise ValueError(f"the opset must be between {OLDEST} and {newest}, got {version}")


class _Reader:
    def __init__(self, onnx: Any, graph: Any, ties: str) -> None:
        self.onnx, self.graph, self.ties = onnx, graph, ties
        self.constants = initializers(onnx, graph)
        self.made = 0  # entries of constants made by nodes
        self.stages: list[Stage] = []
        self.divisor, self.signs = 1.0, False
        self.state: Any
        self.flow, self.state = self._start()
        self.seen = {self.flow, *self.constants}

    def _start(self) -> tuple[str, Inputs]:
        free = [v for v in self.graph.input if v.name not in self.constants]
        if len(free) != 1 or len(self.graph.output) != 1:
            counts = f"{len(free)} and {len(self.graph.output)}"
            raise ValueError(f"the graph must have one input and one output, got {counts}")
        kind = free[0].type.tensor_type.elem_type
        types = {self.onnx.TensorProto.FLOAT: np.float32, self.onnx.TensorProto.DOUBLE: np.float64}
        if kind not in types:
            raise ValueError(f"input {free[0].name!r} must be float32 or float64, got element type {kind}")
        shape = tuple(axis.dim_value for axis in list(free[0].type.tensor_type.shape.dim)[1:])
        known = bool(shape) and min(shape) > 0
        return free[0].name, Inputs(np.dtype(types[kind]), layout=Layout(shape if known else None))

    def chain(self) -> Chain:
        for i, node in enumerate(self.graph.node):
            try:
                self._node(node)
            except BAD as error:
                label = f"node {node.name or i!r} ({node.op_type})"
                raise ValueError(f"{label}: {first_line(error)}") from None
        output = self.graph.output[0].name
        if output != self.flow or not isinstance(self.state, Sums):
            raise ValueError(f"output {output!r} must be the sums of a last layer, reached from the input by one path")
        if self.state.windows is not None:
            raise ValueError("the last layer must be fully connected, and is a convolution")
        if not self.state.from_signs:
            raise ValueError("the last layer must take signs, and takes the input itself")
        return Chain((*self.stages, last(self.state)), self.divisor, self.signs)

    def _node(self, node: Any) -> None:
        if len(node.output) != 1 or not node.output[0] or node.output[0] in self.seen:
            raise ValueError(f"a node must have one output, of a new name, got {list(node.output)}")
        domains = BIPOLAR if node.op_type == "BipolarQuant" else STANDARD
        if node.domain not in domains:
            raise ValueError(f"the domain must be {' or '.join(map(repr, domains))}, got {node.domain!r}")
        self.seen.add(node.output[0])
        attributes = attributes_of(self.onnx, node)
        unknown = [name for name in node.input if name not in self.constants]
        if not unknown:
            self._constant(node, attributes)
        elif unknown != [self.flow]:
            raise ValueError(f"must take what the node before it made, {self.flow!r}, and constants, got {unknown}")
        elif node.op_type in POOLING:
            raise ValueError("pooling is not supported; a stride of the convolution before it may take its place")
        elif node.op_type not in OPERATORS:
            raise ValueError(f"this operator is not supported; supported are {', '.join(sorted(OPERATORS))}")
        else:
            self._advance(node, attributes)

    def _constant(self, node: Any, attributes: dict[str, Any]) -> None:
        if node.op_type == "Constant":
            if "value" not in attributes:
                raise ValueError("must hold its array in the attribute 'value'")
            found = attributes["value"]
        elif foldable(node.op_type):
            found = fold(node.op_type, [self.constants[name] for name in node.input], attributes)
        else:
            raise ValueError("this operator is not supported on constants")
        self.made += found.size
        if self.made > LARGEST:
            raise ValueError(f"constants made by nodes must have at most {LARGEST} entries together")
        self.constants[node.output[0]] = found

    def _advance(self, node: Any, attributes: dict[str, Any]) -> None:
        constants = [self.constants[name] for name in node.input if name != self.flow]
        before, at = self.state, list(node.input).index(self.flow)
        self.state = OPERATORS[node.op_type](before, Call(at, constants, attributes, self.ties))
        self.flow = node.output[0]
        if isinstance(self.state, Signs) and isinstance(before, Inputs | Positive):
            self.signs = True
        elif isinstance(self.state, Signs) and not isinstance(before, Signs) and self.state.stage is not None:
            self.stages.append(self.state.stage)
        elif isinstance(self.state, Sums) and isinstance(before, Inputs):
            self.divisor = before.divisor
