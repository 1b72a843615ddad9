"""Label noise: how the binary weights leave the optimum and return to it, and what share of time they spend there.

Left: one path. Middle: how long its stays and its excursions last. Right: the share of time at w* over many data sets,
against x = n^3 sigma^2 / (|v|^2 N), with the bound that is proved (for n = 8, where all vertices can be enumerated) and
the product formula, which on these data is a heuristic.
"""

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.statistics import mean_interval
from qtheory.theorems.jeong2025._noise import perturbation
from qtheory.theorems.jeong2025.noise_occupation import product
from qtheory.theorems.jeong2025.noise_return import longest_absence, upper
from qtheory.two_layer import TwoLayer, recover

SEED = 2025
SAMPLES = 8192
SIZES = {8: "SGD", 16: "SR", 32: "BC stochastic", 64: "BC nearest"}  # n, and a look of its own
ENUMERATED = 8
SHOWN = 200  # steps on the left


def lengths(path, teacher) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of the finished stays at w*, and of the finished excursions between them."""
    home = (path.patterns == teacher).all(axis=1)
    edges = path.times[np.flatnonzero(np.diff(home.astype(int))) + 1]
    parts = np.diff(edges)
    first = home[np.searchsorted(path.times, edges[0], side="right") - 1]
    return (parts[::2], parts[1::2]) if first else (parts[1::2], parts[::2])


def walk(p: TwoLayer, steps: int):
    """One path from w*, y_k = 1."""
    return recover(p, start=p.teacher * 0.5, step=0.5 / p.speed, steps=steps, paths=True).paths[0]


def one_path(ax, p: TwoLayer, path, burn: int) -> dict:
    """Hamming distance over time; the time at w* is shaded."""
    t = np.arange(burn, burn + SHOWN)
    d = (path.patterns != p.teacher).sum(axis=1)[np.searchsorted(path.times, t, side="right") - 1]
    ax.fill_between(t - burn, 0, d.max() + 0.5, where=d == 0, step="post", color="#56B4E9", alpha=0.35, linewidth=0,
                    label=f"at $w^\\star$: {np.mean(d == 0):.0%} of the steps shown")  # fmt: skip
    ax.step(t - burn, d, where="post", color="#111111", linewidth=0.9, label="distance")
    ax.set(xlabel="step", ylabel="Hamming distance to $w^\\star$", xlim=(0, SHOWN), ylim=(-0.1, d.max() + 0.5))
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set_title(f"one path, n = {p.n}, N = {p.samples}, $\\sigma$ = 0.5")
    return {"t": t, "d": d}


def durations(ax, paths: dict) -> dict:
    """P(a stay, or an excursion, lasts at least t steps), over all of one path."""
    data = {}
    for n, (p, path) in paths.items():
        both = lengths(path, p.teacher)
        for name, found, style in zip(("stays", "excursions"), both, ("-", "--"), strict=True):
            t, count = np.unique(found, return_counts=True)
            share = np.cumsum(count[::-1])[::-1] / count.sum()
            look = plotting.METHODS[SIZES[n]]
            label = f"{name}, n = {n}: mean {found.mean():.1f}"
            ax.plot(t, share, style, color=look.color, marker=look.marker, markersize=3, label=label)
            data[f"{name}, n = {n}"] = {"t": t, "count": count, "mean": float(found.mean()), "N": p.samples}
    limit = longest_absence(perturbation(paths[ENUMERATED][0]))
    look = plotting.BOUNDS["floor"]
    label = f"n = {ENUMERATED}: no excursion is longer (proved)"
    ax.axvline(limit, color=look.color, linestyle=look.linestyle, label=label)
    ax.set(xscale="log", yscale="log", xlabel="$t$ (steps)", ylabel="share that lasts at least $t$")
    ax.set_title("stays at $w^\\star$, and excursions")
    return {"longest excursion, proved": limit, **data}


def occupation(p: TwoLayer, steps: int) -> tuple[float, float]:
    """Measured share of time at w*, and the product formula."""
    burn = 1000
    run = recover(p, start=p.teacher * 0.5, step=0.5 / p.speed, steps=burn + steps, burn=burn)
    drift = p.teacher * p.coarse_gradient(p.teacher) / p.speed
    return float(run.share[0]), float(product(drift / 2))


def guaranteed(p: TwoLayer, steps: int) -> float:
    """The share that is proved, at least 0."""
    found = perturbation(p)
    return max(0.0, 1 - upper(found, steps)) if found.push > 0 and found.low < 2 else 0.0


def shares(ax, xs: np.ndarray, sets: int, steps: int) -> dict:
    """The share of time at w* against x, for several n at one N."""
    data, proved = {}, []
    for n, look in SIZES.items():
        means, formulas = [], []
        for x in xs:
            sigma = float(np.sqrt(x * SAMPLES / n**3))
            drawn = [TwoLayer.draw(n, SAMPLES, label_noise=sigma, seed=SEED + 1000 * n + i) for i in range(sets)]
            found = np.array([occupation(p, steps) for p in drawn])
            means.append(mean_interval(found[:, 0], failure=FAILURE, bounds=None))
            formulas.append(found)
            if n == ENUMERATED:
                proved.append(float(np.mean([guaranteed(p, steps) for p in drawn])))
        middle, low, high = (np.array([getattr(i, e) for i in means]) for e in ("estimate", "low", "high"))
        gap = [float(np.abs(f[:, 0] - f[:, 1]).mean()) for f in formulas]
        low, high = np.maximum(low, 0), np.minimum(high, 1)
        style, place = plotting.METHODS[look], xs * 1.12 ** (list(SIZES).index(n) - 1.5)  # beside one another
        ax.errorbar(
            place, middle, (middle - low, high - middle), fmt=style.marker, color=style.color, markersize=4.5,
            markeredgecolor="white", elinewidth=1.0, capsize=0, label=f"n = {n}",
        )  # fmt: skip
        data[f"n = {n}"] = {
            "mean share": middle, "low": low, "high": high, "mean product": [f[:, 1].mean() for f in formulas],
            "mean |share - product|": gap,
        }  # fmt: skip
    fine = np.geomspace(xs[0], xs[-1], 80)
    plotting.bound(ax, fine, np.exp(-np.sqrt(fine) / 2), "$e^{-\\sqrt{x}/2}$", kind="stated")
    plotting.bound(ax, xs, proved, f"proved, n = {ENUMERATED}")
    ax.set(xscale="log", xlabel="$x=n^3\\sigma^2/(\\|v\\|^2N)$", ylabel="share of time at $w^\\star$")
    ax.set_ylim(-0.02, 1.02)
    ax.set_title(f"N = {SAMPLES}, $\\sigma$ varies")
    return {"x": xs, "proved, mean": proved, **data}


def draw(quick: bool) -> Picture:
    steps, sets, points = (10_000, 16, 7) if quick else (20_000, 48, 8)
    fig, [axes] = plotting.panels(1, 3, size=(10.5, 3.3))
    paths = {}
    for n, samples in ((8, 2048), (32, 8192)):
        p = TwoLayer.draw(n, samples, label_noise=0.5, seed=SEED)
        paths[n] = (p, walk(p, 20 * steps))
    left = one_path(axes[0], *paths[32], 1000)
    middle = durations(axes[1], paths)
    right = shares(axes[2], np.geomspace(0.02, 40, points), sets, steps)
    plotting.legend(fig, [1, 1, 2])
    worst = {n: max(right[f"n = {n}"]["mean |share - product|"]) for n in SIZES}
    plotting.caption(
        fig,
        "Heaviside activation, identity estimator, m = 1, |v| = 1, Gaussian features, normal label noise of deviation "
        f"$\\sigma$; full batch, exact arithmetic. Left: 1 path. Middle: all finished stays and excursions of 1 path "
        f"each, {20 * steps} steps, N = 2048 (n = 8) and 8192 (n = 32). Right: n = {sets} data sets a point, {steps} "
        "steps each after a run-in; bars: Student's t for the mean over data sets, confidence "
        f"1 - {FAILURE:g}. Black: mean of the lower bounds that are proved, with all vertices enumerated; grey: "
        "heuristic, from the product of 1 - rho_k/2 over the coordinates that drift to wrong signs. The product misses "
        "a data set's share by, on the average over data sets and at the worst x, "
        + ", ".join(f"{gap:.2f} (n = {n})" for n, gap in worst.items())
        + ".",
    )
    settings = {"seed": SEED, "steps": steps, "data sets": sets, "N": SAMPLES, "failure": FAILURE}
    return Picture(fig, {"path": left, "durations": middle, "shares": right}, settings)


if __name__ == "__main__":
    main("jeong2025_recurrence", draw)
