"""Accuracy floors: the gap of the averaged iterate over t, all methods, beside the bounds, at three resolutions."""

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.methods import BC, SGD, SR, R
from qtheory.quantizers import NearestRounding, StochasticRounding
from qtheory.schedules import InverseTime
from qtheory.simulate import simulate
from qtheory.statistics import mean_interval
from qtheory.theorems.li2017 import bc_strongly_convex, sr_strongly_convex
from qtheory.theorems.li2017._families import wide_quadratic

DELTAS = 1 / 2, 1 / 8, 1 / 32
SEED = 2017


def methods(delta: float) -> tuple:
    return R(delta), SR(delta), BC(NearestRounding(delta)), BC(StochasticRounding(delta)), SGD()


def draw(quick: bool) -> Picture:
    problem, mu = wide_quadratic(), 1.0
    T, trials = (3000, 256) if quick else (100_000, 1024)
    known = problem.constants
    symbols = {"mu": mu, "G": known.G.value, "d": problem.dim}
    fig, [axes] = plotting.panels(1, 3, size=(9.5, 3.3), sharey=True)
    data: dict = {}
    for ax, delta in zip(axes, DELTAS, strict=True):
        for method in methods(delta):
            run = simulate(problem, method, InverseTime(mu), steps=T, trials=trials, seed=SEED)
            intervals = [mean_interval(v, failure=FAILURE) for v in run.values["average_gap"]]
            mean, low, high = (np.array([getattr(i, e) for i in intervals]) for e in ("estimate", "low", "high"))
            floor = 1e-9  # a mean known only to be positive has no lower end on a logarithmic axis
            plotting.curve(ax, run.steps, mean, np.maximum(low, floor), high, method.name, method.name)
            data[f"{method.name}, delta={delta}"] = {"t": run.steps, "mean": mean, "low": low, "high": high}
        t = run.steps
        sr = [sr_strongly_convex.bound(int(s), delta=delta, **symbols) for s in t]
        bc = [
            bc_strongly_convex.bound(
                int(s), delta=delta, L=known.L.value, D=known.D.value, L2=known.L2.value, **symbols
            )
            for s in t
        ]
        plotting.bound(ax, t, sr, "bound: SR (Theorem 1)")
        plotting.bound(ax, t, bc, "bound: BC stochastic", kind="floor")
        data[f"bounds, delta={delta}"] = {"t": t, "sr": sr, "bc": bc}
        ax.set(xscale="log", yscale="log", xlabel="step $t$", title=f"$\\Delta = 1/{round(1 / delta)}$")
        ax.set_ylim(bottom=1e-4 if quick else 3e-6)
    axes[0].set_ylabel(r"$\mathbb{E}\,F(\bar w_t) - F^\star$")
    plotting.legend(fig, [0, 4, 0])
    plotting.caption(
        fig,
        f"Separable quadratic, d = {problem.dim}, curvature 1 to 4, Gaussian noise of deviation 0.5, box [-1, 1], "
        f"$\\alpha_t = 1/(\\mu(t+1))$. n = {trials} trials; bands: Student's t, confidence 1 - {FAILURE:g} each. "
        "BC: the mean of the real weights.",
    )
    return Picture(fig, data, {"seed": SEED, "steps": T, "trials": trials, "failure": FAILURE})


if __name__ == "__main__":
    main("li2017_accuracy_floor", draw)
