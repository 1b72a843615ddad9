"""simulate(problem, method, schedule, ...): many independent trials of a method, as an Ensemble of statistics."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from . import _check
from ._block import STATISTICS, BlockRun
from ._check import Vector
from .methods import Method
from .optimum import Optimum, optimum
from .problems import Problem
from .progress import terminal
from .quantizers import Grid, NearestRounding
from .schedules import Schedule, Table

LANES = 256  # trials of a block
MEMORY_LIMIT = 4 << 30  # bytes of statistics that a run may ask for
GEMM_LANES = 128  # fixed where a matrix product's rounding could depend on the width of the block


@dataclass(frozen=True)
class Ensemble:
    """What a run has seen.

    steps: (m,) the recorded t.
    values: name -> (m, trials) float64. With w_t the iterate (BC: the real weight), w̄_t its mean over 1..t and Q(w_t)
        the weight deployed (SGD, R, SR: w_t itself):
        "gap" F(w_t) - F*;  "average_gap" F(w̄_t) - F*;  "distance" |w_t - w*|^2;  "deployed_gap" F(Q(w_t)) - F*;
        "changed_step", "changed_start": the share of deployed weights that differ from step t - 1, from step 1.
    final: (trials, d) the last iterate, where it was asked for.
    visits: (levels,) int64, where it was asked for: how often a gradient was taken nearest to each level of a grid, in
        steps 1, ..., T - 1 of all coordinates of all complete trials.
    interrupted: Ctrl-C came; the trials and steps that were complete by then are here.
    """

    steps: np.ndarray
    values: dict[str, np.ndarray]
    optimum: Optimum
    settings: dict[str, Any]
    final: np.ndarray | None = None
    interrupted: bool = False
    visits: np.ndarray | None = None

    @property
    def trials(self) -> int:
        return int(next(iter(self.values.values())).shape[1])

    def mean(self, name: str) -> Vector:
        """(m,) the mean over trials."""
        return self._of(name).mean(axis=1)

    def standard_error(self, name: str) -> Vector:
        """(m,) its standard error."""
        return self._of(name).std(axis=1, ddof=1) / np.sqrt(self.trials)

    def last(self, name: str) -> Vector:
        """(trials,) the statistic at the last recorded step."""
        return self._of(name)[-1]

    def _of(self, name: str) -> np.ndarray:
        if name not in self.values:
            raise ValueError(f"name must be one of {', '.join(self.values)}, got {name!r}")
        return self.values[name]


def log_spaced(steps: int, count: int = 50) -> np.ndarray:
    """About `count` integers from `steps` down to 1, evenly spaced in their logarithm; ascending."""
    return np.unique(np.rint(np.geomspace(steps, 1, count)).astype(np.int64))


def simulate(
    problem: Problem,
    method: Method,
    schedule: Schedule,
    *,
    steps: int,
    trials: int = 256,
    seed: int = 0,
    record: Any = None,
    start: Any = None,
    average: bool = True,
    precision: str = "double",
    threads: int | None = None,
    progress: Callable[[float], None] | bool = True,
    first_trial: int = 0,
    keep_final: bool = False,
    visits: Grid | None = None,
) -> Ensemble:
    """Run `trials` independent trials of `method` on `problem` and record their statistics.

    Arguments:
        steps: T, the number of iterates w_1, ..., w_T (so T - 1 updates).
        trials: how many; each has random bits of its own, numbered from `first_trial`.
        seed: 0 <= seed < 2^63. The same seed gives the same bits for any number of threads and any split in trials.
        record: the steps to record: an array of t, or how many log-spaced ones (50).
        start: w_1, (d,) or (trials, d); by default the point of the domain nearest to 0, moved onto the grid.
        average: whether to keep the running mean that "average_gap" needs (else NaN).
        precision: "double", or "single": about twice as fast; weights on a grid must stay below 2^24 resolutions, and
            the arithmetic of a step rounds at 6e-8 of its terms. Statistics are in double precision either way.
        threads: all cores by default.
        progress: called now and then with the share that is done, never less than before; with 1.0 at the end. True: a
            bar on standard error after two seconds, if that is a terminal. False: nothing.
        keep_final: whether to keep every trial's last iterate.
        visits: a grid with a box, to count on its levels where gradients are taken (those beyond count at its faces).

    Memory depends on d, trials and the number of recorded steps, never on `steps`. Ctrl-C ends the run early and keeps
    what is complete: the blocks of trials that had reached the end, or else the recorded steps that all begun blocks
    had reached (without `final`). Only when nothing is does KeyboardInterrupt go on.

    Raises: ValueError naming the argument for anything unusable.
    """
    asked = (
        problem, method, schedule, steps, trials, seed, record, start, average, precision, first_trial, keep_final,
        visits,
    )  # fmt: skip
    run = _Run(*asked)
    threads = os.cpu_count() or 1 if threads is None else _check.count("threads", threads)
    if progress is True:
        with terminal(f"{method.name}, {trials} trials") as bar:
            return run.go(threads, bar)
    return run.go(threads, progress or (lambda share: None))


class _Run:
    def __init__(
        self, problem, method, schedule, steps, trials, seed, record, start, average, precision, first, final, visits
    ):
        _check.instance("problem", problem, Problem, "SeparableQuadratic([1.0, 2.0])")
        _check.instance("method", method, Method, "SR(0.1)")
        _check.instance("schedule", schedule, Schedule, "InverseTime(1.0)")
        self.problem, self.method, self.average, self.keep_final = problem, method, average, final
        self.steps = _check.count("steps", steps, most=2**53)
        self.trials = _check.count("trials", trials)
        self.seed = _check.count("seed", seed, least=0, most=2**63 - 1)
        self.first = _check.count("first_trial", first, least=0)
        if self.first + self.trials > 2**32:
            raise ValueError(f"first_trial + trials must be at most 2^32, got {self.first + self.trials}")
        if precision not in ("double", "single"):
            raise ValueError(f"precision must be 'double' or 'single', got {precision!r}")
        self.real: type = np.float64 if precision == "double" else np.float32
        if isinstance(schedule, Table) and schedule.values.size < self.steps - 1:
            raise ValueError(f"the schedule's table needs {self.steps - 1} values, got {schedule.values.size}")
        if visits is not None:
            _check.instance("visits", visits, Grid, "Grid(0.5, box=(-4, 8))")
        self.levels = None if visits is None else visits.levels
        self.marks = record_steps(record, self.steps)
        needed = self.trials * (self.marks.size * len(STATISTICS) + final * problem.dim) * 8
        if needed > MEMORY_LIMIT:
            raise ValueError(
                f"trials x recorded steps must fit in {MEMORY_LIMIT / 2**30:.1f} GiB, got {self.trials} trials and "
                f"{self.marks.size} steps{' and final' * final}, {needed / 2**30:.1f} GiB: lower trials or record"
            )
        self.start = self._encode_start(start)
        self.optimum = optimum(problem)
        self.lanes = self._lane_count()
        self.specs = (
            problem.lower(self.real),
            problem.noise.lower(self.real),
            method.lower(self.real, problem.box),
            schedule.lower(),
            problem.lower(np.float64),
        )
        self.settings = {
            "problem": type(problem).__name__, "method": method.name, "schedule": repr(schedule), "steps": self.steps,
            "trials": self.trials, "seed": self.seed, "precision": precision,
        }  # fmt: skip

    def _encode_start(self, start: Any) -> Vector:
        d, box = self.problem.dim, self.problem.box
        if start is None:
            start = default_start(self.problem, self.method)
        start = _check.array("start", start)
        if start.shape not in ((d,), (self.trials, d)):
            raise ValueError(f"start must have shape ({d},) or ({self.trials}, {d}), got {start.shape}")
        return self.method.encode(start, box)

    def _lane_count(self) -> int:
        if not self.problem.separable:
            return GEMM_LANES if self.problem.dim <= 4096 else 16
        widest = max(16, 2**22 // max(self.problem.dim, 1) // 16 * 16)  # a state of at most 32 MiB
        return min(LANES, widest, -(-self.trials // 32) * 32)

    def go(self, threads: int, progress: Callable[[float], None]) -> Ensemble:
        begin = self.first // self.lanes * self.lanes
        blocks = [BlockRun(self, lane) for lane in range(begin, self.first + self.trials, self.lanes)]
        stop, interrupted = threading.Event(), False
        # The threads are ours: a linear-algebra library that starts its own for each product would only be in the way.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
            try:
                futures = [pool.submit(block.go, stop) for block in blocks]
                done, rest = wait(futures, 0.1, FIRST_EXCEPTION)
                while rest and not any(f.exception() for f in done):
                    progress(sum(block.done for block in blocks) / (len(blocks) * self.steps))
                    done, rest = wait(futures, 0.1, FIRST_EXCEPTION)
                for f in done:
                    f.result()
                progress(1.0)
            except KeyboardInterrupt:
                interrupted = True
            finally:
                stop.set()  # whatever went wrong, nobody waits for the others any more
        return self._collect(blocks, interrupted)

    def _collect(self, blocks: list["BlockRun"], interrupted: bool) -> Ensemble:
        begun = [b for b in blocks if b.done > 0]
        complete = [b for b in begun if b.done == self.steps]
        kept = complete or begun
        marks = self.marks[self.marks <= min((b.done for b in kept), default=0)]
        if marks.size == 0:
            raise KeyboardInterrupt
        values = {
            name: np.concatenate([b.own(b.out[: marks.size, i]) for b in kept], axis=-1)
            for i, name in enumerate(STATISTICS)
        }
        final = None
        if self.keep_final and complete:
            states = np.concatenate([b.own(b.final) for b in complete if b.final is not None], axis=-1).T
            final = self.method.decode(states.astype(np.float64), self.problem.box)
        visits = None
        if self.levels is not None:
            visits = sum((b.visits.counts.sum(axis=0) for b in complete), np.zeros(self.levels.size, np.int64))
        return Ensemble(marks, values, self.optimum, self.settings, final, interrupted, visits)


def default_start(problem: Problem, method: Method) -> Vector:
    """w_1 where none is given: 0, moved onto the method's grid and into the domain."""
    w = problem.project(np.zeros(problem.dim))
    grid = getattr(method, "grid", None)
    return w if grid is None else NearestRounding(grid.within(problem.box))(w)


def record_steps(record: Any, steps: int) -> np.ndarray:
    """The steps that `record` asks for, ascending: see `simulate`. ValueError for anything unusable."""
    if record is None:
        return log_spaced(steps)
    if np.ndim(record) == 0:
        return log_spaced(steps, _check.count("record", record, most=2**20))
    marks = np.asarray(record)
    if marks.ndim != 1 or marks.size == 0 or not np.issubdtype(marks.dtype, np.integer):
        raise ValueError("record must be a number of steps or a non-empty 1-D array of integers")
    marks = np.unique(marks).astype(np.int64)
    if marks[0] < 1 or marks[-1] > steps:
        raise ValueError(f"record must lie between 1 and steps = {steps}, got {marks[0]} to {marks[-1]}")
    return marks
