"""Where the product's kernels cross: the sweep behind `qtheory.core.product.CUTS`.

python -m benchmarks._sweep: GOP/s (2 M N K a product) of every kernel by shape, and what the dispatcher loses by its
choice. Other instruction sets by NUMBA_CPU_FEATURES, for which `without` gives the text.
"""

import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np

from qtheory.core import product
from qtheory.core.product_emit import COUNTS, FEATURES, TERNARY

SHAPES = list(itertools.product((1, 2, 4, 8, 16, 64, 256), (64, 128, 256, 1024, 4096), (64, 256, 1024, 4096)))
FEATURE_SET = "vpopcntdq" if COUNTS else "avx512" if TERNARY else "without avx512"
KERNELS = "narrow", "subset", "table"


def without(*names: str) -> str:
    """This machine's features less those given, as NUMBA_CPU_FEATURES takes them."""
    return ",".join(sorted(FEATURES - {f"+{name}" for name in names}))


def rate(shape: tuple[int, int, int], kernel: str, out: str, seconds: float = 0.01) -> float:
    """GOP/s at the median time of runs with a plan."""
    M, N, K = shape
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 2**64, (rows, K // 64), dtype=np.uint64) for rows in (M, N))
    weights = product.prepare(b, K)
    limits = product.thresholds(weights, np.zeros(N, np.int32)) if out == "bits" else None
    run, times = product.plan(a, weights, out=out, kernel=kernel, thresholds=limits).run, []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        for _ in range(3):
            run()
        times.append((time.perf_counter() - begin) / 3)
    return 2 * M * N * K / float(np.median(times)) / 1e9


def sweep(out: str) -> list[dict]:
    """A row a shape: the rates, the kernel chosen, and its rate over the best one's."""
    rows = []
    for shape in SHAPES:
        rates = {kernel: rate(shape, kernel, out) for kernel in KERNELS}
        chosen = product.choose(*shape)
        rows.append({"shape": shape, **rates, "chosen": chosen, "share": rates[chosen] / max(rates.values())})
    return rows


def main() -> None:
    """All shapes, for int32 and bits; with an argument, also into that file, beside what it has of other features."""
    found = {out: sweep(out) for out in ("int32", "bits")}
    for out, rows in found.items():
        for row in rows:
            rates = "  ".join(f"{k} {row[k]:6.0f}" for k in KERNELS)
            print(f"{out:6}{row['shape']!s:20}{rates}  {row['chosen']:7}{row['share']:5.2f}")
        print(f"worst {min(r['share'] for r in rows):.2f}, mean {np.mean([r['share'] for r in rows]):.3f}")
    if len(sys.argv) > 1:
        path = Path(sys.argv[1])
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        kept[FEATURE_SET] = {out: [compact(row) for row in rows] for out, rows in found.items()}
        path.write_text(json.dumps(kept).replace("], [", "],\n[").replace("}, ", "},\n") + "\n", encoding="utf-8")


def compact(row: dict) -> list:
    """M, N, K, the rates in the order of KERNELS, the kernel chosen."""
    return [*row["shape"], *(round(row[kernel]) for kernel in KERNELS), row["chosen"]]


if __name__ == "__main__":
    main()
