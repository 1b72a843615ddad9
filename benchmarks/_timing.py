"""Timing side by side: all candidates of a table in turn, round by round, so that noise hits all of them."""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """Something to time: run() does `work` coordinate-steps."""

    name: str
    run: Callable[[], object]
    work: float


@dataclass(frozen=True)
class Line:
    """A candidate's rates over the rounds, in millions of coordinate-steps a second, and ours / its rate by round."""

    name: str
    rates: tuple[float, ...]
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median ratio."""
        return statistics.median(self.ratios)

    def __str__(self) -> str:
        spread = f"[{min(self.ratios):.2f}, {max(self.ratios):.2f}]"
        return f"  {self.name:38}{statistics.median(self.rates):9.1f} M/s   ours / its {self.ratio:7.2f}  {spread}"


def race(candidates: list[Candidate], rounds: int, clock: Callable[[], float] = time.process_time) -> list[Line]:
    """Time all candidates in turn; the first is ours, to which the others are compared. Warm-up is not counted.

    By default in processor time of all threads, which other programs on the machine distort least: meant for
    candidates that share `one_core`.
    """
    for c in candidates:
        c.run()
    rates: dict[str, list[float]] = {c.name: [] for c in candidates}
    for _ in range(rounds):
        for c in candidates:
            begin = clock()
            c.run()
            rates[c.name].append(c.work / (clock() - begin) / 1e6)
    ours = rates[candidates[0].name]
    return [
        Line(name, tuple(found), tuple(a / b for a, b in zip(ours, found, strict=True)))
        for name, found in rates.items()
    ]


def share_of(cores: int, candidate: Candidate) -> float:
    """How much of so many cores a run gets: much less than 1 where other programs keep them busy."""
    wall, used = time.perf_counter(), time.process_time()
    candidate.run()
    return (time.process_time() - used) / (time.perf_counter() - wall) / cores


@contextlib.contextmanager
def one_core() -> Iterator[bool]:
    """Hold this process, with all threads that it starts, to its last core; yields whether the system can do that.

    Thread pools of one are not enough: JAX also runs independent parts of a program at the same time.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield True
    finally:
        os.sched_setaffinity(0, before)
