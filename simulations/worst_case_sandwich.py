"""The sandwich: hardest run <= semidefinite value <= bound, as shares of the bound, for each convex theorem over T."""

from functools import partial
from typing import Any

from _figure import Picture, main
from joblib import Parallel, delayed

from qtheory import plotting
from qtheory.tightness import Sandwich, tightness

KAPPAS = 0.0, 0.1, 0.5
HORIZONS = 1, 2, 3, 4, 5, 6, 8, 10, 12
QUICK = 1, 2, 3, 5, 8
MEASURES = {"average point": "of the average", "average value": "average of the gaps"}
LOOKS: dict[str, dict[str, Any]] = {
    "average point": {"color": "#D55E00", "marker": "s"},
    "average value": {"color": "#0072B2", "marker": "o"},
}
TITLES = {
    "li2017/sr_strongly_convex": r"SR, $\mu$-strongly convex",
    "li2017/sr_convex": r"SR, convex, $c = D/G$",
    "li2017/bc_convex": r"BC, convex, $L = G/D$",
    "li2017/bc_strongly_convex": r"BC, $\mu$-strongly convex, $L = 2\mu$",
}


def sandwiches(horizons: tuple[int, ...]) -> dict[tuple[str, float, str], list[Sandwich]]:
    """By theorem, κ and measure, over the horizons; the largest are begun first."""
    keys = [
        (T, name, kappa, measure)
        for T in sorted(horizons, reverse=True)
        for name in TITLES
        for kappa in KAPPAS
        for measure in MEASURES
    ]
    found = Parallel(n_jobs=-1)(delayed(partial(one, *key))() for key in keys)
    by_key = dict(zip(keys, found, strict=True))
    return {
        (name, kappa, measure): [by_key[T, name, kappa, measure] for T in horizons]
        for name in TITLES
        for kappa in KAPPAS
        for measure in MEASURES
    }


def one(horizon: int, name: str, kappa: float, measure: str) -> Sandwich:
    [row] = tightness([name], horizons=[horizon], kappas=[kappa], measure=measure, patience=1000)
    return row


def panel(ax: Any, rows: dict[str, list[Sandwich]]) -> None:
    """One theorem at one κ: everything divided by the bound."""
    some = rows["average point"]
    T = [r.horizon for r in some]
    for measure, said in MEASURES.items():
        value = [(r.horizon, r.certified / r.bound) for r in rows[measure] if r.certified is not None]
        look = {**LOOKS[measure], "ms": 3.5, "lw": 1.2, "zorder": 3, "label": f"proved worst case, {said}"}
        ax.plot([T for T, _ in value], [ratio for _, ratio in value], **look)
        run = [(r.horizon, r.hardest / r.bound) for r in rows[measure] if r.hardest is not None]
        if run:
            look = {"color": LOOKS[measure]["color"], "marker": "x", "ls": "", "ms": 5, "zorder": 5}
            ax.plot(*zip(*run, strict=True), label=f"hardest run, {said}", **look)
    plotting.bound(ax, T, 1.0, "bound")
    if some[0].sharp is not None:
        plotting.bound(ax, T, [r.sharp / r.bound for r in some], "sharper bound", kind="floor")  # type: ignore
    if some[0].published is not None:
        plotting.bound(ax, T, [r.published / r.bound for r in some], "as published", kind="stated")  # type: ignore
    if some[0].theorem == "li2017/sr_convex":  # whose first term is remembered in two ways
        half = [(r.published - r.horizon**-0.5 / 2) / r.bound for r in some]  # type: ignore[operator]
        plotting.bound(ax, T, half, "_the other way", kind="stated")
    ax.set(xscale="log", ylim=(0, 1.75))
    ax.set_xticks([t for t in (1, 2, 5, 10, 20) if t <= T[-1]], [str(t) for t in (1, 2, 5, 10, 20) if t <= T[-1]])
    ax.minorticks_off()


def draw(quick: bool) -> Picture:
    horizons = QUICK if quick else HORIZONS
    found = sandwiches(horizons)
    names = list(TITLES)
    fig, axes = plotting.panels(len(KAPPAS), len(names), size=(9.5, 6.9), sharex=True, sharey=True)
    for kappa, line in zip(KAPPAS, axes, strict=True):
        for name, ax in zip(names, line, strict=True):
            panel(ax, {measure: found[name, kappa, measure] for measure in MEASURES})
        line[0].set_ylabel(rf"gap / bound, $\kappa = {kappa:g}$")
    for name, top, bottom in zip(names, axes[0], axes[-1], strict=True):
        top.set_title(TITLES[name], fontsize=9)
        bottom.set_xlabel("$T$")
    plotting.legend(fig, [0] * 8 + [3, 0, 0, 0])  # the first panel of the last row has every line
    plotting.caption(
        fig,
        r"G = 1 and D = 1, or $\mu$ = 1; $\kappa = \sqrt{d}\,\Delta$. Lines with marks: the value of the semidefinite "
        "program, raised until it is proved in rational numbers. It is the largest gap over all functions, noises and "
        r"rounding errors with the first two moments that the theorem uses; for SR and BC at $\kappa > 0$ it may "
        "exceed what a grid can do. Crosses: a worst function without noise and stochastic rounding, run; where a "
        "cross meets a mark the value is attained. SR, convex: both forms in which the published bound is remembered.",
    )
    data = {f"{name}, kappa={k:g}, {m}": [r.to_json() for r in rows] for (name, k, m), rows in found.items()}
    return Picture(fig, data, {"seed": None, "horizons": horizons, "kappas": KAPPAS})


if __name__ == "__main__":
    main("worst_case_sandwich", draw)
