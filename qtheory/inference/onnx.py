"""Packed networks as ONNX and QONNX files, and from them. Needs the extra 'qtheory[onnx]'.

Two dialects are written. "onnx": standard operators of opset 18, which any runtime executes: MatMul or Conv, then
GreaterOrEqual (Xor where a unit is turned round) and Where for signs; -1 and +1 in weights are stored as bits, which
BitwiseAnd and Where open when the file is loaded. "qonnx": a BipolarQuant after each weight matrix and for each sign,
x >= 0 ? scale : -scale, as compilers of quantized networks read it; weights are stored as float32.

Where float32 sums are of -1 and +1, fewer than 2^24 of them, they are exact in every order. The sums of a first layer
on real inputs, and of a last one with real weights, are float64; `exact_sums` says whether those are exact too, so that
no order of summation changes a score.

Images are rows with their channels last, in the graph's input, too; Reshape and Transpose turn them before a Conv,
whose channels come first. A first convolution on real inputs is taken in float32, the only type in which runtimes have
Conv: its inputs are rounded to it, and `exact_sums` says where that changes nothing, as for pixels of 8 bits.

Graphs are read that go from one input to one output in one path through the operators of `OPERATORS`, with weights
that are, before a sign, +-m_j in column j. What follows a product up to its sign (bias, normalisation, scaling in any
number of steps) becomes one threshold a unit: that of the graph's own arithmetic, with each step rounded to the
graph's type. BatchNormalization, whose rounding ONNX leaves open, is computed in float64 and rounded once. The product
itself is taken as m_j times an integer, rounded once: where m_j is no power of 2 a runtime rounds each addition, and
may decide ties otherwise. A graph that takes images with their channels first becomes a network that takes them with
their channels last. There is no pooling, and a convolution is padded as `PackedConv` pads, or not at all.

Reference: A. Pappalardo et al., "QONNX: Representing arbitrary-precision quantized neural networks", 2022.
"""

import importlib
import json
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .._files import replace
from ..core import bits, packed_layers
from . import _classes
from ._onnx_operators import OPERATORS
from ._onnx_read import read
from ._onnx_write import Chain, Stage, require, write
from ._windows import Windows
from .convolution import PackedConv, PackedRealConv
from .layers import PackedLinear, PackedReal, PackedScores
from .network import PackedNetwork

__all__ = ["OPERATORS", "exact_sums", "from_onnx", "to_onnx"]

MANTISSA = 53  # bits of a float64
LABELS, NAME = "qtheory.classes", "qtheory.name"  # keys of the metadata


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
        network: the network; its input X are rows, images as well.
        dialect: "onnx" (standard operators) or "qonnx" (with BipolarQuant).
        real: the type of the input X (rows, inputs), of the first layer's sums where it takes real inputs, and of the
            scores (rows, outputs). In float32 scores are rounded, and a sum next to a threshold may be. The sums of a
            first convolution are float32 in either.
        packed: whether weights of -1 and +1 are stored as bits rather than as float32 (dialect "onnx" only).

    Raises: ValueError for another argument, naming it, or labels that no file holds; ImportError without onnx.
    """
    onnx, chain = _onnx(), _chain_of(network)
    require(chain, dialect, real)
    metadata = {LABELS: json.dumps(_classes.described(network.classes)), NAME: network.name}
    content = write(onnx, chain, dialect, real, packed, metadata)
    if path is not None:
        replace(Path(path), content)
    return content


def from_onnx(
    source: bytes | str | os.PathLike[str], *, ties: Literal["refuse", "positive"] = "refuse"
) -> PackedNetwork:
    """The packed network of an ONNX or QONNX file. It takes images with their channels last, also where the graph's
    own input has them first, or is rows that the graph makes such images of.

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
    """Whether, for these rows X (n, inputs), no sum in the network's graph is rounded, in whatever order it is taken.

    All terms of a sum are multiples of one power of 2; where the sum of their sizes is below 2^53 of it, or, in the
    float32 of a first convolution, 2^24, nothing is rounded. Sums of signs always are; the first layer's depend on X,
    those of a last layer with real weights on these.

    Raises: ValueError as `PackedNetwork.scores`.
    """
    exact = network.last.weight is None or bool(_exact(np.asarray(network.last.weight, np.float64).T, MANTISSA).all())
    first = network.layers[0] if network.layers else None
    rows = network.rows(X).astype(np.float64)
    if not np.isfinite(rows).all():
        network.refuse(rows)
    if isinstance(first, PackedReal):
        exact = exact and bool(_exact(rows, MANTISSA).all())
    if isinstance(first, PackedRealConv):
        exact = exact and all(_exact_in_float32(first, row) for row in rows)
    return exact


