"""One block of trials, stepped by the compiled loop slice by slice."""

import threading
import time
from typing import Any

import numpy as np

from .methods import SR, R

STATISTICS = "gap", "average_gap", "distance", "deployed_gap", "changed_step", "changed_start"
SLICE_SECONDS = 0.2  # between two looks at progress and Ctrl-C
WORDS = 4096  # random words of a kind that a stage makes at a time: its buffers stay in the first cache


class BlockRun:
    """One block of trials: its buffers are made when it starts, and freed but for its results when it ends."""

    def __init__(self, run: Any, trial: int) -> None:
        self.run, self.trial, self.done = run, trial, 0

    def own(self, values: np.ndarray) -> np.ndarray:
        """The lanes that belong to the run: the first and the last block may reach beyond."""
        low = max(self.run.first - self.trial, 0)
        high = min(self.run.first + self.run.trials - self.trial, self.run.lanes)
        return values[..., low:high]

    def go(self, stop: threading.Event) -> None:
        if stop.is_set():
            return
        from .core import ensemble

        run = self.run
        target = ensemble.Target(np.asarray(run.optimum.w), float(run.optimum.value))
        block = self._block(ensemble.Block)
        self._check_range(block.x)
        self.out = np.empty((run.marks.size, len(STATISTICS), run.lanes))
        objective, noise, method, schedule, observed = run.specs
        t, pace = 1, 2
        while t <= run.steps and not stop.is_set():
            end = min(t + pace, run.steps + 1)
            clock = time.perf_counter()
            ensemble.run(
                run.seed, objective, noise, method, schedule, observed, target, block, self.trial, t, end,
                run.steps, run.marks, self.out,
            )  # fmt: skip
            spent = time.perf_counter() - clock
            self._check_range(block.x)
            t, self.done = end, end - 1
            pace = max(1, int(pace * min(8.0, SLICE_SECONDS / max(spent, 1e-9))))
        self.final = block.x if run.keep_final else None

    def _block(self, kind: Any) -> Any:
        run, d, lanes = self.run, self.run.problem.dim, self.run.lanes
        self.visits = self._visits(lanes)
        x = np.empty((d, lanes), run.real)
        rows = np.clip(np.arange(lanes) + self.trial - run.first, 0, run.trials - 1)
        x[:] = run.start[:, None] if run.start.ndim == 1 else run.start[rows].T
        coupled = not run.problem.separable
        buffer = WORDS // lanes * lanes
        return kind(
            x=x,
            total=np.zeros((d if run.average else 0, lanes)),
            first=np.empty_like(x),
            previous=np.empty_like(x),
            q=np.empty_like(x),
            y=np.empty((d if coupled else 1, lanes), run.real),
            words=np.empty((4, buffer), np.uint32),
            z=np.empty((4, buffer), np.float32),
            work=run.problem.workspace(lanes, run.real),
            visits=self.visits,
        )

    def _visits(self, lanes: int) -> Any:
        from .core import visits

        levels = self.run.levels
        if levels is None:
            return visits.NoVisits()
        own, inverse = self.own(np.arange(lanes)), 1 / (levels[1] - levels[0])
        counts = np.zeros((visits.TABLES, levels.size), np.int64)
        scale = self.run.real(inverse), self.run.real(levels[0] * inverse)
        return visits.Visits(*scale, int(own[0]), int(own[-1]) + 1, counts, np.empty(lanes, np.int32))

    def _check_range(self, x: np.ndarray) -> None:
        single = self.run.real is np.float32
        if single and isinstance(self.run.method, R | SR) and np.abs(x).max() >= 2**24:
            raise ValueError("precision='single' holds grid indices below 2^24 only: use 'double' or a coarser grid")
