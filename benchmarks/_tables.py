"""What is raced: problems with our run, the peers' runs of the same algorithm, and the ratios that we want to reach."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from qtheory._block import WORDS
from qtheory.methods import BC, SR
from qtheory.problems import DenseQuadratic, Gaussian, LogisticRegression, SeparableQuadratic
from qtheory.quantizers import NearestRounding
from qtheory.schedules import InverseSqrt, InverseTime, Table
from qtheory.simulate import LANES, simulate

from . import _hand_written, _peers, _toy, _two_layer
from ._timing import Candidate

DELTA, TRIALS, CENTER = 1 / 16, 1024, 0.3
OURS, BEST = "qtheory", "the best of all"
Peers = Sequence[str]


@dataclass(frozen=True)
class Race:
    """build(peers that are installed) gives the candidates, ours first. targets: the wanted ratio to a candidate."""

    build: Callable[[Peers], list[Candidate]]
    peers: Peers
    targets: dict[str, float]
    cores: int = 1


def ours(problem, method, schedule, steps, trials=TRIALS, precision="single", threads=1, name=OURS) -> Candidate:
    """A run without averaging, recorded at the end only."""

    def run():
        return simulate(
            problem, method, schedule, steps=steps, trials=trials, seed=1, record=[steps], average=False,
            precision=precision, threads=threads, keep_final=True,
        )  # fmt: skip

    return Candidate(f"{name}, {precision}", run, trials * problem.dim * (steps - 1))


def both(problem, method, schedule, steps, trials=TRIALS) -> list[Candidate]:
    """Single precision, which the peers have too, and double."""
    return [ours(problem, method, schedule, steps, trials, p) for p in ("single", "double")]


def separable(d: int, bc: bool, peers: Peers) -> list[Candidate]:
    spectrum = (0.5 + np.arange(d) / d).astype(np.float32)
    problem = SeparableQuadratic(spectrum, CENTER, noise=Gaussian(1.0))
    method = BC(NearestRounding(DELTA)) if bc else SR(DELTA)
    candidates = both(problem, method, InverseTime(1.0), max(300, 200_000 // d))
    size = (TRIALS, d, max(6, 4000 // d), DELTA)
    for peer in peers:
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


def dense(d: int, late: int, peers: Peers) -> list[Candidate]:
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    matrix = (q * (0.5 + np.arange(d) / d)) @ q.T
    matrix = (matrix + matrix.T) / 2
    steps, trials = (5000, TRIALS // 2) if d <= 100 else (1000, TRIALS // 4)
    schedule = Table(1 / (np.arange(1, steps + 1) + late))
    candidates = both(DenseQuadratic(matrix, CENTER, noise=Gaussian(1.0)), SR(DELTA), schedule, steps, trials)
    size, single = (TRIALS, d, max(4, 2000 // d), DELTA), matrix.astype(np.float32)
    for peer in peers:
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


def logistic(peers: Peers) -> list[Candidate]:
    rng = np.random.default_rng(0)
    n, d, batch, trials = 10_000, 200, 32, 256
    X = rng.standard_normal((n, d)) / np.sqrt(d)
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-2 * X @ rng.standard_normal(d))), 1.0, -1.0)
    problem = LogisticRegression(X, y, 1e-3, batch, box=(-8.0, 8.0))
    candidates = both(problem, SR(DELTA), InverseSqrt(1.0), 4000, trials)
    for peer in peers:
        candidates.append(getattr(_peers, f"{peer}_logistic")(X, y, batch, trials, 60, DELTA))
    return candidates


def composed(peers: Peers) -> list[Candidate]:
    d, steps = 100, 8000
    spectrum = 0.5 + np.arange(d) / d
    problem = SeparableQuadratic(spectrum, CENTER, noise=Gaussian(1.0))
    mine = ours(problem, SR(DELTA), InverseTime(1.0), steps, name="composed")
    single = [np.float32(v) for v in (DELTA, 1.0)]
    arrays = spectrum.astype(np.float32), np.full(d, CENTER, np.float32)

    def by_hand():
        return _hand_written.run(1, *arrays, *single, 1.0, steps, TRIALS, LANES, WORDS)

    if not np.array_equal(mine.run().final, DELTA * by_hand().T.astype(np.float64)):
        raise AssertionError("the composed loop and the one written by hand end in different states")
    return [mine, Candidate("written by hand", by_hand, mine.work)]


def threads(peers: Peers) -> list[Candidate]:
    problem = SeparableQuadratic(0.5 + np.arange(100) / 100, CENTER, noise=Gaussian(1.0))
    steps = 4000
    return [
        ours(problem, SR(DELTA), InverseTime(1.0), steps, threads=n, name=f"{OURS}, {n} thread{'s' * (n > 1)}")
        for n in (2, 1)
    ]


ARRAYS = "numpy", "torch", "jax"
RACES = {
    "sr-10": Race(lambda p: separable(10, False, p), (*ARRAYS, "qtorch"), {"JAX": 40, BEST: 10}),
    "sr-100": Race(lambda p: separable(100, False, p), (*ARRAYS, "qtorch"), {"JAX": 10, BEST: 10}),
    "sr-1000": Race(lambda p: separable(1000, False, p), (*ARRAYS, "qtorch"), {"JAX": 15, BEST: 10}),
    "bc-12": Race(lambda p: separable(12, True, p), ARRAYS, {"JAX": 8, "PyTorch": 8}),
    "bc-100": Race(lambda p: separable(100, True, p), ARRAYS, {"JAX": 8, "PyTorch": 8}),
    "bc-1000": Race(lambda p: separable(1000, True, p), ARRAYS, {"JAX": 8, "PyTorch": 8}),
    "dense-100": Race(lambda p: dense(100, 1, p), ARRAYS, {"JAX": 5}),
    "dense-1000": Race(lambda p: dense(1000, 1000, p), ARRAYS, {"JAX": 10}),
    "logistic": Race(logistic, ("numpy", "jax"), {"JAX (vmap)": 3.5}),
    "toy-sr": Race(lambda p: _toy.candidates(False, p), ARRAYS, {"JAX": 12, "NumPy": 30}),
    "toy-bc": Race(lambda p: _toy.candidates(True, p), ARRAYS, {"JAX": 9}),
    "ste-8": Race(lambda p: _two_layer.candidates(10_240, 8, 0.1, 64, p), ARRAYS, {"JAX": 300}),
    "ste-32": Race(lambda p: _two_layer.candidates(10_240, 32, 0.1, 64, p), ARRAYS, {"JAX": 15}),
    "ste-32-slow": Race(lambda p: _two_layer.candidates(10_240, 32, 0.01, 64, p), ARRAYS, {"JAX": 15}),
    "ste-128": Race(lambda p: _two_layer.candidates(10_240, 128, 0.1, 64, p), ARRAYS, {"JAX": 4}),
    "ste-large": Race(lambda p: _two_layer.candidates(102_400, 32, 0.1, 16, p), ARRAYS, {"JAX": 20}),
    "composed": Race(composed, (), {"written by hand": 0.95}),
    "threads": Race(threads, (), {f"{OURS}, 1 thread, single": 1.85}, cores=2),
}
