"""Networks laid out for batches of one size at most: every buffer is there before the first row comes.

Behind the inputs a network is a program of `qtheory.core`, one compiled call for all its layers. Programs are made for
each number of rows when it first comes, because the kernels depend on it.
"""

from collections import deque
from functools import partial
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..core import packed_layers
from ..core.workers import together
from ._programs import Hidden, Programs
from ._windows import Windowed
from .layers import PackedScores

__all__ = ["Plan"]

PART, PIXELS = 128, 4096  # the most rows at a time, and output pixels: what they become stays in the cache

FLOAT64 = np.dtype(np.float64)


class Network(Protocol):
    """What a plan takes of a `PackedNetwork`."""

    @property
    def layers(self) -> tuple[Hidden, ...]: ...
    @property
    def last(self) -> PackedScores: ...
    def rows(self, X: Any) -> NDArray[Any]: ...
    def refuse(self, rows: NDArray[Any]) -> NoReturn: ...
    def labels(self, scores: NDArray[np.float64]) -> NDArray[Any]: ...


class Plan:
    """A network's buffers, for batches of up to `batch` rows. Any number of threads may share a plan.

    Each thread of those that come at a time has buffers of its own; they are kept for whoever comes next.

    Arguments:
        network: the `PackedNetwork`.
        batch: the most rows of a call, >= 1.
        threads: that share the rows of large batches, >= 1; the result does not depend on it.
    """

    def __init__(self, network: Network, batch: int, *, threads: int = 1) -> None:
        self.network = network
        self.batch = _check.count("batch", batch)
        self.threads = _check.count("threads", threads)
        pixels = max((layer.pixels for layer in network.layers if isinstance(layer, Windowed)), default=1)
        self._part = max(1, min(self.batch, PART, PIXELS // pixels))
        self._largest = (*network.layers, network.last)[0].most
        self._free = deque([self._programs()])  # its methods are atomic

    def scores(self, X: Any, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The scores (n, outputs) float64 of rows X (n, inputs), n <= batch, in `out` where it is given."""
        rows = self.network.rows(X)
        shape = len(rows), self.network.last.outputs
        if shape[0] > self.batch:
            raise ValueError(f"X must have at most {self.batch} rows, got {shape[0]}")
        out = np.empty(shape) if out is None else _checked(out, shape)
        if not self.run(rows, out):
            self.network.refuse(rows)
        return out

    def predict(self, X: Any) -> NDArray[Any]:
        """The labels (n,) of the highest scores, the first of several."""
        return self.network.labels(self.scores(X))

    def run(self, rows: NDArray[Any], out: NDArray[np.float64]) -> bool:
        """Overwrite out with the scores of any number of rows from `PackedNetwork.rows`.

        False, and nothing, where the rows are not finite, or hold a number beyond the first layer's `most`.
        """
        if len(rows) > self._part:
            return self._in_parts(rows, out)
        try:
            programs = self._free.pop()
        except IndexError:
            programs = self._programs()
        taken = programs(rows, out)
        self._free.append(programs)
        return taken

    def _in_parts(self, rows: NDArray[Any], out: NDArray[np.float64]) -> bool:
        if rows.dtype.kind == "f" and not packed_layers.within(rows, self._largest):
            return False
        part = self._part
        starts = iter(range(0, len(rows), part))

        def work() -> None:
            for i in starts:  # whoever is free takes the next
                self.run(rows[i : i + part], out[i : i + part])

        together(work, min(self.threads, -(-len(rows) // part)))
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is another plan of the network: programs hold addresses, of buffers that it would not have."""
        return partial(type(self), threads=self.threads), (self.network, self.batch)

    def _programs(self) -> Programs:
        return Programs(self.network.layers, self.network.last, self._part)


def _checked(out: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != FLOAT64:
        got = f"{getattr(out, 'shape', None)}, {getattr(out, 'dtype', type(out).__name__)}"
        raise ValueError(f"out must be float64 of shape {shape}, got {got}")
    flags = out.flags
    if not (flags.c_contiguous and flags.writeable):
        raise ValueError("out must be C-contiguous and writable, got an array that is not")
    return out
