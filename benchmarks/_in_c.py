"""Our kernels once more in C, with AVX-512 written out: compiled here and now, and compared with ours before timing."""

import ctypes
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from qtheory.core import product
from qtheory.core.product_emit import COLUMNS, LANES
from qtheory.core.product_layout import aligned

KERNELS = "narrow", "subset", "table"
TILE = 32  # columns of the narrow one in C
FOLDER = Path(__file__).parent


def compiled(compiler: str | None = None, flags: tuple[str, ...] = ("-march=native",)) -> dict[str, Any]:
    """The libraries by kernel: none without a C compiler, and none that need instructions this processor lacks.

    compiler: its name or path; None takes `cc`. flags: for the processor.
    """
    found: dict[str, Any] = {}
    compiler = shutil.which("cc" if compiler is None else compiler)
    if compiler is None or LANES != 8 or platform.system() == "Windows":
        return found
    with tempfile.TemporaryDirectory() as folder:
        for kernel in KERNELS:
            target = Path(folder) / f"{kernel}.so"
            command = [compiler, "-O3", *flags, "-shared", "-fPIC", str(FOLDER / f"{kernel}.c"), "-o", str(target)]
            if not subprocess.run(command, capture_output=True).returncode:
                found[kernel] = ctypes.CDLL(str(target))
    return found


def run_of(library: Any, kernel: str, a: np.ndarray, weights: product.Weights, out: np.ndarray) -> Callable | None:
    """A run that overwrites out (M, N) int32 by the products of words a (M, W) and the weights; None where N is odd.

    N must be a multiple of a tile's columns, and a row must have 64 W signs.
    """
    if weights.columns % (TILE if kernel == "narrow" else COLUMNS) or weights.n != 64 * a.shape[1]:
        return None
    arrays = {"narrow": [a, weights.side, out], "table": [a, weights.slices, out]}
    arrays["subset"] = [a, weights.slices, weights.totals, out]
    used = arrays[kernel] + ([] if kernel == "narrow" else [_scratch(library, kernel, a.shape[1])])
    pointers = [x.ctypes.data_as(ctypes.c_void_p) for x in used]
    sizes = [ctypes.c_long(x) for x in (a.shape[0], weights.columns, a.shape[1])]
    function = getattr(library, kernel)

    def run(keep: Any = used) -> None:  # pointers alone keep nothing alive
        function(*pointers, *sizes)

    return run


def _scratch(library: Any, kernel: str, width: int) -> np.ndarray:
    size = getattr(library, f"{kernel}_scratch")
    size.restype = ctypes.c_long
    return aligned((size(ctypes.c_long(width)),), np.uint8)


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
