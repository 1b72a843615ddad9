"""How fast packed products are on this machine, beside NumPy's float product: in turn, in one process and thread."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..core import bits, product

SHAPES = (
    (1, 4096, 4096), (16, 4096, 4096), (64, 64, 256), (256, 256, 1024), (1024, 1024, 1024), (1024, 1024, 4096),
)  # fmt: skip
SPAN = 0.02  # seconds that one timing takes at least


def measure(shapes: Iterable[tuple[int, int, int]] = SHAPES, rounds: int = 5) -> list[dict[str, Any]]:
    """Rows with M, N, K, the kernel, 10^9 operations (2 M N K a product) a second of both, and the median ratio."""
    found = []
    with threadpool_limits(1):
        for M, N, K in shapes:
            packed, floating, kernel = _candidates(M, N, K)
            pairs = [(_seconds(packed), _seconds(floating)) for _ in range(rounds)]
            work = 2e-9 * M * N * K
            found.append({
                "M": M, "N": N, "K": K, "kernel": kernel, "packed": work / median(a for a, _ in pairs),
                "numpy": work / median(b for _, b in pairs), "ratio": median(b / a for a, b in pairs),
            })  # fmt: skip
    return found


def _candidates(M: int, N: int, K: int) -> tuple[Callable[[], Any], Callable[[], Any], str]:
    """The packed product, NumPy's in single precision, and the kernel's name, once both agree."""
    rng = np.random.Generator(np.random.Philox([M, N, K]))
    a, b = (1 - 2 * rng.integers(0, 2, (rows, K)).astype(np.int8) for rows in (M, N))
    plan = product.plan(bits.pack(a), product.prepare(bits.pack(b), K), out="int32")
    left, right, out = a.astype(np.float32), np.ascontiguousarray(b.T, np.float32), np.empty((M, N), np.float32)
    plan.run()
    if not np.array_equal(plan.out, np.matmul(left, right, out=out)):
        raise AssertionError(f"the packed product of {M} x {N} x {K} is not NumPy's")
    return plan.run, lambda: np.matmul(left, right, out=out), product.choose(M, N, K)


def _seconds(run: Callable[[], Any]) -> float:
    """Seconds a call, over as many calls as fill SPAN."""
    calls, spent = 1, 0.0
    while spent < SPAN:
        begin = time.perf_counter()
        for _ in range(calls):
            run()
        spent = time.perf_counter() - begin
        calls *= 1 if spent >= SPAN else max(2, min(1000, int(1.3 * SPAN / max(spent, 1e-7))))
    return spent / calls


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """A table for a terminal."""
    head = f"{'M x N x K':>18}  {'kernel':8}  {'packed':>9}  {'NumPy':>9}  ratio"
    body = [
        f"{r['M']:>5} x{r['N']:>5} x{r['K']:>5}  {r['kernel']:8}  {r['packed']:9.0f}  {r['numpy']:9.1f}  "
        f"{r['ratio']:5.1f}"
        for r in rows
    ]
    return [head, *body, "10^9 operations a second, one thread; ratio: the median over rounds"]


def draw(rows: list[dict[str, Any]], out: Path) -> list[Path]:
    """The table as a figure: inference_bench.svg, with its numbers beside it."""
    from .. import plotting

    with plotting.style():
        figure, [[axes]] = plotting.panels(size=(6.4, 3.6))
        names = [f"{r['M']}x{r['N']}x{r['K']}" for r in rows]
        axes.plot(names, [r["packed"] for r in rows], "o", label="packed, int32 out")
        axes.plot(names, [r["numpy"] for r in rows], "s", label="NumPy, float32")
        axes.set(yscale="log", xlabel="M x N x K", ylabel="$10^9$ operations a second")
        axes.tick_params(axis="x", labelrotation=30)
        plotting.legend(figure)
        plotting.caption(figure, "One thread, in turn, medians of five rounds; 2 M N K operations a product.")
        return list(plotting.save(figure, {"rows": rows}, "inference_bench", out, settings={"seed": None, "rounds": 5}))
