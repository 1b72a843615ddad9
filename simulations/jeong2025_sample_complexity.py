"""Samples that straight-through descent takes to recover binary weights: success by (n, N), N50, exponents, bounds."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
from _figure import Picture, main

from qtheory import plotting
from qtheory.exponents import local_exponent, power_law
from qtheory.statistics import Interval
from qtheory.theorems.jeong2025 import _finite
from qtheory.two_layer import transition
from qtheory.two_layer.transition import PER_OCTAVE, Setting, Tally

RESULTS = Path(__file__).resolve().parent.parent / "results"
FAILURE = 0.05  # of each interval
SETTING = Setting(seed=2025)
TARGETS = {"last": ("last iterate", "SR"), "ergodic": ("time average", "SGD")}
BOUNDS = (
    (_finite.samples_simple, "last iterate, order $n^4$", "stated"),
    (_finite.samples_last, "last iterate, order $n^{5/2}$", "bound"),
    (_finite.samples_ergodic, "time average, order $n^2$", "floor"),
)
EXPONENTS = {4: "last iterate, reported", 2.5: "last iterate, derived", 2: "time average, reported", 1: ""}
DELTA = 0.5  # of the bounds: N50 is where half of the trials succeed


def study(quick: bool, jobs: int, cluster: str | None) -> list[Tally]:
    """All counts by dimension: a grid, and what two designs send to the two transitions."""
    sizes = (16, 24, 32, 48, 64) if quick else (16, 32, 64, 96, 128, 192, 256, 384, 512)
    budget, most = (96, 9) if quick else (192, 14)
    levels = range(3 * PER_OCTAVE, most * PER_OCTAVE + 1, PER_OCTAVE // 2)
    tasks = [SETTING.task(n, transition.samples_at(k), 0) for n in sizes for k in levels]
    for target in TARGETS:
        tasks += transition.designed(
            sizes, target=target, setting=SETTING, budget=budget, folder=RESULTS, jobs=jobs, cluster=cluster
        )
    return transition.tally(tasks, transition.study(RESULTS).run(tasks, jobs=jobs, cluster=cluster))


def edges(x: np.ndarray) -> np.ndarray:
    """(k + 1,) geometric middles between (k,) ascending positive numbers, and as far beyond the outer ones."""
    log_x = np.log(x)
    inner = (log_x[1:] + log_x[:-1]) / 2
    return np.exp(np.concatenate([[2 * log_x[0] - inner[0]], inner, [2 * log_x[-1] - inner[-1]]]))


def heat(ax, tallies: list[Tally], target: str) -> Any:
    """Share of successes at every (n, N) that was tried; a dot where most failures are spurious."""
    sides = edges(np.array([t.n for t in tallies], float))
    for t, side in zip(tallies, pairwise(sides), strict=True):
        share = getattr(t, target) / t.trials
        image = ax.pcolormesh(
            side, edges(t.samples), share[:, None], cmap="cividis", vmin=0, vmax=1, edgecolors="face", lw=0.2
        )
        failed = t.trials - getattr(t, target)
        dots = t.samples[(failed > 0) & (2 * t.spurious > failed)]
        ax.plot(np.full(dots.shape, t.n), dots, ".", color="#bbbbbb", ms=1.8)
    ax.set(xscale="log", yscale="log", xlabel="dimension $n$", title=TARGETS[target][0])
    ax.set_xticks([t.n for t in tallies], [str(t.n) for t in tallies], fontsize=6.5)
    ax.minorticks_off()
    return image


def show(interval: Interval) -> str:
    return f"{interval.estimate:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def transitions(tallies: list[Tally], target: str, least: int) -> dict[str, Any]:
    """N50 by dimension, and its exponents: between neighbours, and of the line from `least` on."""
    curves = [t.curve(target, FAILURE) for t in tallies]
    n, n50 = np.array([t.n for t in tallies]), [c.n50 for c in curves]
    late = n >= least
    law = power_law(n[late], [v for v, kept in zip(n50, late, strict=True) if kept], failure=FAILURE)
    local = [local_exponent(n[[i, i + 1]], n50[i : i + 2]) for i in range(len(n) - 1)]
    return {"n": n, "n50": n50, "slopes": [c.slope for c in curves], "law": law, "local": local, "from": least}


def points(ax, found: dict[str, Any], kind: str, label: str, **more: Any) -> None:
    """N50 with its intervals."""
    look = plotting.METHODS[kind]
    value, low, high = (np.array([getattr(v, end) for v in found["n50"]]) for end in ("estimate", "low", "high"))
    style = {"fmt": look.marker, "color": look.color, "ms": 4, "mec": "white", "mew": 0.6, "elinewidth": 1.0} | more
    ax.errorbar(found["n"], value, (value - low, high - value), label=label, zorder=5, **style)


def fitted(ax, found: dict[str, Any], label: str, **style: Any) -> None:
    """The power law over the dimensions that it was fitted to."""
    n = found["n"][found["n"] >= found["from"]]
    law = found["law"]
    ax.plot(n, np.exp(law.log_factor) * n**law.exponent.estimate, label=label, zorder=4, **style)


def bounds(ax, n: np.ndarray) -> dict[str, Any]:
    """Samples that are proved to suffice."""
    data = {}
    for function, label, kind in BOUNDS:
        values = np.array([float(function(int(v), DELTA)) for v in n])
        plotting.bound(ax, n, values, f"proved: {label}", kind)
        data[label] = values
    return data


def exponents(ax, found: dict[str, dict[str, Any]]) -> None:
    """Local exponents, each at the geometric middle of its two dimensions."""
    for shift, (target, (label, kind)) in zip((0.985, 1.015), TARGETS.items(), strict=True):
        n, local, look = found[target]["n"], found[target]["local"], plotting.METHODS[kind]
        value, low, high = (np.array([getattr(v, end) for v in local]) for end in ("estimate", "low", "high"))
        ax.errorbar(
            shift * np.sqrt(n[1:] * n[:-1]), value, (value - low, high - value), fmt=look.marker, color=look.color,
            ms=4, mec="white", mew=0.6, elinewidth=1.0, label=label,
        )  # fmt: skip
    for exponent, said in EXPONENTS.items():
        ax.axhline(exponent, color="#999999", lw=0.8, ls=(0, (4, 3)), zorder=0)
        ax.text(0.02, exponent + 0.03, said, fontsize=6.5, color="#555555", transform=ax.get_yaxis_transform())
    ax.set_yticks([1, 2, 2.5, 4], ["1", "2", "5/2", "4"])
    ax.set(xscale="log", xlabel="dimension $n$", ylabel=r"$\Delta\log N_{50}\,/\,\Delta\log n$", ylim=(0.4, 4.3))
    ax.set(title="local exponents")


def draw(quick: bool, jobs: int = -1, cluster: str | None = None) -> Picture:
    tallies, least = study(quick, jobs, cluster), 32 if quick else 96
    found = {target: transitions(tallies, target, least) for target in TARGETS}
    fig, axes = plotting.panels(2, 2, size=(7.6, 6.4))
    for ax, (target, (_, kind)) in zip(axes[0], TARGETS.items(), strict=True):
        image = heat(ax, tallies, target)
        points(ax, found[target], kind, "$N_{50}$", ms=4.5)
        fitted(ax, found[target], "power law", color="white", ls="--", lw=1.2)
    axes[0, 0].set_ylabel("samples $N$")
    fig.colorbar(image, ax=list(axes[0]), label="share of successes", pad=0.01, fraction=0.05)
    left, right = axes[1]
    n = found["last"]["n"]
    proved = bounds(left, n)
    for target, (label, kind) in TARGETS.items():
        law = found[target]["law"]
        points(left, found[target], kind, f"$N_{{50}}$, {label}: $n^{{{law.exponent.estimate:.2f}}}$")
        fitted(left, found[target], "_", color=plotting.METHODS[kind].color, lw=1.0)
    left.set(xscale="log", yscale="log", xlabel="dimension $n$", ylabel="samples $N$", title="measured and proved")
    exponents(right, found)
    for ax in (left, right):
        ax.set_xticks(n, [str(v) for v in n], fontsize=6.5)
        ax.minorticks_off()
    right.set_xlim(left.get_xlim())
    plotting.legend(fig, [0, 0, 1, 1, 0])  # the last one is the colour bar's
    plotting.caption(fig, words(tallies, found, least))
    data = {"counts": tallies, "transitions": found, "proved": proved, "n": n, "delta": DELTA}
    return Picture(fig, data, {"seed": SETTING.seed, "setting": SETTING, "failure": FAILURE})


def words(tallies: list[Tally], found: dict[str, dict[str, Any]], least: int) -> str:
    """The caption."""
    laws = "; ".join(
        f"{label} {show(found[t]['law'].exponent)}, misfit {found[t]['law'].misfit:.1f}"
        for t, (label, _) in TARGETS.items()
    )
    trials = [int(t.trials.sum()) for t in tallies]
    return (
        f"m = 1, Heaviside, identity STE, Gaussian data, u₀ standard normal, 2ηs = {SETTING.rate:g}, T = "
        f"{SETTING.steps}; every trial draws its own data; {min(trials)} to {max(trials)} trials for each n. Last "
        "iterate: w* is reached. Time average: the sign of the mean of q over the second half of the steps is w*. Grey "
        "dots: most failures end at zero loss away from w*. N50: half of the trials succeed (probit curve, profile "
        f"likelihood, confidence {1 - FAILURE:g} each). Dashed: power laws fitted for n ≥ {least}, with exponents "
        f"{laws} (misfit: about 1 where a power law fits). Exponents 2 and 4: reported of Jeong, Xin and Yin (2025) at "
        "second hand. All three proved curves, and 5/2, are derived in the notes jeong2025/ergodic, last_iterate and "
        f"last_iterate_simple; here δ = {DELTA:g}."
    )


if __name__ == "__main__":
    main(
        "jeong2025_sample_complexity",
        draw,
        click.option("--jobs", type=int, default=-1, help="Processes.  [default: as many as there are cores]"),
        click.option("--cluster", metavar="ADDRESS", help="A Dask scheduler, such as tcp://host:8786, to run on."),
    )
