"""The simulators beside NumPy, PyTorch, JAX and qtorch, in one run: python -m benchmarks.simulators [--only TABLE]."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from qtheory.methods import BC, SR
from qtheory.problems import DenseQuadratic, Gaussian, LogisticRegression, SeparableQuadratic
from qtheory.quantizers import NearestRounding
from qtheory.schedules import InverseSqrt, InverseTime, Table
from qtheory.simulate import LANES, WORDS, simulate

from . import _hand_written, _peers
from ._timing import Candidate, Line, race

DELTA, TRIALS, CENTER = 1 / 16, 1024, 0.3
OURS = "qtheory"


def ours(problem, method, schedule, steps, trials=TRIALS, precision="single", threads=1, name=OURS) -> Candidate:
    """A run without averaging, recorded at the end only."""

    def run():
        return simulate(
            problem, method, schedule, steps=steps, trials=trials, seed=1, record=[steps], average=False,
            precision=precision, threads=threads, keep_final=True,
        )  # fmt: skip

    return Candidate(f"{name}, {precision}", run, trials * problem.dim * (steps - 1))


def both(problem, method, schedule, steps, trials=TRIALS) -> list[Candidate]:
    return [ours(problem, method, schedule, steps, trials, p) for p in ("single", "double")]


def separable(d: int, bc: bool) -> list[Candidate]:
    spectrum = (0.5 + np.arange(d) / d).astype(np.float32)
    problem = SeparableQuadratic(spectrum, CENTER, noise=Gaussian(1.0))
    method = BC(NearestRounding(DELTA)) if bc else SR(DELTA)
    candidates = both(problem, method, InverseTime(1.0), max(60, 40_000 // d))
    size = (TRIALS, d, max(6, 4000 // d), DELTA)
    for peer in _peers.installed("numpy", "torch", "jax", *(() if bc else ("qtorch",))):
        gradient = _separable_gradient(peer, spectrum)
        options = {"late": 1} if peer == "qtorch" else {"late": 1, "bc": bc}
        candidates.append(getattr(_peers, f"{peer}_run")(gradient, *size, **options))
    return candidates


def _separable_gradient(peer: str, spectrum: np.ndarray):
    if peer == "numpy":
        return lambda w: (w - np.float32(CENTER)) * spectrum
    if peer == "jax":
        import jax.numpy as jnp

        a = jnp.asarray(spectrum)
        return lambda w: (w - CENTER) * a
    import torch

    a = torch.from_numpy(spectrum)
    return lambda w: (w - CENTER).mul_(a)


def dense(d: int, late: int) -> list[Candidate]:
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    matrix = (q * (0.5 + np.arange(d) / d)) @ q.T
    matrix = (matrix + matrix.T) / 2
    steps = 2000 if d <= 100 else 600
    schedule = Table(1 / (np.arange(1, steps + 1) + late))
    candidates = both(DenseQuadratic(matrix, CENTER, noise=Gaussian(1.0)), SR(DELTA), schedule, steps)
    size, single = (TRIALS, d, max(4, 2000 // d), DELTA), matrix.astype(np.float32)
    for peer in _peers.installed("numpy", "torch", "jax"):
        gradient = _dense_gradient(peer, single)
        candidates.append(getattr(_peers, f"{peer}_run")(gradient, *size, bc=False, late=late))
    return candidates


def _dense_gradient(peer: str, matrix: np.ndarray):
    if peer == "numpy":
        return lambda w: (w - np.float32(CENTER)) @ matrix
    if peer == "jax":
        import jax.numpy as jnp

        a = jnp.asarray(matrix)
    else:
        import torch

        a = torch.from_numpy(matrix)
    return lambda w: (w - CENTER) @ a


def logistic() -> list[Candidate]:
    rng = np.random.default_rng(0)
    n, d, batch, trials = 10_000, 200, 32, 256
    X = rng.standard_normal((n, d)) / np.sqrt(d)
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-2 * X @ rng.standard_normal(d))), 1.0, -1.0)
    problem = LogisticRegression(X, y, 1e-3, batch, box=(-8.0, 8.0))
    candidates = both(problem, SR(DELTA), InverseSqrt(1.0), 2000, trials)
    for peer in _peers.installed("numpy", "jax"):
        candidates.append(getattr(_peers, f"{peer}_logistic")(X, y, batch, trials, 60, DELTA))
    return candidates


def composed() -> list[Candidate]:
    d, steps = 100, 400
    spectrum = 0.5 + np.arange(d) / d
    problem = SeparableQuadratic(spectrum, CENTER, noise=Gaussian(1.0))
    mine = ours(problem, SR(DELTA), InverseTime(1.0), steps, name="composed")
    single = [np.float32(v) for v in (DELTA, 1.0)]
    arrays = spectrum.astype(np.float32), np.full(d, CENTER, np.float32)

    def by_hand():
        return _hand_written.run(1, *arrays, *single, 1.0, steps, TRIALS, LANES, WORDS // LANES)

    same = np.array_equal(mine.run().final, DELTA * by_hand().T.astype(np.float64))
    print(f"  the same bits: {'yes' if same else 'NO'}")
    return [mine, Candidate("written by hand, single", by_hand, mine.work)]


def threads() -> list[Candidate]:
    problem = SeparableQuadratic(0.5 + np.arange(100) / 100, CENTER, noise=Gaussian(1.0))
    steps = 4000
    return [
        ours(problem, SR(DELTA), InverseTime(1.0), steps, threads=n, name=f"{OURS}, {n} thread{'s' * (n > 1)}")
        for n in (2, 1)
    ]


TABLES = {
    "sr-10": (lambda: separable(10, False), {"JAX": 40, "best": 10}),
    "sr-100": (lambda: separable(100, False), {"JAX": 10, "best": 10}),
    "sr-1000": (lambda: separable(1000, False), {"JAX": 15, "best": 10}),
    "bc-12": (lambda: separable(12, True), {"JAX": 8, "PyTorch": 8}),
    "bc-100": (lambda: separable(100, True), {"JAX": 8, "PyTorch": 8}),
    "bc-1000": (lambda: separable(1000, True), {"JAX": 8, "PyTorch": 8}),
    "dense-100": (lambda: dense(100, 1000), {"JAX": 5}),
    "dense-1000": (lambda: dense(1000, 1000), {"JAX": 10}),
    "logistic": (logistic, {"JAX (vmap)": 3.5}),
    "composed": (composed, {"written by hand, single": 0.95}),
    "threads": (threads, {f"{OURS}, 1 thread, single": 1.85}),
}

START = """
import time; begin = time.perf_counter()
from qtheory.methods import SR; from qtheory.problems import Gaussian, SeparableQuadratic
from qtheory.schedules import InverseTime; from qtheory.simulate import simulate
simulate(SeparableQuadratic([1.0], 0.3, noise=Gaussian(1.0)), SR(0.1), InverseTime(1.0), steps=10, trials=4)
print(time.perf_counter() - begin)
"""


def starts() -> dict[str, float]:
    """Seconds from the first import to the first result: with an empty cache, and with a full one."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        command = [sys.executable, "-c", START]
        seconds = [
            float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout) for _ in range(3)
        ]
    return {"cold": seconds[0], "cached": min(seconds[1:])}


