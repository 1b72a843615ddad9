"""Networks with few-bit weights and activations on real images: Quantization Networks (Yang et al. 2019), in small."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from _figure import Picture, main
from _networks import JOBS, NAMES, Case, images, network_sweep, one_thread, scale_of

from qtheory import plotting
from qtheory.statistics import ErrorBudget, Interval, mean_interval

SEED, FAILURE, BATCH, RATE, SLOPE = 2019, 0.01, 128, 0.003, 10.0
WEIGHTS = {"1": (-1, 1), "2": (-1, 0, 1), "3(±2)": (-2, -1, 0, 1, 2), "3(±4)": (-4, -2, -1, 0, 1, 2, 4)}
LINEAR = (-3, -2, -1, 0, 1, 2, 3)
ACTIVATIONS = {"1": (0, 1), "2": (0, 1, 2, 3)}
BOTH = ("1/1", "1/2", "2/2")  # weights / activations, in bits
LOOKS = {"QN": ("sum of sigmoids", "SR"), "STE": ("STE", "SGD"), "BC": ("BC stochastic", "BC stochastic")}
GAPS = ("QN 2", "QN 2/2 at once")  # of which every epoch is tested, soft and hard


class Scale(NamedTuple):
    """How much is run."""

    dataset: str
    rows: int  # of the training images
    hidden: tuple[int, ...]
    before: int  # epochs in full precision
    epochs: int  # epochs after them
    seeds: int


QUICK = Scale("digits", 1200, (48, 48), 6, 9, 8)
FULL = Scale("fashion-mnist", 6000, (96, 96), 4, 9, 6)


def rows() -> list[str]:
    """Every way of training."""
    found = ["full"] + [f"{kind} {w}{start}" for w in WEIGHTS for kind in ("QN", "STE") for start in ("", " scratch")]
    found += [f"BC {w}" for w in ("1", "2", "3(±2)")] + ["QN linear"]
    found += [f"{kind} full/{a}" for a in ACTIVATIONS for kind in ("QN", "STE")]
    return found + [f"{kind} {both}" for both in BOTH for kind in ("QN", "STE")] + ["QN 2/2 at once"]


def cases(scale: Scale) -> list[Case]:
    """Every run, the seeds one after the other: those of one seed share their start."""
    shared = {"dataset": scale.dataset, "rows": scale.rows, "hidden": list(scale.hidden)}
    shared |= {"before": scale.before, "epochs": scale.epochs}
    return [shared | {"row": row, "seed": SEED + s} for s in range(scale.seeds) for row in rows()]


# One run, in a process of its own


def data(dataset: str, count: int) -> tuple[np.ndarray, ...]:
    """X, y to train and X, y to test."""
    X, y, X_test, y_test = images(dataset)
    chosen = np.random.default_rng(SEED).permutation(len(y))[:count]
    return X[chosen], y[chosen], X_test, y_test


class Job(NamedTuple):
    """What is trained on what."""

    dataset: str
    rows: int
    hidden: tuple[int, ...]
    seed: int

    def train(self, method: Any, epochs: int, activations: Any = "relu", start: Any = None) -> tuple[Any, dict, Any]:
        """Settings, the arrays after each epoch, and the network, hard."""
        from qtheory.networks import Settings, train

        X, y, _, _ = data(self.dataset, self.rows)
        kept: dict[int, dict] = {}
        settings = Settings(
            method, hidden=self.hidden, activations=activations, epochs=epochs, learning_rate=RATE, batch_size=BATCH,
            seed=self.seed, schedule="cosine", warmup=0.02, deploy="nearest",
        )  # fmt: skip
        made = train(settings, X, y, classes=10, start=start, checkpoint=lambda e, arrays: kept.update({e: arrays}))
        return settings, kept, made.network

    def error(self, network: Any) -> float:
        """Test error in percent."""
        _, _, X, y = data(self.dataset, self.rows)
        return 100 * float((network.scores(X).argmax(axis=1) != y).mean())


@cache
def full_precision(job: Job, epochs: int) -> tuple[dict, float]:
    """The arrays and the test error after training in full precision."""
    from qtheory.methods import SGD

    _, kept, network = job.train(SGD(), epochs)
    return kept[epochs], job.error(network)


def weights_of(kind: str, w: str) -> Any:
    """The method for weights of that many bits."""
    from qtheory.methods import BC, QAT, SGD
    from qtheory.networks import Sigmoids
    from qtheory.quantizers import Grid, StochasticRounding
    from qtheory.surrogates import STE, Levels

    if w == "full":
        return SGD()
    if kind == "QN":
        return Sigmoids(LINEAR, SLOPE, linear=True) if w == "linear" else Sigmoids(WEIGHTS[w], SLOPE)
    if kind == "STE":
        return QAT(STE(Levels(np.array(WEIGHTS[w], float))))
    levels = WEIGHTS[w]
    return BC(StochasticRounding(Grid.binary() if w == "1" else Grid(1 / levels[-1], box=(-1.0, 1.0))))


@one_thread
def run(case: Case) -> dict[str, Any]:
    """Train as the row says, and test."""
    from qtheory.networks import QuantizedActivation

    job = Job(case["dataset"], case["rows"], tuple(case["hidden"]), case["seed"])
    row, before, epochs = case["row"], case["before"], case["epochs"]
    if row == "full":
        return {"error": full_precision(job, before + epochs)[1]}
    kind, bits, *how = row.split(" ", 2)
    w, _, a = bits.partition("/")
    method, levels = weights_of(kind, w), ACTIVATIONS.get(a)
    if how == ["scratch"]:
        return {"error": job.error(job.train(method, before + epochs)[2])}
    start, _ = full_precision(job, before)
    activation = QuantizedActivation(levels, SLOPE if kind == "QN" else None) if levels else "relu"
    if kind == "QN" and levels and w != "full" and not how:
        return {"error": three_phases(job, method, activation, epochs, start)}
    settings, kept, network = job.train(method, epochs, activation, start)
    return {"error": job.error(network)} | (gaps(job, settings, kept) if row in GAPS else {})


def three_phases(job: Job, method: Any, activation: Any, epochs: int, start: dict) -> float:
    """Weights, then activations beside frozen weights, then both; the test error in the end."""
    share = epochs // 3
    _, kept, _ = job.train(method, share, "relu", start)
    _, kept, _ = job.train(replace(method, frozen=True), share, activation, kept[share])
    return job.error(job.train(method, epochs - 2 * share, activation, kept[share])[2])


def gaps(job: Job, settings: Any, kept: dict[int, dict]) -> dict[str, Any]:
    """After each epoch: T, the test errors of the soft and of the hard network, and their weights' mean distance."""
    from qtheory.networks import train

    X, y, _, _ = data(job.dataset, job.rows)
    found: dict[str, list[float]] = {"T": [], "soft": [], "hard": [], "distance": []}
    for epoch, arrays in kept.items():
        both = [
            train(replace(settings, epochs=epoch, deploy=deploy), X, y, classes=10, resume=arrays).network
            for deploy in ("method", "nearest")
        ]
        soft, hard = (network.layers[0].weight.astype(float) for network in both)
        found["T"].append(settings.method.temperature(epoch - 1))
        found["soft"].append(job.error(both[0]))
        found["hard"].append(job.error(both[1]))
        found["distance"].append(float(np.abs(soft - hard).mean() / np.abs(hard).max()))
    return {"gaps": found}


