"""recover: the straight-through dynamics of a two-layer problem, and what is kept of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Vector
from ..core import bits, descent
from ..core import recovery as core
from . import _slopes
from ._slopes import ACTIVATIONS
from .problem import MEMORY, TwoLayer

MEMO = 64 << 20  # bytes of the table of known gradients, for each thread
LATENT = 2.0**62  # a latent weight in its integer units stays below


class Path(NamedTuple):
    """One trial in full: q_t = patterns[e] for times[e] <= t < times[e + 1]; the last pattern holds to the end."""

    times: np.ndarray  # (E,) int64, increasing
    patterns: np.ndarray  # (E, n) int8


@dataclass(frozen=True, eq=False)
class Recovery:
    """What `recover` has seen of R trials of T steps; the window is [burn, T).

    hit: (R,) the first step t <= T with q_t = w*, or -1.   last: (R, n) int8 q_T.
    total: (R, n) the sum of q_t over the window.   distances: (R, n + 1) how many of its steps were spent at each
    Hamming distance to w*.   escapes: (R,) how often w* was left.   loss: (R,) the empirical loss at q_T.
    evaluations: gradients that had to be computed, of R T.   paths: a Path a trial, or None.
    output_weights: (R, m) at the end, where they are trained, else None.
    """

    hit: np.ndarray
    last: np.ndarray
    total: np.ndarray
    distances: np.ndarray
    escapes: np.ndarray
    loss: Vector
    evaluations: int
    paths: tuple[Path, ...] | None = None
    output_weights: Vector | None = None

    @property
    def average_sign(self) -> np.ndarray:
        """(R, n) int8: the sign of the time average of q over the window; 0 where it is 0."""
        return np.sign(self.total).astype(np.int8)

    @property
    def share(self) -> Vector:
        """(R,) the share of the window's steps at w*."""
        return np.asarray(self.distances[:, 0] / self.distances.sum(axis=1))


def recover(
    problem: TwoLayer, *, start: Any = None, step: float = 0.1, steps: int = 1000, trials: int | None = None,
    seed: int = 0, burn: int = 0, paths: bool = False, batch: int | None = None, output_step: float | None = None,
    output_start: Any = None, threads: int | None = None,
) -> Recovery:  # fmt: skip
    """Run u <- u - eta g(sign u) from R starts, on one data set.

    With the full batch and known output weights the latent weights are 64-bit integers, in units of eta / N times the
    gradient's lattice: stretches without a change of sign are taken in one jump and gradients at patterns that were
    met before are looked up, and still every bit is that of the plain loop. Otherwise each step is computed.

    Arguments:
        problem: the data and the teacher.   start: (R, n) or (n,) u_0, or None: standard normal, `trials` of them.
        step: eta.   steps: T.   seed: of the starts and of the mini-batches.   burn: the window is [burn, T).
        paths: keep every pattern and when it came (memory: R T words).   batch: samples a step, drawn with
        replacement; None: all.   output_step: the step size of v, which is then trained too, from `output_start` (m,),
        by default v* itself; None: v is known.   threads: default: all. No result depends on it.

    Errors raised: ValueError for arguments that do not fit, for paths beyond MEMORY, and where a latent weight would
    leave its 2^62 units (a longer run or a smaller step than exact arithmetic can carry).
    """
    eta, steps = _check.number("step", step, above=0.0), _check.count("steps", steps, most=2**62)
    burn = _check.count("burn", burn, least=0, most=steps - 1)
    seed = _check.count("seed", seed, least=0)
    _check.instance("problem", problem, TwoLayer, "TwoLayer.draw(8, 100)")
    u0 = _starts(problem, start, trials, seed)
    threads = _check.count("threads", (cpu_count() or 1) if threads is None else threads)
    if batch is None and output_step is None:
        if output_start is not None:
            raise ValueError("output_start needs output_step: with None, the output weights are known")
        return _by_events(problem, u0, eta, steps, burn, paths, threads)
    if paths:
        raise ValueError("paths are kept for the full batch and known output weights only")
    size = problem.samples if batch is None else _check.count("batch", batch)
    rate = 0.0 if output_step is None else _check.number("output_step", output_step, least=0.0)
    v = problem.output_weights if output_start is None else output_start
    v = _check.array("output_start", v, shape=(problem.m,))
    run = _Plain(problem, eta / size, steps, burn, 0 if batch is None else size, rate, v, seed)
    with ThreadPoolExecutor(threads) as pool:
        done = list(pool.map(run.trial, range(len(u0)), u0))
    return _stack(done, steps, output_step is not None)


def _starts(problem: TwoLayer, start: Any, trials: int | None, seed: int) -> Vector:
    if start is None:
        shape = (_check.count("trials", 1 if trials is None else trials), problem.n)
        return np.random.Generator(np.random.Philox(seed)).standard_normal(shape)
    u0 = np.atleast_2d(_check.array("start", start))
    if u0.ndim != 2 or u0.shape[1] != problem.n:
        raise ValueError(f"start must have shape (R, {problem.n}) or ({problem.n},), got {np.shape(start)}")
    if trials not in (None, len(u0)):
        raise ValueError(f"trials is {trials}, but start has {len(u0)} rows: give one of them")
    return u0


