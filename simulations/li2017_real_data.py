"""Logistic regression on real images: every method over Δ, beside the bounds and the certified optimum."""

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting, real_data
from qtheory.statistics import Interval

SEED = 2017


def panel(ax, found: list[real_data.Row]) -> dict:
    """Gap against Δ for each method; SGD, which has no Δ, as a level."""
    data: dict = {}
    deltas = np.array(sorted({r.delta for r in found if r.delta is not None}))
    for name in ("R", "SR", "BC nearest", "BC stochastic", "SGD"):
        mine = sorted((r for r in found if r.method == name), key=lambda r: r.delta or 0)
        gaps: list[Interval] = [r.gap for r in mine] if name != "SGD" else [mine[0].gap] * deltas.size
        mean, low, high = (np.array([getattr(g, e) for g in gaps]) for e in ("estimate", "low", "high"))
        plotting.curve(ax, deltas, mean, np.maximum(low, 1e-9), high, name, name)
        data[name] = {"delta": deltas, "gap": mean, "low": low, "high": high}
        bounds = [r.evidence.bound for r in mine if r.evidence is not None]
        if bounds:
            plotting.bound(ax, deltas, bounds, f"bound: {name}", kind="bound" if name == "SR" else "floor")
            data[name]["bound"] = bounds
    ax.set(xscale="log", yscale="log", xlabel="resolution $\\Delta$", title=found[0].dataset)
    ax.set_xticks(deltas, [f"1/{round(1 / d)}" for d in deltas])
    ax.minorticks_off()
    return data


def draw(quick: bool) -> Picture:
    datasets = [d for d in real_data.DATASETS if _present(d)]
    fig, [axes] = plotting.panels(1, len(datasets), size=(1.2 + 3.6 * len(datasets), 3.4), sharey=True)
    data, certificates = {}, []
    for ax, dataset in zip(axes, datasets, strict=True):
        cases = real_data.cases(dataset, scale="quick" if quick else "full")
        found = [real_data.measure(instance, theorem, seed=SEED, failure=FAILURE) for instance, theorem in cases]
        data[found[0].dataset] = panel(ax, found)
        certificates.append(real_data.optimum_gap(cases[0][0].problem))
    axes[0].set_ylabel(r"$\mathbb{E}\,F(\bar w_T) - F^\star$")
    plotting.legend(fig, [4] + [0] * (len(datasets) - 1))
    run = cases[0][0]
    plotting.caption(
        fig,
        f"Logistic regression, l2 = {real_data.L2}, box [-1, 1], batch {real_data.BATCH}, "
        f"$\\alpha_t = 1/(\\mu(t+1))$, T = {run.steps}, n = {run.trials} trials; bands: Student's t, "
        f"confidence 1 - {FAILURE:g}. F* by cvxpy, certified within {max(certificates):.1g}. "
        "BC: the mean of the real weights.",
    )
    return Picture(fig, data, {"seed": SEED, "steps": run.steps, "trials": run.trials, "failure": FAILURE})


def _present(dataset: str) -> bool:
    import click

    try:
        real_data.task(dataset)
    except FileNotFoundError as missing:
        click.echo(f"skipped {dataset}: {missing}", err=True)
        return False
    return True


if __name__ == "__main__":
    main("li2017_real_data", draw)
