"""Our products and OpenBLAS, both as a processor with AVX2 but without AVX-512 would run them: in a process of its own.

Numba compiles the same source for the features that the environment names, into a cache of its own; OpenBLAS takes the
kernels of the processor that it is told.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from qtheory.core import product
from qtheory.core.product_emit import COUNTS, FEATURES, TERNARY

from ._product import BITS, OURS, _float, _signs, _timed, operands
from ._timing import one_core, race

SHAPE = 256, 1024, 1024
PEER, LEAST = "OpenBLAS", 8.0
PROCESSOR = "haswell"
ITS = (
    "avx", "avx2", "bmi", "bmi2", "cmov", "cx16", "f16c", "fma", "fxsr", "lzcnt", "mmx", "movbe", "pclmul", "popcnt",
    "sahf", "sse", "sse2", "sse3", "sse4.1", "sse4.2", "ssse3", "xsave",
)  # fmt: skip


def environment(cache: str) -> dict[str, str]:
    """This process's, changed so that Numba and OpenBLAS do without AVX-512, and with an empty cache."""
    return os.environ | {
        "NUMBA_CPU_NAME": PROCESSOR, "NUMBA_CPU_FEATURES": ",".join(f"+{name}" for name in ITS),
        "OPENBLAS_CORETYPE": PROCESSOR.capitalize(), "OPENBLAS_NUM_THREADS": "1", "XDG_CACHE_HOME": cache,
    }  # fmt: skip


def measured(rounds: int) -> dict[str, Any] | None:
    """GOP/s by candidate in each round, our kernel and OpenBLAS's; None on a processor without AVX2."""
    if "+avx2" not in FEATURES:
        return None
    command, root = [sys.executable, "-m", __name__, str(rounds)], Path(__file__).parent.parent
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(command, env=environment(cache), cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """What `measured` gives, as JSON on the standard output."""
    if TERNARY or COUNTS:
        raise RuntimeError(f"Numba must compile without AVX-512 here, got {sorted(FEATURES)}")
    a, b, weights = operands(SHAPE)
    limits = product.thresholds(weights, np.zeros(SHAPE[1], np.int32))
    plans = product.plan(a, weights), product.plan(a, weights, out="bits", thresholds=limits)
    run, result = _float(PEER, _signs(a), _signs(b).T)
    if not np.array_equal(result(run()), plans[0].out):
        raise AssertionError(f"{PEER} gives other products than ours at {SHAPE}")
    with one_core():
        lines = race(_timed({OURS: plans[0].run, BITS: plans[1].run, PEER: run}, SHAPE), int(sys.argv[1]))
    found: dict[str, Any] = {line.name: [rate / 1e3 for rate in line.rates] for line in lines}
    cores = {pool["architecture"] for pool in threadpool_info() if pool["internal_api"] == "openblas"}
    json.dump(found | {"kernel": product.choose(*SHAPE), "core of OpenBLAS": sorted(cores)}, sys.stdout)


if __name__ == "__main__":
    main()
