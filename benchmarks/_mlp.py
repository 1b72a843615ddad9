"""A perceptron 784-1024-1024-10 with signs for weights and hidden activations: packed, and in single precision."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from qtheory.inference import PackedLinear, PackedNetwork, PackedReal, PackedScores

from ._timing import Candidate

SIZES = 784, 1024, 1024, 10
BATCHES = 1, 64, 1024
LEAST = 2e9  # operations in a timed run
SIGNS, BYTES = "qtheory, sign inputs", "qtheory, 8-bit inputs"
# The least ratios that are wanted against PyTorch, by batch.
TARGETS = {1: {"PyTorch": 60.0}, 64: {"PyTorch": 30.0}, 1024: {"PyTorch": 18.0}}


def weights() -> list[np.ndarray]:
    """Matrices of signs, (inputs, outputs)."""
    rng = np.random.Generator(np.random.Philox(1))
    return [1.0 - 2.0 * rng.integers(0, 2, shape) for shape in pairwise(SIZES)]


def candidates(batch: int, peers: Sequence[str]) -> list[Candidate]:
    """Ours on signs and on 8-bit pixels; PyTorch and NumPy on the signs. All scores of the signs are compared."""
    W = weights()
    rng = np.random.Generator(np.random.Philox([2, batch]))
    x = (1 - 2 * rng.integers(0, 2, (batch, SIZES[0]))).astype(np.int8)
    pixels = rng.integers(0, 256, (batch, SIZES[0])).astype(np.uint8)
    last = PackedScores.folded(W[2])
    on_signs = PackedNetwork((PackedLinear.folded(W[0]), PackedLinear.folded(W[1])), last)
    on_bytes = PackedNetwork((PackedReal.folded(W[0]), PackedLinear.folded(W[1])), last)
    plans = on_signs.plan(batch), on_bytes.plan(batch)
    others = [make(W, x) for name, make in (("torch", _torch), ("numpy", _numpy)) if name in peers]
    for name, run in others:
        if not np.array_equal(plans[0].scores(x), np.asarray(run())):
            raise AssertionError(f"{name} and qtheory disagree on the scores of {batch} rows")
    ours = [(SIGNS, lambda: plans[0].scores(x)), (BYTES, lambda: plans[1].scores(pixels))]
    work = 2.0 * batch * sum(w.size for w in W)
    return [_repeated(name, run, work) for name, run in (*ours, *others)]


def _repeated(name: str, run: Callable[[], Any], work: float) -> Candidate:
    """As often as fills a timing."""
    times = max(1, round(LEAST / work))

    def runs() -> None:
        for _ in range(times):
            run()

    return Candidate(name, runs, times * work)


def _torch(W: list[np.ndarray], x: np.ndarray) -> tuple[str, Callable[[], Any]]:
    import torch

    torch.set_num_threads(1)
    layers = [torch.from_numpy(np.ascontiguousarray(w.T, np.float32)) for w in W]
    h0, one = torch.from_numpy(x.astype(np.float32)), torch.tensor(1.0)

    def run() -> Any:
        with torch.no_grad():
            h = h0
            for w in layers[:-1]:
                h = torch.where(torch.nn.functional.linear(h, w) >= 0, one, -one)
            return torch.nn.functional.linear(h, layers[-1])

    return "PyTorch", run


def _numpy(W: list[np.ndarray], x: np.ndarray) -> tuple[str, Callable[[], Any]]:
    layers, h0 = [w.astype(np.float32) for w in W], x.astype(np.float32)

    def run() -> np.ndarray:
        h = h0
        for w in layers[:-1]:
            h = np.where(h @ w >= 0, np.float32(1), np.float32(-1))
        return h @ layers[-1]

    return "NumPy", run
