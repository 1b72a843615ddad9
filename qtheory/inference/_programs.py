"""A network's layers as steps of a program: each stage has its own output, and knows the step for so many rows."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core import bits, packed_layers, packed_steps, product
from ..core.product_layout import aligned
from ..core.program import program
from ._arrays import Words
from ._patches import RealPatches
from .convolution import PackedConv, PackedRealConv
from .layers import PackedLinear, PackedReal, PackedScores

Steps = list[tuple[Any, tuple[Any, ...]]]  # pairs (compiled function, arguments)
Program = NDArray[np.int64]
Hidden = PackedReal | PackedRealConv | PackedLinear | PackedConv


class Programs:
    """The buffers of batches of up to `most` rows, and a program for each number of rows, made when it first comes.

    For one thread at a time. The programs hold addresses, of arrays that the stages keep: what a layer has laid out is
    replaced where two threads ask for it first at a time, because `cached_property` has no lock from Python 3.12 on.
    """

    def __init__(self, layers: tuple[Hidden, ...], last: PackedScores, most: int) -> None:
        first = layers[0] if layers else last
        self._largest = first.most
        self._front = _front(first, most)
        self._words = self._front.words if self._front else np.zeros((most, bits.width(first.takes)), np.uint64)
        scratch, x = _scratch(*layers, last), self._words
        self._stages: list[_Stage] = []
        for layer in layers[self._front is not None :]:
            stage = _Conv(layer, x, scratch) if isinstance(layer, PackedConv) else _Product(layer, x, scratch, "bits")
            self._stages.append(stage)
            x = stage.out
        self._stages.append(_Scores(last, x, scratch))
        self._made: dict[int, Program] = {}

    def __call__(self, rows: NDArray[Any], out: NDArray[np.float64]) -> bool:
        """Overwrite out with the scores of rows from `PackedNetwork.rows`; False, and nothing, if they are refused."""
        m = len(rows)
        steps = self._made.get(m)
        if steps is None:
            steps = self._made[m] = _program(self._stages, m)
        if self._front is None:
            finite: bool = packed_steps.from_signs(rows, self._words, steps, out)
            return finite
        if rows.dtype.kind == "f" and not packed_layers.within(rows, self._largest):
            return False
        self._front(rows, m)
        packed_steps.finish(steps, out)
        return True


def _front(first: Hidden | PackedScores, most: int) -> Any:
    """What takes the rows of a network to the words in its own `words`, or None where their signs are taken."""
    if isinstance(first, PackedRealConv):
        return RealPatches(first, most, RealRows(first.patch, most * first.pixels))
    return RealRows(first, most) if isinstance(first, PackedReal) else None


class RealRows:
    """A first layer of real or 8-bit inputs, for up to `most` rows at a time: to packed signs, in `words`."""

    def __init__(self, layer: PackedReal, most: int) -> None:
        self.layer, self.most = layer, most
        self.words = np.zeros((most, bits.width(layer.outputs)), np.uint64)
        self._bytes: _Bytes | None = None  # these have buffers from their first call on
        self._real: tuple[NDArray[np.float64], ...] = ()
        self._made: dict[int, Program] = {}

    def __call__(self, rows: NDArray[Any], m: int) -> Words:
        """The words of m rows (m, inputs), uint8 or float64 up to `layer.most`; a buffer, good until the next call."""
        if rows.dtype == np.uint8:
            self._bytes = self._bytes or _Bytes(self.layer, self.words)
            steps = self._made.get(m)
            if steps is None:
                steps = self._made[m] = _program([self._bytes], m)
            packed_steps.from_bytes(rows, self._bytes.planes, steps)
        else:
            self._below(rows, m)
        return self.words[:m]

    def _below(self, rows: NDArray[Any], m: int) -> None:
        layer = self.layer
        if not self._real:
            self._real = np.empty((self.most, layer.inputs)), np.empty((self.most, layer.outputs))
        x, z = (buffer[:m] for buffer in self._real)
        np.divide(rows, layer.scale, out=x)
        np.matmul(x, layer.dense, out=z)
        packed_layers.below_into(z, layer.thresholds[None], layer.flipped, self.words[:m])


class _Stage(Protocol):
    """From rows in a buffer to rows in another."""

    def steps(self, m: int) -> Steps: ...


def _program(stages: Sequence[_Stage], m: int) -> Program:
    return program([step for stage in stages for step in stage.steps(m)])


def _scratch(*layers: Hidden | PackedScores) -> NDArray[np.uint8]:
    return aligned((max(product.scratch_size(layer.inputs) for layer in layers),), np.uint8)


class _Product:
    """Rows x of bits times a layer's packed weights, to an output of a type of `product.DTYPES`."""

    def __init__(self, layer: Any, x: Words, scratch: NDArray[np.uint8], out: str) -> None:
        self.layer, self.weights, self.x, self.scratch = layer, layer.prepared, x, scratch
        self.kind = product.KINDS[out]
        self.limits = layer.limits if out == "bits" else layer.unlimited
        columns = bits.width(layer.outputs) if out == "bits" else layer.outputs
        self.out = np.zeros((len(x), columns), product.DTYPES[out])

    def steps(self, m: int) -> Steps:
        layer, out = self.layer, self.out.view(np.uint8)
        kernel = product.choose(m, layer.outputs, layer.inputs)
        return [product.step(kernel, self.x, m, self.weights, self.kind, self.limits, out, self.scratch)]


