"""Two threads against one, on the clock of the wall: a product, and the perceptron on rows of signs."""

import time
from collections.abc import Callable

import numpy as np

from qtheory.core import product
from qtheory.inference import PackedLinear, PackedNetwork, PackedScores

from . import _mlp
from ._product import _timed, operands
from ._timing import Candidate, Line, race, share_of

SHAPE, BATCH = (1024, 1024, 4096), 1024
ONE, TWO, LEAST = "one thread", "two threads", 1.8
ENOUGH = 0.8  # of the cores, for a run on as many threads


def network() -> PackedNetwork:
    """The perceptron, in bits."""
    *hidden, last = _mlp.weights()
    return PackedNetwork(tuple(PackedLinear.folded(w) for w in hidden), PackedScores.folded(last))


def products() -> list[Candidate]:
    """Two threads, then one."""
    a, _, weights = operands(SHAPE)
    outs = [np.empty(SHAPE[:2], np.int32) for _ in range(2)]

    def run_of(threads: int) -> Callable[[], object]:
        return lambda: product.multiply(a, weights, threads=threads, buffer=outs[threads - 1])

    return _agreed(run_of, outs, SHAPE)


def perceptron() -> list[Candidate]:
    """Two threads, then one."""
    packed, rng = network(), np.random.Generator(np.random.Philox([2, BATCH]))
    x = (1 - 2 * rng.integers(0, 2, (BATCH, _mlp.SIZES[0]))).astype(np.int8)
    outs = [np.empty((BATCH, _mlp.SIZES[-1])) for _ in range(2)]
    plans = [packed.plan(BATCH, threads=threads) for threads in (1, 2)]

    def run_of(threads: int) -> Callable[[], object]:
        return lambda: plans[threads - 1].scores(x, outs[threads - 1])

    inputs, units, *_ = _mlp.SIZES
    return _agreed(run_of, outs, (BATCH, units, inputs + units + _mlp.SIZES[-1]))  # both hidden layers are as wide


def _agreed(run_of: Callable, outs: list[np.ndarray], work: tuple[int, int, int]) -> list[Candidate]:
    """Two threads, then one, once both have given the same bytes. Raises: AssertionError."""
    runs = {TWO: run_of(2), ONE: run_of(1)}
    for run in runs.values():
        run()
    if outs[0].tobytes() != outs[1].tobytes():
        raise AssertionError(f"two threads give other results than one at {work}")
    return _timed(runs, work)


def measured(rounds: int) -> dict[str, tuple[list[Line], float]]:
    """Lines, and the share of two cores that a run on two threads had, by what was run."""
    found = {}
    for name, make in ("product", products), ("perceptron", perceptron):
        candidates = make()
        found[name] = race(candidates, rounds, time.perf_counter), share_of(2, candidates[0])
    return found
