"""Theorems 5 and 6 of Li et al. 2017: the law of SR against its limit, and its mixing time, as the step vanishes."""

import numpy as np
from _figure import Picture, main

from qtheory import plotting
from qtheory.markov import sr_limit
from qtheory.methods import SR
from qtheory.problems import Gaussian, PiecewiseQuadratic
from qtheory.quantizers import Grid
from qtheory.statistics import Interval, fit_slope
from qtheory.theorems.li2017 import sr_chain_limit, sr_mixing_time
from qtheory.theorems.li2017._chains import chain_case

BOX, EPSILON = (-4.0, 8.0), 0.1
GRID = Grid(0.5, box=BOX)
KINDS = {2.0: "SR", 4.0: "R"}  # colours


def toy(sigma: float) -> PiecewiseQuadratic:
    return PiecewiseQuadratic.li2017_toy(Gaussian(sigma), BOX)


def laws(ax, alphas: np.ndarray, data: dict) -> None:
    """TV(pi_alpha, pi~) and its bound."""
    for sigma, kind in KINDS.items():
        cases = [chain_case("drawn", toy(sigma), float(a), GRID) for a in alphas]
        found = np.array([sr_chain_limit.THEOREM.measure(c, seed=0, failure=0.5).estimate for c in cases])
        claimed = np.array([sr_chain_limit.THEOREM.claim(c).high for c in cases])
        seen = found > 1e-14
        plotting.curve(ax, alphas[seen], found[seen], None, None, rf"measured, $\sigma={sigma:g}$", kind)
        shown = claimed > 1e-14
        ax.plot(alphas[shown], claimed[shown], "--", color=plotting.METHODS[kind].color, label="bound")
        data[f"TV, sigma = {sigma:g}"] = {"alpha": alphas, "measured": found, "bound": claimed}
    ax.set(xscale="log", yscale="log", ylim=(1e-14, 1e4), xlabel=r"step size $\alpha$")
    ax.set_ylabel(r"$\mathrm{TV}(\pi_\alpha,\tilde\pi)$")


def times(ax, alphas: np.ndarray, data: dict) -> None:
    """alpha M_eps, the interval in which the theorem puts it, and the limit."""
    for sigma, kind in KINDS.items():
        cases = [chain_case("drawn", toy(sigma), float(a), GRID, epsilon=EPSILON) for a in alphas]
        found = [sr_mixing_time.THEOREM.measure(c, seed=0, failure=0.5) for c in cases]
        claims = [sr_mixing_time.THEOREM.claim(c) for c in cases]
        value = np.array([f.estimate for f in found])
        high = np.array([min(c.high, 1e3) for c in claims])
        low = np.array([c.low for c in claims])
        look = plotting.METHODS[kind]
        ax.fill_between(alphas, low, high, color=look.color, alpha=0.18, lw=0, label="claimed interval")
        slope = fit_slope(alphas[:5], value[:5] / alphas[:5], failure=1e-6)
        label = rf"$\sigma={sigma:g}$; slope of $M_\varepsilon$: {slope.estimate:.4f}"
        ax.plot(alphas, value, look.marker, color=look.color, ms=4, label=label)
        limit = sr_limit(toy(sigma), SR(GRID)).mixing_time(EPSILON).value
        ax.axhline(limit, color=look.color, ls=":", lw=1, label=rf"$t_\varepsilon(K)={limit:.2f}$")
        data[f"M, sigma = {sigma:g}"] = {
            "alpha": alphas, "alpha M": value, "low": low, "high": high, "limit": limit, "slope": show(slope),
        }  # fmt: skip
    ax.set(xscale="log", ylim=(0, 40), xlabel=r"step size $\alpha$", ylabel=r"$\alpha\,M_\varepsilon$")


def show(interval: Interval) -> list[float]:
    return [interval.low, interval.estimate, interval.high]


def draw(quick: bool) -> Picture:
    fig, [[left, right]] = plotting.panels(1, 2)
    data: dict = {}
    laws(left, np.geomspace(0.01, 1, 12 if quick else 40), data)
    times(right, np.geomspace(1e-5, 3e-2, 9 if quick else 21), data)
    plotting.legend(fig, 1)
    plotting.caption(
        fig,
        "The toy of Li et al. 2017 as reconstructed: Δ = 0.5, box [-4, 8], Gaussian noise. Left: distance of the "
        "stationary law of SR to its limit, with the bound of Theorem 5 as made explicit here. Right: mixing time, ε = "
        f"{EPSILON:g}, times α; band: the interval of Theorem 6 as sharpened here. The slope of log M against log α is "
        "a least-squares fit over the five smallest α (predicted: -1). Nothing is sampled.",
    )
    return Picture(fig, data, {"seed": None, "box": BOX, "epsilon": EPSILON})


if __name__ == "__main__":
    main("li2017_chains", draw)