class _Bytes:
    """8-bit inputs to bits, from their planes."""

    def __init__(self, layer: PackedReal, out: Words) -> None:
        self.out, small = out, layer.inputs < 2**15
        self.totals, self.thresholds, self.flips = layer.totals, layer.whole[None], layer.flipped
        self.planes = np.empty((packed_layers.PLANES * len(out), bits.width(layer.inputs)), np.uint64)
        self.product = _Product(layer, self.planes, _scratch(layer), "int16" if small else "int32")
        self.gather = packed_steps.from_planes_int16 if small else packed_steps.from_planes_int32
        self.sums = np.empty((len(out), layer.outputs), np.int64)

    def steps(self, m: int) -> Steps:
        size, sums = packed_layers.PLANES * m, self.sums[:m]
        return [
            *self.product.steps(size),
            (self.gather, (self.product.out[:size], self.totals, sums)),
            (packed_steps.below_int64, (sums, self.thresholds, self.flips, self.out[:m])),
        ]


class _Conv:
    """Bits to bits, by patches."""

    def __init__(self, layer: PackedConv, x: Words, scratch: NDArray[np.uint8]) -> None:
        self.layer, self.x, size = layer, x, len(x) * layer.pixels
        self.patches = np.empty((size, bits.width(layer.inputs)), np.uint64)
        self.local = None if layer.padding == "valid" else (layer.local, layer.flipped)  # thresholds and flips
        self.product = _Product(layer, self.patches, scratch, "int32" if self.local else "bits")
        self.pieces = np.empty((size, bits.width(layer.outputs)), np.uint64)
        self.out = np.zeros((len(x), bits.width(layer.gives)), np.uint64)

    def steps(self, m: int) -> Steps:
        layer, n = self.layer, m * self.layer.pixels
        shape = *layer.image, *layer.kernel, *layer.before, *layer.stride, *layer.out
        steps = [(packed_steps.patches, (self.x[:m], *shape, self.patches[:n])), *self.product.steps(n)]
        pieces = self.product.out
        if self.local:
            z, pieces = self.product.out, self.pieces
            steps.append((packed_steps.below_int32, (z[:n], *self.local, pieces[:n])))
        return [*steps, (packed_steps.join, (pieces[:n], layer.outputs, self.out[:m]))]


class _Scores:
    """Bits to scores, the address of which is put in for each call."""

    def __init__(self, layer: PackedScores, x: Words, scratch: NDArray[np.uint8]) -> None:
        self.layer, self.x, packed = layer, x, layer.words is not None
        self.product = _Product(layer, x, scratch, "int32") if packed else None
        self.weights = None if packed else layer.real
        self.sums = self.product.out if self.product else np.empty((len(x), layer.outputs))

    def steps(self, m: int) -> Steps:
        layer, z = self.layer, self.sums[:m]
        out = 0, *z.shape
        affine = *out, z, layer.mean, layer.factor, layer.shift
        if self.product is not None:
            return [*self.product.steps(m), (packed_steps.scores_int32, affine)]
        return [(packed_steps.sums, (self.x[:m], self.weights, z)), (packed_steps.scores_float64, affine)]
