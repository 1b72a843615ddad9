"""Networks laid out for batches of one size at most: every buffer is there before the first row comes."""

from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..core import bits, packed_layers, product
from ._arrays import Words
from .convolution import PackedConv
from .layers import PackedLinear, PackedReal, PackedScores

if TYPE_CHECKING:
    from .network import PackedNetwork

__all__ = ["Plan"]


class Plan:
    """A network's buffers, for batches of up to `batch` rows. Threads may share a plan, and then take turns.

    Arguments:
        network: the `PackedNetwork`.
        batch: the most rows of a call, >= 1.
        threads: of the packed products, >= 1; the result does not depend on it.
    """

    def __init__(self, network: "PackedNetwork", batch: int, *, threads: int = 1) -> None:
        self.network = network
        self.batch = _check.count("batch", batch)
        self.threads = _check.count("threads", threads)
        first = network.layers[0] if network.layers else network.last
        self._stages: list[Any] = [] if isinstance(first, PackedReal) else [_Signs(first.takes, self.batch)]
        self._stages += [_stage(layer, self.batch, self.threads) for layer in network.layers]
        self._last = _Scores(network.last, self.batch, self.threads)
        self._lock = Lock()

    def scores(self, X: Any, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The scores (n, outputs) float64 of rows X (n, inputs), n <= batch, in `out` where it is given."""
        rows = self.network.rows(X)
        if len(rows) > self.batch:
            raise ValueError(f"X must have at most {self.batch} rows, got {len(rows)}")
        shape = (len(rows), self.network.sizes[-1])
        if out is None:
            out = np.empty(shape)
        elif not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != np.float64:
            got = f"{getattr(out, 'shape', None)}, {getattr(out, 'dtype', type(out).__name__)}"
            raise ValueError(f"out must be float64 of shape {shape}, got {got}")
        elif not (out.flags.c_contiguous and out.flags.writeable):
            raise ValueError("out must be C-contiguous and writable, got an array that is not")
        with self._lock:
            self.run(rows, out)
        return out

    def predict(self, X: Any) -> NDArray[Any]:
        """The labels (n,) of the highest scores, the first of several."""
        return self.network.labels(self.scores(X))

    def run(self, rows: NDArray[Any], out: NDArray[np.float64]) -> None:
        """Overwrite out with the scores of checked rows; for one thread at a time."""
        m, h = len(rows), rows
        for stage in self._stages:
            h = stage(h, m)
        self._last(h, m, out)


class _Stage(Protocol):
    """One step: from rows to rows; what it returns is its own buffer, good until the next call."""

    def __call__(self, rows: Any, m: int) -> Any: ...


class _Product:
    """Rows of bits times a layer's packed weights, into a buffer (batch, outputs or words) of the type of `out`."""

    def __init__(self, layer: Any, batch: int, threads: int, out: str) -> None:
        self.layer, self.threads, self.kind = layer, threads, product.KINDS[out]
        self.limits = layer.limits if out == "bits" else layer.unlimited
        columns = bits.width(layer.outputs) if out == "bits" else layer.outputs
        self.buffer = np.empty((batch, columns), product.DTYPES[out])
        self._bytes = self.buffer.view(np.uint8)

    def __call__(self, rows: Words, m: int) -> NDArray[Any]:
        layer = self.layer
        kernel = product.choose(m, layer.outputs, layer.inputs)
        product.run(kernel, rows, layer.prepared, self.kind, self.limits, self._bytes[:m], self.threads)
        return self.buffer[:m]


class _Signs:
    """Inputs to bits."""

    def __init__(self, inputs: int, batch: int) -> None:
        self.words = np.empty((batch, bits.width(inputs)), np.uint64)

    def __call__(self, rows: NDArray[Any], m: int) -> Words:
        bits.pack_into(rows, self.words[:m])
        return self.words[:m]


class _Real:
    """Real or 8-bit inputs to bits; the planes of the latter take buffers from the first of their calls on."""

    def __init__(self, layer: PackedReal, batch: int, threads: int) -> None:
        self.layer, self.batch, self.threads = layer, batch, threads
        self.words = np.empty((batch, bits.width(layer.outputs)), np.uint64)
        self.real: tuple[NDArray[np.float64], ...] = ()
        self.eight: tuple[Any, ...] = ()

    def __call__(self, rows: NDArray[Any], m: int) -> Words:
        thresholds, z = self._eight(rows, m) if rows.dtype == np.uint8 else self._real(rows, m)
        packed_layers.below_into(z, thresholds[None], self.layer.flipped, self.words[:m])
        return self.words[:m]

    def _real(self, rows: NDArray[Any], m: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not self.real:
            self.real = np.empty((self.batch, self.layer.inputs)), np.empty((self.batch, self.layer.outputs))
        x, z = (buffer[:m] for buffer in self.real)
        np.divide(rows, self.layer.scale, out=x)
        np.matmul(x, self.layer.dense, out=z)
        return self.layer.thresholds, z

    def _eight(self, rows: NDArray[np.uint8], m: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        layer = self.layer
        if not self.eight:
            size = packed_layers.PLANES * self.batch
            planes = np.empty((size, bits.width(layer.inputs)), np.uint64)
            products = _Product(layer, size, self.threads, "int16" if layer.inputs < 2**15 else "int32")
            self.eight = planes, products, np.empty((self.batch, layer.outputs), np.int64)
        planes, products, z = self.eight
        used = packed_layers.PLANES * m
        packed_layers.planes_into(rows, planes[:used])
        packed_layers.from_planes_into(products(planes[:used], used), layer.totals, z[:m])
        return layer.whole, z[:m]


class _Conv:
    """Bits to bits, by patches."""

    def __init__(self, layer: PackedConv, batch: int, threads: int) -> None:
        self.layer, self.threads, size = layer, threads, batch * layer.pixels
        self.patches = np.empty((size, bits.width(layer.inputs)), np.uint64)
        self.product = _Product(layer, size, threads, "bits" if layer.padding == "valid" else "int32")
        self.pieces = np.empty((size, bits.width(layer.outputs)), np.uint64)
        self.words = np.empty((batch, bits.width(layer.gives)), np.uint64)

    def __call__(self, rows: Words, m: int) -> Words:
        layer, n, out = self.layer, m * self.layer.pixels, self.words[:m]
        packed_layers.patches_into(
            rows, layer.image, layer.kernel, layer.before, layer.stride, layer.out, self.patches[:n]
        )
        packed_layers.join_into(self._pieces(self.patches[:n], n), layer.outputs, out)
        return out

    def _pieces(self, patches: Words, n: int) -> Words:
        """One row an output pixel."""
        z = self.product(patches, n)
        if self.layer.padding == "valid":
            return z
        packed_layers.below_into(z, self.layer.local, self.layer.flipped, self.pieces[:n])
        return self.pieces[:n]


class _Scores:
    """Bits to scores."""

    def __init__(self, layer: PackedScores, batch: int, threads: int) -> None:
        self.layer = layer
        self.z = np.empty((batch, layer.outputs))
        self.product = _Product(layer, batch, threads, "int32") if layer.words is not None else None

    def __call__(self, rows: Words, m: int, out: NDArray[np.float64]) -> None:
        layer, z = self.layer, self.z[:m]
        if self.product is not None:
            packed_layers.affine_into(self.product(rows, m), layer.mean, layer.factor, layer.shift, out)
        else:
            packed_layers.sums_into(rows, layer.real, z)
            packed_layers.affine_into(z, layer.mean, layer.factor, layer.shift, out)


def _stage(layer: PackedReal | PackedLinear | PackedConv, batch: int, threads: int) -> _Stage:
    if isinstance(layer, PackedLinear):
        return _Product(layer, batch, threads, "bits")
    return (_Real if isinstance(layer, PackedReal) else _Conv)(layer, batch, threads)  # type: ignore[arg-type]
