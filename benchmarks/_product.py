"""Products of signs, beside everything on PyPI that can do them: candidates by shape, ours first.

All get packed rows and prepared weights, and buffers where they take some. NumPy and PyTorch multiply the same signs in
single precision. A run is repeated until it has enough work to be timed.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from qtheory.core import product

from . import _in_c
from ._timing import Candidate

OURS, BITS, CALL, BEST = "qtheory", "qtheory, bits out", "qtheory, multiply", "the best packed peer"
FLOAT = "OpenBLAS", "MKL"
PACKED = "faiss", "numkong", "simsimd", "bnn-lab"
MODULES = {
    "OpenBLAS": "numpy", "MKL": "torch", "faiss": "faiss", "numkong": "numkong", "simsimd": "simsimd",
    "bnn-lab": "bnn.kernels.packed",
}  # fmt: skip
C = "the same kernel in C"
OF_C = 0.9  # of its rate, at least, at K >= 1024
LEAST = 2e9  # operations in a timed run
# The least ratios that are wanted, by shape (M, N, K): ours / its rate.
TARGETS: dict[tuple[int, int, int], dict[str, float]] = {
    (64, 64, 256): {BEST: 1}, (64, 64, 1024): {BEST: 1}, (256, 256, 256): {BEST: 1}, (256, 256, 1024): {BEST: 1},
    (1024, 1024, 256): {BEST: 1}, (1024, 1024, 1024): {"MKL": 15, BEST: 9, C: OF_C},
    (1024, 1024, 4096): {"MKL": 16, BEST: 6, C: OF_C}, (1, 4096, 4096): {BEST: 3.8, C: OF_C},
    (4, 4096, 4096): {BEST: 1, C: OF_C}, (16, 4096, 4096): {BEST: 1, C: OF_C}, (64, 4096, 4096): {BEST: 1, C: OF_C},
}  # fmt: skip
BITS_TARGETS = {(1024, 1024, 4096): {"MKL": 20.0}}
LENGTHS = 64, 128, 256, 512, 1024, 2048, 4096, 8192
# Where each kernel is timed beside itself in C, whether or not it is the one chosen there.
IN_C = {
    "narrow": [(256, 1024, 1024), (1024, 1024, 1024), (1024, 1024, 4096)],
    "table": [(256, 1024, 1024), (1024, 1024, 1024), (1024, 1024, 4096), (64, 4096, 4096)],
    "subset": [(1, 4096, 1024), (1, 4096, 4096), (4, 4096, 4096)],
}


def usable() -> list[str]:
    """The peers that are installed."""
    return [name for name, module in MODULES.items() if _importable(module)]


def _importable(module: str) -> bool:
    try:
        importlib.import_module(module)
    except Exception:
        return False
    return True


def candidates(shape: tuple[int, int, int], peers: Sequence[str], libraries: Mapping[str, Any]) -> list[Candidate]:
    """Ours and the peers', and the kernel that is ours here once more in C; all products are compared with ours.

    Raises: AssertionError where a peer's products differ.
    """
    M, N, K = shape
    a, b, weights = operands(shape)
    limits = product.thresholds(weights, np.zeros(N, np.int32))
    plans = [product.plan(a, weights), product.plan(a, weights, out="bits", thresholds=limits)]
    buffer, exact = np.empty((M, N), np.int32), plans[0].out
    runs: dict[str, Callable] = {
        OURS: plans[0].run, BITS: plans[1].run, CALL: lambda: product.multiply(a, weights, buffer=buffer),
    }  # fmt: skip
    for name in peers:
        runs[name], result = _peer(name, a, b, K)
        if not np.array_equal(result(runs[name]()), exact):
            raise AssertionError(f"{name} gives other products than ours at {shape}")
    kernel = product.choose(*shape)
    if kernel in libraries:
        runs |= _in_c_too(libraries[kernel], kernel, a, weights, exact)
    return _timed(runs, shape)


def operands(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, product.Weights]:
    """Random rows of words (M, K / 64) and (N, K / 64), and the latter prepared as weights."""
    M, N, K = shape
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 2**64, (rows, K // 64), dtype=np.uint64) for rows in (M, N))
    return a, b, product.prepare(b, K)


def _in_c_too(library: Any, kernel: str, a: np.ndarray, weights: product.Weights, exact: np.ndarray) -> dict:
    """The run of a kernel in C by its name, once it has given the same products; none where it does not take N."""
    buffer = np.empty_like(exact)
    run = _in_c.run_of(library, kernel, a, weights, buffer)
    if run is None:
        return {}
    run()
    if not np.array_equal(buffer, exact):
        raise AssertionError(f"{kernel} in C gives other products than ours at {(len(a), weights.columns, weights.n)}")
    return {C: run}


def beside_c(kernel: str, shape: tuple[int, int, int], library: Any) -> list[Candidate]:
    """One of our kernels, and the same in C."""
    a, _, weights = operands(shape)
    ours = product.plan(a, weights, kernel=kernel)
    return _timed({OURS: ours.run} | _in_c_too(library, kernel, a, weights, ours.out), shape)


def _timed(runs: Mapping[str, Callable], shape: tuple[int, int, int]) -> list[Candidate]:
    """Each so often that there is enough to time."""
    M, N, K = shape
    repeats = max(1, round(LEAST / (2 * M * N * K)))
    return [Candidate(name, _again(run, repeats), 2 * M * N * K * repeats) for name, run in runs.items()]


def _again(run: Callable, repeats: int) -> Callable[[], None]:
    def again() -> None:
        for _ in range(repeats):
            run()

    return again


def _signs(words: np.ndarray) -> np.ndarray:
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    return 1 - 2 * bits.astype(np.float32)


def _peer(name: str, a: np.ndarray, b: np.ndarray, K: int) -> tuple[Callable, Callable]:
    """A run, and what turns its result into products."""
    if name in FLOAT:
        return _float(name, _signs(a), _signs(b).T)
    bytes_a, bytes_b, distances = a.view(np.uint8), b.view(np.uint8), np.empty((len(a), len(b)), np.int32)

    def from_distances(found: Any) -> np.ndarray:
        return K - 2 * np.asarray(found).astype(np.int64)

    if name == "bnn-lab":
        import bnn.kernels.packed as packed

        packed.set_num_threads(1)
        return lambda: packed.binary_gemm_native_prepacked(a, b, K), np.asarray
    if name == "faiss":
        import faiss

        faiss.omp_set_num_threads(1)
        pointers = [faiss.swig_ptr(x) for x in (bytes_a, bytes_b, distances)]
        shape = len(a), len(b), K // 8

        def hammings(keep: Any = (bytes_a, bytes_b, distances)) -> None:  # pointers alone keep nothing alive
            faiss.hammings(*pointers[:2], *shape, pointers[2])

        return hammings, lambda _: K - 2 * distances
    if name == "numkong":
        import numkong

        laid_out = numkong.hammings_pack(bytes_b, dtype="uint1")
        return lambda: numkong.hammings_packed(bytes_a, laid_out), from_distances
    import simsimd

    return lambda: simsimd.cdist(bytes_a, bytes_b, metric="hamming", dtype="bin8"), from_distances


def _float(name: str, a: np.ndarray, b: np.ndarray) -> tuple[Callable, Callable]:
    if name == "OpenBLAS":
        out = np.empty((len(a), b.shape[1]), np.float32)
        return lambda: np.dot(a, b, out=out), np.asarray
    import torch

    torch.set_num_threads(1)
    x, w, y = torch.from_numpy(a), torch.from_numpy(b), torch.empty(len(a), b.shape[1])
    return lambda: torch.mm(x, w, out=y), lambda found: found.numpy()


def by_length(K: int, peers: Sequence[str]) -> list[Candidate]:
    """Our kernels and all peers at 256 rows, 1024 columns and K signs."""
    shape = 256, 1024, K
    a, _, weights = operands(shape)
    others = [c for c in candidates(shape, peers, {}) if c.name in peers]
    runs = {f"{OURS}, {kernel}": product.plan(a, weights, kernel=kernel).run for kernel in IN_C}
    return _timed(runs, shape) + others
