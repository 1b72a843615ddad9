"""How many samples recovery takes: chances of success by dimension and sample size, and where they pass one half.

A trial draws its own data set, teacher and start, and counts as a success in two ways:

    last      w* is reached (without label noise it is then never left)
    ergodic   the sign of the time average of q_t over the second half of the steps is w*

and as spurious where it ends at zero loss away from w*: a solution that the samples cannot tell from the teacher.
Trials are run in batches, each a task of a `qtheory.sweep.Sweep`: finished ones are kept and found again.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .. import core, datasets, sweep
from .._check import count
from ..core import activations, bits, two_layer
from ..psychometric import Curve, fit_curve
from ..sweep import _names
from . import _lattice, _slopes, laws, population, problem, recovery, trials
from .trials import BATCH, Setting, attempt

__all__ = ["BATCH", "Setting", "Tally", "Transition", "attempt", "designed", "locate", "locate_all", "samples_at",
           "study", "tally"]  # fmt: skip

Target = Literal["last", "ergodic"]
Plan = list[tuple[int, int]]  # (level, batch) of a round
Design = Generator[Plan, list[dict[str, Any]], None]
TARGETS: tuple[Target, ...] = ("last", "ergodic")
SOURCES = (
    activations, two_layer, core.recovery, bits, core.compile, trials, problem, recovery, laws, population, _lattice,
    _slopes, datasets, _names,
)  # fmt: skip  # what a trial runs: its data, its seeds, its steps
PER_OCTAVE = 4  # levels of N: 2^(k/4), rounded
NEAR = 2  # levels on each side of the estimate that trials go to
WIDTH = 3  # levels that a round goes to


@dataclass(frozen=True)
class Tally:
    """Counts at one dimension.

    Arguments
        n: dimension.   samples: (k,) sample sizes N, ascending.   trials, last, ergodic, spurious: (k,) counts.
    """

    n: int
    samples: np.ndarray
    trials: np.ndarray
    last: np.ndarray
    ergodic: np.ndarray
    spurious: np.ndarray

    def curve(self, target: Target, failure: float) -> Curve:
        """The psychometric curve of one kind of success. Raises: ValueError for another target or a bad failure."""
        return fit_curve(self.samples, self.trials, getattr(self, _target(target)), failure=failure)


@dataclass(frozen=True)
class Transition:
    """Where one kind of success passes one half at one dimension, and the counts that say so."""

    target: Target
    tally: Tally
    curve: Curve


def study(folder: str | os.PathLike[str] = "results") -> sweep.Sweep:
    """The sweep that all trials belong to; its version is made of the sources that they run."""
    return sweep.Sweep(
        "transition", attempt, "1-" + sweep.fingerprint(*SOURCES), folder, memory=_memory,
        memory_limit=problem.MEMORY, divisible="samples",
    )  # fmt: skip


def tally(tasks: Iterable[dict[str, Any]], results: Iterable[dict[str, Any]]) -> list[Tally]:
    """Counts by dimension, ascending, from tasks (a task that is there twice counts once) and their results.

    Errors raised: ValueError for tasks of different settings, whose trials are of different kinds.
    """
    tasks, keys = list(tasks), ("trials", "last", "ergodic", "spurious")
    shared = [{k: v for k, v in task.items() if k not in ("n", "samples", "first")} for task in tasks]
    if other := next((s for s in shared if s != shared[0]), None):
        raise ValueError(f"tasks must be of one setting, got {shared[0]} and {other}")
    cells: dict[int, dict[int, dict[int, np.ndarray]]] = {}
    for task, result in zip(tasks, results, strict=True):
        cell = cells.setdefault(task["n"], {}).setdefault(task["samples"], {})
        cell[task["first"]] = np.array([result[key] for key in keys])
    found = []
    for n, by_samples in sorted(cells.items()):
        at = sorted(by_samples)
        counts = np.array([sum(by_samples[samples].values()) for samples in at])
        found.append(Tally(n, np.array(at), *counts.T))
    return found


def locate(n: int, **options: Any) -> Transition:
    """`locate_all` for one dimension."""
    return locate_all([n], **options)[0]


def locate_all(
    sizes: Sequence[int], *, target: Target = "last", setting: Setting | None = None, budget: int = 240,
    failure: float = 0.05, folder: str | os.PathLike[str] = "results", jobs: int = 1, cluster: str | None = None,
) -> list[Transition]:  # fmt: skip
    """Find N50 at each dimension, by the trials of `designed`.

    Arguments
        failure: of each interval.   The others: as in `designed`.

    Errors raised
        ValueError: a bad failure, and as in `designed`.
    """
    tasks = designed(sizes, target=target, setting=setting, budget=budget, folder=folder, jobs=jobs, cluster=cluster)
    by_size = {t.n: t for t in tally(tasks, study(folder).results(tasks))}
    return [Transition(target, by_size[n], by_size[n].curve(target, failure)) for n in sizes]


def designed(
    sizes: Sequence[int], *, target: Target = "last", setting: Setting | None = None, budget: int = 240,
    folder: str | os.PathLike[str] = "results", jobs: int = 1, cluster: str | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Run trials that first bracket the transition and then go where it is believed to be; the tasks, all finished.

    From N near 2n, N doubles or halves until half of a batch succeeds at one level and not at the next below. Then each
    round fits a curve and sends a batch to the three least tried of the five levels around N50, a quarter of an octave
    apart, until the budget is spent. What comes next depends on earlier counts only: a design is the same however
    many processes run it, and with a larger budget it goes on. All dimensions take each round together.

    Arguments
        sizes: dimensions n, all different.   target: "last" or "ergodic".   setting: what all trials share; default
        `Setting()`.   budget: trials for each dimension; the last round may exceed it by less than three batches.
        folder, jobs, cluster: as in `qtheory.sweep.Sweep`.

    Errors raised
        ValueError: arguments out of range, or a data set that takes too much memory.
    """
    setting, own = setting or Setting(), study(folder)
    budget, sizes = count("budget", budget), [count("n", n) for n in sizes]
    if len(set(sizes)) != len(sizes):
        raise ValueError(f"sizes={sizes}: expected different dimensions")
    designs = {n: _design(n, _target(target), budget) for n in sizes}
    wanted = {n: next(design) for n, design in designs.items()}
    tasks: list[dict[str, Any]] = []
    while wanted:
        asked = [(n, setting.task(n, samples_at(k), batch)) for n, levels in wanted.items() for k, batch in levels]
        found = own.run([task for _, task in asked], jobs=jobs, cluster=cluster)
        tasks += [task for _, task in asked]
        answers: dict[int, list[dict[str, Any]]] = {n: [] for n in wanted}
        for (n, _), result in zip(asked, found, strict=True):
            answers[n].append(result)
        wanted = {n: levels for n, got in answers.items() if (levels := _next(designs[n], got))}
    return tasks


