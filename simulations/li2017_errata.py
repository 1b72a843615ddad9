"""The three counterexamples: measured gaps beside the bounds as stated and as corrected."""

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.exact import propagate
from qtheory.methods import BC, SR
from qtheory.problems import CubicPerturbed, SeparableQuadratic
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding
from qtheory.schedules import InverseSqrt, InverseTime
from qtheory.simulate import simulate
from qtheory.statistics import mean_interval
from qtheory.theorems.li2017 import (
    bc_nearest_floor,
    bc_quadratic,
    bc_strongly_convex,
    bc_strongly_convex_stated,
    sr_convex,
    sr_convex_stated,
)
from qtheory.theorems.li2017._families import tilted_line

SEED = 2017


def e3(ax, quick: bool) -> dict:
    """Theorem 2 on F = a w, one-bit gradients: the exact law."""
    problem, delta, c, T = tilted_line(0.2), 1e-3, 4.0, 100_000 if quick else 1_000_000
    law = propagate(problem, SR(delta), InverseSqrt(c), steps=T, start=[0.0], record=np.geomspace(2, T, 60).astype(int))
    symbols = {"D": 1.0, "G": 1.0, "d": 1, "delta": delta, "c": c}
    stated = [sr_convex_stated.bound(int(t), **symbols) for t in law.steps]
    corrected = [sr_convex.bound(int(t), **symbols) for t in law.steps]
    plotting.curve(ax, law.steps, law.average_gap, None, None, "SR (exact)", "SR")
    plotting.bound(ax, law.steps, stated, "as stated", kind="stated")
    plotting.bound(ax, law.steps, corrected, "corrected")
    ax.set(xscale="log", yscale="log", xlabel="step $t$", ylabel=r"$\mathbb{E}\,F(\bar w_t) - F^\star$")
    ax.set_title("E3: Theorem 2")
    return {"t": law.steps, "gap": law.average_gap, "stated": stated, "corrected": corrected}


def e1(ax, quick: bool) -> dict:
    """Theorem 4 on the cubic-perturbed quadratic, binary weights: against the dimension."""
    dims = [100, 400, 1600] if quick else [100, 400, 1600, 6400, 25600]
    kappa, T = 1.6547, 2000 if quick else 20_000
    gaps, stated, corrected = [], [], []
    for d in dims:
        problem = CubicPerturbed(d, kappa)
        mu, L, L2, G, D = (known.value for known in problem.constants)
        method = BC(StochasticRounding(Grid.binary()))
        run = simulate(problem, method, InverseTime(mu), steps=T, trials=16, seed=SEED, start=np.zeros(d), record=[T])
        gaps.append(mean_interval(run.last("average_gap"), failure=FAILURE))
        symbols = {"mu": mu, "G": G, "D": D, "L2": L2, "d": d, "delta": 2.0}
        stated.append(bc_strongly_convex_stated.bound(T, **symbols))
        corrected.append(bc_strongly_convex.bound(T, L=L, **symbols))
    mean, low, high = (np.array([getattr(g, e) for g in gaps]) for e in ("estimate", "low", "high"))
    plotting.curve(ax, dims, mean, low, high, "BC stochastic", "BC stochastic")
    plotting.bound(ax, dims, stated, "as stated", kind="stated")
    plotting.bound(ax, dims, corrected, "corrected")
    limit = [bc_strongly_convex_stated.predicted_gap(d, kappa) for d in dims]
    plotting.bound(ax, dims, limit, "predicted limit", kind="floor")
    ax.set(xscale="log", yscale="log", xlabel="dimension $d$", title=f"E1: Theorem 4, T = {T}")
    return {"d": dims, "gap": mean, "low": low, "high": high, "stated": stated, "corrected": corrected, "limit": limit}


def e2(ax, quick: bool) -> dict:
    """Corollary 1 with nearest rounding: the averaged weight goes to the rounding threshold."""
    problem, T = SeparableQuadratic([1.0], 0.1, box=(-1.0, 1.0)), 10_000 if quick else 100_000
    data: dict = {}
    for quantizer in (NearestRounding(1.0), StochasticRounding(1.0)):
        method = BC(quantizer)
        run = simulate(problem, method, InverseTime(1.0), steps=T, trials=256, seed=SEED)
        mean = run.mean("average_gap")
        plotting.curve(ax, run.steps, mean, None, None, method.name, method.name)
        data[method.name] = mean
    G = problem.constants.G.value
    stated = [bc_quadratic.bound(int(t), mu=1.0, G=G) for t in run.steps]
    floor = bc_nearest_floor.limit(problem.curvature, problem.center, Grid(1.0))
    plotting.bound(ax, run.steps, stated, "stated for both", kind="stated")
    plotting.bound(ax, run.steps, floor, "limit, nearest rounding", kind="floor")
    ax.set(xscale="log", yscale="log", xlabel="step $t$", title="E2: Corollary 1")
    return {"t": run.steps, "stated": stated, "limit": floor, **data}


def draw(quick: bool) -> Picture:
    fig, [axes] = plotting.panels(1, 3, size=(9.5, 3.3))
    data = {name: part(ax, quick) for ax, (name, part) in zip(axes, (("E3", e3), ("E1", e1), ("E2", e2)), strict=True)}
    plotting.legend(fig, 1)
    plotting.caption(
        fig,
        "Statements as reconstructed; compare with the paper. E3: F(w) = 0.2 w on [0, 1], g = ±1, Δ = 0.001, c = 4; "
        "exact law. E1: binary weights, no gradient noise, n = 16 trials (bands: Student's t, confidence "
        f"1 - {FAILURE:g}). E2: F(w) = (w - 0.1)²/2, Δ = 1, no gradient noise; stochastic: mean of n = 256 trials.",
    )
    return Picture(fig, data, {"seed": SEED, "failure": FAILURE})


if __name__ == "__main__":
    main("li2017_errata", draw)
