"""Floors against resolution, dimension and horizon: fitted slopes with intervals beside the predicted ones."""

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.exact import propagate
from qtheory.methods import BC, SR
from qtheory.problems import Linear, OneBit, Rademacher, SeparableQuadratic
from qtheory.quantizers import NearestRounding, StochasticRounding
from qtheory.schedules import InverseSqrt, InverseTime
from qtheory.simulate import simulate
from qtheory.statistics import Interval, fit_slope, mean_interval

SEED = 17


def centers(d: int, delta: float) -> np.ndarray:
    """d centres, at four places of a cell of the grid in turn, none of them on a level."""
    return delta * np.resize([0.125, 0.375, 0.625, 0.875], d)


def sr_quadratic(d: int, delta: float, T: int) -> Interval:
    """SR, 1/(mu(t+1)): exact law of the averaged iterate."""
    problem = SeparableQuadratic(np.ones(d), centers(d, delta), noise=Rademacher(1.0))
    law = propagate(problem, SR(delta), InverseTime(1.0), steps=T, start=np.zeros(d), record=[T])
    return Interval.exact(float(law.average_gap[-1]))


def sr_linear(d: int, delta: float, T: int, rho: float = 0.2) -> Interval:
    """SR, c/sqrt(t), on a linear function with one-bit gradients: exact law."""
    problem = Linear([rho] * d, noise=OneBit(1.0), box=(0.0, 100 * delta))
    law = propagate(problem, SR(delta), InverseSqrt(delta), steps=T, start=np.zeros(d), record=[T])
    return Interval.exact(float(law.gap[-1]))


def bc_nearest(d: int, delta: float, T: int) -> Interval:
    """BC with Q_d, c/sqrt(t), no gradient noise: nothing is random."""
    problem = SeparableQuadratic(np.ones(d), centers(d, delta))
    start = np.full(d, delta / 2)
    run = simulate(problem, BC(NearestRounding(delta)), InverseSqrt(0.02), steps=T, trials=1, start=start, record=[T])
    return Interval.exact(float(run.last("average_gap")[0]))


FLOORS = (
    ("SR", "SR, quadratic", sr_quadratic),
    ("R", "SR, linear", sr_linear),
    ("BC nearest", "BC nearest", bc_nearest),
)


def against(ax, x, measure, kind: str, label: str, predicted: float, data: dict) -> None:
    """Measure at each x, fit, draw."""
    intervals = [measure(v) for v in x]
    fitted = fit_slope(x, [i.estimate for i in intervals], failure=FAILURE)
    plotting.scaling(ax, x, intervals, fitted, predicted, label=label, kind=kind)
    data[f"{label} against {ax.get_xlabel()}"] = {
        "x": list(x), "gap": [i.estimate for i in intervals], "slope": [fitted.low, fitted.estimate, fitted.high],
        "predicted": predicted,
    }  # fmt: skip


def horizon(ax, T: int, trials: int, data: dict) -> None:
    """The gap of the averaged iterate against T, where there is a floor and where there is none."""
    problem = SeparableQuadratic([1.0], 0.3, noise=Rademacher(1.0))
    late = np.unique(np.geomspace(T / 30, T, 8).astype(int))
    late_time, root = (InverseTime(1.0), "SR, $1/(\\mu(t+1))$", 0.0), (InverseSqrt(1.0), "SR, $c/\\sqrt{t}$", -0.5)
    for schedule, name, slope in (late_time, root):
        law = propagate(problem, SR(1.0), schedule, steps=T, start=[0.0], record=late)
        gaps = dict(zip(law.steps.tolist(), law.average_gap.tolist(), strict=True))
        kind = "SR" if slope == 0 else "R"
        against(ax, late, lambda t, gaps=gaps: Interval.exact(gaps[int(t)]), kind, name, slope, data)
    run = simulate(
        problem, BC(StochasticRounding(1.0)), InverseTime(1.0), steps=T, trials=trials, seed=SEED, record=late
    )
    means = [mean_interval(v, failure=FAILURE) for v in run.values["average_gap"]]
    found = dict(zip(run.steps.tolist(), means, strict=True))
    against(ax, late, lambda t: found[int(t)], "BC stochastic", "BC stochastic, $1/(\\mu(t+1))$", -1.0, data)


def draw(quick: bool) -> Picture:
    T, trials = (20_000, 1024) if quick else (200_000, 4096)
    fig, [[left, middle, right]] = plotting.panels(1, 3, size=(9.5, 3.4))
    data: dict = {}
    deltas, dims = 2.0 ** np.arange(-6, -1), 2 ** np.arange(2, 8)
    for ax, label in ((left, "resolution $\\Delta$"), (middle, "dimension $d$"), (right, "horizon $T$")):
        ax.set_xlabel(label)
    left.set_ylabel(r"$\mathbb{E}\,F(\bar w_T) - F^\star$")
    for ax, x, place in ((left, deltas, lambda v: (8, v)), (middle, dims, lambda v: (int(v), 1 / 8))):
        slopes = (1.0, 1.0, 2.0) if ax is left else (1.0, 1.0, 1.0)
        for (kind, label, measure), slope in zip(FLOORS, slopes, strict=True):
            against(ax, x, lambda v, m=measure, place=place: m(*place(v), T), kind, label, slope, data)
    horizon(right, T, trials, data)
    plotting.legend(fig, 1)
    plotting.caption(
        fig,
        "Gap of the averaged iterate. Left: d = 8. Middle: Δ = 1/8. Left and middle: T = "
        f"{T}, all values exact (law propagated, or nothing random). Right: d = 1, Δ = 1; SR exact, BC over n = "
        f"{trials} trials (Student's t). Slopes: least squares on logarithms, confidence 1 - {FAILURE:g}. Dashed: "
        "predicted slopes.",
    )
    return Picture(fig, data, {"seed": SEED, "steps": T, "trials": trials, "failure": FAILURE})


if __name__ == "__main__":
    main("li2017_floor_scaling", draw)
