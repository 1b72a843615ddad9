"""Packed networks as ONNX and QONNX files, and from them. Needs the extra 'qtheory[onnx]'.

Two dialects are written. "onnx": standard operators of opset 18, which any runtime executes: MatMul, then
GreaterOrEqual (Xor where a unit is turned round) and Where for signs; -1 and +1 in weights are stored as bits, which
BitwiseAnd and Where open when the file is loaded. "qonnx": a BipolarQuant after each weight matrix and for each sign,
x >= 0 ? scale : -scale, as compilers of quantized networks read it; weights are stored as float32.

Where float32 sums are of -1 and +1, fewer than 2^24 of them, they are exact in every order. The sums of a first layer
on real inputs, and of a last one with real weights, are float64; `exact_sums` says whether those are exact too, so that
no order of summation changes a score.

Graphs are read that go from one input to one output in one path through the operators of `OPERATORS`, with weights
that are, before a sign, +-m_j in column j. What follows a product up to its sign (bias, normalisation, scaling in any
number of steps) becomes one threshold a unit: that of the graph's own arithmetic, with each step rounded to the
graph's type. BatchNormalization, whose rounding ONNX leaves open, is computed in float64 and rounded once. The product
itself is taken as m_j times an integer, rounded once: where m_j is no power of 2 a runtime rounds each addition, and
may decide ties otherwise.

Reference: A. Pappalardo et al., "QONNX: Representing arbitrary-precision quantized neural networks", 2022.
"""

import importlib
import json
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .._files import replace
from ..core import bits
from ._onnx_operators import OPERATORS
from ._onnx_read import read
from ._onnx_write import Chain, Stage, require, write
from .layers import PackedLinear, PackedReal, PackedScores
from .network import PackedNetwork

__all__ = ["OPERATORS", "exact_sums", "from_onnx", "to_onnx"]

MANTISSA = 53  # bits of a float64
LABELS, NAME = "qtheory.classes", "qtheory.name"  # keys of the metadata
LABEL_TYPES = (
    "str", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
    "float64",
)  # fmt: skip


def to_onnx(
    network: PackedNetwork,
    path: str | os.PathLike[str] | None = None,
    *,
    dialect: Literal["onnx", "qonnx"] = "onnx",
    real: Literal["float64", "float32"] = "float64",
    packed: bool = True,
) -> bytes:
    """The network as the content of an ONNX file, which is written to `path` where one is given.

    Arguments:
        network: of fully connected layers.
        dialect: "onnx" (standard operators) or "qonnx" (with BipolarQuant).
        real: the type of the input X (rows, inputs), of the first layer's sums where it takes real inputs, and of the
            scores (rows, outputs). In float32 scores are rounded, and a sum next to a threshold may be.
        packed: whether weights of -1 and +1 are stored as bits rather than as float32 (dialect "onnx" only).

    Raises: ValueError for a network with convolutions, or for another argument, naming it; ImportError without onnx.
    """
    onnx, chain = _onnx(), _chain_of(network)
    require(chain, dialect, real)
    metadata = {LABELS: json.dumps([_kind(network.classes), network.classes.tolist()]), NAME: network.name}
    content = write(onnx, chain, dialect, real, packed, metadata)
    if path is not None:
        replace(Path(path), content)
    return content


def from_onnx(
    source: bytes | str | os.PathLike[str], *, ties: Literal["refuse", "positive"] = "refuse"
) -> PackedNetwork:
    """The packed network of an ONNX or QONNX file.

    Arguments:
        source: the file's path, or its content.
        ties: what Sign(0) = 0 is taken for: "refuse" where 0 can occur, or "positive", +1.

    Raises: ValueError for a corrupt file, another opset than 9 to the newest that onnx knows, or a graph that is no
    chain of such layers, naming the node; OSError where the file cannot be read; ImportError without onnx.
    """
    if ties not in ("refuse", "positive"):
        raise ValueError(f"ties must be one of refuse, positive, got {ties!r}")
    onnx = _onnx()
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    chain, metadata = read(onnx, content, ties)
    return _network_of(chain, metadata)