def finished(every: list[Case], jobs: int) -> list[dict[str, Any]]:
    """The results of all runs."""
    code = three_phases, gaps, weights_of, full_precision, Job, data
    constants = SEED, BATCH, RATE, SLOPE, WEIGHTS, LINEAR, ACTIVATIONS, GAPS
    return network_sweep(run, code, constants).run(every, jobs=jobs)


# What the runs say


def points(ax, found: dict[str, np.ndarray], groups: Iterable[str], kinds: Iterable[str]) -> dict:
    """Test errors of each kind in each group."""
    numbers, groups = {}, list(groups)
    for k, kind in enumerate(kinds):
        label, look = LOOKS[kind]
        at = [i for i, group in enumerate(groups) if f"{kind} {group}" in found]
        intervals = [mean_interval(found[f"{kind} {groups[i]}"], failure=FAILURE) for i in at]
        middle = np.array([i.estimate for i in intervals])
        ends = middle - [i.low for i in intervals], np.array([i.high for i in intervals]) - middle
        style = plotting.METHODS[look]
        ax.errorbar(np.array(at) + 0.16 * (k - 1), middle, ends, fmt=style.marker, color=style.color, label=label)
        numbers |= {f"{kind} {groups[i]}": interval for i, interval in zip(at, intervals, strict=True)}
    full = mean_interval(found["full"], failure=FAILURE)
    ax.axhline(full.estimate, color="#777777", linewidth=0.8, label="full precision")
    ax.axhspan(full.low, full.high, color="#777777", alpha=0.15, linewidth=0)
    ax.set_xticks(range(len(groups)), groups)
    ax.set(xlim=(-0.5, len(groups) - 0.5), ylabel="test error (%)")
    return {"full precision": full, **numbers}


