"""What packing buys: accuracy, size and latency of networks of -1 and +1 on real images."""

import time
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from _figure import Picture, main
from _networks import JOBS, NAMES, Case, network_sweep, one_thread, scale_of
from matplotlib.ticker import NullFormatter

from qtheory import datasets, plotting
from qtheory.statistics import ErrorBudget, Interval, mean_interval

SEED, FAILURE, BATCH, RATE, SLOPE, CLASSES = 2026, 0.01, 128, 0.003, 10.0, 10
FULL_PRECISION, SIGNS = "full precision", "full precision, signs"
MODELS = (FULL_PRECISION, SIGNS, "BC", "STE", "QN")  # the last three are packed
PACKED = MODELS[2:]
LOOKS = dict(zip(MODELS, ("SGD", "R", "BC stochastic", "BC nearest", "SR"), strict=True))
BATCHES = (1, 16, 64, 256, 1024)
REPEATS, LEAST = 7, 0.02  # timings, the seconds of each


class Scale(NamedTuple):
    """How much is run."""

    dataset: str
    rows: int  # of the training images
    hidden: tuple[int, ...]
    epochs: int
    seeds: int


QUICK = Scale("digits", 1200, (64, 64), 6, 4)
FULL = Scale("fashion-mnist", 12000, (512, 512), 8, 4)


def cases(scale: Scale) -> list[Case]:
    """Every run."""
    shared = {"dataset": scale.dataset, "rows": scale.rows, "hidden": list(scale.hidden), "epochs": scale.epochs}
    return [shared | {"model": model, "seed": SEED + s} for s in range(scale.seeds) for model in MODELS]


# One run, in a process of its own


@cache
def data(dataset: str, rows: int) -> tuple[np.ndarray, ...]:
    """X, y to train and X, y to test: grey levels 0 to 255, uint8."""
    if dataset == "digits":
        every = datasets.digits()
        order = np.random.default_rng(SEED).permutation(len(every.labels))
        parts = [(every.images[chosen], every.labels[chosen]) for chosen in (order[:rows], order[rows:])]
    else:
        both = [datasets.fashion_mnist(split=split) for split in ("train", "test")]
        chosen = np.random.default_rng(SEED).permutation(len(both[0].labels))[:rows]
        parts = [(both[0].images[chosen], both[0].labels[chosen]), (both[1].images, both[1].labels)]
    levels = [np.rint(255 * images).astype(np.uint8).reshape(len(images), -1) for images, _ in parts]
    return levels[0], parts[0][1], levels[1], parts[1][1]


def method_of(model: str) -> Any:
    """How the model's weights are trained."""
    from qtheory.methods import BC, QAT, SGD
    from qtheory.networks import Sigmoids
    from qtheory.quantizers import Grid, StochasticRounding
    from qtheory.surrogates import STE, Levels

    if model in (FULL_PRECISION, SIGNS):
        return SGD()
    if model == "BC":
        return BC(StochasticRounding(Grid.binary()))
    return QAT(STE(Levels(np.array([-1.0, 1.0])))) if model == "STE" else Sigmoids((-1, 1), SLOPE)


@one_thread
def run(case: Case) -> dict[str, Any]:
    """Train, test, and, where the weights are two, test the packed network: every score must be the same."""
    from qtheory.estimators import BinaryNetworkClassifier
    from qtheory.inference import PackedNetwork

    X, y, X_test, y_test = data(case["dataset"], case["rows"])
    model = BinaryNetworkClassifier(
        method_of(case["model"]), hidden=tuple(case["hidden"]), epochs=case["epochs"], learning_rate=RATE,
        activations="relu" if case["model"] == FULL_PRECISION else "binary", schedule="cosine", warmup=0.02,
        batch_size=BATCH, deploy="nearest", random_state=case["seed"],
    ).fit(X.astype(np.float32), y)  # fmt: skip
    scores = model.network_.scores(X_test)
    found = {"error": 100 * float((scores.argmax(axis=1) != y_test).mean())}
    if case["model"] in PACKED:
        packed = PackedNetwork.from_classifier(model).scores(X_test)
        found |= {"scores": scores.size, "unequal": int((packed != scores).sum())}
        found |= {"labels changed": int((packed.argmax(axis=1) != scores.argmax(axis=1)).sum())}
    return found


def finished(every: list[Case], jobs: int) -> list[dict[str, Any]]:
    """The results of all runs."""
    from qtheory import estimators

    constants = SEED, BATCH, RATE, SLOPE, MODELS, PACKED
    return network_sweep(run, (method_of, data), constants, estimators).run(every, jobs=jobs)


# Size and latency, which depend on the layers' sizes alone


