"""The toy of Li et al. 2017: where each method spends its time, for four steps, beside the exact law of SR."""

import numpy as np
from _figure import Picture, main

from qtheory import plotting
from qtheory.markov import sr_chain, sr_limit
from qtheory.methods import BC, SGD, SR, R
from qtheory.problems import Gaussian, PiecewiseQuadratic
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding
from qtheory.schedules import Constant
from qtheory.simulate import simulate

SEED, SIGMA, BOX = 5, 2.0, (-4.0, 8.0)
GRID, ALPHAS = Grid(0.5, box=BOX), (1.0, 0.1, 0.01, 0.001)
METHODS = SGD(), BC(StochasticRounding(GRID)), BC(NearestRounding(GRID)), SR(GRID), R(GRID)


def toy(dimension: int = 1) -> PiecewiseQuadratic:
    """Coordinates are independent copies of the one-dimensional toy."""
    return PiecewiseQuadratic.li2017_toy(Gaussian(SIGMA), BOX, dimension)


def histogram(method, alpha: float, steps: int, copies: int) -> np.ndarray:
    """The share of gradients taken nearest to each level, over independent copies that start at 0."""
    run = simulate(
        toy(4), method, Constant(alpha), steps=steps, trials=copies // 4, seed=SEED, start=np.zeros(4),
        record=[steps], average=False, precision="single", visits=GRID,
    )  # fmt: skip
    return run.visits / run.visits.sum()


def show(ax, shares: np.ndarray, law, kind: str) -> None:
    """One histogram; for SR with its exact stationary law and the limit as alpha -> 0."""
    ax.bar(GRID.levels, shares, 0.42, color=plotting.METHODS[kind].color, alpha=0.75, label="share of steps")
    if law is not None:
        ax.plot(GRID.levels, law[0], "o", color="black", ms=2.6, label=r"exact $\pi_\alpha$")
        ax.step(GRID.levels, law[1], where="mid", color="#555555", lw=0.9, label=r"limit $\tilde\pi$")
    ax.set(ylim=(0, 1.05), xlim=(-4.5, 8.5), xticks=(0, 2.5, 4.75), xticklabels=("0", "2.5", "4.75"))


def draw(quick: bool) -> Picture:
    steps, copies = (20_000, 1024) if quick else (1_000_000, 1024)
    fig, axes = plotting.panels(len(METHODS), 4, size=(8.2, 7.6), sharex=True, sharey=True)
    limit, data = sr_limit(toy(), SR(GRID)).stationary().probabilities, {"levels": GRID.levels, "limit": None}
    data["limit"] = limit
    for row, method in zip(axes, METHODS, strict=True):
        row[0].set_ylabel(method.name)
        for ax, alpha in zip(row, ALPHAS, strict=True):
            law = None
            if isinstance(method, SR):
                law = sr_chain(toy(), method, alpha).stationary().probabilities, limit
            shares = histogram(method, alpha, steps, copies)
            show(ax, shares, law, method.name)
            place = f"{method.name}, alpha = {alpha:g}"
            data[place] = {"shares": shares} | ({"stationary": law[0]} if law else {})
            ax.text(0.03, 0.9, f"max {shares.max():.2f}", transform=ax.transAxes, fontsize=7, va="top")
    for ax, alpha in zip(axes[0], ALPHAS, strict=True):
        ax.set_title(rf"$\alpha={alpha:g}$", fontsize=9)
    for ax in axes[-1]:
        ax.set_xlabel("weight $w$")
    plotting.caption(
        fig,
        f"Share of {steps} steps spent at each level by n = {copies} independent copies of each method on the toy of "
        f"Li et al. 2017 as reconstructed (Δ = 0.5, Gaussian noise σ = {SIGMA:g}, box [-4, 8], start 0; minima at 0, "
        "2.5 and, the global one, 4.75). SR: black points, the exact stationary law for this step; grey line, its "
        "limit for α → 0. SGD is counted at the nearest level.",
    )
    return Picture(fig, data, {"seed": SEED, "steps": steps, "copies": copies, "sigma": SIGMA, "box": BOX})


if __name__ == "__main__":
    main("li2017_toy", draw)
