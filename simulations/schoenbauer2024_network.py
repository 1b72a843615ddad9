"""2-bit networks on real images: DSQ against STE + M + alpha (Schoenbauer et al. 2024), in small."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from _figure import Picture, main
from _networks import JOBS, NAMES, Case, images, network_sweep, one_thread, scale_of

from qtheory import plotting
from qtheory.statistics import ErrorBudget, Interval, mean_interval

SEED, FAILURE, BATCH, BITS, SHARPNESS = 2024, 0.01, 128, 2, 6.5
JITTER, SCALEDOWN, LONGER = 1.01, 0.1, 3
OPTIMIZERS = {
    "SGD, momentum 0.9": {"optimizer": "sgd", "momentum": 0.9},
    "Adam, β2 = 0.95": {"optimizer": "adam", "beta2": 0.95},
    "Adam, β2 = 0.999": {"optimizer": "adam", "beta2": 0.999},
}
OTHERS = {  # against DSQ; the looks are those of methods, told apart by marker and colour
    "twin": ("STE, as the theory says", "SGD"),
    "other": ("STE, the other recipe", "SR"),
    "jitter": (f"Jitter: rate × {JITTER}", "BC stochastic"),
    "scaledown": (f"Scaledown: rate × {SCALEDOWN}, epochs × {LONGER}", "BC nearest"),
}
MEASURES = {
    "agreement": "weights that agree (%)",
    "moved": "agree, of the moved (%)",
    "alignment": "alignment error",
    "accuracy": "gained by DSQ (points)",
}


class Scale(NamedTuple):
    """How much is run."""

    dataset: str
    rows: int  # of the training images
    hidden: tuple[int, ...]
    epochs: int
    seeds: int
    sgd_rates: tuple[float, ...]
    adam_rates: tuple[float, ...]


SGD_RATES, ADAM_RATES = (0.001, 0.003, 0.01, 0.03, 0.1), (0.0001, 0.0003, 0.001, 0.003, 0.01)
QUICK = Scale("digits", 1200, (32, 32), 12, 5, SGD_RATES[::2], ADAM_RATES[::2])
FULL = Scale("fashion-mnist", 6000, (96, 96), 5, 5, SGD_RATES, ADAM_RATES)


def cases(scale: Scale) -> list[Case]:
    """Every comparison of one optimizer, rate and seed."""
    shared = {"dataset": scale.dataset, "rows": scale.rows, "hidden": list(scale.hidden), "epochs": scale.epochs}
    return [
        shared | {"name": name, "rate": rate, "seed": SEED + s}
        for s in range(scale.seeds)
        for name, chosen in OPTIMIZERS.items()
        for rate in (scale.sgd_rates if chosen["optimizer"] == "sgd" else scale.adam_rates)
    ]


# One comparison, in a process of its own


class Run(NamedTuple):
    """The end of a training: of all quantized weights in their layers' units, and of the network."""

    first: np.ndarray  # deployed at the start
    weights: np.ndarray  # deployed in the end
    latent: np.ndarray
    path: float  # how far the latent weights have come
    answers: np.ndarray
    accuracy: float


def estimator():
    """DSQ with 2 bits, in units of R."""
    from qtheory.surrogates import DSQ, Levels

    return DSQ(Levels.uniform(BITS), k=SHARPNESS)


def trained(case: Case, method: Any, rate: float, epochs: int) -> Run:
    """Train, with the batches and the start that the seed gives, and test."""
    from qtheory.networks import Settings, train

    X, y, X_test, y_test = images(case["dataset"])
    chosen = np.random.default_rng(SEED).permutation(len(y))[: case["rows"]]
    kept: dict[str, np.ndarray] = {}
    settings = Settings(
        method, hidden=tuple(case["hidden"]), learning_rate=rate, epochs=epochs, batch_size=BATCH, seed=case["seed"],
        schedule="cosine", warmup=0.02, **OPTIMIZERS[case["name"]],
    )  # fmt: skip
    found = train(settings, X[chosen], y[chosen], classes=10, checkpoint=lambda _, arrays: kept.update(arrays))
    answers = found.network.scores(X_test).argmax(axis=1)
    first, weights, latent, path = [], [], [], 0.0
    for i, inputs in enumerate(found.network.sizes[: len(case["hidden"])]):
        unit = method.unit(inputs)
        first.append(kept[f"{i}.0.first"] / unit)
        weights.append(kept[f"{i}.0.w"] / unit)
        latent.append(kept[f"{i}.0.x"] / unit)
        path += float(kept[f"{i}.0.path"][0]) / unit
    accuracy = 100 * float((answers == y_test).mean())
    return Run(np.concatenate(first), np.concatenate(weights), np.concatenate(latent), path, answers, accuracy)


