"""Non-Gaussian features: how often the binary teacher is recovered from data as they are, and from standardized data.

Left and middle: recovery itself. Right: how often a data set is certified, that is, w* is reached from every start.
"""

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.statistics import Interval, share_interval
from qtheory.theorems.jeong2025.standardization import DataCase, certified, recovered

SEED = 2025
LAWS = {
    "gaussian": "Gaussian", "student": "Student $t_3$", "uniform": "uniform [0, 1]", "exponential": "exponential",
    "lognormal": "log-normal", "shifted": "Gaussian,\nmean 3", "scales": "Gaussian,\nscales",
    "digits": "digits\n(pixels)",
}  # fmt: skip
LOOKS = {False: ("BC nearest", "as they are", -0.13), True: ("SGD", "standardized", 0.13)}


def share(case: DataCase, sets: int) -> Interval:
    """How often a data set of this law succeeds."""
    judge = certified if case.by == "certificate" else recovered
    return share_interval(sum(judge(case, SEED + i) for i in range(sets)), sets, failure=FAILURE)


def panel(ax, title: str, sets: int, **more) -> dict:
    """Success by law, as the data are and standardized."""
    data: dict = {}
    for standardize, (kind, label, shift) in LOOKS.items():
        found = [share(DataCase(name=law, law=law, standardize=standardize, **more), sets) for law in LAWS]
        middle, low, high = (np.array([getattr(i, end) for i in found]) for end in ("estimate", "low", "high"))
        look = plotting.METHODS[kind]
        ax.errorbar(
            np.arange(len(LAWS)) + shift, middle, (middle - low, high - middle), fmt=look.marker, color=look.color,
            markersize=5, markeredgecolor="white", elinewidth=1.2, label=label,
        )  # fmt: skip
        data[label] = dict(zip(LAWS, found, strict=True))
    slanted: dict = {"rotation": 60, "ha": "right", "rotation_mode": "anchor", "fontsize": 7}
    ax.set_xticks(np.arange(len(LAWS)), list(LAWS.values()), **slanted)
    ax.set(ylim=(-0.04, 1.04))
    ax.set_title(title)
    return data


def draw(quick: bool) -> Picture:
    sets, steps, n, m = (40, 2000, 48, 4) if quick else (150, 3000, 48, 4)
    many: dict = {"n": n, "m": m, "samples": 24 * n, "by": "recovery", "starts": 1, "steps": steps}
    fig, [axes] = plotting.panels(1, 3, size=(10.5, 3.9))
    data = {
        "identity": panel(axes[0], f"recovered, identity, n = {n}", sets, **many),
        "relu": panel(axes[1], f"recovered, ReLU, n = {n}", sets, ste="relu", **many),
        "certified": panel(axes[2], "certified from every start, n = 8", sets, n=8, samples=4096),
    }
    axes[0].set_ylabel("share of data sets")
    plotting.legend(fig, [2, 0, 0])
    plotting.caption(
        fig,
        "Two-layer networks of Heaviside units with a binary teacher that sees the same features as the student, no "
        f"label noise, full batch, exact arithmetic. Left and middle: {n} features, m = {m} units, N = {24 * n} "
        f"samples, from one normal start; recovered: w* is reached within {steps} steps. Right: 8 features, m = 1, "
        "identity estimator, N = 4096; certified: theta < 2 over all 256 vertices, so that w* is "
        f"reached from every start, with any step size. n = {sets} data sets a point; bars: Clopper-Pearson, "
        f"confidence 1 - {FAILURE:g}. Scales: standard deviations from exp(-1.5) to exp(1.5). Digits: the pixels of "
        "largest variance of scikit-learn's 8 x 8 images, rows drawn with replacement; they stay dependent.",
    )
    return Picture(fig, data, {"seed": SEED, "data sets": sets, "steps": steps, "failure": FAILURE})


if __name__ == "__main__":
    main("jeong2025_normalization", draw)