def _exact_in_float32(layer: PackedRealConv, row: np.ndarray) -> bool:
    patches = np.empty((layer.pixels, layer.inputs))
    packed_layers.windows_into(
        row[np.newaxis] / layer.scale, layer.image, layer.kernel, layer.before, layer.stride, layer.out, patches
    )
    with np.errstate(over="ignore"):
        held = patches.astype(np.float32) == patches
        bounded = np.abs(patches).sum(axis=1) <= np.finfo(np.float32).max
    return bool(held.all() and bounded.all() and _exact(patches, 24).all())


def _exact(terms: np.ndarray, digits: int) -> np.ndarray:
    """For each row of `terms` (n, terms), whether sums of so many binary digits are exact in every order."""
    mantissa, exponent = np.frexp(terms)
    whole = (mantissa * 2.0**MANTISSA).astype(np.int64)
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1  # that end the mantissa
    some = whole.any(axis=1, keepdims=True)
    least = np.where(whole == 0, np.iinfo(exponent.dtype).max, exponent - MANTISSA + zeros).min(axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        return np.asarray(np.ldexp(np.abs(terms), -np.where(some, least, 0)).sum(axis=1) < 2.0**digits)


def _onnx() -> Any:
    try:
        return importlib.import_module("onnx")
    except ImportError:
        raise ImportError("ONNX files need the package onnx: pip install 'qtheory[onnx]'") from None


def _chain_of(network: PackedNetwork) -> Chain:
    stages, divisor = [], 1.0
    for layer in network.layers:
        windows = None
        if isinstance(layer, PackedConv | PackedRealConv):
            windows = Windows(layer.image, layer.kernel, layer.stride, layer.padding)
        stages.append(Stage(layer.signs, layer.thresholds.astype(np.float64), layer.flips, windows=windows))
    first = network.layers[0] if network.layers else None
    if isinstance(first, PackedReal | PackedRealConv):
        divisor = first.scale
    last = network.last
    weight = last.signs if last.weight is None else np.asarray(last.weight)
    stages.append(Stage(weight, None, None, last.mean, last.factor, last.shift))
    return Chain(tuple(stages), divisor, not isinstance(first, PackedReal | PackedRealConv))


def _network_of(chain: Chain, metadata: dict[str, str]) -> PackedNetwork:
    layers = [_layer_of(stage, chain.divisor if i == 0 and not chain.signs else None)
              for i, stage in enumerate(chain.stages[:-1])]  # fmt: skip
    end = chain.stages[-1]
    terms = {"mean": end.mean, "factor": end.factor, "shift": end.shift}
    with np.errstate(over="ignore"):
        narrow = end.weight.astype(np.float32)
    last = PackedScores.folded(narrow if (narrow == end.weight).all() else end.weight, **terms)
    return PackedNetwork(tuple(layers), last, _labels(metadata), metadata.get(NAME, "network"))


def _layer_of(stage: Stage, divisor: float | None) -> Any:
    """The layer of a stage; divisor: of a first one on real inputs."""
    words, n, w = bits.pack(stage.weight.T), len(stage.weight), stage.windows
    threshold, flip = np.asarray(stage.threshold), np.asarray(stage.flip)
    if divisor is not None:
        if w is None:
            return PackedReal(words, n, threshold, flip, divisor)
        return PackedRealConv(words, w.image, w.kernel, threshold, flip, divisor, w.stride, w.padding)
    whole = np.clip(threshold, -n, n + 1).astype(np.int32)
    if w is None:
        return PackedLinear(words, n, whole, flip)
    return PackedConv(words, w.image, w.kernel, whole, flip, w.stride, w.padding)


def _labels(metadata: dict[str, str]) -> Any:
    if LABELS not in metadata:
        return None
    try:
        kind, values = json.loads(metadata[LABELS])
        return _classes.restored(kind, values)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"metadata {LABELS} must be a type and labels: {error}") from None