@one_thread
def run(case: Case) -> dict[str, Any]:
    """DSQ against each of the others."""
    from qtheory.methods import QAT

    dsq, rate, epochs = QAT(estimator()), case["rate"], case["epochs"]
    optimizer = OPTIMIZERS[case["name"]]["optimizer"]
    base = trained(case, dsq, rate, epochs)
    runs = {
        "twin": trained(case, dsq.twin(optimizer), rate, epochs),
        "other": trained(case, dsq.twin("sgd" if optimizer == "adam" else "adam"), rate, epochs),
        "jitter": trained(case, dsq, rate * JITTER, epochs),
        "scaledown": trained(case, dsq, rate * SCALEDOWN, epochs * LONGER),
    }
    mapped = "twin" if optimizer == "sgd" else "other"  # the recipe that starts at M(w_0) promises u = M(w), not u = w
    pairs = {name: compared(base, other, name == mapped) for name, other in runs.items()}
    return {"accuracy": base.accuracy, **pairs}


def compared(a: Run, b: Run, mapped: bool) -> dict[str, float]:
    """Agreement of weights and of answers in percent, alignment error, and by how much a is more accurate."""
    half = estimator().levels.delta / 2
    position = estimator().mirror(a.latent) if mapped else a.latent
    agree = np.abs(a.weights - b.weights) < half
    moved = (np.abs(a.weights - a.first) > half) | (np.abs(b.weights - b.first) > half)
    return {
        "agreement": 100 * float(agree.mean()),
        "moved": 100 * float(agree[moved].mean()) if moved.any() else 100.0,
        "share moved": 100 * float(moved.mean()),
        "alignment": float(np.abs(position - b.latent).sum()) / b.path,
        "answers": 100 * float((a.answers == b.answers).mean()),
        "accuracy": a.accuracy - b.accuracy,
    }


def finished(every: list[Case], jobs: int) -> list[dict[str, Any]]:
    """The results of all comparisons."""
    code = compared, trained, estimator, Run
    constants = SEED, BATCH, BITS, SHARPNESS, JITTER, SCALEDOWN, LONGER, OPTIMIZERS
    return network_sweep(run, code, constants).run(every, jobs=jobs)


# What the runs say


def series(values: Iterable[list[float]], failure: float) -> dict[str, np.ndarray]:
    """Mean, low and high of each list."""
    intervals = [mean_interval(v, failure=failure) for v in values]
    return {end: np.array([getattr(i, end) for i in intervals]) for end in ("estimate", "low", "high")}


def panel(ax, found: dict[float, list[dict]], measure: str, labels: bool) -> dict:
    """One measure of every pair against the rate."""
    data, rates = {}, sorted(found)
    for k, (other, (label, look)) in enumerate(OTHERS.items()):
        line = series(([r[other][measure] for r in found[rate]] for rate in rates), FAILURE)
        style, at = plotting.METHODS[look], np.array(rates) * 1.06 ** (k - 1.5)
        ends = line["estimate"] - line["low"], line["high"] - line["estimate"]
        name = {"label": label} if labels else {}
        ax.errorbar(at, line["estimate"], ends, fmt=style.marker, color=style.color, markersize=4, **name)
        ax.plot(at, line["estimate"], color=style.color, linestyle=style.linestyle, linewidth=0.8)
        data[other] = {"rate": rates, **line}
    ax.set(xscale="log")
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.minorticks_off()
    return data