def any_network(sizes: tuple[int, ...]) -> Any:
    """A packed network of these sizes."""
    from qtheory.inference import PackedLinear, PackedNetwork, PackedReal, PackedScores

    rng = np.random.default_rng(SEED)
    weights = [rng.choice([-1.0, 1.0], shape) for shape in pairwise(sizes)]
    first = PackedReal.folded(weights[0], mean=rng.integers(-99, 99, sizes[1]))
    middle = [PackedLinear.folded(w, mean=rng.integers(-9, 9, w.shape[1])) for w in weights[1:-1]]
    last = PackedScores.folded(rng.standard_normal(weights[-1].shape).astype(np.float32))
    return PackedNetwork((first, *middle), last)


def float_network(sizes: tuple[int, ...], batch: int) -> Callable[[np.ndarray], np.ndarray]:
    """The same layers in float32, as NumPy computes them, every buffer there before."""
    rng = np.random.default_rng(SEED)
    weights = [rng.standard_normal(shape).astype(np.float32) for shape in pairwise(sizes)]
    shifts = [rng.standard_normal(n).astype(np.float32) for n in sizes[1:]]
    buffers = [np.empty((batch, n), np.float32) for n in sizes[1:]]

    def scores(h: np.ndarray) -> np.ndarray:
        for i, (weight, shift, out) in enumerate(zip(weights, shifts, buffers, strict=True)):
            np.matmul(h, weight, out=out)
            out += shift
            h = np.maximum(out, 0, out=out) if i < len(weights) - 1 else out
        return h

    return scores


def seconds(call: Callable[[], Any]) -> float:
    """The least time of a call."""
    call()
    begin = time.perf_counter()
    call()
    times = max(1, int(LEAST / max(time.perf_counter() - begin, 1e-9)))
    found = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        for _ in range(times):
            call()
        found.append((time.perf_counter() - begin) / times)
    return min(found)


