"""Run the theorems: every instance of each is checked, in parallel, under one error budget."""

import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from . import _check, real_data
from ._files import plain, replace
from .statistics import ErrorBudget
from .theorems import Case, Evidence, Theorem, Verdict, all_theorems, find, overall

TOTAL_FAILURE = 1e-6


class Task(NamedTuple):
    """One check: an instance of a theorem by its place, or a case on a dataset by its place."""

    kind: str  # "theorem" or a dataset
    name: str  # the theorem's id, or the dataset
    place: int
    sampled: bool


@dataclass(frozen=True)
class Run:
    """What a run of `verify` has found.

    evidence: one per instance.   rows: real data.   skipped: dataset -> why.   failed: check -> the error that it met.
    interrupted: Ctrl-C ended it early.
    """

    theorems: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    rows: tuple[real_data.Row, ...]
    skipped: dict[str, str]
    failed: dict[str, str]
    settings: dict[str, Any]
    seconds: float
    interrupted: bool = False

    def of(self, theorem: str) -> list[Evidence]:
        """The evidence on one theorem: its own instances, and real data that it bounds."""
        real = [row.evidence for row in self.rows if row.evidence is not None]
        return [e for e in (*self.evidence, *real) if e.theorem == theorem]

    def verdict(self, theorem: str) -> Verdict:
        """The verdict over a theorem's instances inside and at the edge."""
        return overall(self.of(theorem))

    def unexpected(self) -> list[str]:
        """What did not come out as registered, a line each; empty when all is well."""
        lines = [f"{check} could not be checked: {error}" for check, error in self.failed.items()]
        for name in self.theorems:
            expected, found = all_theorems()[name].expected, self.verdict(name)
            if found != expected:
                lines.append(f"{name}: {found}, expected {expected}")
            lines += [
                f"{name}, {e.role} instance {e.instance!r}: {e.verdict}, expected {e.expected}"
                for e in self.of(name) if not e.as_expected
            ]  # fmt: skip
        return lines

    def to_json(self) -> dict[str, Any]:
        """Everything as plain numbers, strings, lists and dictionaries (NaN and infinities become None)."""
        theorems = [
            {
                "id": n, "verdict": self.verdict(n), "expected": all_theorems()[n].expected,
                "evidence": [{**vars(e), "slack": e.slack} for e in self.of(n)],
            }
            for n in self.theorems
        ]  # fmt: skip
        everything = {
            "settings": self.settings, "seconds": self.seconds, "interrupted": self.interrupted, "theorems": theorems,
            "real_data": self.rows, "skipped": self.skipped, "failed": self.failed, "unexpected": self.unexpected(),
        }  # fmt: skip
        return plain(everything, "run", strict=False)


def verify(
    only: Sequence[str] = (),
    *,
    scale: str = "quick",
    seed: int = 0,
    jobs: int | None = None,
    images: str | Path | None = None,
    real: bool = True,
    progress: Callable[[int, int, str], None] | None = None,
) -> Run:
    """Check theorems and collect the evidence.

    Arguments:
        only: ids of theorems, or papers; all by default.
        scale: "quick" (half a minute on two cores, once compiled; two or three with an empty cache) or "full".
        seed: of all sampling; results do not depend on jobs.
        jobs: processes; all cores by default.
        images: a folder with Fashion-MNIST's IDX files.
        real: whether to run the real data too (only where all its theorems are asked for).
        progress: called with (checks done, checks in all, what was done last).

    The chance that sampling makes any verdict of the run wrong is at most 1e-6, as far as its intervals hold (exact
    expectations cannot be wrong by chance; Student's t rests on the central limit theorem, and says so).

    Raises: ValueError for an unknown theorem, scale, seed or number of jobs.
    """
    return plan(only, scale=scale, seed=seed, jobs=jobs, images=images, real=real).run(progress)


@dataclass(frozen=True)
class Plan:
    """A run that has been checked and laid out, but not begun."""

    theorems: tuple[str, ...]
    tasks: tuple[Task, ...]
    skipped: dict[str, str]
    job: "_Job"
    jobs: int

    def run(self, progress: Callable[[int, int, str], None] | None = None) -> Run:
        """Do it all."""
        begin, job = time.perf_counter(), self.job
        results, failed, interrupted = _run(self.tasks, job, self.jobs, progress or (lambda done, total, name: None))
        evidence = tuple(results[t] for t in self.tasks if t.kind == "theorem" and t in results)
        rows = tuple(results[t] for t in self.tasks if t.kind != "theorem" and t in results)
        settings = {
            "scale": job.scale, "seed": job.seed, "failure": TOTAL_FAILURE, "share": job.failure,
            "checks": len(self.tasks),
        }  # fmt: skip
        seconds = time.perf_counter() - begin
        return Run(self.theorems, evidence, rows, self.skipped, failed, settings, seconds, interrupted)