def latent(u0: Vector, scale: float) -> np.ndarray:
    """Latent weights as integers of `scale`; the sign of a weight that rounds to 0 is kept."""
    with np.errstate(over="ignore"):
        units = np.rint(u0 / scale)
    if not (np.abs(units) < LATENT).all():
        raise ValueError(
            f"the start spans {np.abs(u0).max():.3g}, which is {np.abs(units).max():.3g} units of the latent lattice, "
            "more than 2^62: use a larger step or a smaller start"
        )
    return np.where((u0 < 0) & (units == 0), -1, units).astype(np.int64)


def _by_events(problem: TwoLayer, u0: Vector, eta: float, steps: int, burn: int, paths: bool, threads: int) -> Recovery:
    words = -(-problem.n // 64)
    if paths and len(u0) * steps * 8 * (words + 1) > MEMORY:
        most = MEMORY // (steps * 8 * (words + 1))
        raise ValueError(
            f"paths of {len(u0)} trials of {steps} steps may need {len(u0) * steps * 8 * (words + 1) / 2**30:.1f} GiB: "
            f"keep those of at most {most} trials at a time"
        )
    u = latent(u0, eta / problem.samples * problem.lattice.gradient)
    fit = max(1, len(problem.slots(len(u))[1]))
    size = min(fit, -(-len(u) // threads))
    chunks = [slice(i, i + size) for i in range(0, len(u), size)]
    with ThreadPoolExecutor(threads) as pool:
        done = list(pool.map(lambda part: _chunk(problem, u[part], steps, burn, paths), chunks))
    return _join(done, problem.samples, problem.n)


def _chunk(problem: TwoLayer, u: np.ndarray, steps: int, burn: int, paths: bool) -> tuple[np.ndarray, core.Records]:
    layout, (trials, n) = problem.layout, u.shape
    words = -(-n // 64)
    slots = 1 << max(4 * trials, MEMO // (8 * (n + words + 2))).bit_length()
    # A run cannot meet more patterns than it has steps, and the table is emptied when half full.
    slots = min(slots, 1 << (2 * trials * (steps + 2)).bit_length())
    memo = core.Memo(
        np.empty((slots, words), np.uint64), np.zeros(slots, np.uint8), np.empty((slots, n), np.int64),
        np.empty(slots), np.zeros(1, np.int64),
    )  # fmt: skip
    kept = steps if paths else 0
    records = core.Records(
        burn, np.full(trials, -1), np.zeros((trials, n), np.int64), np.zeros((trials, n + 1), np.int64),
        np.zeros(trials, np.int64), np.empty(trials), np.zeros(1, np.int64), np.empty((trials, kept), np.int64),
        np.empty((trials, kept, words), np.uint64), np.zeros(trials, np.int64),
    )  # fmt: skip
    pre, at = problem.slots(trials)
    ended = core.recover(
        layout.data, layout.activation, layout.ste, layout.v, layout.labels, problem.lattice.gradient, layout.teacher,
        u, steps, pre, at, memo, records,
    )  # fmt: skip
    if ended == core.NAN:
        _slopes.require_finite(problem.ste, np.array(np.nan))
    if ended == core.OVERFLOW:
        raise ValueError(f"a latent weight left its 2^62 units within {steps} steps: use fewer steps or a larger step")
    return u, records


def _join(done: list[tuple[np.ndarray, core.Records]], samples: int, n: int) -> Recovery:
    def every(field: str) -> np.ndarray:
        return np.concatenate([getattr(records, field) for _, records in done])

    last = np.concatenate([np.where(u >= 0, 1, -1) for u, _ in done]).astype(np.int8)
    paths = tuple(path for _, records in done for path in _paths(records, n))
    return Recovery(
        every("hit"), last, every("total"), every("distances"), every("escapes"), every("loss") / (2 * samples),
        int(every("evaluations").sum()), paths or None,
    )  # fmt: skip


def _paths(records: core.Records, n: int) -> Iterator[Path]:
    if records.times.shape[1]:
        for r, events in enumerate(records.events):
            yield Path(records.times[r, :events].copy(), bits.unpack(records.patterns[r, :events], n))


@dataclass(frozen=True)
class _Plain:
    """Trials step by step."""

    problem: TwoLayer
    scale: float  # eta / B
    steps: int
    burn: int
    batch: int  # 0: all samples
    rate: float
    v: Vector
    seed: int

    def trial(self, trial: int, u0: Vector) -> tuple:
        problem = self.problem
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, trial, 1])))
        batches = rng.integers(0, problem.samples, (self.steps, self.batch))
        v, total, distances = self.v.copy(), np.zeros(problem.n, np.int64), np.zeros(problem.n + 1, np.int64)
        hit, escapes, unit = np.full(1, -1), np.zeros(1, np.int64), problem.lattice.gradient
        u = latent(u0, self.scale * unit) * unit
        squares = descent.descend(
            ACTIVATIONS[problem.activation], problem.estimator, problem.features, problem.labels, problem.teacher,
            batches, self.rate, v, u, self.burn, hit, total, distances, escapes,
        )  # fmt: skip
        if np.isfinite(v).all():  # else it is they that have diverged
            _slopes.require_finite(problem.ste, u)
        last = np.where(u >= 0, 1, -1).astype(np.int8)
        return hit[0], last, total, distances, escapes[0], squares / (2 * problem.samples), v


def _stack(done: list[tuple], steps: int, trained: bool) -> Recovery:
    hit, last, total, distances, escapes, loss, v = (np.array(column) for column in zip(*done, strict=True))
    if not np.isfinite(loss).all():
        raise ValueError("output_step must be smaller: the output weights left the floating-point numbers")
    return Recovery(hit, last, total, distances, escapes, loss, len(done) * steps, None, v if trained else None)
