"""Binary networks on real images: the methods of Li et al. 2017, section 6, in small."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from _figure import Picture, main
from _networks import JOBS, NAMES, Case, images, network_sweep, one_thread, scale_of

from qtheory import plotting
from qtheory.statistics import ErrorBudget, Interval, mean_interval

SEED, FAILURE, BATCH, BIG, RATE = 2017, 0.01, 128, 1024, 0.01
CHAIN = "full precision", "BC nearest", "SR, big batch", "SR", "R"  # the paper's order, from the least error on
PAIRS = (*pairwise(CHAIN), ("full precision", "BC stochastic"), ("BC stochastic", "SR"))
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


def table(scale: Scale) -> dict[str, dict[str, Any]]:
    """The parameters of the classifier for each method."""
    every = {"hidden": scale.hidden, "epochs": scale.epochs, "batch_size": BATCH, "learning_rate": RATE}
    methods = {"full precision": "full", "BC nearest": "bc-nearest", "BC stochastic": "bc", "SR": "sr", "R": "r"}
    found = {name: every | {"method": method} for name, method in methods.items()}
    return found | {"SR, big batch": found["SR"] | {"batch_size": BIG}}


def cases(scale: Scale, parameters: dict[str, Any], seeds: int) -> list[Case]:
    """The runs of one row of the table, seed by seed."""
    return [{"dataset": scale.dataset, "parameters": parameters | {"random_state": SEED + s}} for s in range(seeds)]


def groups(scale: Scale) -> dict[str, dict[Any, list[Case]]]:
    """All runs of each panel, some of them in more than one: by method, by batch size of SR, by its rate."""
    rows, few = table(scale), scale.sweep_seeds
    return {
        "methods": {name: cases(scale, row, scale.seeds) for name, row in rows.items()},
        "batches": {b: cases(scale, rows["SR"] | {"batch_size": b}, few) for b in scale.batches},
        "rates": {r: cases(scale, rows["SR"] | {"learning_rate": r}, few) for r in scale.rates},
    }


# One run, in a process of its own


@one_thread
def run(case: Case) -> dict[str, Any]:
    """Train and test one classifier."""
    from qtheory.estimators import BinaryNetworkClassifier

    X, y, X_test, y_test = images(case["dataset"])
    parameters = case["parameters"]
    fitted = BinaryNetworkClassifier(**parameters | {"hidden": tuple(parameters["hidden"])}).fit(X, y)
    changed = fitted.history_["changed_by_step"]
    steps = np.unique(np.rint(np.geomspace(1, len(changed), 40)).astype(int))
    return {
        "error": 1 - fitted.score(X_test, y_test), "loss": fitted.history_["loss"],
        "epoch": steps * parameters["epochs"] / len(changed), "changed": changed[steps - 1],
        "changed_epoch": fitted.history_["changed_epoch"],
    }  # fmt: skip


def finished(every: dict[str, dict[Any, list[Case]]], jobs: int) -> dict[str, dict[Any, list[dict[str, Any]]]]:
    """The results of all runs, in the place of their cases."""
    from qtheory import estimators

    sweep = network_sweep(run, (), (), estimators)
    sweep.run([case for group in every.values() for cases in group.values() for case in cases], jobs=jobs)
    return {name: {key: sweep.results(cases) for key, cases in group.items()} for name, group in every.items()}


# What the runs say


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


def draw(quick: bool, jobs: int = -1) -> Picture:
    scale = scale_of(quick, QUICK, FULL)
    claimed, runs = pairs(scale), finished(groups(scale), jobs)
    found = runs["methods"]
    share = ErrorBudget(FAILURE, sum(map(len, claimed.values()))).share
    claims = {name: compared(runs[name], claimed[name], share) for name in runs}
    fig, axes = plotting.panels(2, 2, size=(7.6, 6.0))
    panels = {
        "table": table_panel(axes[0, 0], found, FAILURE),
        "changed": changed_panel(axes[0, 1], found, FAILURE),
        "batch": sweep_panel(axes[1, 0], runs["batches"], FAILURE, "batch size", "SR: batch size"),
        "rate": sweep_panel(axes[1, 1], runs["rates"], FAILURE, "learning rate", "SR: learning rate"),
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
    import li2017_networks  # by its name: that is how other processes find it

    main("li2017_networks", li2017_networks.draw, JOBS)