def judge(lines: list[Line], targets: dict[str, float]) -> list[str]:
    """Each target beside the median of the ratios by round."""
    ratios = {line.name: statistics.median(line.ratios) for line in lines[1:] if not line.name.startswith(OURS + ", d")}
    ratios["best"] = min((r for name, r in ratios.items() if not name.startswith(OURS)), default=float("nan"))
    return [
        f"  target {target:g} against {name}: {ratios[name]:.2f}, {'' if ratios[name] >= target else 'NOT '}reached"
        for name, target in targets.items()
        if name in ratios
    ]


@click.command()
@click.option("--only", multiple=True, type=click.Choice([*TABLES, "starts"]), help="A table; repeatable.")
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path), default=None, help="Also write all numbers here.")
def main(only: tuple[str, ...], rounds: int, path: Path | None) -> None:
    """Time the simulators beside their peers; everything on one thread unless a table says otherwise."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    found: dict = {}
    for name in only or [*TABLES, "starts"]:
        print(f"\n{name}")
        if name == "starts":
            found[name] = starts()
            print(f"  cold {found[name]['cold']:.2f} s (target 7), cached {found[name]['cached']:.2f} s (target 1)")
            continue
        build, targets = TABLES[name]
        begin = time.perf_counter()
        lines = race(build(), rounds)
        print("\n".join(map(str, lines)), *judge(lines, targets), f"  ({time.perf_counter() - begin:.0f} s)", sep="\n")
        found[name] = {line.name: {"rates": line.rates, "ratios": line.ratios} for line in lines}
    if path is not None:
        path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