def latency(sizes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Seconds of a batch for each of BATCHES, one thread: float32, packed on 8-bit images."""
    from threadpoolctl import threadpool_limits

    network, found = any_network(sizes), {"float32": np.zeros(len(BATCHES)), "packed": np.zeros(len(BATCHES))}
    with threadpool_limits(1):
        for i, batch in enumerate(BATCHES):
            X = np.random.default_rng(SEED).integers(0, 256, (batch, sizes[0]), dtype=np.uint8)
            plan, plain, real = network.plan(batch), float_network(sizes, batch), X.astype(np.float32)
            out = np.empty((batch, sizes[-1]))
            found["float32"][i] = seconds(lambda plain=plain, real=real: plain(real))
            found["packed"][i] = seconds(lambda plan=plan, X=X, out=out: plan.scores(X, out))
    return found


def sizes_in_bytes(sizes: tuple[int, ...]) -> dict[str, int]:
    """Of the arrays in float32 and packed, and of the packed network's files."""
    from qtheory.inference import dumps

    network = any_network(sizes)
    real = 4 * sum((a + 1) * b for a, b in pairwise(sizes))
    found = {"float32": real, "packed": network.nbytes, "safetensors": len(dumps(network))}
    try:
        from qtheory.inference.onnx import to_onnx

        files = {"ONNX": to_onnx(network), "QONNX": to_onnx(network, dialect="qonnx")}
    except ImportError:
        return found
    return found | {name: len(content) for name, content in files.items()}


# What the runs say


def accuracy_panel(ax: Any, errors: dict[str, Interval], size: dict[str, int]) -> None:
    """Test error against the bytes of the arrays."""
    for model, interval in errors.items():
        look = plotting.METHODS[LOOKS[model]]
        ends = [[interval.estimate - interval.low], [interval.high - interval.estimate]]
        kilobytes = size["packed" if model in PACKED else "float32"] / 1000
        shift = 1.12 ** (MODELS.index(model) - (3 if model in PACKED else 0.5))  # side by side
        ax.errorbar([kilobytes * shift], [interval.estimate], ends, fmt=look.marker, color=look.color, label=model)
    ax.set(xscale="log", xlabel="arrays (kB)", ylabel="test error (%)", title="Accuracy against size")
    ax.set_xlim(size["packed"] / 2000, size["float32"] / 500)
    ax.xaxis.set_minor_formatter(NullFormatter())


def latency_panel(ax: Any, times: dict[str, np.ndarray]) -> None:
    """Seconds an image."""
    for name, kind in (("float32", "SGD"), ("packed", "SR")):
        look = plotting.METHODS[kind]
        ax.plot(BATCHES, 1e6 * times[name] / BATCHES, color=look.color, marker=look.marker, label=name)
    ax.set(xscale="log", yscale="log", xlabel="batch", ylabel="time an image (μs)", title="Latency, one thread")
    ax.set_xticks(BATCHES, [str(batch) for batch in BATCHES])
    ax.xaxis.set_minor_formatter(NullFormatter())


def table_panel(ax: Any, rows: list[dict[str, Any]]) -> None:
    """The table."""
    ax.axis("off")
    head = ["", "error (%)", "arrays", "1 image", "1024 images"]
    cells = [
        [r["model"], f"{r['error'].estimate:.2f}", f"{r['bytes'] / 1000:.1f} kB", f"{1e6 * r['seconds'][0]:.1f} μs",
         f"{1e3 * r['seconds'][-1]:.2f} ms"]
        for r in rows
    ]  # fmt: skip
    made = ax.table(cells, colLabels=head, loc="center", cellLoc="right", colWidths=[0.3, 0.16, 0.18, 0.16, 0.2])
    made.auto_set_font_size(False)
    made.set_fontsize(7.5)
    made.scale(1, 1.4)
    for (_, column), cell in made.get_celld().items():
        cell.set_edgecolor("#CCCCCC")
        if column == 0:
            cell.set_text_props(ha="left")


def draw(quick: bool, jobs: int = -1) -> Picture:
    scale = scale_of(quick, QUICK, FULL)
    every = cases(scale)
    results: dict[str, list[dict[str, Any]]] = {}
    for case, result in zip(every, finished(every, jobs), strict=True):
        results.setdefault(case["model"], []).append(result)
    share = ErrorBudget(FAILURE, len(MODELS)).share
    errors = {m: mean_interval(np.array([r["error"] for r in kept]), failure=share) for m, kept in results.items()}
    sizes = (data(scale.dataset, scale.rows)[0].shape[1], *scale.hidden, CLASSES)
    size, times = sizes_in_bytes(sizes), latency(sizes)
    rows = [
        {"model": m, "error": errors[m], "bytes": size[kind], "seconds": times[kind]}
        for m, kind in ((m, "packed" if m in PACKED else "float32") for m in MODELS)
    ]
    fig, axes = plotting.panels(1, 3, size=(10.5, 3.4), gridspec_kw={"width_ratios": [1, 1, 1.45]})
    accuracy_panel(axes[0, 0], errors, size)
    latency_panel(axes[0, 1], times)
    table_panel(axes[0, 2], rows)
    axes[0, 0].legend(fontsize=6.5)
    axes[0, 1].legend(fontsize=6.5)
    counts = "scores", "unequal", "labels changed"
    checked = {name: sum(r[name] for m in PACKED for r in results[m]) for name in counts}
    plotting.caption(fig, words(scale, size, times, checked))
    numbers = {"table": rows, "bytes": size, "seconds of a batch": {"batch": BATCHES, **times}, "packed": checked}
    return Picture(fig, numbers, {"seed": SEED, "failure": FAILURE, "rate": RATE, **scale._asdict()})


def words(scale: Scale, size: dict[str, int], times: dict[str, np.ndarray], checked: dict[str, int]) -> str:
    """The caption."""
    files = ", ".join(f"{name} {n / 1000:.1f} kB" for name, n in size.items() if name not in ("float32", "packed"))
    ratio = times["float32"] / times["packed"]
    return (
        f"{NAMES[scale.dataset]}, {scale.rows} images to train, grey levels of 8 bits, hidden layers "
        f"{' and '.join(map(str, scale.hidden))}, {scale.epochs} epochs of Adam, rate {RATE}, warm-up and cosine, "
        f"batch {BATCH}. Full precision: real weights and relu; with signs: real weights and sign activations. BC, STE "
        f"and QN (sums of sigmoids): weights ±1, sign activations, batch normalisation, real last layer: packed. "
        f"n = {scale.seeds} seeds; intervals: Student's t, confidence {1 - FAILURE:g} together. Packed against the "
        f"trained network in float64: {checked['unequal']} of {checked['scores']} scores differ, "
        f"{checked['labels changed']} labels. Arrays: {size['float32'] / size['packed']:.1f} times smaller. Files of a "
        f"packed network: {files}. Latency: least of {REPEATS}, one thread of the machine that drew this; float32 is "
        f"NumPy with its BLAS, with relu, on float32 images; packed is on 8-bit images. Packed is {ratio[0]:.1f} times "
        f"as fast for 1 image, {ratio[-1]:.1f} times for "
        f"{BATCHES[-1]}."
    )


if __name__ == "__main__":
    import inference_models  # by its name: that is how other processes find it

    main("inference_models", inference_models.draw, JOBS)