def exact_sums(network: PackedNetwork, X: Any) -> bool:
    """Whether, for these rows X (n, inputs), no float64 sum in the network is rounded, in whatever order it is taken.

    All terms of a sum are multiples of one power of 2; where the sum of their sizes is below 2^53 of it, nothing is
    rounded. Sums of signs always are; the first layer's depend on X, those of a last layer with real weights on these.
    """
    exact = network.last.weight is None or bool(_exact(np.asarray(network.last.weight, np.float64).T).all())
    if network.layers and isinstance(network.layers[0], PackedReal):
        exact = exact and bool(_exact(np.asarray(X, np.float64).reshape(len(X), network.sizes[0])).all())
    return exact


def _exact(terms: np.ndarray) -> np.ndarray:
    """For each row of `terms` (n, terms), whether its sums are exact in every order."""
    mantissa, exponent = np.frexp(terms)
    whole = (mantissa * 2.0**MANTISSA).astype(np.int64)
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1  # that end the mantissa
    some = whole.any(axis=1, keepdims=True)
    least = np.where(whole == 0, np.iinfo(exponent.dtype).max, exponent - MANTISSA + zeros).min(axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        return np.asarray(np.ldexp(np.abs(terms), -np.where(some, least, 0)).sum(axis=1) < 2.0**MANTISSA)


def _onnx() -> Any:
    try:
        return importlib.import_module("onnx")
    except ImportError:
        raise ImportError("ONNX files need the package onnx: pip install 'qtheory[onnx]'") from None


def _chain_of(network: PackedNetwork) -> Chain:
    stages, divisor = [], 1.0
    for i, layer in enumerate(network.layers):
        if not isinstance(layer, PackedReal | PackedLinear):
            raise ValueError(f"network must have fully connected layers only, layer {i} is a {type(layer).__name__}")
        stages.append(Stage(layer.signs, layer.thresholds.astype(np.float64), layer.flips))
    first = network.layers[0] if network.layers else None
    if isinstance(first, PackedReal):
        divisor = first.scale
    last = network.last
    weight = last.signs if last.weight is None else np.asarray(last.weight)
    stages.append(Stage(weight, None, None, last.mean, last.factor, last.shift))
    return Chain(tuple(stages), divisor, not isinstance(first, PackedReal))


def _network_of(chain: Chain, metadata: dict[str, str]) -> PackedNetwork:
    layers: list[Any] = []
    for i, stage in enumerate(chain.stages[:-1]):
        words, n = bits.pack(stage.weight.T), len(stage.weight)
        threshold, flip = np.asarray(stage.threshold), np.asarray(stage.flip)
        if i == 0 and not chain.signs:
            layers.append(PackedReal(words, n, threshold, flip, chain.divisor))
        else:
            layers.append(PackedLinear(words, n, np.clip(threshold, -n, n + 1).astype(np.int32), flip))
    end = chain.stages[-1]
    terms = {"mean": end.mean, "factor": end.factor, "shift": end.shift}
    with np.errstate(over="ignore"):
        narrow = end.weight.astype(np.float32)
    last = PackedScores.folded(narrow if (narrow == end.weight).all() else end.weight, **terms)
    return PackedNetwork(tuple(layers), last, _labels(metadata), metadata.get(NAME, "network"))


def _labels(metadata: dict[str, str]) -> Any:
    if LABELS not in metadata:
        return None
    try:
        kind, values = json.loads(metadata[LABELS])
        if kind not in LABEL_TYPES:
            raise ValueError(f"the type must be one of {', '.join(LABEL_TYPES)}, got {kind!r}")
        return np.array(values, dtype=kind)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"metadata {LABELS} must be a type and labels: {error}") from None


def _kind(labels: np.ndarray) -> str:
    return "str" if labels.dtype.kind == "U" else labels.dtype.name