def gap_panel(ax, results: dict[str, list[dict]]) -> dict:
    """Hard minus soft test error, and the distance of soft and hard weights, against T."""
    numbers = {}
    for row, shade in zip(GAPS, (0.0, 0.45), strict=True):
        T = np.array(results[row][0]["gaps"]["T"])
        gap = np.array([np.subtract(r["gaps"]["hard"], r["gaps"]["soft"]) for r in results[row]]).T
        intervals = [mean_interval(g, failure=FAILURE) for g in gap]
        mean, low, high = (np.array([getattr(i, end) for i in intervals]) for end in ("estimate", "low", "high"))
        plotting.curve(ax, T, mean, low, high, f"weights {row[3:]}", "SR", shade=shade)
        distance = np.mean([r["gaps"]["distance"] for r in results[row]], axis=0)
        numbers[row] = {"T": T, "gap": mean, "low": low, "high": high, "distance of the weights": distance}
    ax.axhline(0, color="#999999", linewidth=0.6, zorder=0)
    ax.set(xscale="log", xlabel="temperature T", ylabel="error, hard minus soft (points)", title="Soft against hard")
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.2 * (high - low), high)  # for the legend
    inner = ax.inset_axes((0.55, 0.52, 0.42, 0.36))
    inner.loglog(T, distance := numbers[GAPS[0]]["distance of the weights"], color="#D55E00")
    inner.loglog(T, distance[-1] * T[-1] / T, color="#111111", linestyle=(0, (5, 2.2)), linewidth=0.8)
    inner.set_title("mean |soft - hard| weight, and 1/T", fontsize=6)
    inner.tick_params(labelsize=5, which="both")
    return numbers


def claims() -> list[tuple[str, str]]:
    """Pairs (row that Yang et al. find better, row that they find worse)."""
    scratch = [(f"QN {w}", f"QN {w} scratch") for w in ("1", "2", "3(±4)")]
    rivals = [(f"QN {w}", f"STE {w}") for w in WEIGHTS] + [(f"QN {w}", f"BC {w}") for w in ("1", "2")]
    rivals += [(f"QN {b}", f"STE {b}") for b in ("full/2", *BOTH)]
    return [*rivals, *scratch, ("QN 3(±4)", "QN linear"), ("QN 2/2", "QN 2/2 at once")]


