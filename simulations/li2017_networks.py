"""Binary networks on real images: the methods of Li et al. 2017, section 6, in small."""

import hashlib
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from _figure import Picture, main

from qtheory import datasets, plotting
from qtheory._files import plain, replace
from qtheory.progress import terminal
from qtheory.statistics import ErrorBudget, Interval, mean_interval

ROOT = Path(__file__).resolve().parent.parent
FINISHED = ROOT / "results" / "li2017_networks"
SOURCES = ("qtheory/networks/*.py", "qtheory/estimators.py", *(f"qtheory/core/{m}.py" for m in ("network", "steps")))
SOURCES += tuple(f"qtheory/core/{m}.py" for m in ("rounding", "random"))

SEED, FAILURE, BATCH, BIG, RATE = 2017, 0.01, 128, 1024, 0.01
CHAIN = "full precision", "BC nearest", "SR, big batch", "SR", "R"  # the paper's order, from the least error on
PAIRS = (*pairwise(CHAIN), ("full precision", "BC stochastic"), ("BC stochastic", "SR"))
NAMES = {"digits": "Digits", "fashion-mnist": "Fashion-MNIST"}
LOOKS = {"full precision": "SGD", "SR, big batch": "SR"}


class Scale(NamedTuple):
    """How much is run."""

    dataset: str
    hidden: tuple[int, ...]
    epochs: int
    seeds: int  # of the table
    sweep_seeds: int  # of the panels on batch size and rate
    batches: tuple[int, ...]
    rates: tuple[float, ...]


QUICK = Scale("digits", (64, 64), 30, 8, 8, (16, 32, 64, 128, 256, 1024), (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1))
FULL = Scale("fashion-mnist", (256, 256), 10, 8, 4, (64, 128, 256, 512, 1024), (0.001, 0.003, 0.01, 0.03, 0.1))


def scale_of(quick: bool) -> Scale:
    """The digits where it must be quick, or where Fashion-MNIST is absent."""
    if quick or datasets.find_fashion_mnist():
        return QUICK if quick else FULL
    click.echo("Fashion-MNIST was not found: the digits instead, see qtheory.datasets.find_fashion_mnist", err=True)
    return QUICK


def table(scale: Scale) -> dict[str, dict[str, Any]]:
    """The parameters of the classifier for each method."""
    every = {"hidden": scale.hidden, "epochs": scale.epochs, "batch_size": BATCH, "learning_rate": RATE}
    methods = {"full precision": "full", "BC nearest": "bc-nearest", "BC stochastic": "bc", "SR": "sr", "R": "r"}
    found = {name: every | {"method": method} for name, method in methods.items()}
    return found | {"SR, big batch": found["SR"] | {"batch_size": BIG}}


def cases(scale: Scale) -> list[dict[str, Any]]:
    """Every run, once: the parameters of the classifier, with the seed."""
    rows = table(scale)
    runs = [row | {"random_state": SEED + s} for s in range(scale.seeds) for row in rows.values()]
    for s in range(scale.sweep_seeds):
        runs += [rows["SR"] | {"batch_size": b, "random_state": SEED + s} for b in scale.batches]
        runs += [rows["SR"] | {"learning_rate": r, "random_state": SEED + s} for r in scale.rates]
    return list({json.dumps(run, sort_keys=True): run for run in runs}.values())


# One run, in a process of its own


@cache
def images(dataset: str) -> tuple[np.ndarray, ...]:
    """X, y to train and X, y to test, float32: shifted and scaled by the two numbers that standardise all pixels."""
    if dataset == "digits":
        every = datasets.digits()
        order = np.random.default_rng(SEED).permutation(len(every.labels))
        parts = [(every.images[rows], every.labels[rows]) for rows in (order[:1200], order[1200:])]
    else:
        both = [datasets.fashion_mnist(split=split) for split in ("train", "test")]
        parts = [(part.images, part.labels) for part in both]
    mean, deviation = parts[0][0].mean(), parts[0][0].std()
    flat = [((x - mean) / deviation).reshape(len(x), -1).astype(np.float32) for x, _ in parts]
    return flat[0], parts[0][1], flat[1], parts[1][1]


