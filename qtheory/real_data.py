"""Li et al. 2017 on real images: logistic regression on two classes, every method, over Δ, against certified optima."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from .datasets import binary_task, digits, fashion_mnist
from .methods import BC, SGD, SR, Method, R
from .optimum import optimum
from .problems import LogisticRegression
from .quantizers import NearestRounding, StochasticRounding
from .schedules import InverseTime
from .statistics import Interval
from .theorems import Evidence, Instance, Theorem, all_theorems
from .theorems._convergence import sampled

DATASETS = "digits", "fashion-mnist"
DELTAS = 1 / 64, 1 / 16, 1 / 4
L2, BOX, BATCH = 0.1, (-1.0, 1.0), 16


@dataclass(frozen=True)
class Row:
    """One method on one dataset: its gap F(w̄_T) - F*, and what a theorem says of it, if one does."""

    dataset: str
    method: str
    delta: float | None
    gap: Interval
    evidence: Evidence | None = None


@cache
def task(dataset: str, images: str | Path | None = None, *, samples: int = 2000) -> tuple[str, LogisticRegression]:
    """(name, problem) for a dataset: digits 3 against 8, or Fashion-MNIST's T-shirts against shirts.

    Arguments:
        dataset: "digits" (always there) or "fashion-mnist" (IDX files, see `datasets.find_fashion_mnist`).
        images: the folder of the IDX files.
        samples: rows of Fashion-MNIST that are used.

    Raises: FileNotFoundError where the images are absent, with what to do; ValueError for an unknown dataset.
    """
    if dataset == "digits":
        X, y, name = binary_task(digits(), 3, 8)
    elif dataset == "fashion-mnist":
        X, y, name = binary_task(fashion_mnist(images, classes=(0, 6)), 0, 6, samples=samples, pool=4)
    else:
        raise ValueError(f"dataset must be one of {', '.join(DATASETS)}, got {dataset!r}")
    return name, LogisticRegression(X, y, L2, BATCH, box=BOX)


def methods(delta: float) -> Iterator[tuple[Method, str | None]]:
    """Each quantized method at a resolution, with the theorem that bounds it."""
    yield R(delta), None
    yield SR(delta), "li2017/sr_strongly_convex"
    yield BC(StochasticRounding(delta)), "li2017/bc_strongly_convex"
    yield BC(NearestRounding(delta)), None


def cases(dataset: str, images: str | Path | None = None, *, scale: str = "quick") -> list[tuple[Instance, str | None]]:
    """All runs on a dataset: (instance, the theorem that bounds it or None)."""
    name, problem = task(dataset, images, samples=2000 if scale == "quick" else 8000)
    run = Instance(
        name=name, problem=problem, method=SGD(), schedule=InverseTime(L2), steps=2000 if scale == "quick" else 10_000,
        trials=64,
    )  # fmt: skip
    found: list[tuple[Instance, str | None]] = [(run, None)]
    for delta in DELTAS:
        for method, theorem in methods(delta):
            title = f"{name}, {method.name}, Δ = 1/{round(1 / delta)}"
            found.append((replace(run, name=title, method=method), theorem))
    return found


def measure(instance: Instance, theorem: str | None, *, seed: int, failure: float, threads: int | None = None) -> Row:
    """Run one case."""
    grid = getattr(instance.method, "grid", None)
    delta, dataset = None if grid is None else grid.delta, instance.name.split(f", {instance.method.name}")[0]
    if theorem is None:
        gap = sampled(instance, "average_gap", seed=seed, failure=failure, threads=threads)
        return Row(dataset, instance.method.name, delta, gap)
    evidence = _theorem(theorem).check(instance, seed=seed, failure=failure, threads=threads)
    return Row(dataset, instance.method.name, delta, evidence.measured, evidence)


def _theorem(name: str) -> Theorem:
    return all_theorems()[name]


def optimum_gap(problem: LogisticRegression) -> float:
    """How far F* can be from the truth: its certified gap, or the rounding error of F* itself, a mean of fewer than
    2^16 terms that are not negative, if that is larger."""
    _, value, certificate = optimum(problem)
    return max(certificate.gap, 16 * np.finfo(float).eps * value)
