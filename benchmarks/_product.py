"""Products of signs, beside everything on PyPI that can do them: candidates by shape, ours first.

All get packed rows and prepared weights, and buffers where they take some. NumPy and PyTorch multiply the same signs in
single precision. A run is repeated until it has enough work to be timed.
"""

import ctypes
import importlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qtheory.core import product

from ._timing import Candidate

OURS, BITS, CALL, BEST = "qtheory", "qtheory, bits out", "qtheory, multiply", "the best packed peer"
FLOAT = "OpenBLAS", "MKL"
PACKED = "faiss", "numkong", "simsimd", "bnn-lab"
MODULES = {
    "OpenBLAS": "numpy", "MKL": "torch", "faiss": "faiss", "numkong": "numkong", "simsimd": "simsimd",
    "bnn-lab": "bnn.kernels.packed",
}  # fmt: skip
C = "the same kernel in C"
LEAST = 2e9  # operations in a timed run
# The least ratios that are wanted, by shape (M, N, K): ours / its rate.
TARGETS: dict[tuple[int, int, int], dict[str, float]] = {
    (64, 64, 256): {BEST: 1}, (64, 64, 1024): {BEST: 1}, (256, 256, 256): {BEST: 1}, (256, 256, 1024): {BEST: 1},
    (1024, 1024, 256): {BEST: 1}, (1024, 1024, 1024): {"MKL": 15, BEST: 9, C: 0.9},
    (1024, 1024, 4096): {"MKL": 16, BEST: 6, C: 0.9}, (1, 4096, 4096): {BEST: 3.8}, (4, 4096, 4096): {BEST: 1},
    (16, 4096, 4096): {BEST: 1}, (64, 4096, 4096): {BEST: 1},
}  # fmt: skip
BITS_TARGETS = {(1024, 1024, 4096): {"MKL": 20.0}}
LENGTHS = 64, 128, 256, 512, 1024, 2048, 4096, 8192
KERNELS = "narrow", "subset", "table"
SOURCE = Path(__file__).with_name("narrow.c")


def usable() -> list[str]:
    """The peers that are installed."""
    return [name for name, module in MODULES.items() if _importable(module)]


def _importable(module: str) -> bool:
    try:
        importlib.import_module(module)
    except Exception:
        return False
    return True


def candidates(shape: tuple[int, int, int], peers: Sequence[str], library: Any = None) -> list[Candidate]:
    """Ours and the peers'; the results of all that give products are compared with ours.

    Raises: AssertionError where a peer's products differ.
    """
    M, N, K = shape
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 2**64, (rows, K // 64), dtype=np.uint64) for rows in (M, N))
    weights = product.prepare(b, K)
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
    if library is not None:
        runs[C] = _in_c(library, a, weights, buffer)
        runs[C]()
        if not np.array_equal(buffer, exact):
            raise AssertionError(f"the kernel in C gives other products than ours at {shape}")
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


def compiled() -> Any:
    """The kernel in C, compiled here and now; None without a C compiler, or a processor that lacks its instructions."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "narrow.so"
        command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", str(SOURCE), "-o", str(target)]
        if subprocess.run(command, capture_output=True).returncode:
            return None
        return ctypes.CDLL(str(target))


def _in_c(library: Any, a: np.ndarray, weights: product.Weights, out: np.ndarray) -> Callable[[], None]:
    pointers = [x.ctypes.data_as(ctypes.c_void_p) for x in (a, weights.side, out)]
    sizes = [ctypes.c_long(x) for x in (a.shape[0], weights.columns, a.shape[1])]

    def run(keep: Any = (a, weights, out)) -> None:
        library.narrow(*pointers, *sizes)

    return run


def by_length(K: int, peers: Sequence[str]) -> list[Candidate]:
    """Our kernels and all peers at 256 rows, 1024 columns and K signs."""
    shape = 256, 1024, K
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 2**64, (rows, K // 64), dtype=np.uint64) for rows in shape[:2])
    weights = product.prepare(b, K)
    others = [c for c in candidates(shape, peers) if c.name in peers]
    repeats = round(others[0].work / (2 * 256 * 1024 * K)) if others else 1
    runs = {f"{OURS}, {kernel}": product.plan(a, weights, kernel=kernel).run for kernel in KERNELS}
    return [Candidate(name, _again(run, repeats), 2 * 256 * 1024 * K * repeats) for name, run in runs.items()] + others


def limits(library: Any, rounds: int = 2_000_000) -> dict[str, float]:
    """GOP/s of the instructions alone: of counting, and of adders fed by a table."""
    found = {}
    for name, vectors in ("count", 16), ("adder", 32):
        run, best = getattr(library, f"{name}_limit"), float("inf")
        for _ in range(5):
            begin = time.thread_time()
            run(ctypes.c_long(rounds))
            best = min(best, time.thread_time() - begin)
        found[name] = 2 * 512 * vectors * rounds / best / 1e9
    return found