def judge(found: dict[float, list[dict]], share: float) -> list[dict[str, Any]]:
    """At each rate: whether, of the weights that moved, the twin shares more with DSQ than a rival does."""
    rows = []
    for rate, results in found.items():
        for rival in ("other", "jitter"):
            gain = [r["twin"]["moved"] - r[rival]["moved"] for r in results]
            difference: Interval = mean_interval(gain, failure=share)
            verdict = "more" if difference.above(0) else "less" if difference.below(0) else "undecided"
            rows.append({"rate": rate, "rival": rival, "difference": difference, "verdict": verdict})
    return rows


def draw(quick: bool, jobs: int = -1) -> Picture:
    scale = scale_of(quick, QUICK, FULL)
    every = cases(scale)
    results = finished(every, jobs)
    fig, axes = plotting.panels(4, 3, size=(7.6, 8.6))
    share, data = ErrorBudget(FAILURE, 2 * len(every) // scale.seeds).share, {}
    for column, name in enumerate(OPTIMIZERS):
        found: dict[float, list] = {}
        for case, result in zip(every, results, strict=True):
            if case["name"] == name:
                found.setdefault(case["rate"], []).append(result)
        panels = {m: panel(axes[row, column], found, m, row == 3 and column == 0) for row, m in enumerate(MEASURES)}
        accuracies = {str(rate): [r["accuracy"] for r in results] for rate, results in found.items()}
        accuracies = {rate: mean_interval(values, failure=FAILURE) for rate, values in accuracies.items()}
        data[name] = {**panels, "claims": judge(found, share), "accuracy of DSQ": accuracies}
        axes[0, column].set(title=name, ylim=(40, 103))
        axes[1, column].set(ylim=(0, 103))
        axes[2, column].set(yscale="log", ylim=(0.005, 5))
        axes[3, column].axhline(0, color="#999999", linewidth=0.6, zorder=0)
        axes[3, column].set_yscale("symlog", linthresh=3)
        axes[3, column].set(xlabel="learning rate", ylim=(-80, 80), yticks=(-30, -3, 0, 3, 30))
        axes[3, column].set_yticklabels(["-30", "-3", "0", "3", "30"])
    for row, label in enumerate(MEASURES.values()):
        axes[row, 0].set_ylabel(label)
    plotting.legend(fig, [2 * (ax is axes[3, 0]) for ax in fig.axes])
    plotting.caption(fig, words(scale, data))
    settings = {"seed": SEED, "failure": FAILURE, "share": share, "bits": BITS, "k": SHARPNESS, **scale._asdict()}
    return Picture(fig, data, settings)


def words(scale: Scale, data: dict[str, Any]) -> str:
    """The caption."""
    counts = []
    for rival, text in (("other", "the other recipe"), ("jitter", "Jitter")):
        said = [row["verdict"] for d in data.values() for row in d["claims"] if row["rival"] == rival]
        counts.append(f"than {text} at {said.count('more')} of {len(said)} rates (less at {said.count('less')})")
    best = max(i.estimate for d in data.values() for i in d["accuracy of DSQ"].values())
    return (
        f"{NAMES[scale.dataset]}, {scale.rows} images to train, hidden layers {' and '.join(map(str, scale.hidden))} "
        f"with {BITS}-bit weights on [-R, R], R = √(6 / inputs), and batch normalisation; batch {BATCH}, "
        f"{scale.epochs} epochs, warm-up over 2 % of the steps, then a cosine. DSQ with k = {SHARPNESS} / R against "
        f"the straight-through estimator on the same batches: for SGD from M(w₀) with the rate α η of the weights, for "
        f"Adam unchanged; the other recipe is that of the other optimizer. Alignment error: Σ|M(w) - u| over the "
        f"length of the second run's path, with M the identity where the recipe has none. Weights moved where either "
        f"run changed their level. n = {scale.seeds} seeds; intervals: Student's t, confidence {1 - FAILURE:g} each. "
        f"DSQ's best mean accuracy is {best:.1f} %. Of the weights that moved, STE as the theory says shares more with "
        f"DSQ {' and '.join(counts)}, all verdicts together wrong by chance with probability at most {FAILURE:g}."
    )


if __name__ == "__main__":
    import schoenbauer2024_network  # by its name: that is how other processes find it

    main("schoenbauer2024_network", schoenbauer2024_network.draw, JOBS)