@cache
def _sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def place(dataset: str, parameters: dict[str, Any]) -> Path:
    """Where a run's result is kept: its name is a hash of all that the result depends on."""
    key = json.dumps([dataset, parameters, _sources()], sort_keys=True)
    return FINISHED / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def run(dataset: str, parameters: dict[str, Any]) -> None:
    """Train and test one classifier, and keep the result."""
    from threadpoolctl import threadpool_limits

    from qtheory.estimators import BinaryNetworkClassifier

    X, y, X_test, y_test = images(dataset)
    begin = time.perf_counter()
    with threadpool_limits(1):
        fitted = BinaryNetworkClassifier(**parameters).fit(X, y)
        error = 1 - fitted.score(X_test, y_test)
    changed = fitted.history_["changed_by_step"]
    steps = np.unique(np.rint(np.geomspace(1, len(changed), 40)).astype(int))
    result = {
        "dataset": dataset, "parameters": parameters, "error": error, "loss": fitted.history_["loss"],
        "epoch": steps * parameters["epochs"] / len(changed), "changed": changed[steps - 1],
        "changed_epoch": fitted.history_["changed_epoch"], "seconds": time.perf_counter() - begin,
    }  # fmt: skip
    path = place(dataset, parameters)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, json.dumps(plain(result, path.stem)).encode())