def compared(found: dict[str, np.ndarray], share: float) -> list[dict[str, Any]]:
    """For each claim: the mean of worse - better over the seeds, and whether it is positive."""
    result = []
    for better, worse in claims():
        difference: Interval = mean_interval(found[worse] - found[better], failure=share)
        verdict = "holds" if difference.above(0) else "violated" if difference.below(0) else "undecided"
        result.append({"better": better, "worse": worse, "difference": difference, "verdict": verdict})
    return result


def claim_panel(ax, judged: list[dict[str, Any]]) -> None:
    """The differences of the claims, with their intervals."""
    colors = {"holds": "#009E73", "violated": "#D55E00", "undecided": "#777777"}
    for i, row in enumerate(judged):
        d = row["difference"]
        ends = [[d.estimate - d.low], [d.high - d.estimate]]
        ax.errorbar([d.estimate], [-i], xerr=ends, fmt="o", markersize=3.5, color=colors[row["verdict"]])
    ax.set_yticks([-i for i in range(len(judged))], [f"{r['worse']} - {r['better']}" for r in judged], fontsize=5.5)
    ax.axvline(0, color="#999999", linewidth=0.6, zorder=0)
    ax.set(xlabel="difference of test errors (points)", title="Claims: differences > 0")


def draw(quick: bool, jobs: int = -1) -> Picture:
    scale = scale_of(quick, QUICK, FULL)
    every = cases(scale)
    results: dict[str, list[dict]] = {}
    for case, result in zip(every, finished(every, jobs), strict=True):
        results.setdefault(case["row"], []).append(result)
    found = {row: np.array([r["error"] for r in kept]) for row, kept in results.items()}
    judged = compared(found, ErrorBudget(FAILURE, len(claims())).share)
    fig, axes = plotting.panels(2, 2, size=(7.6, 6.4))
    panels = {
        "weights": points(axes[0, 0], found, WEIGHTS, LOOKS),
        "activations": points(axes[0, 1], found, [f"full/{a}" for a in ACTIVATIONS] + list(BOTH), ("QN", "STE")),
        "gap": gap_panel(axes[1, 0], results),
        "every error": found,
        "claims": judged,
    }
    claim_panel(axes[1, 1], judged)
    axes[0, 0].set(title="Weights quantized", xlabel="bits of the weights")
    axes[0, 1].set(title="Activations quantized", xlabel="bits of weights / activations")
    axes[0, 0].legend(fontsize=6.5)
    axes[1, 0].legend(loc="lower right", fontsize=6.5)
    plotting.caption(fig, words(scale, judged))
    return Picture(fig, panels, {"seed": SEED, "failure": FAILURE, "rate": RATE, "slope": SLOPE, **scale._asdict()})


def words(scale: Scale, judged: list[dict[str, Any]]) -> str:
    """The caption."""
    said = {v: [f"{r['better']} < {r['worse']}" for r in judged if r["verdict"] == v] for v in ("holds", "violated")}
    texts = [f"{verdict}: {', '.join(rows) or 'none'}" for verdict, rows in said.items()] + ["all else is undecided"]
    return (
        f"{NAMES[scale.dataset]}, {scale.rows} images to train, hidden layers {' and '.join(map(str, scale.hidden))}, "
        f"batch normalisation, real last layer; Adam, rate {RATE}, warm-up and cosine, batch {BATCH}. "
        f"{scale.before} epochs in full precision, then {scale.epochs} quantized (from scratch: all quantized). "
        f"QN: sums of sigmoids, T = {SLOPE:g} epoch, α and β learned, hard when tested; weights with activations in "
        f"three phases of equal length. STE: straight through the hard quantizer. 2 bits of weights are -1, 0, 1. "
        f"n = {scale.seeds} seeds; intervals: Student's t, confidence {1 - FAILURE:g} each, in the last panel "
        f"{1 - FAILURE:g} together. Of what Yang et al. report, as differences of mean error, {'; '.join(texts)}."
    )


if __name__ == "__main__":
    import yang2019_networks  # by its name: that is how other processes find it

    main("yang2019_networks", yang2019_networks.draw, JOBS)
