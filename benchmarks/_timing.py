"""Timing side by side: all candidates of a table in turn, round by round, so that noise hits all of them."""

import statistics
import time
from collections.abc import Callable
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

    def __str__(self) -> str:
        rate, ratio = statistics.median(self.rates), statistics.median(self.ratios)
        spread = f"[{min(self.ratios):.2f}, {max(self.ratios):.2f}]"
        return f"  {self.name:38}{rate:9.1f} M/s   ours is {ratio:7.2f} times as fast  {spread}"


def race(candidates: list[Candidate], rounds: int) -> list[Line]:
    """Time all candidates in turn; the first is ours, to which the others are compared. Warm-up is not counted."""
    for c in candidates:
        c.run()
    rates: dict[str, list[float]] = {c.name: [] for c in candidates}
    for _ in range(rounds):
        for c in candidates:
            begin = time.perf_counter()
            c.run()
            rates[c.name].append(c.work / (time.perf_counter() - begin) / 1e6)
    ours = rates[candidates[0].name]
    return [
        Line(name, tuple(found), tuple(a / b for a, b in zip(ours, found, strict=True)))
        for name, found in rates.items()
    ]