def samples_at(level: int) -> int:
    """The sample size 2^(level/4), rounded."""
    return round(2.0 ** (level / PER_OCTAVE))


def _lowest(level: int) -> int:
    """The lowest level, from 0 on, with the sample size of this one: below 8 several levels have the same."""
    level = max(level, 0)
    return next(k for k in range(level + 1) if samples_at(k) == samples_at(level))


def _design(n: int, target: Target, budget: int) -> Design:
    """Yields the batches of each round, and is sent their results."""
    tried: dict[int, list[int]] = {}  # level -> successes of each batch

    def share(level: int) -> float:
        return sum(tried[level]) / (BATCH * len(tried[level]))

    def left() -> bool:
        return BATCH * sum(map(len, tried.values())) < budget

    level = _lowest(round(PER_OCTAVE * np.log2(2 * n)))
    while left() and level not in tried:
        [result] = yield [(level, 0)]
        tried[level] = [result[target]]
        level = _lowest(level + PER_OCTAVE * (1 if share(level) < 0.5 else -1))
    while left():
        levels = sorted(tried)
        counts = [BATCH * len(tried[k]) for k in levels], [sum(tried[k]) for k in levels]
        curve = fit_curve([samples_at(k) for k in levels], *counts, failure=0.5)
        # A curve that rises too little to say where: not beyond an octave of what was tried.
        centre = np.clip(PER_OCTAVE * np.log2(curve.n50.estimate), levels[0] - PER_OCTAVE, levels[-1] + PER_OCTAVE)
        near = {_lowest(k) for k in range(round(centre) - NEAR, round(centre) + NEAR + 1)}
        chosen = sorted(near, key=lambda k: (len(tried.get(k, [])), abs(k - centre), k))[:WIDTH]
        plan = [(k, len(tried.get(k, []))) for k in chosen]
        results = yield plan
        for (k, _), result in zip(plan, results, strict=True):
            tried.setdefault(k, []).append(result[target])


def _next(design: Design, results: list[dict[str, Any]]) -> Plan:
    """The next round, empty after the last."""
    try:
        return design.send(results)
    except StopIteration:
        return []


def _memory(settings: dict[str, Any]) -> float:
    return float(problem.PER_ENTRY) * settings["samples"] * settings["m"] * settings["n"]


def _target(target: str) -> Target:
    for known in TARGETS:
        if target == known:
            return known
    raise ValueError(f"target must be 'last' or 'ergodic', got {target!r}")