def plan(
    only: Sequence[str] = (),
    *,
    scale: str = "quick",
    seed: int = 0,
    jobs: int | None = None,
    images: str | Path | None = None,
    real: bool = True,
) -> Plan:
    """All that `verify` can refuse is refused here: see its arguments and errors."""
    if scale not in ("quick", "full"):
        raise ValueError(f"scale must be 'quick' or 'full', got {scale!r}")
    seed = _check.count("seed", seed, least=0, most=2**63 - 1)
    cores = os.cpu_count() or 1
    jobs = cores if jobs is None else _check.count("jobs", jobs)
    if images is not None and not Path(images).is_dir():
        raise ValueError(f"images must be a folder with Fashion-MNIST's IDX files, got {str(images)!r}")
    theorems = _select(only)
    tasks, skipped = _tasks(theorems, scale, images, real and len(theorems) == len(all_theorems()))
    share = ErrorBudget(TOTAL_FAILURE, max(1, sum(t.sampled for t in tasks))).share
    job = _Job(scale, seed, share, None if images is None else str(images), max(1, cores // jobs))
    return Plan(tuple(t.id for t in theorems), tuple(tasks), skipped, job, jobs)


def prepare(folder: Path) -> None:
    """Make sure, before hours of work, that results can be written. ValueError where they cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(f"out must be a folder that can be written, got {str(folder)!r} ({error.strerror})") from None


def write(run: Run, folder: Path) -> Path:
    """verify.json in `folder`: whole or not at all. ValueError where it cannot be written."""
    prepare(folder)
    path = folder / "verify.json"
    replace(path, (json.dumps(run.to_json(), indent=1, ensure_ascii=False) + "\n").encode())
    return path


def _select(only: Sequence[str]) -> list[Theorem]:
    if not only:
        return list(all_theorems().values())
    chosen = {t.id: t for name in only for t in find(name)}
    return [t for t in all_theorems().values() if t.id in chosen]


def _tasks(theorems: list[Theorem], scale: str, images: str | Path | None, real: bool) -> tuple[list[Task], dict]:
    tasks = [
        Task("theorem", theorem.id, place, instance.trials > 0)
        for theorem in theorems
        for place, instance in enumerate(theorem.instances(scale))
    ]
    skipped: dict[str, str] = {}
    for dataset in real_data.DATASETS if real else ():
        try:
            tasks += [Task("data", dataset, i, True) for i in range(len(real_data.cases(dataset, images, scale=scale)))]
        except FileNotFoundError as error:
            skipped[dataset] = str(error)
    # Samples first: they take longest, and no core should wait at the end.
    return sorted(tasks, key=lambda t: not t.sampled), skipped


class _Job(NamedTuple):
    scale: str
    seed: int
    failure: float
    images: str | None
    threads: int


def _run(
    tasks: Sequence[Task], job: _Job, jobs: int, progress: Callable[[int, int, str], None]
) -> tuple[dict, dict, bool]:
    results: dict[Task, Any] = {}
    failed: dict[str, str] = {}
    deaf = signal.signal, (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is ours to handle, not the workers'
    pool = ProcessPoolExecutor(min(jobs, len(tasks)), get_context("spawn"), *deaf)
    pending = {pool.submit(_perform, task, job): task for task in tasks}
    try:
        while pending:
            done, _ = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                task, error = pending.pop(future), future.exception()
                if error is None:
                    results[task] = future.result()
                else:
                    failed[f"{task.name}, number {task.place}"] = f"{type(error).__name__}: {error}"
                progress(len(results) + len(failed), len(tasks), task.name)
        return results, failed, False
    except KeyboardInterrupt:
        for process in list(pool._processes.values()):
            process.terminate()
        return results, failed, True
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _perform(task: Task, job: _Job) -> Any:
    """One check, in a process of its own."""
    if task.kind == "theorem":
        theorem = all_theorems()[task.name]
        instance: Case = list(theorem.instances(job.scale))[task.place]
        seed = derived_seed(job.seed, task.name, instance.name)
        return theorem.check(instance, seed=seed, failure=job.failure, threads=job.threads)
    instance, theorem_id = real_data.cases(task.name, job.images, scale=job.scale)[task.place]
    seed = derived_seed(job.seed, task.name, instance.name)
    return real_data.measure(instance, theorem_id, seed=seed, failure=job.failure, threads=job.threads)


def derived_seed(seed: int, *names: str) -> int:
    """A seed of its own for each check, whatever the order in which they run."""
    digest = hashlib.sha256("\n".join((str(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