def _finish_what_is_begun() -> None:
    """Ctrl-C reaches the whole group of processes: the first one then starts no more runs, the others end theirs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_all(scale: Scale) -> None:
    """Every run that has no result yet, in as many processes as there are cores."""
    left = [p for p in cases(scale) if not place(scale.dataset, p).is_file()]
    if not left:
        return
    done, context = len(cases(scale)) - len(left), multiprocessing.get_context("spawn")
    with (
        terminal(f"{scale.dataset}, {len(left)} networks") as bar,
        ProcessPoolExecutor(min(os.cpu_count() or 1, len(left)), context, _finish_what_is_begun) as pool,
    ):
        waiting = [pool.submit(run, scale.dataset, parameters) for parameters in left]
        try:
            for k, future in enumerate(as_completed(waiting), 1):
                future.result()
                bar((done + k) / (done + len(left)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


# What the runs say


def results(scale: Scale, parameters: dict[str, Any], seeds: int) -> list[dict[str, Any]]:
    """The kept results of one row of the table, seed by seed."""
    paths = [place(scale.dataset, parameters | {"random_state": SEED + s}) for s in range(seeds)]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def errors(found: Iterable[dict[str, Any]]) -> np.ndarray:
    """Test errors in percent."""
    return np.array([100 * result["error"] for result in found])


def judge(difference: Interval) -> str:
    """Whether a mean difference that is claimed to be positive is."""
    return "holds" if difference.above(0) else "violated" if difference.below(0) else "undecided"


def pairs(scale: Scale) -> dict[str, list[tuple]]:
    """What is claimed: pairs (lower error, higher error), of methods, of batch sizes of SR, of its rates."""
    lower_rates = [(RATE, rate) for rate in scale.rates if rate < RATE]
    return {"methods": list(PAIRS), "batches": [(scale.batches[-1], scale.batches[0])], "rates": lower_rates}


def compared(found: dict[Any, list], claimed: Iterable[tuple], share: float) -> list[dict[str, Any]]:
    """For each pair (lower, higher): the mean of higher - lower over the seeds, and whether lower < higher."""
    rows = []
    for lower, higher in claimed:
        difference = mean_interval(errors(found[higher]) - errors(found[lower]), failure=share)
        rows.append({"lower": lower, "higher": higher, "difference": difference, "verdict": judge(difference)})
    return rows


def table_panel(ax, found: dict[str, list], share: float) -> dict:
    """Test error of each method."""
    order = ("full precision", "BC nearest", "BC stochastic", "SR, big batch", "SR", "R")
    data = {}
    for i, name in enumerate(order):
        look = plotting.METHODS[LOOKS.get(name, name)]
        interval = mean_interval(errors(found[name]), failure=share)
        ends = [[interval.estimate - interval.low], [interval.high - interval.estimate]]
        hollow = {"markerfacecolor": "white"} if name == "SR, big batch" else {}
        ax.errorbar([i], [interval.estimate], ends, fmt=look.marker, color=look.color, markersize=6, **hollow)
        data[name] = {"error": interval, "each": errors(found[name])}
    ax.set_xticks(range(len(order)), [name.replace(" ", "\n", 1) for name in order], fontsize=6.5)
    ax.set(ylabel="test error (%)", title="Methods", xlim=(-0.5, len(order) - 0.5))
    return data


def changed_panel(ax, found: dict[str, list], share: float) -> dict:
    """Share of the binary weights that differ from their start, over time."""
    data = {}
    for name in ("BC stochastic", "SR", "SR, big batch", "BC nearest", "R"):
        epoch = found[name][0]["epoch"]
        intervals = [mean_interval(at, failure=share) for at in np.array([f["changed"] for f in found[name]]).T]
        mean, low, high = (np.array([getattr(i, end) for i in intervals]) for end in ("estimate", "low", "high"))
        shade = 0.55 if name == "SR, big batch" else 0.0
        plotting.curve(ax, epoch, mean, np.maximum(low, 0), high, name, LOOKS.get(name, name), shade=shade)
        data[name] = {"epoch": epoch, "changed": mean, "low": low, "high": high}
    ax.set(xlabel="epoch", ylabel="share that differs from the start", title="Weights changed", ylim=(-0.02, 0.62))
    return data


def sweep_panel(ax, found: dict[Any, list], share: float, label: str, title: str) -> dict:
    """Test error of SR against a parameter."""
    at = sorted(found)
    intervals = [mean_interval(errors(found[v]), failure=share) for v in at]
    mean, low, high = (np.array([getattr(i, end) for i in intervals]) for end in ("estimate", "low", "high"))
    look = plotting.METHODS["SR"]
    ax.errorbar(at, mean, (mean - low, high - mean), fmt=look.marker, color=look.color, markersize=5)
    ax.plot(at, mean, color=look.color, linewidth=0.8)
    ax.set(xscale="log", xlabel=label, ylabel="test error of SR (%)", title=title)
    ax.set_xticks(at, [f"{v:g}" for v in at])
    ax.minorticks_off()
    return {"at": at, "error": mean, "low": low, "high": high}


def draw(quick: bool) -> Picture:
    scale = scale_of(quick)
    run_all(scale)
    rows, claimed = table(scale), pairs(scale)
    found = {name: results(scale, row, scale.seeds) for name, row in rows.items()}
    by_batch = {b: results(scale, rows["SR"] | {"batch_size": b}, scale.sweep_seeds) for b in scale.batches}
    by_rate = {r: results(scale, rows["SR"] | {"learning_rate": r}, scale.sweep_seeds) for r in scale.rates}
    share = ErrorBudget(FAILURE, sum(map(len, claimed.values()))).share
    runs = {"methods": found, "batches": by_batch, "rates": by_rate}
    claims = {name: compared(runs[name], claimed[name], share) for name in runs}
    fig, axes = plotting.panels(2, 2, size=(7.6, 6.0))
    panels = {
        "table": table_panel(axes[0, 0], found, FAILURE),
        "changed": changed_panel(axes[0, 1], found, FAILURE),
        "batch": sweep_panel(axes[1, 0], by_batch, FAILURE, "batch size", "SR: batch size"),
        "rate": sweep_panel(axes[1, 1], by_rate, FAILURE, "learning rate", "SR: learning rate"),
    }
    axes[0, 1].legend(loc="upper left", ncols=2)
    plotting.caption(fig, words(scale, claims))
    settings = {"seed": SEED, "failure": FAILURE, "share": share, **scale._asdict()}
    return Picture(fig, {**panels, "claims": claims}, settings)


def words(scale: Scale, claims: dict[str, list]) -> str:
    """The caption: what was run, and what it says of the paper's order."""
    rows = [("", row) for row in claims["methods"]]
    rows += [("batch ", row) for row in claims["batches"]] + [("rate ", row) for row in claims["rates"]]
    said = "; ".join(f"{kind}{row['lower']} < {kind}{row['higher']}: {row['verdict']}" for kind, row in rows)
    return (
        f"{NAMES[scale.dataset]}, hidden layers {' and '.join(map(str, scale.hidden))} with binary weights and batch "
        f"normalisation, ReLU, real last layer; Adam, rate {RATE}, divided by 10 at 1/2 and 3/4 of {scale.epochs} "
        f"epochs, batch {BATCH} (big: {BIG}). n = {scale.seeds} seeds above, {scale.sweep_seeds} below, where all runs "
        f"see the data as often and the rate is that of all parameters; intervals: Student's t, confidence "
        f"{1 - FAILURE:g} each. Test errors compared, paired over seeds, with any verdict wrong by chance "
        f"with probability at most {FAILURE:g}: {said}."
    )


if __name__ == "__main__":
    main("li2017_networks", draw)
